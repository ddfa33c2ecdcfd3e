//! Spans for tests: traces of five spans, as an agent makes them.

use watchkeep_model::column::Table;
use watchkeep_model::{SpanColumns, Value};

/// Rows of a trace.
const SPANS: usize = 5;

/// So many spans, trace by trace.
pub(crate) fn specimen(rows: usize) -> SpanColumns {
    let mut columns = SpanColumns::default();
    (0..rows).for_each(|row| push(&mut columns, row));
    columns.check().unwrap();
    columns
}

fn push(columns: &mut SpanColumns, row: usize) {
    let (trace, at) = (row / SPANS, row % SPANS);
    let id = |at: usize| {
        let mixed = ((trace * SPANS + at) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_le_bytes()
    };
    let failed = trace.is_multiple_of(5) && at == 1;
    let start_ns = 1_790_000_000_000_000_000 + trace as i64 * 40_000_000 + at as i64 * 1_234_567;
    let mut trace_id = [7; 16];
    trace_id[..8].copy_from_slice(&id(0));
    columns.trace_id.push(trace_id);
    columns.span_id.push(id(at));
    columns.parent_span_id.push(if at == 0 { [0; 8] } else { id(at / 2) });
    columns.start_ns.push(start_ns);
    columns.duration_ns.push(30_000_000 / (at as i64 + 1) + trace as i64 * 17);
    columns
        .name
        .push(["agent run", "chat small-model", "tool search", "http GET", "http POST"][at]);
    columns.kind.push([2, 3, 1, 3, 3][at]);
    columns.status_code.push(if failed { 2 } else { 0 });
    columns.status_message.push(if failed { "upstream gave up" } else { "" });
    columns.service.push(if at == 1 { "model" } else { "gateway" });
    columns.resource.push(if at == 1 {
        r#"{"service.name":"model","host.name":"h1"}"#
    } else {
        r#"{"service.name":"gateway","host.name":"h2"}"#
    });
    columns.scope_name.push("tracer");
    columns.scope_version.push("1.2.3");
    columns.scope_attributes.push("");
    columns.schema_url.push("");
    columns.trace_state.push("");
    columns.flags.push(257);
    let text = |text: String| Value::String(text);
    let mut entries =
        vec![("step", Value::Int(row as i64)), ("cost", Value::Double(row as f64 / 4.0))];
    if at == 1 {
        let messages = format!(r#"[{{"role":"user","content":"how is run {trace} going?"}}]"#);
        entries.push(("gen_ai.input.messages", text(messages)));
        entries.push(("gen_ai.request.model", text("small-model".into())));
    }
    columns.attributes.push_row(entries.iter().map(|(key, value)| (*key, value)));
    columns.dropped_attributes.push(0);
    columns.events.push(&if failed {
        format!(
            "[{{\"time_unix_nano\":{},\"name\":\"exception\",\"attributes\":{{\"exception.type\":\
             \"Timeout\"}},\"dropped_attributes_count\":0}}]",
            start_ns + 900
        )
    } else {
        String::new()
    });
    columns.dropped_events.push(0);
    columns.links.push("");
    columns.dropped_links.push(0);
}
