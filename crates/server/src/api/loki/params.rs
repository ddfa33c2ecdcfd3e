//! Parameters, by the rules of Loki (pkg/loghttp): instants as nanoseconds, as seconds with a
//! fraction or in RFC 3339, durations as seconds or as Prometheus writes them; what is not known is
//! ignored.

use axum::extract::Request;
use http::HeaderMap;
use jiff::Timestamp;
use watchkeep_engine::logs::{Direction, Range};
use watchkeep_model::{Error, Matcher, TenantId, TimeRange};

use super::error::ApiError;
use crate::app::App;
use crate::form;
use crate::tenant::{TENANT_HEADER, tenant_of};

/// Lines where nothing else is asked for.
const LIMIT_DEFAULT: usize = 100;

/// Steps that a range query may have.
const STEPS_MAX: i64 = 11_000;

const SECOND_NS: i64 = 1_000_000_000;
const HOUR_NS: i64 = 3600 * SECOND_NS;

/// Who asks, and for what.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) tenant: TenantId,
    /// Whether labels should come apart by where they are from.
    pub(super) categorize_labels: bool,
    now_ns: i64,
    pairs: Vec<(String, String)>,
}

/// The tenant of a request. Loki reads several with `a|b`; here a request is for one.
pub(super) fn tenant(headers: &HeaderMap) -> Result<TenantId, Error> {
    let several = headers.get(TENANT_HEADER).is_some_and(|name| name.as_bytes().contains(&b'|'));
    if several {
        return Err(Error::invalid(
            "multiple org IDs present: a request is for one tenant (X-Scope-OrgID)",
        ));
    }
    tenant_of(headers)
}

impl Call {
    /// Reads the parameters of a request.
    pub(super) async fn read(app: &App, request: Request) -> Result<Self, ApiError> {
        let tenant = tenant(request.headers())?;
        let flags = request.headers().get("x-loki-response-encoding-flags");
        let flags = flags.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let categorize_labels = flags.split(',').any(|flag| flag.trim() == "categorize-labels");
        let now_ns = app.engine.clock().now_ns();
        let pairs = form::read(app, request).await?;
        Ok(Self { tenant, categorize_labels, now_ns, pairs })
    }

    /// The first value of a parameter; empty when absent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// When the request came, nanoseconds since the epoch.
    pub(super) fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// A count that is above 0.
    pub(super) fn count(&self, name: &str, default: usize) -> Result<usize, ApiError> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(default);
        }
        let count: i64 = text.parse().map_err(|_| {
            ApiError::bad_request(format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
        })?;
        match u32::try_from(count) {
            Ok(0) | Err(_) if count <= 0 => {
                Err(ApiError::bad_request("limit must be a positive value"))
            }
            Ok(count) => Ok(count as usize),
            Err(_) => Err(ApiError::bad_request(format!(
                "{name} value {count} is out of range [0, {}]",
                u32::MAX
            ))),
        }
    }

    /// How many lines are wanted.
    pub(super) fn limit(&self) -> Result<usize, ApiError> {
        self.count("limit", LIMIT_DEFAULT)
    }

    /// The instant `time`; now by default.
    pub(super) fn time_ns(&self) -> Result<i64, ApiError> {
        self.instant("time", self.now_ns).map_err(ApiError::bad_request)
    }

    fn instant(&self, name: &str, default_ns: i64) -> Result<i64, String> {
        match self.get(name) {
            "" => Ok(default_ns),
            text => parse_instant(text),
        }
    }

    /// The range `start` to `end`: by default the last hour, or what `since` says.
    pub(super) fn bounds(&self) -> Result<(i64, i64), ApiError> {
        let wrong = |name: &str, message: String| {
            ApiError::bad_request(format!("could not parse '{name}' parameter: {message}"))
        };
        let since_ns = match self.get("since") {
            "" => HOUR_NS,
            text => {
                watchkeep_promql::parse_duration(text)
                    .map(|ms| ms.saturating_mul(1_000_000))
                    .map_err(|_| wrong("since", format!("not a valid duration string: {text:?}")))?
            }
        };
        let end_ns = self.instant("end", self.now_ns).map_err(|message| wrong("end", message))?;
        let default_ns = end_ns.min(self.now_ns).saturating_sub(since_ns);
        let start_ns =
            self.instant("start", default_ns).map_err(|message| wrong("start", message))?;
        Ok((start_ns, end_ns))
    }

    /// As [`Call::bounds`], of which the end must not be before the start.
    pub(super) fn range(&self) -> Result<TimeRange, ApiError> {
        let (start_ns, end_ns) = self.bounds()?;
        if end_ns < start_ns {
            return Err(ApiError::bad_request(
                "end timestamp must not be before or equal to start time",
            ));
        }
        Ok(TimeRange { start_ns, end_ns })
    }

    /// The range and steps of a query.
    pub(super) fn steps(&self) -> Result<Range, ApiError> {
        let TimeRange { start_ns, end_ns } = self.range()?;
        let length_ns = end_ns.saturating_sub(start_ns);
        let step_ns = match self.get("step") {
            "" => (length_ns / SECOND_NS / 250).max(1).saturating_mul(SECOND_NS),
            text => parse_seconds_or_duration(text)?,
        };
        if step_ns <= 0 {
            return Err(ApiError::bad_request(
                "zero or negative query resolution step widths are not accepted. Try a positive \
                 integer",
            ));
        }
        if length_ns / step_ns > STEPS_MAX {
            return Err(ApiError::bad_request(
                "exceeded maximum resolution of 11,000 points per time series. Try increasing the \
                 value of the step parameter",
            ));
        }
        let interval_ns = match self.get("interval") {
            "" => 0,
            text => parse_seconds_or_duration(text)?,
        };
        if interval_ns < 0 {
            return Err(ApiError::bad_request("interval must be >= 0"));
        }
        Ok(Range { start_ns, end_ns, step_ns, interval_ns })
    }

    /// Which lines come first; the newest by default.
    pub(super) fn direction(&self) -> Result<Direction, ApiError> {
        let text = self.get("direction");
        if text.is_empty() || text.eq_ignore_ascii_case("backward") {
            Ok(Direction::Backward)
        } else if text.eq_ignore_ascii_case("forward") {
            Ok(Direction::Forward)
        } else {
            Err(ApiError::bad_request(format!("invalid direction '{text}'")))
        }
    }

    /// A selector of streams; none matches every stream.
    pub(super) fn matchers(&self, name: &str) -> Result<Vec<Matcher>, ApiError> {
        selector(self.get(name))
    }
}

/// Reads a selector; an empty one matches everything.
pub(super) fn selector(text: &str) -> Result<Vec<Matcher>, ApiError> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if matches!(&*bare, "" | "{}") {
        return Ok(Vec::new());
    }
    watchkeep_logql::parse_selector(text).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// Nanoseconds since the epoch, seconds (of at most ten digits, or with a fraction), or RFC 3339.
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

/// Seconds, or a duration such as `1h30m`; to nanoseconds.
fn parse_seconds_or_duration(text: &str) -> Result<i64, ApiError> {
    if let Ok(seconds) = text.parse::<f64>()
        && !seconds.is_nan()
    {
        let ns = seconds * 1e9;
        if ns.abs() > i64::MAX as f64 {
            return Err(ApiError::bad_request(format!(
                "cannot parse {text:?} to a valid duration. It overflows int64"
            )));
        }
        return Ok(ns as i64);
    }
    watchkeep_promql::parse_duration(text)
        .map(|ms| ms.saturating_mul(1_000_000))
        .map_err(|_| ApiError::bad_request(format!("cannot parse {text:?} to a valid duration")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_nanoseconds_seconds_or_rfc_3339() {
        let cases = [
            ("1571332130", Some(1_571_332_130 * SECOND_NS)),
            ("1571334162051000000", Some(1_571_334_162_051_000_000)),
            ("1571332130.934", Some(1_571_332_130_934_000_000)),
            ("2002-10-02T15:00:00Z", Some(1_033_570_800 * SECOND_NS)),
            ("2019-10-17T17:00:00.5+02:00", Some(1_571_324_400_500_000_000)),
            ("we", None),
            ("", None),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_instant(text).ok(), expect, "{text}");
        }
    }

    #[test]
    fn durations_are_seconds_or_written_out() {
        let cases = [
            ("5", 5 * SECOND_NS),
            ("0.5", SECOND_NS / 2),
            ("1m30s", 90 * SECOND_NS),
            ("-1", -SECOND_NS),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_seconds_or_duration(text).ok(), Some(expect), "{text}");
        }
        assert!(parse_seconds_or_duration("1e300").is_err());
        assert!(parse_seconds_or_duration("soon").is_err());
    }
}
