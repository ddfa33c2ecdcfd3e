//! Spans that are told again come out as they went in.

use serde_json::Value;

use super::*;
use crate::zipkin::encode_json;

#[test]
fn what_a_client_sent_comes_out_again() {
    for text in [
        EVERYTHING,
        r#"[{"traceId":"00000000000000aa","id":"0000000000000001"}]"#,
        r#"[{"traceId":"00000000000000aa","id":"0000000000000001","timestamp":5,"shared":true,
             "kind":"CONSUMER","tags":{"error":"","a":"1"}}]"#,
        r#"[{"traceId":"00000000000000aa","id":"0000000000000001","timestamp":5,
             "tags":{"otel.status_code":"OK","error":"false"}}]"#,
        r#"[{"traceId":"00000000000000aa","id":"0000000000000001","timestamp":5,
             "tags":{"otel.status_code":"ERROR","error":"why","otel.dropped_links_count":"2"}}]"#,
    ] {
        let columns = json(text);
        let rows: Vec<u32> = (0..columns.span_id.len() as u32).collect();
        let mut out = String::new();
        encode_json(&columns, &rows, &mut out).unwrap();
        let found: Value = serde_json::from_str(&out).unwrap();
        let mut expect: Value = serde_json::from_str(text).unwrap();
        // What says nothing, and what is not known, is not told.
        let span = expect[0].as_object_mut().unwrap();
        span.remove("unknown");
        span.retain(|_, value| *value != Value::Bool(false));
        assert_eq!(found, expect);
    }
}
