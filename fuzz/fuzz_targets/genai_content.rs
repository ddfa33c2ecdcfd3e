#![no_main]
//! What was said in a step: any text in any of the places, as a span and as a log record.

use libfuzzer_sys::fuzz_target;
use watchkeep_genai::content::{content_of_log, read_content};
use watchkeep_genai::{Attribute, Record};
use watchkeep_model::ValueKind;

fuzz_target!(|data: (Vec<(String, String)>, String, String, String)| {
    let (texts, name, events, body) = data;
    let attributes: Vec<Attribute<'_>> = texts
        .iter()
        .map(|(key, text)| Attribute::new(key, ValueKind::String, text))
        .collect();
    let record = Record {
        name: &name,
        scope: "",
        service: "",
        attributes: &attributes,
        resource: &[],
        events: &events,
        body: &body,
        time_ns: 0,
        duration_ns: 0,
        is_error: false,
        status_message: "",
    };
    let mut content = read_content(&record);
    content.merge([content_of_log(&record)]);
});
