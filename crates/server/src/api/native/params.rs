//! Parameters of requests: typed, checked once, with errors that name the parameter. Parameters
//! that are not known are errors too, since ignoring a mistyped filter would answer wrongly.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use jiff::Timestamp;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use watchkeep_engine::humane::{parse_duration, short};
use watchkeep_model::{Clock, Level, SpanId, TenantId, TimeRange, TraceId};

use super::error::ApiError;
use crate::app::App;
use crate::tenant::tenant_of;

/// The default range of time: the last hour.
const RANGE_NS: i64 = 3_600 * 1_000_000_000;

/// What every handler starts from: the tenant, and the parameters in the query string.
pub(super) struct Call<P> {
    pub(super) tenant: TenantId,
    pub(super) params: P,
}

/// For paths without parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParams {}

impl<P: DeserializeOwned> FromRequestParts<Arc<App>> for Call<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let tenant = tenant_of(&parts.headers)
            .map_err(|error| ApiError { error, field: Some("X-Scope-OrgID".into()) })?;
        Ok(Self { tenant, params: parse(parts.uri.query().unwrap_or_default())? })
    }
}

/// Reads a query string.
fn parse<P: DeserializeOwned>(query: &str) -> Result<P, ApiError> {
    let pairs = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let place = error.path().to_string();
        let message = error.into_inner().to_string();
        // A field that is missing or unknown is named in the message, in backticks.
        let named = message.split('`').nth(1).unwrap_or_default().to_owned();
        if message.starts_with("missing field") {
            ApiError::invalid(&named, "is missing")
        } else if message.starts_with("unknown field") {
            let expected = message.split(", ").skip(1).collect::<Vec<_>>().join(", ");
            ApiError::invalid(&short(&named), &format!("is not a parameter here; {expected}"))
        } else {
            let field = place.split(['[', '.']).next().unwrap_or_default();
            ApiError::invalid(field, &message)
        }
    })
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from)
}

/// An instant: unix nanoseconds, or RFC 3339.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instant(pub(super) i64);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = text(from)?;
        if let Ok(ns) = text.parse() {
            return Ok(Self(ns));
        }
        text.parse::<Timestamp>()
            .ok()
            .and_then(|timestamp| i64::try_from(timestamp.as_nanosecond()).ok())
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "must be unix nanoseconds or RFC 3339, got {:?}",
                    short(&text)
                ))
            })
    }
}

/// A duration in nanoseconds: humane (`1.5s`), or plain nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nanoseconds(pub(super) i64);

impl<'de> Deserialize<'de> for Nanoseconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = text(from)?;
        if let Ok(ns) = text.parse::<u64>() {
            return Ok(Self(i64::try_from(ns).unwrap_or(i64::MAX)));
        }
        let duration = parse_duration(&text).map_err(|error| D::Error::custom(error.message()))?;
        Ok(Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// `key=value`; the key ends at the first `=`.
#[derive(Debug, Clone)]
pub(super) struct KeyValue(String, String);

impl<'de> Deserialize<'de> for KeyValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = text(from)?;
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self(key.to_owned(), value.to_owned())),
            _ => Err(D::Error::custom(format!("must be key=value, got {:?}", short(&text)))),
        }
    }
}

/// Keys and values as the engine takes them.
pub(super) fn pairs(all: Vec<KeyValue>) -> Vec<(String, String)> {
    all.into_iter().map(|KeyValue(key, value)| (key, value)).collect()
}

/// A number from 1 to `MAX`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count<const MAX: usize>(pub(super) usize);

impl<'de, const MAX: usize> Deserialize<'de> for Count<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = text(from)?;
        match text.parse() {
            Ok(count) if (1..=MAX).contains(&count) => Ok(Self(count)),
            _ => Err(D::Error::custom(format!("must be 1 to {MAX}, got {:?}", short(&text)))),
        }
    }
}

macro_rules! id_param {
    ($name:ident, $id:ty) => {
        /// An id in hexadecimal.
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $name(pub(super) $id);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <$id>::parse_hex(&text(from)?)
                    .map(Self)
                    .map_err(|error| D::Error::custom(format!("is wrong: {}", error.message())))
            }
        }
    };
}
id_param!(TraceIdParam, TraceId);
id_param!(SpanIdParam, SpanId);

/// One of a few words.
macro_rules! word_param {
    ($name:ident($inner:ty): $($word:literal => $value:expr),*) => {
        /// One of a few words.
        #[derive(Debug, Clone, Copy)]
        pub(in crate::api::native) struct $name(pub(in crate::api::native) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as Deserialize>::deserialize(from)?;
                match &*text {
                    $($word => Ok(Self($value)),)*
                    _ => Err(<D::Error as serde::de::Error>::custom(format!(
                        "must be one of {}, got {:?}",
                        [$($word),*].join(", "),
                        short(&text)
                    ))),
                }
            }
        }
    };
}
/// Those of feedback.
pub(super) mod feedback;
/// Those of health.
pub(super) mod health;

word_param!(StatusParam(u8): "unset" => 0, "ok" => 1, "error" => 2);
word_param!(DirectionParam(watchkeep_engine::query::Direction):
    "backward" => watchkeep_engine::query::Direction::Backward,
    "forward" => watchkeep_engine::query::Direction::Forward);
word_param!(LevelParam(Level): "trace" => Level::Trace, "debug" => Level::Debug,
    "info" => Level::Info, "warn" => Level::Warn, "error" => Level::Error,
    "fatal" => Level::Fatal, "critical" => Level::Critical, "unknown" => Level::Unknown);

pub(super) use word_param;

/// The range between two optional instants; by default the last hour.
pub(super) fn range(
    start: Option<Instant>,
    end: Option<Instant>,
    clock: &dyn Clock,
) -> Result<TimeRange, ApiError> {
    range_of(start, end, clock, RANGE_NS)
}

/// The range between two optional instants; by default so many nanoseconds up to now.
pub(super) fn range_of(
    start: Option<Instant>,
    end: Option<Instant>,
    clock: &dyn Clock,
    default_ns: i64,
) -> Result<TimeRange, ApiError> {
    let end_ns = end.map_or_else(|| clock.now_ns(), |Instant(ns)| ns);
    let start_ns = start.map_or_else(|| end_ns.saturating_sub(default_ns), |Instant(ns)| ns);
    if start_ns >= end_ns {
        return Err(ApiError::invalid("start", "must be before end"));
    }
    Ok(TimeRange { start_ns, end_ns })
}

/// Parameters of how a budget stands.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BudgetStatusParams {
    /// Only this value of `each`, whether it spent or not.
    pub(super) scope_value: Option<String>,
    /// Most values; default 100.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<Count<1000>>,
}

/// Parameters of the events of budgets.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BudgetEventsParams {
    /// First instant: unix nanoseconds or RFC 3339; default 30 days before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Only of this budget, by its id.
    pub(super) budget: Option<String>,
    /// Most events; default 100.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<Count<1000>>,
}

/// Parameters of the list of traces.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TracesParams {
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Service of a span.
    pub(super) service: Option<String>,
    /// Name of the same span.
    pub(super) name: Option<String>,
    /// Status of the same span: `unset`, `ok` or `error`.
    #[param(value_type = Option<String>)]
    pub(super) status: Option<StatusParam>,
    /// Least duration of the trace, such as `250ms`.
    #[param(value_type = Option<String>)]
    pub(super) min_duration: Option<Nanoseconds>,
    /// Greatest duration of the trace.
    #[param(value_type = Option<String>)]
    pub(super) max_duration: Option<Nanoseconds>,
    /// `key=value` on the same span or its resource; may be repeated.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    pub(super) attribute: Vec<KeyValue>,
    /// How many, 1 to 1000; default 50.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<Count<1000>>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// A range of time.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RangeParams {
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
}

/// Parameters of the comparison of two traces.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CompareParams {
    /// Id of one trace: up to 32 hexadecimal digits.
    pub(super) left: String,
    /// Id of the other.
    pub(super) right: String,
}

/// Parameters of the comparison of spans.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LiftParams {
    /// Which spans, as a filter of TraceQL: `{ status = error }`.
    pub(super) q: String,
    /// Which other spans they are compared with; default `{ }`.
    pub(super) baseline: Option<String>,
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Most values; default 50.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<Count<1000>>,
}

/// Parameters of the list of operations.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OperationsParams {
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Only this service's.
    pub(super) service: Option<String>,
}

/// Parameters of the list of log records.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogsParams {
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Service that wrote the record.
    pub(super) service: Option<String>,
    /// `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `unknown`; may be repeated.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    pub(super) level: Vec<LevelParam>,
    /// Text that the body contains, in any case.
    pub(super) query: Option<String>,
    /// Trace that the record was written in, in hexadecimal.
    #[param(value_type = Option<String>)]
    pub(super) trace_id: Option<TraceIdParam>,
    /// Span that the record was written in, in hexadecimal.
    #[param(value_type = Option<String>)]
    pub(super) span_id: Option<SpanIdParam>,
    /// `key=value` on the record or its resource; may be repeated.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    pub(super) attribute: Vec<KeyValue>,
    /// How many, 1 to 5000; default 100.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 5000)]
    pub(super) limit: Option<Count<5000>>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
    /// `backward` (newest first, the default) or `forward`.
    #[param(value_type = Option<String>)]
    pub(super) direction: Option<DirectionParam>,
}

/// Parameters of the histogram of log records. The filter is written out again, because serde can
/// not refuse unknown parameters of a struct that is flattened into another.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistogramParams {
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Service that wrote the record.
    pub(super) service: Option<String>,
    /// `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `unknown`; may be repeated.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    pub(super) level: Vec<LevelParam>,
    /// Text that the body contains, in any case.
    pub(super) query: Option<String>,
    /// Trace that the record was written in, in hexadecimal.
    #[param(value_type = Option<String>)]
    pub(super) trace_id: Option<TraceIdParam>,
    /// Span that the record was written in, in hexadecimal.
    #[param(value_type = Option<String>)]
    pub(super) span_id: Option<SpanIdParam>,
    /// `key=value` on the record or its resource; may be repeated.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    pub(super) attribute: Vec<KeyValue>,
    /// How many steps of time, 1 to 500; default 60.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 500)]
    pub(super) buckets: Option<Count<500>>,
}

/// Parameters of the list of metrics.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MetricsParams {
    /// Text that the name contains, in any case.
    pub(super) search: Option<String>,
    /// How many, 1 to 10000; default 1000.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 10_000)]
    pub(super) limit: Option<Count<10_000>>,
}

/// Parameters of the labels of a metric.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LabelsParams {
    /// Name of the metric.
    pub(super) name: String,
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
}

/// Parameters of the series of a metric.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SeriesParams {
    /// Name of the metric.
    pub(super) name: String,
    /// `key=value` that the labels must have; may be repeated.
    #[serde(default)]
    #[param(value_type = Vec<String>)]
    pub(super) label: Vec<KeyValue>,
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Length of a step, such as `15s`; default one 300th of the range. Steps start at multiples
    /// of it.
    #[param(value_type = Option<String>)]
    pub(super) step: Option<Nanoseconds>,
    /// How many series, 1 to 1000; default 100.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<Count<1000>>,
}
