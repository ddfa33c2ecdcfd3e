//! Spans as text, for tests: what is empty is left out.

use std::fmt::Write as _;

use watchkeep_model::{SpanColumns, SpanId, TraceId};

/// All spans, a line for each thing that is said about one.
pub(crate) fn shown(columns: &SpanColumns) -> String {
    (0..columns.span_id.len()).map(|row| span(columns, row)).collect::<Vec<_>>().join("\n")
}

fn span(columns: &SpanColumns, row: usize) -> String {
    let mut out = format!(
        "{} {} < {} kind {} status {} flags {}\n{} + {} {:?} of {}\n",
        TraceId(columns.trace_id[row]),
        SpanId(columns.span_id[row]),
        SpanId(columns.parent_span_id[row]),
        columns.kind[row],
        columns.status_code[row],
        columns.flags[row],
        columns.start_ns[row],
        columns.duration_ns[row],
        columns.name.get(row),
        columns.service.get(row),
    );
    let attributes: Vec<String> = columns
        .attributes
        .row(row)
        .map(|(key, kind, text)| format!("{key}={}:{text}", kind as u8 as char))
        .collect();
    let scope = format!("{} {}", columns.scope_name.get(row), columns.scope_version.get(row));
    let dropped =
        [columns.dropped_attributes[row], columns.dropped_events[row], columns.dropped_links[row]];
    let dropped = if dropped == [0; 3] { String::new() } else { format!("{dropped:?}") };
    for (name, text) in [
        ("status message", columns.status_message.get(row)),
        ("resource", columns.resource.get(row)),
        ("scope", scope.trim()),
        ("state", columns.trace_state.get(row)),
        ("attributes", attributes.join(" ").as_str()),
        ("events", columns.events.get(row)),
        ("links", columns.links.get(row)),
        ("dropped", dropped.as_str()),
    ] {
        if !text.is_empty() {
            writeln!(out, "{name}: {text}").unwrap();
        }
    }
    out
}
