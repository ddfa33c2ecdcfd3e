//! Records as targets, against a name server that knows a few names.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, MX, NS, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::DnsDiscovery;
use crate::scrape::config::discovery::{DnsConfig, DnsRecord};
use crate::scrape::discovery::provider::Updates;
use crate::scrape::discovery::tests::{metrics, shown};

fn records(name: &str, kind: RecordType) -> Result<Vec<RData>, ResponseCode> {
    let target = |text: &str| Name::from_ascii(text).unwrap();
    match (name, kind) {
        ("_metrics._tcp.example.", RecordType::SRV) => Ok(vec![
            RData::SRV(SRV::new(0, 0, 9100, target("a.example."))),
            RData::SRV(SRV::new(0, 0, 9101, target("b.example."))),
        ]),
        ("web.example.", RecordType::A) => Ok(vec![RData::A(A(Ipv4Addr::new(10, 0, 0, 1)))]),
        ("web.example.", RecordType::AAAA) => {
            Ok(vec![RData::AAAA(AAAA("fd00::1".parse().unwrap()))])
        }
        ("web.example.", RecordType::MX) => {
            Ok(vec![RData::MX(MX::new(5, target("mail.example.")))])
        }
        ("web.example.", RecordType::NS) => Ok(vec![RData::NS(NS(target("ns.example.")))]),
        ("empty.example.", _) => Ok(Vec::new()),
        ("broken.example.", _) => Err(ResponseCode::ServFail),
        _ => Err(ResponseCode::NXDomain),
    }
}

async fn name_server() -> (ResolverConfig, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let mut message = Message::from_vec(&buffer[..length]).unwrap();
            let query = message.queries[0].clone();
            message.metadata.message_type = MessageType::Response;
            message.metadata.recursion_available = true;
            match records(&query.name().to_string().to_lowercase(), query.query_type()) {
                Ok(found) => {
                    for data in found {
                        message.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                    }
                }
                Err(code) => message.metadata.response_code = code,
            }
            socket.send_to(&message.to_vec().unwrap(), from).await.unwrap();
        }
    });
    let mut server = NameServerConfig::udp(IpAddr::V4(Ipv4Addr::LOCALHOST));
    server.connections[0].port = port;
    (ResolverConfig::from_parts(None, Vec::new(), vec![server]), task)
}

async fn look_up(names: &[&str], record: DnsRecord) -> (Updates, u64) {
    let (resolvers, server) = name_server().await;
    let config = DnsConfig {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        refresh_interval: Duration::from_secs(30),
        record,
        port: 80,
    };
    let metrics = metrics();
    let updates = Updates::new("dns", Arc::new(Notify::new()), metrics.clone());
    let discovery = DnsDiscovery { config, resolvers: Some(resolvers) };
    discovery.refresh(&updates).await;
    server.abort();
    (updates, metrics.failures.with_label_values(&["dns"]).get())
}

async fn found(name: &str, record: DnsRecord) -> String {
    let (updates, _) = look_up(&[name], record).await;
    let groups = updates.groups();
    assert_eq!(groups.len(), 1, "{name} {record:?}");
    assert_eq!(groups[0].source, name);
    groups[0].targets.iter().map(|labels| shown(labels).replace("__meta_dns_", "")).collect()
}

#[tokio::test]
async fn each_kind_of_record_becomes_targets() {
    assert_eq!(
        found("_metrics._tcp.example.", DnsRecord::Srv).await,
        "__address__=a.example:9100\nname=_metrics._tcp.example.\n\
         srv_record_port=9100\nsrv_record_target=a.example.\n\
         __address__=b.example:9101\nname=_metrics._tcp.example.\n\
         srv_record_port=9101\nsrv_record_target=b.example.\n"
    );
    for (record, address, more) in [
        (DnsRecord::A, "10.0.0.1:80", ""),
        (DnsRecord::Aaaa, "[fd00::1]:80", ""),
        (DnsRecord::Mx, "mail.example:80", "mx_record_target=mail.example.\n"),
        (DnsRecord::Ns, "ns.example:80", "ns_record_target=ns.example.\n"),
    ] {
        let mut lines: Vec<String> =
            [format!("__address__={address}\n"), more.to_owned(), "name=web.example\n".to_owned()]
                .into();
        lines.retain(|line| !line.is_empty());
        lines.sort();
        assert_eq!(found("web.example", record).await, lines.concat());
    }
}

#[tokio::test]
async fn a_name_that_is_not_there_has_no_targets_and_is_no_failure() {
    let (updates, failures) = look_up(&["empty.example", "gone.example"], DnsRecord::A).await;
    assert_eq!(updates.groups().len(), 0);
    assert_eq!(failures, 0);
}

#[tokio::test]
async fn a_name_that_can_not_be_looked_up_keeps_its_targets() {
    let (resolvers, _server) = name_server().await;
    let config = DnsConfig {
        names: vec!["web.example".into()],
        refresh_interval: Duration::from_secs(30),
        record: DnsRecord::A,
        port: 80,
    };
    let metrics = metrics();
    let updates = Updates::new("dns", Arc::new(Notify::new()), metrics.clone());
    let good = DnsDiscovery { config: config.clone(), resolvers: Some(resolvers.clone()) };
    good.refresh(&updates).await;
    let config = DnsConfig { names: vec!["broken.example".into(), "web.example".into()], ..config };
    DnsDiscovery { config, resolvers: Some(resolvers) }.refresh(&updates).await;
    assert_eq!(metrics.failures.with_label_values(&["dns"]).get(), 1);
    assert_eq!(updates.groups().len(), 1);
}
