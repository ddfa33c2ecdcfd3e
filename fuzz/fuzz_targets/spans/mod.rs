//! What must hold of decoded spans, whatever the bytes were.

use watchkeep_model::SpanColumns;
use watchkeep_model::column::Table;

/// Columns have one length, and what is JSON can be read.
pub fn check(columns: &SpanColumns) {
    columns.check().expect("columns have one length");
    let lists = columns.events.iter().chain(columns.links.iter());
    for text in lists.chain(columns.resource.iter()).filter(|text| !text.is_empty()) {
        serde_json::from_str::<serde_json::Value>(text).expect("the JSON can be read");
    }
}
