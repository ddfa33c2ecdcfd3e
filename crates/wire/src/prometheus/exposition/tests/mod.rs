//! Tables of what each format accepts and refuses. An exposition is shown as one line a statement.

mod content_type;
mod import;
mod nhcb;
mod openmetrics;
mod properties;
mod protobuf;
mod text;
mod write;

use super::{Entry, Format, LabelPairs, Options, ParseError, Parser, Sample, SampleValue};

/// Every statement as a line; the error, if any, as the last.
pub(super) fn shown(body: &[u8], format: Format, options: Options) -> Vec<String> {
    let mut parser = Parser::new(body, format, options);
    let mut out = Vec::new();
    loop {
        match parser.next().and_then(|entry| entry.map(|entry| line(&entry)).transpose()) {
            Ok(Some(line)) => out.push(line),
            Ok(None) => return out,
            Err(error) => {
                out.push(format!("error: {error}"));
                return out;
            }
        }
    }
}

fn line(entry: &Entry<'_>) -> Result<String, ParseError> {
    Ok(match entry {
        Entry::Help { family, help } => format!("HELP {family} {help:?}"),
        Entry::Type { family, kind } => format!("TYPE {family} {}", kind.name()),
        Entry::Unit { family, unit } => format!("UNIT {family} {unit}"),
        Entry::Sample(sample) => sample_line(sample)?,
    })
}

fn sample_line(sample: &Sample<'_>) -> Result<String, ParseError> {
    let value = match sample.value {
        SampleValue::Float(value) => value.to_string(),
        SampleValue::Histogram(histogram) => {
            let h = histogram;
            let counts: Vec<String> =
                h.buckets().map(|b| format!("{}:{}", b.upper, b.count)).collect();
            format!("schema={} count={} sum={} [{}]", h.schema, h.count, h.sum, counts.join(" "))
        }
    };
    let mut out = format!("{} {value}", braces(&sample.labels()?));
    if let Some(time_ms) = sample.time_ms {
        push(&mut out, format_args!(" @{time_ms}"));
    }
    if sample.start_ms != 0 {
        push(&mut out, format_args!(" start={}", sample.start_ms));
    }
    assert_eq!(sample.has_exemplars(), !sample.exemplars()?.is_empty());
    for exemplar in sample.exemplars()? {
        push(&mut out, format_args!(" # {} {}", braces(&exemplar.labels), exemplar.value));
        if let Some(time_ms) = exemplar.time_ms {
            push(&mut out, format_args!(" @{time_ms}"));
        }
    }
    Ok(out)
}

fn push(out: &mut String, more: std::fmt::Arguments<'_>) {
    std::fmt::Write::write_fmt(out, more).unwrap();
}

/// The metric's name, and the other labels in braces.
fn braces(pairs: &LabelPairs<'_>) -> String {
    let name = pairs.iter().find(|(name, _)| name == "__name__").map_or("", |(_, value)| value);
    let others = pairs.iter().filter(|(name, _)| name != "__name__");
    let others: Vec<String> = others.map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{name}{{{}}}", others.join(","))
}

/// Each input with the lines that are expected of it.
pub(super) fn check(format: Format, options: Options, cases: &[(&str, &[&str])]) {
    for (input, expect) in cases {
        assert_eq!(&shown(input.as_bytes(), format, options), expect, "{input:?}");
    }
}
