//! Targets from the domain name system. The system's resolvers are asked directly, past caches, so
//! that a change is seen at the next round.

use futures::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use super::group::{LabelMap, TargetGroup, host_port};
use super::provider::Updates;
use crate::scrape::config::discovery::{DnsConfig, DnsRecord};
use crate::scrape::target::ADDRESS;

const NAME: &str = "__meta_dns_name";
const SRV_TARGET: &str = "__meta_dns_srv_record_target";
const SRV_PORT: &str = "__meta_dns_srv_record_port";
const MX_TARGET: &str = "__meta_dns_mx_record_target";
const NS_TARGET: &str = "__meta_dns_ns_record_target";

/// Looks names up.
#[derive(Debug)]
pub(super) struct DnsDiscovery {
    config: DnsConfig,
    /// Whom to ask instead of the system's resolvers.
    resolvers: Option<ResolverConfig>,
}

impl DnsDiscovery {
    #[expect(clippy::unnecessary_wraps, reason = "as the other kinds of discovery")]
    pub(super) fn new(config: &DnsConfig) -> Result<Self> {
        Ok(Self { config: config.clone(), resolvers: None })
    }

    pub(super) async fn run(self, updates: Updates) {
        let mut ticks = tokio::time::interval(self.config.refresh_interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.refresh(&updates).await;
        }
    }

    /// Asks for all names. A name that can not be looked up keeps what was found before.
    async fn refresh(&self, updates: &Updates) {
        // Made anew each time, so that a change of the system's settings is seen.
        let resolver = match resolver(self.resolvers.as_ref()) {
            Ok(resolver) => resolver,
            Err(error) => return updates.failed(&error),
        };
        let lookups = self.config.names.iter().map(|name| self.look_up(&resolver, name));
        for outcome in join_all(lookups).await {
            match outcome {
                Ok(group) => updates.merge([group]),
                Err(error) => updates.failed(&error),
            }
        }
    }

    async fn look_up(&self, resolver: &TokioResolver, name: &str) -> Result<TargetGroup> {
        let kind = match self.config.record {
            DnsRecord::Srv => RecordType::SRV,
            DnsRecord::A => RecordType::A,
            DnsRecord::Aaaa => RecordType::AAAA,
            DnsRecord::Mx => RecordType::MX,
            DnsRecord::Ns => RecordType::NS,
        };
        let mut group = TargetGroup { source: name.to_owned(), ..TargetGroup::default() };
        match resolver.lookup(name, kind).await {
            Ok(answer) => {
                let records = answer.answers().iter().map(|record| &record.data);
                group.targets = records.filter_map(|data| self.target(name, data)).collect();
                Ok(group)
            }
            Err(error) if says_none(&error) => Ok(group),
            Err(error) => {
                Err(Error::internal(format!("could not resolve {name:?}")).with_source(error))
            }
        }
    }

    /// The labels of a record; `None` for others than those asked for, such as aliases.
    fn target(&self, name: &str, data: &RData) -> Option<LabelMap> {
        let port = self.config.port;
        let mut labels = LabelMap::new();
        let mut put = |label: &str, value: String| {
            labels.insert(label.to_owned(), value);
        };
        let bare = |host: &str| host.trim_end_matches('.').to_owned();
        let address = match data {
            RData::SRV(srv) => {
                let target = srv.target.to_string();
                let address = host_port(&bare(&target), srv.port);
                put(SRV_TARGET, target);
                put(SRV_PORT, srv.port.to_string());
                address
            }
            RData::MX(mx) => {
                let target = mx.exchange.to_string();
                let address = host_port(&bare(&target), port);
                put(MX_TARGET, target);
                address
            }
            RData::NS(ns) => {
                let target = ns.0.to_string();
                let address = host_port(&bare(&target), port);
                put(NS_TARGET, target);
                address
            }
            RData::A(address) => host_port(&address.0.to_string(), port),
            RData::AAAA(address) => host_port(&address.0.to_string(), port),
            _ => return None,
        };
        put(ADDRESS, address);
        put(NAME, name.to_owned());
        Some(labels)
    }
}

/// Asks the system's name servers, or others, past all caches.
pub(crate) fn resolver(servers: Option<&ResolverConfig>) -> Result<TokioResolver> {
    let mut builder = match servers {
        Some(config) => {
            TokioResolver::builder_with_config(config.clone(), TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio().context(|| "could not load resolv.conf".into())?,
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().context(|| "cannot make a resolver of names".into())
}

/// Whether an error is the answer that there is no such name or record.
pub(crate) fn says_none(error: &NetError) -> bool {
    matches!(
        error,
        NetError::Dns(DnsError::NoRecordsFound(NoRecords {
            response_code: ResponseCode::NoError | ResponseCode::NXDomain,
            ..
        }))
    )
}

#[cfg(test)]
mod tests;
