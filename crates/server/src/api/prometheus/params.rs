//! Parameters: from the query string and, with `POST`, from a form in the body, which come first.
//! What a parameter means, and how an error reads, is as in Prometheus (web/api/v1 of release 3.14);
//! parameters that are not known are ignored, as there.

use axum::extract::Request;
use http::Uri;
use jiff::Timestamp;
use watchkeep_model::{Error, Matcher, TenantId};
use watchkeep_promql::parse_selector;

use super::error::ApiError;
use crate::app::App;
use crate::form;
use crate::tenant::tenant_of;

/// The first and last instant that Prometheus takes for a range without bounds.
pub(super) const MIN_TIME_MS: i64 = i64::MIN / 1000 * 1000 + 62_135_596_801_000;
pub(super) const MAX_TIME_MS: i64 = i64::MAX / 1000 * 1000 - 62_135_596_801_000 + 999;

/// Who asks, and for what.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) tenant: TenantId,
    pairs: Vec<(String, String)>,
}

impl Call {
    /// Reads the parameters of a request.
    pub(super) async fn read(app: &App, request: Request) -> Result<Self, ApiError> {
        let tenant = tenant_of(request.headers())?;
        let pairs = form::read(app, request).await?;
        Ok(Self { tenant, pairs })
    }

    /// Reads those in the query string alone, where the body is something else.
    pub(super) fn of_query(uri: &Uri, tenant: TenantId) -> Result<Self, Error> {
        Ok(Self { tenant, pairs: form::decode(uri.query().unwrap_or_default().as_bytes())? })
    }

    /// The first value of a parameter; empty when absent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// An instant in milliseconds that must be there.
    pub(super) fn time(&self, name: &str) -> Result<i64, ApiError> {
        parse_time(self.get(name)).map_err(|message| ApiError::parameter(name, &message))
    }

    /// An instant in milliseconds.
    pub(super) fn time_or(&self, name: &str, default_ms: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default_ms),
            text => parse_time(text).map_err(|message| {
                let message = format!("invalid time value for '{name}': {message}");
                ApiError::parameter(name, &message)
            }),
        }
    }

    /// A duration in milliseconds that must be there.
    pub(super) fn duration(&self, name: &str) -> Result<i64, ApiError> {
        parse_duration(self.get(name)).map_err(|message| ApiError::parameter(name, &message))
    }

    /// The most answers that are wanted; `None` for all.
    pub(super) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<i64>() {
            Ok(0) => Ok(None),
            Ok(limit) if limit > 0 => Ok(Some(usize::try_from(limit).unwrap_or(usize::MAX))),
            Ok(_) => Err(ApiError::parameter("limit", "limit must be non-negative")),
            Err(_) => {
                let message = format!("strconv.Atoi: parsing {text:?}: invalid syntax");
                Err(ApiError::parameter("limit", &message))
            }
        }
    }

    /// The range `start` to `end`; everything by default.
    pub(super) fn range(&self) -> Result<(i64, i64), ApiError> {
        Ok((self.time_or("start", MIN_TIME_MS)?, self.time_or("end", MAX_TIME_MS)?))
    }

    /// The selectors in `match[]`, each of which must ask for something.
    pub(super) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        let mut selectors = Vec::new();
        for text in self.all("match[]") {
            let matchers =
                parse_selector(text).map_err(|error| ApiError::bad_data(error.display(text)))?;
            if matchers.iter().all(|matcher| matcher.accepts("")) {
                return Err(ApiError::bad_data(
                    "match[] must contain at least one non-empty matcher",
                ));
            }
            selectors.push(matchers);
        }
        Ok(selectors)
    }
}

/// Unix seconds, with a fraction, or RFC 3339; to milliseconds.
fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        return Ok((seconds * 1000.0).round() as i64);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    // What clients of Prometheus send for "no bound".
    match text {
        "-292273086-05-16T16:47:06Z" => Ok(MIN_TIME_MS),
        "292277025-08-18T07:12:54.999999999Z" => Ok(MAX_TIME_MS),
        _ => Err(format!("cannot parse {text:?} to a valid timestamp")),
    }
}

/// Seconds, or a duration such as `1h30m`; to milliseconds.
pub(super) fn parse_duration(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>()
        && !seconds.is_nan()
    {
        // Beyond this it does not fit into 64 bits of nanoseconds.
        if seconds.abs() > 9_223_372_036.0 {
            return Err(format!("cannot parse {text:?} to a valid duration. It overflows int64"));
        }
        return Ok((seconds * 1000.0) as i64);
    }
    watchkeep_promql::parse_duration(text)
        .map_err(|_| format!("cannot parse {text:?} to a valid duration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_seconds_or_rfc_3339() {
        let cases = [
            ("1435781430.781", Ok(1_435_781_430_781)),
            ("0", Ok(0)),
            ("-1.5", Ok(-1500)),
            ("1e3", Ok(1_000_000)),
            ("2015-07-01T20:10:51.781Z", Ok(1_435_781_451_781)),
            ("2015-07-01T22:10:51+02:00", Ok(1_435_781_451_000)),
            ("292277025-08-18T07:12:54.999999999Z", Ok(MAX_TIME_MS)),
            ("yesterday", Err("cannot parse \"yesterday\" to a valid timestamp".to_owned())),
            ("NaN", Err("cannot parse \"NaN\" to a valid timestamp".to_owned())),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_time(text), expect, "{text}");
        }
    }

    #[test]
    fn durations_are_seconds_or_humane() {
        let cases = [("15", Some(15_000)), ("0.5", Some(500)), ("1h30m", Some(5_400_000))];
        for (text, expect) in cases {
            assert_eq!(parse_duration(text).ok(), expect, "{text}");
        }
        for text in ["", "1x", "1e300"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
