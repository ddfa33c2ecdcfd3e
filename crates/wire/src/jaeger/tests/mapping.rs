//! Tags that become fields of a span, and references that become parents.

use super::*;

fn decode(span: Span) -> SpanColumns {
    let span = Span { trace: (1, 0), id: 1, ..span };
    let batch = Batch { service: "s", spans: vec![span], ..Batch::default() };
    let from_thrift = decode_thrift(&thrift(&batch, Protocol::Binary), &limits()).unwrap().columns;
    let from_proto = decode_proto(&proto(&batch), &limits()).unwrap().columns;
    assert_eq!(shown(&from_thrift), shown(&from_proto));
    from_thrift
}

fn attributes(columns: &SpanColumns) -> String {
    let all: Vec<String> = columns
        .attributes
        .row(0)
        .map(|(key, kind, text)| format!("{key}={}:{text}", kind as u8 as char))
        .collect();
    all.join(" ")
}

#[test]
fn tags_tell_the_status() {
    use Value::{Bool, Int, Text};
    let server = ("span.kind", Text("server"));
    let cases: [(&[_], u8, &str, &str); 14] = [
        (&[("error", Bool(true))], 2, "", ""),
        (&[("error", Bool(false))], 0, "", "error=b:false"),
        (&[("error", Text("true"))], 0, "", "error=s:true"),
        (&[("error", Bool(true)), ("otel.status_description", Text("no"))], 2, "no", ""),
        (
            &[("error", Bool(true)), ("http.status_message", Text("Gone"))],
            2,
            "Gone",
            "http.status_message=s:Gone",
        ),
        (&[("otel.status_code", Text("OK"))], 1, "", ""),
        (&[("otel.status_code", Text("error"))], 2, "", ""),
        (&[("otel.status_code", Text("OK")), ("error", Bool(true))], 2, "", ""),
        (&[("otel.status_code", Int(2))], 0, "", "otel.status_code=i:2"),
        (&[("otel.status_description", Text("alone"))], 0, "", "otel.status_description=s:alone"),
        (&[("http.status_code", Int(503))], 2, "", "http.status_code=i:503"),
        (&[("http.status_code", Text("404"))], 2, "", "http.status_code=s:404"),
        (&[("http.status_code", Int(404)), server], 0, "", "http.status_code=i:404"),
        (
            &[("http.status_code", Int(500)), ("otel.status_code", Text("OK"))],
            1,
            "",
            "http.status_code=i:500",
        ),
    ];
    for (tags, status, message, left) in cases {
        let columns = decode(Span { tags: tags.to_vec(), ..Span::default() });
        assert_eq!(columns.status_code[0], status, "{tags:?}");
        assert_eq!(columns.status_message.get(0), message, "{tags:?}");
        assert_eq!(attributes(&columns), left, "{tags:?}");
    }
}

#[test]
fn tags_tell_kind_scope_state_and_what_was_dropped() {
    use Value::{Int, Text};
    for (name, kind) in
        [("internal", 1), ("server", 2), ("CLIENT", 3), ("producer", 4), ("consumer", 5)]
    {
        let columns = decode(Span { tags: vec![("span.kind", Text(name))], ..Span::default() });
        assert_eq!((columns.kind[0], attributes(&columns).as_str()), (kind, ""), "{name}");
    }
    let columns = decode(Span { tags: vec![("span.kind", Text("odd"))], ..Span::default() });
    assert_eq!((columns.kind[0], attributes(&columns).as_str()), (0, "span.kind=s:odd"));
    for prefix in ["otel.scope", "otel.library"] {
        let [name, version]: [&'static str; 2] = match prefix {
            "otel.scope" => ["otel.scope.name", "otel.scope.version"],
            _ => ["otel.library.name", "otel.library.version"],
        };
        let tags = vec![
            (name, Text("lib")),
            (version, Text("1.2")),
            ("w3c.tracestate", Text("a=b")),
            ("otel.dropped_attributes_count", Int(3)),
            ("otel.dropped_events_count", Int(4)),
            ("otel.dropped_links_count", Int(5)),
        ];
        let columns = decode(Span { tags, ..Span::default() });
        assert_eq!((columns.scope_name.get(0), columns.scope_version.get(0)), ("lib", "1.2"));
        assert_eq!((columns.trace_state.get(0), attributes(&columns).as_str()), ("a=b", ""));
        let dropped =
            [&columns.dropped_attributes, &columns.dropped_events, &columns.dropped_links];
        assert_eq!(dropped.map(|column| column[0]), [3, 4, 5]);
    }
}

#[test]
fn the_first_reference_in_the_trace_is_the_parent() {
    let of = |is_parent, trace, span| Reference { is_parent, trace, span };
    let [child, follows] = [of(true, (1, 0), 5), of(false, (1, 0), 6)];
    let elsewhere = of(true, (2, 0), 7);
    for (references, parent, links) in [
        (vec![], 0, 0),
        (vec![child.clone()], 5, 0),
        (vec![follows.clone(), child.clone()], 5, 1),
        // Who only came before is a parent where there is none, and stays linked.
        (vec![follows.clone()], 6, 1),
        (vec![elsewhere.clone()], 0, 1),
        (vec![elsewhere, child.clone(), of(true, (1, 0), 8)], 5, 2),
        (vec![of(true, (0, 0), 0)], 0, 1),
    ] {
        let columns = decode(Span { references: references.clone(), ..Span::default() });
        assert_eq!(columns.parent_span_id[0], u64::to_be_bytes(parent), "{references:?}");
        let seen = columns.links.get(0).matches("trace_id").count();
        assert_eq!(seen + columns.dropped_links[0] as usize, links, "{references:?}");
    }
}

#[test]
fn an_event_without_a_text_for_a_name_keeps_its_fields() {
    let log = |value| Log { time: 1, fields: vec![("event", value)] };
    let logs = vec![log(Value::Text("named")), log(Value::Int(1)), Log { time: 2, fields: vec![] }];
    let columns = decode(Span { logs, ..Span::default() });
    let events = columns.events.get(0);
    assert!(events.contains(r#""name":"named","attributes":{}"#), "{events}");
    assert!(events.contains(r#""name":"","attributes":{"event":1}"#), "{events}");
    assert!(events.contains(r#""time_unix_nano":2000,"name":"","attributes":{}"#), "{events}");
}

#[test]
fn a_host_name_that_is_there_already_stays() {
    let process = vec![("hostname", Value::Text("a")), ("host.name", Value::Text("b"))];
    let spans = vec![Span { trace: (1, 0), id: 1, ..Span::default() }];
    let batch = Batch { service: "s", process, spans };
    let decoded = decode_proto(&proto(&batch), &limits()).unwrap();
    let expect = r#"{"service.name":"s","hostname":"a","host.name":"b"}"#;
    assert_eq!(decoded.columns.resource.get(0), expect);
}
