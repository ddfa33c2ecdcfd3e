//! Searches as data: `testdata/search/*.txt` has traces, queries and what each finds.
//!
//! ```text
//! trace t1
//! root: span.a=1
//!   child:
//! --
//! ? { span.a = 1 }
//! t1: root
//! ```
//!
//! A line for each set: the trace, its spans, and in brackets what is told of the set. After `??` each
//! span tells its attributes too. `!` begins the text of an error.

use std::fmt::Write as _;

use watchkeep_model::TimeRange;
use watchkeep_model::attributes::Value;

use crate::eval::Budget;
use crate::eval::search::{FoundSet, FoundTrace, SearchRequest, search};
use crate::testing::{Memory, TestSpan, traces};

const FILES: [(&str, &str); 7] = [
    ("types", include_str!("../../../testdata/search/types.txt")),
    ("intrinsics", include_str!("../../../testdata/search/intrinsics.txt")),
    ("arrays", include_str!("../../../testdata/search/arrays.txt")),
    ("events", include_str!("../../../testdata/search/events.txt")),
    ("structure", include_str!("../../../testdata/search/structure.txt")),
    ("pipelines", include_str!("../../../testdata/search/pipelines.txt")),
    ("shown", include_str!("../../../testdata/search/shown.txt")),
];

#[test]
fn searches_find_what_the_data_says() {
    let mut wrong = String::new();
    for (file, text) in FILES {
        let (script, cases) = text.split_once("\n--\n").expect("traces, --, cases");
        let spans = traces(script);
        for (query, told, expected) in read_cases(cases) {
            for untyped in [false, true] {
                let mut store = Memory::new(spans.clone());
                store.untyped = untyped;
                let found = run(&store, &spans, query, told);
                if found != expected {
                    let _infallible = writeln!(
                        wrong,
                        "{file} (untyped: {untyped}): {query}\nexpected:\n{expected}found:\n{found}"
                    );
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Query, whether attributes are told, expected lines.
fn read_cases(text: &str) -> Vec<(&str, bool, String)> {
    let mut cases: Vec<(&str, bool, String)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        if let Some(query) = line.strip_prefix("?? ") {
            cases.push((query, true, String::new()));
        } else if let Some(query) = line.strip_prefix("? ") {
            cases.push((query, false, String::new()));
        } else {
            let (_, _, expected) = cases.last_mut().expect("a query first");
            expected.push_str(line);
            expected.push('\n');
        }
    }
    cases
}

fn run(store: &Memory, spans: &[TestSpan], query: &str, told: bool) -> String {
    let query = match crate::parse(query) {
        Ok(query) => query,
        Err(error) => return format!("! {error}\n"),
    };
    let request =
        SearchRequest { query: &query, range: TimeRange::ALL, limit: 0, spans_per_set: 0 };
    let mut lines = String::new();
    let outcome = search(&request, store, &Budget::default(), &mut |trace| {
        for set in &trace.sets {
            write_set(&mut lines, spans, &trace, set, told);
        }
        Ok(true)
    });
    if let Err(error) = outcome {
        return format!("! {error}\n");
    }
    lines
}

fn write_set(
    lines: &mut String,
    spans: &[TestSpan],
    trace: &FoundTrace,
    set: &FoundSet,
    told: bool,
) {
    assert_eq!(set.matched as usize, set.spans.len(), "nothing is cut");
    let mut line = String::new();
    for span in &set.spans {
        let known = spans.iter().find(|known| known.trace == trace.id && known.id == span.id);
        let known = known.expect("a span of the data");
        if line.is_empty() {
            line.push_str(&known.trace_label);
            line.push(':');
        }
        assert_eq!(span.start_ns, known.start_ns);
        assert_eq!(span.duration_ns, known.duration_ns);
        line.push(' ');
        line.push_str(&known.label);
        if told {
            let name =
                span.name.iter().map(|name| ("name".to_owned(), Value::String(name.clone())));
            let attributes: Vec<_> = name.chain(span.attributes.iter().cloned()).collect();
            write_attributes(&mut line, &attributes, '(', ')');
        }
    }
    if !set.attributes.is_empty() {
        line.push(' ');
        write_attributes(&mut line, &set.attributes, '[', ']');
    }
    lines.push_str(&line);
    lines.push('\n');
}

fn write_attributes(line: &mut String, attributes: &[(String, Value)], open: char, close: char) {
    line.push(open);
    for (place, (name, value)) in attributes.iter().enumerate() {
        if place > 0 {
            line.push(' ');
        }
        line.push_str(name);
        line.push('=');
        value.write_json(line);
    }
    line.push(close);
}
