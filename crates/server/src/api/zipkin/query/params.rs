//! Parameters, by the rules of Zipkin and with its words for what is wrong: instants and periods in
//! milliseconds, durations of spans in microseconds.

use axum::extract::Request;
use watchkeep_engine::traces::{Begins, FieldIs, SpanSearch};
use watchkeep_model::{Error, Pattern, Result, SpanField, SpanScope, TenantId, TimeRange, TraceId};

use super::word_fields;
use crate::app::App;
use crate::form;
use crate::tenant::tenant_of;

/// How far back a question looks that does not say.
pub(super) const DAY_MS: i64 = 24 * 3600 * 1000;

/// Traces that a search tells where it names no number.
const LIMIT: usize = 10;

/// Who asks, and for what.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) tenant: TenantId,
    now_ns: i64,
    pairs: Vec<(String, String)>,
}

pub(super) fn missing(name: &str) -> Error {
    Error::invalid(format!("Required parameter '{name}' is not present."))
}

/// The milliseconds before and up to an instant.
pub(super) fn range(end_ms: i64, lookback_ms: i64) -> TimeRange {
    let ns = |ms: i64| ms.saturating_mul(1_000_000);
    TimeRange {
        start_ns: ns(end_ms.saturating_sub(lookback_ms)),
        // The whole of the last millisecond is inside.
        end_ns: ns(end_ms.saturating_add(1)),
    }
}

impl Call {
    pub(super) fn read(app: &App, request: &Request) -> Result<Self> {
        Ok(Self {
            tenant: tenant_of(request.headers())?,
            now_ns: app.engine.clock().now_ns(),
            pairs: form::decode(request.uri().query().unwrap_or_default().as_bytes())?,
        })
    }

    /// The first value of a parameter; empty without one.
    fn get(&self, name: &str) -> &str {
        let mut all = self.pairs.iter().filter(|(key, _)| key == name);
        all.next().map_or("", |(_, value)| value)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str> {
        match self.get(name) {
            "" => Err(missing(name)),
            value => Ok(value),
        }
    }

    /// A whole number above 0.
    pub(super) fn positive(&self, name: &str) -> Result<Option<i64>> {
        match self.get(name) {
            "" => Ok(None),
            text => match text.parse::<i64>() {
                Ok(number) if number > 0 => Ok(Some(number)),
                Ok(_) => Err(Error::invalid(format!("{name} <= 0"))),
                Err(_) => Err(Error::invalid(format!("{name} is not a number: {text:?}"))),
            },
        }
    }

    fn now_ms(&self) -> i64 {
        self.now_ns / 1_000_000
    }

    /// The day until now.
    pub(super) fn last_day(&self) -> TimeRange {
        range(self.now_ms(), DAY_MS)
    }

    /// At least two different ids, with commas between them.
    pub(super) fn trace_ids(&self, ids_max: usize) -> Result<Vec<TraceId>> {
        let text = self.get("traceIds");
        if text.is_empty() {
            return Err(Error::invalid("traceIds parameter is empty"));
        }
        let mut ids = Vec::new();
        let mut known = std::collections::HashSet::new();
        for text in text.split(',') {
            let id = trace_id(text.trim())?;
            if !known.insert(id) {
                return Err(Error::invalid(format!("redundant traceId: {}", text.trim())));
            }
            ids.push(id);
        }
        if ids.len() < 2 {
            let message = "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace";
            return Err(Error::invalid(message));
        }
        if ids.len() > ids_max {
            let message = format!("more than {ids_max} trace ids (traces.search_traces_max)");
            return Err(Error::invalid(message));
        }
        Ok(ids)
    }

    /// What a search asks for. All is of one span, and the trace begins in the time.
    pub(super) fn search(&self) -> Result<SpanSearch> {
        let limit = match self.positive("limit")? {
            None => LIMIT,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let end_ms = self.positive("endTs")?.unwrap_or(self.now_ms());
        let lookback_ms = self.positive("lookback")?.unwrap_or(DAY_MS);
        let (min, max) = (self.positive("minDuration")?, self.positive("maxDuration")?);
        match (min, max) {
            (None, Some(_)) => {
                return Err(Error::invalid("maxDuration is only valid with minDuration"));
            }
            (Some(min), Some(max)) if max < min => {
                return Err(Error::invalid("maxDuration < minDuration"));
            }
            _ => {}
        }
        let mut conditions = Vec::new();
        let peer = SpanField::Attribute(SpanScope::Span, "peer.service".to_owned());
        for (name, field) in [
            ("serviceName", SpanField::Service),
            ("spanName", SpanField::Name),
            ("remoteServiceName", peer),
        ] {
            let text = self.get(name);
            let is_any = text.is_empty() || name == "spanName" && text == "all";
            if !is_any {
                conditions.push(vec![(field, FieldIs::Like(in_any_case(text)?))]);
            }
        }
        conditions.extend(annotations(self.get("annotationQuery")));
        let ns = |micros: i64| micros.saturating_mul(1000);
        Ok(SpanSearch {
            range: range(end_ms, lookback_ms),
            begins: Begins::Trace,
            conditions,
            duration_ns_min: min.map(ns),
            // Nobody sees the rest of a microsecond.
            duration_ns_max: max.map(|max| ns(max).saturating_add(999)),
            limit,
        })
    }
}

/// A pattern for a text in whatever case.
fn in_any_case(text: &str) -> Result<Pattern> {
    let mut pattern = String::from("(?i:");
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push(')');
    Pattern::anchored(&pattern)
        .map_err(|error| Error::invalid(format!("the name is too long: {error}")))
}

/// `key=value and word and …`: tags, and annotations or keys of tags.
fn annotations(query: &str) -> Vec<Vec<(SpanField, FieldIs)>> {
    let mut all = Vec::new();
    for part in query.split(" and ").map(str::trim).filter(|part| !part.is_empty()) {
        let (word, value) = match part.split_once('=') {
            Some((key, value)) => (key.trim(), value.trim()),
            None => (part, ""),
        };
        if value.is_empty() {
            let mut any = vec![(SpanField::EventName, FieldIs::Text(word.to_owned()))];
            any.extend(word_fields(word).map(|field| (field, FieldIs::There)));
            any.extend(field_of(word, None));
            all.push(any);
        } else {
            let is = FieldIs::Text(value.to_owned());
            let mut any: Vec<_> =
                word_fields(word).map(|field| (field, is.clone())).into_iter().collect();
            any.extend(field_of(word, Some(value)));
            all.push(any);
        }
    }
    all
}

/// Tags that stand for fields of a span.
fn field_of(key: &str, value: Option<&str>) -> Vec<(SpanField, FieldIs)> {
    let is = || value.map_or(FieldIs::There, |value| FieldIs::Text(value.to_owned()));
    match (key, value) {
        ("error", None) => vec![(SpanField::StatusCode, FieldIs::Int(2))],
        ("error", Some(_)) => vec![(SpanField::StatusMessage, is())],
        ("otel.status_code", Some("ERROR")) => vec![(SpanField::StatusCode, FieldIs::Int(2))],
        ("otel.status_code", Some("OK")) => vec![(SpanField::StatusCode, FieldIs::Int(1))],
        ("otel.status_code", None) => {
            [1, 2].map(|code| (SpanField::StatusCode, FieldIs::Int(code))).to_vec()
        }
        ("otel.scope.name", _) => vec![(SpanField::ScopeName, is())],
        ("otel.scope.version", _) => vec![(SpanField::ScopeVersion, is())],
        _ => Vec::new(),
    }
}

/// Reads an id of 16 or 32 digits, or fewer, in small letters.
pub(super) fn trace_id(text: &str) -> Result<TraceId> {
    if text.is_empty() {
        return Err(Error::invalid("traceId is empty"));
    }
    if text.len() > 32 {
        return Err(Error::invalid("traceId.length > 32"));
    }
    let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !text.bytes().all(is_lower_hex) {
        let message = format!("{text} should be lower-hex encoded with no prefix");
        return Err(Error::invalid(message));
    }
    let id = TraceId::parse_hex(text)?;
    if id.is_some() { Ok(id) } else { Err(Error::invalid("traceId is all zeros")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case_and_as_they_are_written() {
        for (text, other, expect) in [
            ("get /a.b", "GET /A.B", true),
            ("get /a.b", "GET /AxB", false),
            ("shop", "shopping", false),
            ("größe", "GRÖSSE", false),
            ("größe", "GRÖßE", true),
            ("(a|b)", "(A|B)", true),
        ] {
            assert_eq!(in_any_case(text).unwrap().is_match(other), expect, "{text} {other}");
        }
    }

    #[test]
    fn trace_ids_are_small_hexadecimal_digits() {
        assert_eq!(trace_id("abc").unwrap(), TraceId::parse_hex("abc").unwrap());
        for (text, expect) in [
            ("", "traceId is empty"),
            ("0", "traceId is all zeros"),
            ("ABC", "ABC should be lower-hex encoded with no prefix"),
            ("0x1", "0x1 should be lower-hex encoded with no prefix"),
            ("000000000000000000000000000000001", "traceId.length > 32"),
        ] {
            assert_eq!(trace_id(text).unwrap_err().message(), expect);
        }
    }
}
