//! A secret that comes on any way is found nowhere in what is stored.

use watchkeep_genai::redact::{Action, KeyAction, KeyRule};
use watchkeep_model::spans::UNKNOWN_SERVICE;
use watchkeep_model::{Labels, LogColumns, MetricColumns, SpanColumns, Value};

use super::*;

const ADDRESS: &str = "ann.smith@example.org";

fn redaction() -> Redaction {
    let config = RedactionConfig {
        detectors: [("email".to_owned(), Action::Mask)].into(),
        attributes: vec![KeyRule { key: "*password*".into(), action: KeyAction::Drop }],
        ..RedactionConfig::default()
    };
    Redaction::new(&Registry::new()).unwrap().with_config(&config).unwrap()
}

fn spans() -> SpanColumns {
    let mut spans = SpanColumns::default();
    spans.trace_id.push([1; 16]);
    spans.span_id.push([2; 8]);
    spans.parent_span_id.push([0; 8]);
    spans.start_ns.push(5);
    spans.duration_ns.push(1);
    spans.name.push("chat");
    spans.kind.push(3);
    spans.status_code.push(2);
    spans.status_message.push(&format!("no mailbox {ADDRESS}"));
    spans.service.push(UNKNOWN_SERVICE);
    spans.resource.push(&format!(r#"{{"owner":"{ADDRESS}","host":"a"}}"#));
    spans.scope_name.push("");
    spans.scope_version.push("");
    spans.scope_attributes.push("");
    spans.schema_url.push("");
    spans.trace_state.push("");
    spans.flags.push(0);
    let prompt = Value::String(format!(r#"[{{"role":"user","content":"I am {ADDRESS}"}}]"#));
    let (secret, kept) = (Value::String("hunter2".into()), Value::Int(7));
    spans.attributes.push_row([
        ("gen_ai.input.messages", &prompt),
        ("db.password", &secret),
        ("tokens", &kept),
    ]);
    spans.dropped_attributes.push(0);
    spans.events.push(&format!(
        r#"[{{"time_unix_nano":1,"name":"e","attributes":{{"to":"{ADDRESS}"}},"dropped_attributes_count":0}}]"#
    ));
    spans.dropped_events.push(0);
    spans.links.push("");
    spans.dropped_links.push(0);
    spans.check().unwrap();
    spans
}

#[tokio::test]
async fn nothing_of_a_secret_is_left_in_spans_and_all_else_is() {
    let redaction = redaction();
    let spans = redaction.spans(spans()).await.unwrap();
    spans.check().unwrap();
    let texts = [
        spans.status_message.get(0),
        spans.resource.get(0),
        spans.events.get(0),
        spans.attributes.parts().2.parts().1,
    ];
    for text in texts {
        assert!(!text.contains("smith") && !text.contains("hunter2"), "{text}");
    }
    assert_eq!(spans.resource.get(0), r#"{"owner":"[EMAIL]","host":"a"}"#);
    let keys: Vec<&str> = spans.attributes.row(0).map(|(key, _, _)| key).collect();
    assert_eq!(keys, ["gen_ai.input.messages", "tokens"]);
    let mails = redaction.found.with_label_values(&["email", "mask", "traces"]);
    assert_eq!(mails.get(), 4);
}

#[tokio::test]
async fn lines_streams_and_labels_are_redacted() {
    let redaction = redaction();
    let mut logs = LogColumns::default();
    for (body, kind) in [(format!("mail from {ADDRESS} came"), b's'), ("all is well".into(), b's')]
    {
        logs.time_ns.push(1);
        logs.observed_ns.push(0);
        logs.severity_number.push(0);
        logs.severity_text.push("");
        logs.level.push(0);
        logs.stream.push(&format!("{{app=\"a\", user=\"{ADDRESS}\"}}"));
        logs.service.push("a");
        logs.resource.push("{}");
        logs.scope_name.push("");
        logs.scope_version.push("");
        logs.scope_attributes.push("");
        logs.schema_url.push("");
        logs.body.push(&body);
        logs.body_kind.push(kind);
        logs.attributes.end_row();
        logs.dropped_attributes.push(0);
        logs.trace_id.push([0; 16]);
        logs.span_id.push([0; 8]);
        logs.flags.push(0);
        logs.event_name.push("");
    }
    let logs = redaction.logs(logs).await.unwrap();
    logs.check().unwrap();
    assert_eq!(logs.body.get(0), "mail from [EMAIL] came");
    assert_eq!(logs.body.get(1), "all is well");
    assert_eq!(logs.stream.get(1), "{app=\"a\", user=\"[EMAIL]\"}");

    let mut metrics = MetricColumns::default();
    let mut pairs = [("__name__", "logins_total"), ("user", ADDRESS), ("password", "x")];
    metrics.series.labels.push_with(|out| Labels::write_canonical(&mut pairs, out));
    metrics.series.delta.push(0);
    let metrics = redaction.metrics(metrics).await.unwrap();
    let labels = Labels::from_canonical(metrics.series.labels.get(0)).unwrap();
    let pairs: Vec<(&str, &str)> = labels.iter().collect();
    assert_eq!(pairs, [("__name__", "logins_total"), ("user", "[EMAIL]")]);
}

#[tokio::test]
async fn without_rules_everything_stays_as_it_is() {
    let redaction = Redaction::new(&Registry::new()).unwrap();
    assert!(redaction.spans(spans()).await.unwrap() == spans());
    assert_eq!(redaction.text(ADDRESS), ADDRESS);
}

#[test]
fn what_is_wrong_in_the_configuration_is_named() {
    let mut config = RedactionConfig::default();
    config.detectors.insert("emails".into(), Action::Mask);
    let error = config.redactor().unwrap_err();
    assert!(error.message().contains("\"emails\"") && error.message().contains("email, phone"));
}
