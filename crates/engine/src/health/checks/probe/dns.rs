//! A record of a name, asked of the system's name servers or of one that is given.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use watchkeep_model::{Error, Result};

use super::super::config::CheckConfig;
use super::without_number;
use crate::scrape::discovery::dns::{resolver, says_none};

/// Where name servers listen.
const PORT: u16 = 53;

const RECORDS: [(&str, RecordType); 8] = [
    ("A", RecordType::A),
    ("AAAA", RecordType::AAAA),
    ("CNAME", RecordType::CNAME),
    ("MX", RecordType::MX),
    ("NS", RecordType::NS),
    ("PTR", RecordType::PTR),
    ("SRV", RecordType::SRV),
    ("TXT", RecordType::TXT),
];

/// What is asked of name servers.
#[derive(Debug)]
pub(in crate::health) struct Dns {
    name: Name,
    record: (&'static str, RecordType),
    server: Option<SocketAddr>,
    expect: Option<String>,
}

impl Dns {
    pub(super) fn new(config: &CheckConfig) -> Result<Self> {
        let mut name = Name::from_utf8(config.name.as_deref().unwrap_or_default())
            .map_err(|_| Error::invalid("name is no name that can be looked up"))?;
        name.set_fqdn(true);
        let record = config.record.as_deref().unwrap_or("A").to_uppercase();
        let record = RECORDS.into_iter().find(|(known, _)| *known == record).ok_or_else(|| {
            let known: Vec<&str> = RECORDS.iter().map(|(name, _)| *name).collect();
            Error::invalid(format!("record must be one of {}", known.join(", ")))
        })?;
        let server = match config.server.as_deref() {
            None => None,
            Some(text) => Some(server(text).ok_or_else(|| {
                Error::invalid("server must be an address such as 10.0.0.53 or 10.0.0.53:5353")
            })?),
        };
        Ok(Self { name, record, server, expect: config.expect.clone() })
    }

    pub(super) fn target(&self) -> String {
        let name = self.name.to_string();
        let name = format!("{} {}", self.record.0, bare(&name));
        match self.server {
            Some(server) => format!("{name} of {server}"),
            None => name,
        }
    }

    pub(super) async fn run(&self) -> Result<(), String> {
        let servers = self.server.map(|address| {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            for connection in &mut server.connections {
                connection.port = address.port();
            }
            ResolverConfig::from_parts(None, Vec::new(), vec![server])
        });
        let resolver = resolver(servers.as_ref()).map_err(|error| error.report())?;
        let (record, kind) = self.record;
        let none = || format!("there is no record {record}");
        let answer = match resolver.lookup(self.name.clone(), kind).await {
            Ok(answer) => answer,
            Err(error) if says_none(&error) => return Err(none()),
            Err(error) => return Err(without_number(&error.to_string())),
        };
        let found: Vec<String> = answer
            .answers()
            .iter()
            .filter(|one| one.data.record_type() == kind)
            .map(|one| shown(&one.data))
            .collect();
        if found.is_empty() {
            return Err(none());
        }
        match &self.expect {
            Some(expect) if !found.iter().any(|one| same(one, expect)) => {
                Err(format!("{expect} is not in the answer, which is {}", found.join(", ")))
            }
            _ => Ok(()),
        }
    }
}

fn server(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let ip = text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT));
    ip.or_else(|| text.parse().ok())
}

fn bare(name: &str) -> &str {
    if name.len() > 1 { name.trim_end_matches('.') } else { name }
}

/// A record as it is written, names without the dot at their end.
fn shown(data: &RData) -> String {
    match data {
        RData::A(address) => address.0.to_string(),
        RData::AAAA(address) => address.0.to_string(),
        RData::CNAME(name) => bare(&name.0.to_string()).to_owned(),
        RData::NS(name) => bare(&name.0.to_string()).to_owned(),
        RData::PTR(name) => bare(&name.0.to_string()).to_owned(),
        RData::MX(mx) => format!("{} {}", mx.preference, bare(&mx.exchange.to_string())),
        RData::SRV(srv) => {
            let target = srv.target.to_string();
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, bare(&target))
        }
        RData::TXT(text) => {
            let parts = text.txt_data.iter();
            parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        }
        other => other.to_string(),
    }
}

/// Whether a record is the one that is expected: all of it, or its last word, such as the host of `MX`.
fn same(found: &str, expect: &str) -> bool {
    let expect = bare(expect.trim());
    let last = found.rsplit(' ').next().unwrap_or_default();
    found.eq_ignore_ascii_case(expect) || last.eq_ignore_ascii_case(expect)
}
