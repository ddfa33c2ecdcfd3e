//! Parameters, by the rules of Tempo (documentation, "Tempo HTTP API"): from the query string alone;
//! an empty one is as good as none; what is not known is ignored.

use axum::extract::Request;
use http::{HeaderMap, header};
use jiff::Timestamp;
use watchkeep_model::{TenantId, TimeRange, TraceId};
use watchkeep_promql::go::parse_duration as parse_go_duration;

use super::error::ApiError;
use crate::app::App;
use crate::form;
use crate::tenant::tenant_of;

pub(super) const SECOND_NS: i64 = 1_000_000_000;
const HOUR_NS: i64 = 3600 * SECOND_NS;

/// Who asks, and for what.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) tenant: TenantId,
    pub(super) accepts: Format,
    now_ns: i64,
    pairs: Vec<(String, String)>,
}

/// In which form a client wants the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Protobuf,
    /// `application/vnd.grafana.llm`
    Llm,
}

impl Format {
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let accepts = |name: &str| accept.is_some_and(|accept| accept.contains(name));
        if accepts("application/protobuf") {
            Self::Protobuf
        } else if accepts("application/json") {
            Self::Json
        } else if accepts("application/vnd.grafana.llm") {
            Self::Llm
        } else {
            Self::Json
        }
    }
}

impl Call {
    /// Reads the parameters of a request.
    pub(super) fn read(app: &App, request: &Request) -> Result<Self, ApiError> {
        Ok(Self {
            tenant: tenant_of(request.headers())?,
            accepts: Format::of(request.headers()),
            now_ns: app.engine.clock().now_ns(),
            pairs: form::decode(request.uri().query().unwrap_or_default().as_bytes())?,
        })
    }

    /// The first value of a parameter that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.pairs.iter().filter(|(key, _)| key == name);
        all.next().map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// All parameters.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// A number of 32 bits.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let why = if text.bytes().all(|byte| byte.is_ascii_digit()) {
                "value out of range"
            } else {
                "invalid syntax"
            };
            let message = format!("invalid {name}: strconv.ParseUint: parsing {text:?}: {why}");
            ApiError::bad_request(message)
        })
    }

    /// `start` and `end` in seconds; 0 for those that are not given.
    pub(super) fn seconds(&self) -> Result<(u32, u32), ApiError> {
        Ok((self.number("start")?.unwrap_or(0), self.number("end")?.unwrap_or(0)))
    }

    /// Range of a metric query: by default the last hour, or what `since` says.
    pub(super) fn bounds(&self) -> Result<(i64, i64), ApiError> {
        let wrong = |name: &str, message: String| {
            ApiError::bad_request(format!("could not parse '{name}' parameter: {message}"))
        };
        let since_ns = match self.get("since") {
            None => HOUR_NS,
            Some(text) => watchkeep_promql::parse_duration(text)
                .map(|ms| ms.saturating_mul(1_000_000))
                .map_err(|_| wrong("since", format!("not a valid duration string: {text:?}")))?,
        };
        let instant = |name: &str, default_ns: i64| match self.get(name) {
            None => Ok(default_ns),
            Some(text) => parse_instant(text).map_err(|message| wrong(name, message)),
        };
        let end_ns = instant("end", self.now_ns)?;
        let start_ns = instant("start", end_ns.min(self.now_ns).saturating_sub(since_ns))?;
        Ok((start_ns, end_ns))
    }

    /// The step of a metric query, nanoseconds, where one is named.
    pub(super) fn step(&self) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get("step") else { return Ok(None) };
        let wrong = |why: &str| ApiError::bad_request(format!("cannot parse {text:?}{why}"));
        let step_ns = if let Ok(seconds) = text.parse::<f64>() {
            let ns = seconds * 1e9;
            if ns.is_nan() || ns.abs() > i64::MAX as f64 {
                return Err(wrong(" to a valid duration. It overflows int64"));
            }
            ns as i64
        } else {
            parse_go_duration(text).map_err(|_| wrong(" to a valid duration"))?
        };
        if step_ns < 0 {
            return Err(wrong(": step must be positive"));
        }
        Ok(Some(step_ns))
    }
}

/// A range of seconds, both ends included; 0 and 0 is all there is.
pub(super) fn range_of(start: u32, end: u32) -> TimeRange {
    if start == 0 && end == 0 {
        return TimeRange::ALL;
    }
    let end_ns = if end == 0 { i64::MAX } else { i64::from(end) * SECOND_NS + 1 };
    TimeRange { start_ns: i64::from(start) * SECOND_NS, end_ns }
}

/// Reads a trace id, in Tempo's words where it is none.
pub(super) fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    let is_hex = |c: &char| c.is_ascii_hexdigit();
    if let Some((at, wrong)) = text.char_indices().find(|(_, c)| !is_hex(c)) {
        return Err(ApiError::bad_request(format!(
            "trace IDs can only contain hex characters: invalid character '{wrong}' at position {}",
            at + 1
        )));
    }
    if text.len() > 32 {
        return Err(ApiError::bad_request("trace IDs can't be larger than 128 bits"));
    }
    Ok(TraceId::parse_hex(text)?)
}

/// Seconds (of at most ten digits, or with a fraction), nanoseconds, or RFC 3339.
fn parse_instant(text: &str) -> Result<i64, String> {
    if text.contains('.')
        && let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        let millis = (seconds.fract() * 1000.0).round();
        let whole = (seconds.trunc() as i64).saturating_mul(SECOND_NS);
        return Ok(whole.saturating_add(millis as i64 * 1_000_000));
    }
    if let Ok(number) = text.parse::<i64>() {
        let is_seconds = text.len() <= 10;
        return Ok(if is_seconds { number.saturating_mul(SECOND_NS) } else { number });
    }
    let time: Option<Timestamp> = text.parse().ok();
    time.and_then(|time| i64::try_from(time.as_nanosecond()).ok())
        .ok_or_else(|| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
}

/// `true` and `false` as Go reads them.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_seconds_nanoseconds_or_rfc_3339() {
        for (text, expect) in [
            ("1571332130", Some(1_571_332_130 * SECOND_NS)),
            ("1571334162051000000", Some(1_571_334_162_051_000_000)),
            ("1571332130.934", Some(1_571_332_130_934_000_000)),
            ("2002-10-02T15:00:00Z", Some(1_033_570_800 * SECOND_NS)),
            ("we", None),
            ("", None),
        ] {
            assert_eq!(parse_instant(text).ok(), expect, "{text}");
        }
    }

    #[test]
    fn ids_are_hexadecimal_of_either_case_and_may_be_short() {
        assert_eq!(trace_id("ABC").unwrap(), TraceId::parse_hex("abc").unwrap());
        for bad in ["", "xyz", "0123456789abcdef0123456789abcdef0"] {
            assert!(trace_id(bad).is_err(), "{bad:?}");
        }
    }
}
