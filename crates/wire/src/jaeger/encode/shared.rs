//! The two sides of a call that share an id, as clients of Zipkin send them, told apart: Jaeger's own
//! clients expect an id to be of one span.

use std::collections::HashSet;

use hashbrown::HashMap;
use watchkeep_model::SpanColumns;

const SERVER: u8 = 2;
const CLIENT: u8 = 3;

/// Gives each server's span that has the id of a client's span an id of its own and the client's as
/// its parent; its children become children of the new id. Rows are those of one trace.
#[expect(clippy::indexing_slicing, reason = "the caller's rows are those of the table")]
pub fn separate_shared_ids(spans: &mut SpanColumns, rows: &[u32]) {
    let mut used: HashSet<[u8; 8]> = HashSet::new();
    let mut of_clients: HashSet<[u8; 8]> = HashSet::new();
    for row in rows.iter().map(|row| *row as usize) {
        used.insert(spans.span_id[row]);
        if spans.kind[row] == CLIENT {
            of_clients.insert(spans.span_id[row]);
        }
    }
    let mut last = 0_u64;
    let mut renamed: HashMap<[u8; 8], [u8; 8]> = HashMap::new();
    for row in rows.iter().map(|row| *row as usize) {
        let old = spans.span_id[row];
        if spans.kind[row] != SERVER || !of_clients.contains(&old) {
            continue;
        }
        let new = loop {
            last += 1;
            if used.insert(last.to_be_bytes()) {
                break last.to_be_bytes();
            }
        };
        renamed.insert(old, new);
        spans.span_id[row] = new;
        spans.parent_span_id[row] = old;
    }
    for row in rows.iter().map(|row| *row as usize) {
        let new = renamed.get(&spans.parent_span_id[row]);
        if let Some(new) = new.filter(|new| **new != spans.span_id[row]) {
            spans.parent_span_id[row] = *new;
        }
    }
}
