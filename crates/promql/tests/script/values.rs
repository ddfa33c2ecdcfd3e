//! Series and values as scripts write them: `1+2x3`, `_x4`, `stale`, `{{schema:1 count:2}}`.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::{BucketSpan, ResetHint};
use watchkeep_promql::ExprKind;
use watchkeep_promql::ast::Expr;
use watchkeep_promql::histogram;

use super::{Result, fail};

pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// What a series has at a step.
#[derive(Debug, Clone)]
pub(crate) enum Point {
    Nothing,
    Float(f64),
    Histogram {
        histogram: NativeHistogram,
        /// Whether the hint was written.
        has_hint: bool,
    },
}

/// `1h30m`, `0`, `15s`.
pub(crate) fn duration_ms(text: &str) -> Result<i64> {
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(0);
    }
    let mut total = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (value, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            "y" => 31_536_000_000,
            _ => return fail(format!("bad duration {text:?}")),
        };
        let Ok(value) = value.parse::<i64>() else { return fail(format!("bad duration {text:?}")) };
        total += value * unit;
        rest = after;
    }
    if text.trim().is_empty() { fail("a duration is missing") } else { Ok(total) }
}

/// A number in any form that the language has.
pub(crate) fn number(text: &str) -> Result<f64> {
    fn literal(expr: &Expr) -> Option<f64> {
        match &expr.kind {
            ExprKind::Number { value, .. } => Some(*value),
            ExprKind::Unary { negative, operand } => {
                let value = literal(operand)?;
                Some(if *negative { -value } else { value })
            }
            _ => None,
        }
    }
    let parsed = watchkeep_promql::parse(text.trim()).ok().and_then(|expr| literal(&expr));
    parsed.map_or_else(|| fail(format!("bad number {text:?}")), Ok)
}

/// A quoted text.
pub(crate) fn unquote(text: &str) -> Result<String> {
    match watchkeep_promql::parse(text).map(|expr| expr.kind) {
        Ok(ExprKind::String(text)) => Ok(text),
        _ => fail(format!("bad text {text:?}")),
    }
}

type Labels = Vec<(String, String)>;

/// Labels and values of a series.
pub(crate) fn series_line(line: &str) -> Result<(Labels, Vec<Point>)> {
    let (labels, rest) = metric(line)?;
    Ok((labels, points(rest)?))
}

fn metric(line: &str) -> Result<(Labels, &str)> {
    let mut labels = Vec::new();
    let is_name = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
    let mut rest = line;
    if line.starts_with(|c: char| c == '_' || c == ':' || c.is_ascii_alphabetic()) {
        let (name, after) = line.split_at(line.find(|c| !is_name(c)).unwrap_or(line.len()));
        labels.push(("__name__".to_owned(), name.to_owned()));
        rest = after;
    }
    let braces = rest.trim_start();
    if !braces.starts_with('{') || braces.starts_with("{{") {
        return Ok((labels, rest));
    }
    rest = &braces[1..];
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, after) = if rest.starts_with(['"', '\'', '`']) {
            let (text, after) = split_quoted(rest)?;
            (unquote(text)?, after)
        } else {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=') else {
            if name.is_empty() {
                return fail(format!("bad labels in {line:?}"));
            }
            labels.push(("__name__".to_owned(), name));
            rest = after;
            continue;
        };
        let (text, after) = split_quoted(value.trim_start())?;
        labels.push((name, unquote(text)?));
        rest = after;
    }
}

fn split_quoted(text: &str) -> Result<(&str, &str)> {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next().filter(|(_, c)| "\"'`".contains(*c)) else {
        return fail(format!("want a text in quotes: {text:?}"));
    };
    let mut escaped = false;
    for (at, c) in chars {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == quote {
            return Ok(text.split_at(at + 1));
        }
    }
    fail(format!("a text does not end: {text:?}"))
}

/// The words of a line of values; a histogram is one word.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c.is_whitespace() && depth == 0 {
            words.extend(start.take().map(|start| &text[start..at]));
        } else if start.is_none() {
            start = Some(at);
        }
    }
    words.extend(start.map(|start| &text[start..]));
    words
}

/// Splits `…x3` into what is repeated and how often more.
fn repeated(word: &str) -> (&str, usize) {
    if let Some((item, count)) = word.rsplit_once('x')
        && let Ok(count) = count.parse()
    {
        return (item, count);
    }
    (word, 0)
}

fn points(text: &str) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for word in words(text) {
        let (item, more) = repeated(word);
        match item {
            "_" => points.extend((0..more.max(1)).map(|_| Point::Nothing)),
            "stale" => points.extend((0..=more).map(|_| Point::Float(STALE))),
            _ if item.starts_with("{{") => histograms(item, more, &mut points)?,
            _ if item == word && number(word).is_ok() => points.push(Point::Float(number(word)?)),
            _ => floats(item, more, &mut points)?,
        }
    }
    Ok(points)
}

fn floats(item: &str, more: usize, points: &mut Vec<Point>) -> Result<()> {
    let sign = item
        .char_indices()
        .skip(1)
        .find(|(at, c)| "+-".contains(*c) && !item[..*at].ends_with(['e', 'E']))
        .map(|(at, _)| at);
    let (first, change) = sign.map_or((item, None), |at| (&item[..at], Some(&item[at..])));
    let mut value = number(first)?;
    let change = change.map(number).transpose()?;
    for _ in 0..=more {
        points.push(Point::Float(value));
        value += change.unwrap_or(0.0);
    }
    Ok(())
}

fn histograms(item: &str, more: usize, points: &mut Vec<Point>) -> Result<()> {
    let Some((first, rest)) = item[2..].split_once("}}") else {
        return fail(format!("bad histogram {item:?}"));
    };
    let (first, mut has_hint) = parse_histogram(first)?;
    if rest.is_empty() {
        points.extend((0..=more).map(|_| Point::Histogram { histogram: first.clone(), has_hint }));
        return Ok(());
    }
    let (sign, change) = rest.split_at(1);
    let change = change.trim_start_matches('{').trim_end_matches('}');
    let (change, change_has_hint) = parse_histogram(change)?;
    has_hint |= change_has_hint;
    let mut histogram = first;
    for _ in 0..=more {
        points.push(Point::Histogram { histogram: histogram.clone(), has_hint });
        let combined = if sign == "-" {
            histogram::subtract(&mut histogram, &change)
        } else {
            histogram::add(&mut histogram, &change)
        };
        if combined.is_err() {
            return fail("histograms do not go together");
        }
        if change_has_hint {
            histogram.reset_hint = change.reset_hint;
        }
    }
    Ok(())
}

/// What stands between `{{` and `}}`, and whether it has a hint.
fn parse_histogram(text: &str) -> Result<(NativeHistogram, bool)> {
    let mut histogram = NativeHistogram {
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        is_float: true,
        reset_hint: ResetHint::Unknown,
        positive_spans: Vec::new(),
        positive_counts: Vec::new(),
        negative_spans: Vec::new(),
        negative_counts: Vec::new(),
        custom_values: Vec::new(),
    };
    let (mut offset, mut negative_offset, mut has_hint) = (0, 0, false);
    let mut rest = text.trim();
    while let Some((key, after)) = rest.split_once(':') {
        let end = if after.starts_with('[') {
            after.find(']').map_or(after.len(), |at| at + 1)
        } else {
            after.find(char::is_whitespace).unwrap_or(after.len())
        };
        let (value, after) = after.split_at(end);
        rest = after.trim_start();
        let list = || -> Result<Vec<f64>> {
            value.trim_matches(['[', ']']).split_whitespace().map(number).collect()
        };
        let integer = || -> Result<i32> { value.parse().or_else(|_| fail("bad integer")) };
        match key {
            "schema" => histogram.schema = integer()?,
            "sum" => histogram.sum = number(value)?,
            "count" => histogram.count = number(value)?,
            "z_bucket" => histogram.zero_count = number(value)?,
            "z_bucket_w" => histogram.zero_threshold = number(value)?,
            "custom_values" => histogram.custom_values = list()?,
            "buckets" => histogram.positive_counts = list()?,
            "n_buckets" => histogram.negative_counts = list()?,
            "offset" => offset = integer()?,
            "n_offset" => negative_offset = integer()?,
            "counter_reset_hint" => {
                has_hint = true;
                histogram.reset_hint = match value {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Reset,
                    "not_reset" => ResetHint::NotReset,
                    "gauge" => ResetHint::Gauge,
                    _ => return fail(format!("unknown hint {value:?}")),
                };
            }
            _ => return fail(format!("unknown part of a histogram {key:?}")),
        }
    }
    let span = |offset, counts: &[f64]| {
        let length = counts.len() as u32;
        if length == 0 { vec![] } else { vec![BucketSpan { offset, length }] }
    };
    histogram.positive_spans = span(offset, &histogram.positive_counts);
    histogram.negative_spans = span(negative_offset, &histogram.negative_counts);
    Ok((histogram, has_hint))
}

/// A line of start times, relative to the samples.
pub(crate) fn start_times(text: &str) -> Result<Vec<Option<i64>>> {
    let signed = |text: &str| -> Result<i64> {
        match text.strip_prefix('-') {
            Some(text) => Ok(-duration_ms(text)?),
            None => duration_ms(text.trim_start_matches('+')),
        }
    };
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let (item, more) = repeated(word);
        if item == "_" {
            out.extend(std::iter::repeat_n(None, more.max(1)));
            continue;
        }
        let sign = item.char_indices().skip(1).find(|(_, c)| "+-".contains(*c)).map(|(at, _)| at);
        let (first, change) = sign.map_or((item, "0"), |at| item.split_at(at));
        let (mut value, change) = (signed(first)?, signed(change)?);
        for _ in 0..=more {
            out.push(Some(value));
            value += change;
        }
    }
    Ok(out)
}
