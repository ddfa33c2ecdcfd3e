//! The layers of configuration, and that errors say where the wrong value stands.

use watchkeep_model::Matcher;

use super::*;

fn load(yaml: &str, environment: &[(&str, &str)], flags: ServeArguments) -> Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchkeep.yaml");
    std::fs::write(&path, yaml).unwrap();
    let environment =
        environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Config::load(&ServeArguments { config: Some(path), ..flags }, environment)
}

#[test]
fn each_later_layer_wins() {
    let yaml = "server:\n  listen: 1.1.1.1:1\n  otlp_grpc_listen: off\n  otlp_http_listen: off\n\
                retention:\n  age: 15d\n  size_max: 10GiB\n  logs:\n  - {selector: '{app=\"x\"}', \
                age_max: 24h}\n  - {selector: '{env=~\"p.*\"}', age: 0}\n\
                limits: {body_bytes_max: 1MiB}\n";
    let environment = [
        ("WATCHKEEP__SERVER__LISTEN", "2.2.2.2:2"),
        ("WATCHKEEP__SERVER__OTLP_HTTP_LISTEN", "2.2.2.2:3"),
        ("WATCHKEEP__LIMITS__QUERIES_MAX", "7"),
        ("WATCHKEEP__RETENTION__AGE", "0"),
        ("WATCHKEEP__OTLP__CORS_ORIGINS", "[\"https://a.example\", \"https://b.example\"]"),
        ("WATCHKEEP__OTLP__METRICS__PROMOTE_SCOPE_METADATA", "true"),
        ("OTHER__SERVER__LISTEN", "ignored"),
    ];
    let flags = ServeArguments { listen: Some("3.3.3.3:3".into()), ..ServeArguments::default() };
    let config = load(yaml, &environment, flags).unwrap();
    assert_eq!(config.server.listen, "3.3.3.3:3");
    assert_eq!(config.server.otlp_http_listen, "2.2.2.2:3");
    assert_eq!(config.server.otlp_grpc_listen, "off");
    assert_eq!(config.limits.queries_max, 7);
    assert_eq!(config.limits.body_bytes_max, ByteSize(1 << 20));
    assert_eq!(config.retention.age.0, Duration::ZERO);
    assert_eq!(config.retention.size_max, ByteSize(10 << 30));
    let rules: Vec<_> = config.retention.logs.iter().map(LogsRule::rule).collect();
    assert_eq!(rules[0].matchers, [Matcher::equal("app", "x")]);
    assert_eq!(rules[0].age_max, Some(Duration::from_hours(24)));
    assert_eq!(rules[1].age_max, None, "0 keeps for ever");
    assert_eq!(config.otlp.cors_origins.len(), 2);
    assert!(config.otlp.metrics.promote_scope_metadata);
    let nothing = load("# nothing\n\n", &[], ServeArguments::default()).unwrap();
    assert_eq!(nothing.limits, Config::default().limits);
    assert_eq!(nothing.storage.data_dir, std::env::current_dir().unwrap().join("watchkeep-data"));
}

#[test]
fn errors_name_the_key_and_the_line_or_the_variable() {
    let of_file = |yaml| load(yaml, &[], ServeArguments::default()).unwrap_err().report();
    for (yaml, parts) in [
        ("server:\n  listne: x\n", ["line 2", "listne"]),
        ("limits:\n  queries_max: 3\n  body_bytes_max: 3 parsecs\n", ["line 3", "3 parsecs"]),
        ("retention:\n  age: 15\n", ["line 2", "15"]),
        ("retention:\n  logs: [{selector: '{app=', age: 1d}]\n", ["line 2", "selects no"]),
        ("server: [\n", ["line", "watchkeep.yaml"]),
        ("limits: {queries_max: 0}\n", ["limits.queries_max", "at least 1"]),
        (
            "otlp: {metrics: {translation_strategy: Some}}\n",
            ["otlp.metrics.translation_strategy", "NoTranslation"],
        ),
        (
            "otlp: {metrics: {ignore_resource_attributes: [a]}}\n",
            ["otlp.metrics.ignore_resource_attributes", "promote_all_resource_attributes"],
        ),
        (
            "otlp: {metrics: {promote_all_resource_attributes: true, \
             promote_resource_attributes: [a]}}\n",
            ["otlp.metrics.promote_resource_attributes", "together"],
        ),
    ] {
        let report = of_file(yaml);
        assert!(parts.iter().all(|part| report.contains(part)), "{yaml:?} gave {report}");
    }
    let of_variable =
        |name, text| load("{}", &[(name, text)], ServeArguments::default()).unwrap_err().report();
    for (name, text, part) in [
        ("WATCHKEEP__LIMITS__BODY_BYTES_MX", "1", "body_bytes_max"),
        ("WATCHKEEP__LIMITS__QUERIES_MAX", "many", "many"),
        ("WATCHKEEP__SERVR__LISTEN", "x", "servr"),
        ("WATCHKEEP__SERVER__LISTEN__DEEPER", "x", "deeper"),
    ] {
        let report = of_variable(name, text);
        assert!(report.contains(name) && report.contains(part), "{name} gave {report}");
    }
}

/// Keys with their defaults, as the reference writes them.
fn flatten(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, member, into);
            }
        }
        Value::String(text) => into.push((prefix.to_owned(), text.clone())),
        other => into.push((prefix.to_owned(), other.to_string())),
    }
}

#[test]
fn the_reference_names_every_key_with_its_default_and_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config.md");
    let reference = std::fs::read_to_string(path).unwrap();
    let mut known = Vec::new();
    flatten("", &serde_json::to_value(Config::default()).unwrap(), &mut known);
    for (key, default) in &known {
        let row = format!("| `{key}` | `{default}` | ");
        assert!(reference.contains(&row), "docs/reference/config.md lacks the row {row}");
    }
    let rows = reference.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, known.len(), "docs/reference/config.md has rows for keys that are not there");
}
