//! A configuration of Promtail as sources: files of `static_configs`, listeners of `syslog`, and their
//! stages. What does not apply is named in warnings; nothing of it is an error.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use watchkeep_model::{Error, Result};

use super::config::{FileSource, LineFormat, Multiline, SyslogProtocol, SyslogSource, SyslogTls};
use crate::humane::{HumaneDuration, parse_duration};

/// What was read of a configuration.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Promtail {
    pub(super) files: Vec<FileSource>,
    pub(super) syslog: Vec<SyslogSource>,
    pub(super) warnings: Vec<String>,
}

/// Reads a configuration of Promtail, YAML. Fails where it is no mapping.
pub(super) fn read(text: &str) -> Result<Promtail> {
    let all: Value = serde_saphyr::from_str(text)
        .map_err(|error| Error::invalid(error.without_snippet().to_string()))?;
    let all = all.as_object().ok_or_else(|| Error::invalid("it is no mapping of sections"))?;
    let mut promtail = Promtail::default();
    for name in all.keys().filter(|name| *name != "scrape_configs") {
        let why = match name.as_str() {
            "clients" | "client" => "lines are stored here and sent nowhere",
            "positions" => "positions are kept in the data directory",
            "server" => "this server has its own listeners",
            _ => "it has no counterpart",
        };
        promtail.warnings.push(format!("{name} does not apply: {why}"));
    }
    let jobs = all.get("scrape_configs").and_then(Value::as_array);
    for (at, job) in jobs.into_iter().flatten().enumerate() {
        let Some(job) = job.as_object() else { continue };
        let named = job.get("job_name").and_then(Value::as_str);
        let name = named.map_or_else(|| format!("scrape_configs[{at}]"), |n| format!("job {n:?}"));
        promtail.job(&name, job);
    }
    Ok(promtail)
}

impl Promtail {
    fn job(&mut self, name: &str, job: &Map<String, Value>) {
        let stages = job.get("pipeline_stages").and_then(Value::as_array).cloned();
        let stages = stages.unwrap_or_default();
        for (key, value) in job {
            match key.as_str() {
                "job_name" | "pipeline_stages" => {}
                "static_configs" => self.files(name, value, &stages),
                "syslog" => self.syslog(name, value, &stages),
                other => self.warnings.push(format!("{name}: {other} does not apply")),
            }
        }
    }

    fn files(&mut self, name: &str, configs: &Value, stages: &[Value]) {
        for config in configs.as_array().into_iter().flatten() {
            let labels = labels_of(config.get("labels"));
            let Some(path) = labels.get("__path__") else {
                self.warnings.push(format!("{name}: a static config without __path__ is left out"));
                continue;
            };
            self.files.push(FileSource {
                paths: vec![path.clone()],
                exclude: labels.get("__path_exclude__").cloned().into_iter().collect(),
                labels: visible(&labels),
                format: LineFormat::Text,
                pipeline_stages: stages.to_vec(),
                ..FileSource::default()
            });
        }
    }

    fn syslog(&mut self, name: &str, config: &Value, stages: &[Value]) {
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        let Some(listen) = text("listen_address") else {
            self.warnings.push(format!("{name}: syslog without listen_address is left out"));
            return;
        };
        let protocol = match text("listen_protocol") {
            Some("udp") => SyslogProtocol::Udp,
            _ => SyslogProtocol::Tcp,
        };
        let tls = config.get("tls_config").and_then(|tls| {
            let file = |key: &str| tls.get(key).and_then(Value::as_str).map(Into::into);
            Some(SyslogTls {
                cert_file: file("cert_file")?,
                key_file: file("key_file")?,
                client_ca_file: file("ca_file"),
            })
        });
        let use_message_time = config.get("use_incoming_timestamp") == Some(&Value::Bool(true));
        self.syslog.push(SyslogSource {
            listen: listen.to_owned(),
            protocol,
            tls,
            labels: visible(&labels_of(config.get("labels"))),
            use_message_time,
            pipeline_stages: stages.to_vec(),
        });
    }
}

fn labels_of(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    members.map(|(name, value)| (name.clone(), text(value))).collect()
}

/// Labels that are not for the configuration alone.
fn visible(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let shown = labels.iter().filter(|(name, _)| !name.starts_with("__"));
    shown.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What the first stages say about how a file is cut into records.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Leading {
    pub(super) format: Option<LineFormat>,
    pub(super) multiline: Option<Multiline>,
    /// The stages behind them.
    pub(super) rest: Vec<Value>,
}

/// Takes the stages `docker`, `cri` and `multiline` off the start: they are about how records are cut
/// out of a file, which comes before everything else.
pub(super) fn leading(stages: &[Value]) -> Result<Leading> {
    let mut leading = Leading::default();
    let mut at = 0;
    for stage in stages {
        let Some((name, options)) = stage.as_object().and_then(|members| members.iter().next())
        else {
            break;
        };
        match name.as_str() {
            "docker" if leading == Leading::default() => leading.format = Some(LineFormat::Docker),
            "cri" if leading == Leading::default() => leading.format = Some(LineFormat::Cri),
            "multiline" if leading.multiline.is_none() => {
                leading.multiline = Some(multiline(options)?);
            }
            _ => break,
        }
        at += 1;
    }
    leading.rest = stages.get(at..).unwrap_or_default().to_vec();
    Ok(leading)
}

fn multiline(options: &Value) -> Result<Multiline> {
    let first_line = options.get("firstline").and_then(Value::as_str);
    let first_line = first_line.ok_or_else(|| Error::invalid("multiline: firstline is missing"))?;
    let wait = options.get("max_wait_time").and_then(Value::as_str).map(parse_duration);
    let lines = options.get("max_lines").and_then(Value::as_u64);
    Ok(Multiline {
        first_line: first_line.to_owned(),
        max_wait: HumaneDuration(wait.transpose()?.unwrap_or(Multiline::WAIT_MAX)),
        max_lines: lines.map_or(Multiline::LINES_MAX, |lines| lines as usize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r"
server:
  http_listen_port: 9080
positions:
  filename: /tmp/positions.yaml
clients:
  - url: http://loki:3100/loki/api/v1/push
scrape_configs:
  - job_name: agents
    static_configs:
      - targets: [localhost]
        labels:
          job: agents
          __path__: /var/log/agents/*.log
    pipeline_stages:
      - json:
          expressions: {level: level, agent: agent}
      - labels: {level: , agent: }
  - job_name: journal
    journal: {max_age: 12h}
    relabel_configs: []
  - job_name: net
    syslog:
      listen_address: 127.0.0.1:1514
      labels: {job: syslog}
";

    #[test]
    fn what_applies_is_taken_over_and_the_rest_is_named() {
        let promtail = read(CONFIG).unwrap();
        assert_eq!(promtail.files.len(), 1);
        let file = &promtail.files[0];
        assert_eq!(file.paths, ["/var/log/agents/*.log"]);
        assert_eq!(file.labels, BTreeMap::from([("job".to_owned(), "agents".to_owned())]));
        assert_eq!(file.pipeline_stages.len(), 2);
        assert_eq!(promtail.syslog.len(), 1);
        assert!(!promtail.syslog[0].use_message_time);
        for named in ["server", "positions", "clients", "journal", "relabel_configs"] {
            let is_named = promtail.warnings.iter().any(|warning| warning.contains(named));
            assert!(is_named, "{named}: {:?}", promtail.warnings);
        }
        assert!(read("- a").is_err() && read("a: [").is_err());
    }

    #[test]
    fn stages_about_records_are_taken_off_the_start() {
        let stages = [
            serde_json::json!({"docker": {}}),
            serde_json::json!({"multiline": {"firstline": "^x", "max_wait_time": "1s"}}),
            serde_json::json!({"labeldrop": ["a"]}),
            serde_json::json!({"cri": {}}),
        ];
        let leading = leading(&stages).unwrap();
        assert_eq!(leading.format, Some(LineFormat::Docker));
        assert_eq!(leading.multiline.unwrap().first_line, "^x");
        assert_eq!(leading.rest.len(), 2);
    }
}
