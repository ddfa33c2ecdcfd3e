//! Section `legacy_ports` of the configuration: the ports of the programs that this one replaces.

use serde::{Deserialize, Serialize};

/// Section `legacy_ports`. An address is `HOST:PORT`; `:PORT` is on the host of `server.listen`; `off`
/// leaves the port closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LegacyPortsConfig {
    /// Whether the ports below are opened at all.
    pub enabled: bool,
    /// Prometheus.
    pub prometheus: String,
    /// Loki.
    pub loki: String,
    /// Tempo.
    pub tempo: String,
    /// Jaeger's query service.
    pub jaeger_query: String,
    /// Jaeger's query service over gRPC.
    pub jaeger_query_grpc: String,
    /// Zipkin.
    pub zipkin: String,
    /// Jaeger's collector over gRPC, and OTLP.
    pub jaeger_grpc: String,
    /// Jaeger's collector over HTTP.
    pub jaeger_http: String,
    /// Jaeger's agent: how clients shall sample.
    pub jaeger_agent_http: String,
    /// Jaeger's agent over UDP: Thrift's compact protocol.
    pub jaeger_agent_compact: String,
    /// Jaeger's agent over UDP: Thrift's binary protocol.
    pub jaeger_agent_binary: String,
    /// Jaeger's agent over UDP: Zipkin spans in Thrift's compact protocol.
    pub jaeger_agent_zipkin: String,
}

impl Default for LegacyPortsConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            prometheus: ":9090".into(),
            loki: ":3100".into(),
            tempo: ":3200".into(),
            jaeger_query: ":16686".into(),
            jaeger_query_grpc: ":16685".into(),
            zipkin: ":9411".into(),
            jaeger_grpc: ":14250".into(),
            jaeger_http: ":14268".into(),
            jaeger_agent_http: ":5778".into(),
            jaeger_agent_compact: ":6831".into(),
            jaeger_agent_binary: ":6832".into(),
            jaeger_agent_zipkin: ":5775".into(),
        }
    }
}

/// The address that a key of the section means; `None` where the port stays closed. `listen` is the
/// address of the main listener.
pub(crate) fn address(given: &str, listen: &str) -> Option<String> {
    if given == "off" {
        return None;
    }
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    Some(if given.starts_with(':') { format!("{host}{given}") } else { given.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_the_host_of_the_main_listener() {
        for (given, listen, expect) in [
            ("off", "127.0.0.1:7070", None),
            (":9090", "127.0.0.1:7070", Some("127.0.0.1:9090")),
            (":9090", "[::]:7070", Some("[::]:9090")),
            ("0.0.0.0:1", "127.0.0.1:7070", Some("0.0.0.0:1")),
        ] {
            assert_eq!(address(given, listen).as_deref(), expect, "{given} {listen}");
        }
    }
}
