//! Scripts: records to be loaded, queries, and what they are to answer.
//!
//! ```text
//! load {app="web"}
//!   1s a line
//!   2s <user="bob"> a line with structured metadata
//!
//! lines 0s..10s forward: {app="web"}
//!   {app="web"}
//!     1s a line
//!   {app="web", user="bob"}
//!     2s a line with structured metadata
//!
//! instant 10s: sum(count_over_time({app="web"}[10s]))
//!   {} 2
//!
//! range 0s..10s step 5s: count_over_time({app="web"}[2s])
//!   {app="web"} _ 1 _
//!
//! fail instant 10s: {app="web"}
//!   log queries are not supported
//! ```
//!
//! A value for each step stands behind the labels of a series, `_` where there is none; a scalar has
//! no labels. `lines` takes `forward` or `backward`, then `limit N`, `every DURATION` and
//! `categorized`, with which entries show their metadata and parsed labels as `<…> <…>`. Of a failure
//! the text is a part. Records stay until `clear`.

use std::fmt::Write as _;
use std::sync::Arc;

use watchkeep_logql::eval::{
    Direction, EvalError, LabelSet, Options, Output, Range, Value, instant, range,
};
use watchkeep_logql::parse;
use watchkeep_model::Labels;

use crate::memory::{MemorySource, Record};

/// Runs a script and gives the differences, one a query.
pub(crate) fn run(script: &str) -> Vec<String> {
    let mut source = MemorySource { batch_rows: 3, ..MemorySource::default() };
    let mut differences = Vec::new();
    let mut blocks = Vec::<(usize, &str, Vec<&str>)>::new();
    for (number, line) in script.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match (line.starts_with(' '), blocks.last_mut()) {
            (true, Some((_, _, body))) => body.push(line),
            (true, None) => panic!("line {}: a block has no head", number + 1),
            (false, _) => blocks.push((number + 1, line, Vec::new())),
        }
    }
    for (number, head, body) in blocks {
        if head == "clear" {
            source.records.clear();
        } else if let Some(stream) = head.strip_prefix("load ") {
            load(&mut source, stream, &body);
        } else if let Some(difference) = query(&source, head, &body) {
            differences.push(format!("line {number}: {head}\n{difference}"));
        }
    }
    differences
}

fn load(source: &mut MemorySource, stream: &str, body: &[&str]) {
    let (stream, _) = label_set(stream);
    let stream = Arc::new(Labels::from_pairs(stream));
    for line in body {
        let (time, rest) = line.trim_start().split_once(' ').unwrap_or((line.trim(), ""));
        let (metadata, line) = match rest.strip_prefix('<') {
            Some(rest) => {
                let (metadata, line) = rest.split_once("> ").unwrap();
                (label_set(&format!("{{{metadata}}}")).0, line)
            }
            None => (Vec::new(), rest),
        };
        source.records.push(Record {
            stream: Arc::clone(&stream),
            time_ns: time_ns(time),
            line: unescape(line),
            metadata,
        });
    }
}

/// `\e` stands for the escape character.
fn unescape(line: &str) -> String {
    line.replace("\\e", "\u{1b}")
}

fn query(source: &MemorySource, head: &str, body: &[&str]) -> Option<String> {
    let (form, query) = head.split_once(": ").unwrap();
    let (fails, form) = form.strip_prefix("fail ").map_or((false, form), |form| (true, form));
    let found = ask(source, form, query);
    let expect: Vec<&str> = body.iter().map(|line| line.trim_end()).collect();
    match (found, fails) {
        (Ok(text), false) => {
            let found: Vec<&str> = text.lines().collect();
            (!same(&found, &expect))
                .then(|| format!("expected:\n{}\nfound:\n{text}", expect.join("\n")))
        }
        (Ok(text), true) => Some(format!("expected a failure, found:\n{text}")),
        (Err(error), true) => {
            let expect = expect.join("\n");
            (!error.contains(expect.trim())).then(|| format!("expected {expect}, found {error}"))
        }
        (Err(error), false) => Some(format!("failed: {error}")),
    }
}

/// Numbers are compared with a tolerance.
fn same(found: &[&str], expect: &[&str]) -> bool {
    let near = |found: &str, expect: &str| {
        found == expect
            || match (found.parse::<f64>(), expect.parse::<f64>()) {
                (Ok(found), Ok(expect)) => (found - expect).abs() <= 1e-9 * expect.abs(),
                _ => false,
            }
    };
    found.len() == expect.len()
        && found.iter().zip(expect).all(|(found, expect)| {
            let (found, expect) = (found.split(' '), expect.split(' '));
            found.clone().count() == expect.clone().count()
                && found.zip(expect).all(|(found, expect)| near(found, expect))
        })
}

fn ask(source: &MemorySource, form: &str, query: &str) -> Result<String, String> {
    let expr = parse(query).map_err(|error| error.to_string())?;
    let mut words = form.split(' ');
    let (kind, times) = (words.next().unwrap(), words.next().unwrap());
    let mut options = Options { now_ns: 1_000_000_000_000, ..Options::default() };
    let output = |found: Result<Output, EvalError>| found.map_err(|error| error.to_string());
    if kind == "instant" {
        let output = output(instant(&expr, source, time_ns(times), &options))?;
        return Ok(show(&output.value, &[], false));
    }
    let (start, end) = times.split_once("..").unwrap();
    let mut asked =
        Range { start_ns: time_ns(start), end_ns: time_ns(end), step_ns: 1, interval_ns: 0 };
    let (mut direction, mut limit, mut categorized) = (Direction::Forward, 1000, false);
    while let Some(word) = words.next() {
        match word {
            "step" => asked.step_ns = time_ns(words.next().unwrap()),
            "every" => asked.interval_ns = time_ns(words.next().unwrap()),
            "limit" => limit = words.next().unwrap().parse().unwrap(),
            "forward" => direction = Direction::Forward,
            "backward" => direction = Direction::Backward,
            "categorized" => categorized = true,
            "series" => options.series_max = words.next().unwrap().parse().unwrap(),
            "samples" => options.samples_max = words.next().unwrap().parse().unwrap(),
            "cut" => options.cut_series = true,
            other => panic!("unknown word {other}"),
        }
    }
    let output = output(range(&expr, source, &asked, limit, direction, &options))?;
    let steps: Vec<i64> = (asked.start_ns..=asked.end_ns)
        .step_by(asked.step_ns.unsigned_abs().try_into().unwrap())
        .take_while(|_| kind == "range")
        .map(|time_ns| time_ns / 1_000_000)
        .collect();
    let mut text = show(&output.value, &steps, categorized);
    for warning in &output.warnings {
        writeln!(text, "  warning: {warning}").unwrap();
    }
    Ok(text)
}

fn show(value: &Value, steps: &[i64], categorized: bool) -> String {
    let mut out = String::new();
    match value {
        Value::Scalar { value, .. } => writeln!(out, "  {}", number(*value)).unwrap(),
        Value::Vector(samples) => {
            for sample in samples {
                writeln!(out, "  {} {}", written(&sample.labels), number(sample.value)).unwrap();
            }
        }
        Value::Matrix(all) => {
            for series in all {
                let mut points = series.points.iter().peekable();
                write!(out, "  {}", written(&series.labels)).unwrap();
                for step in steps {
                    let mut any = false;
                    while let Some((_, value)) = points.next_if(|(time, _)| time == step) {
                        write!(out, " {}", number(*value)).unwrap();
                        any = true;
                    }
                    out.push_str(if any { "" } else { " _" });
                }
                assert_eq!(points.next(), None, "a point is at no step");
                out.push('\n');
            }
        }
        Value::Streams(streams) => {
            for stream in streams {
                writeln!(out, "  {}", written(&stream.labels)).unwrap();
                for entry in &stream.entries {
                    let time = entry.time_ns as f64 / 1e9;
                    write!(out, "    {time}s ").unwrap();
                    if categorized {
                        let (metadata, parsed) = (written(&entry.metadata), written(&entry.parsed));
                        write!(out, "{metadata} {parsed} ").unwrap();
                    }
                    writeln!(out, "{}", entry.line).unwrap();
                }
            }
        }
    }
    out
}

fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    value.to_string()
}

fn written(labels: &LabelSet) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// The labels at the beginning of a text, and what follows.
fn label_set(text: &str) -> (Vec<(String, String)>, &str) {
    let mut rest = text.strip_prefix('{').unwrap();
    let mut pairs = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return (pairs, after);
        }
        let (name, after) = rest.split_once("=\"").unwrap();
        let (value, after) = after.split_once('"').unwrap();
        pairs.push((name.to_owned(), value.to_owned()));
        rest = after.strip_prefix(", ").unwrap_or(after);
    }
}

/// Seconds with a fraction, or minutes.
fn time_ns(text: &str) -> i64 {
    let (digits, unit) = match (text.strip_suffix("ns"), text.strip_suffix('m')) {
        (Some(digits), _) => (digits, 1.0),
        (None, Some(digits)) => (digits, 60e9),
        (None, None) => (text.strip_suffix('s').unwrap(), 1e9),
    };
    (digits.parse::<f64>().unwrap() * unit).round() as i64
}
