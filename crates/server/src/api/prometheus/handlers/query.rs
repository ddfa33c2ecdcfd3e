//! Queries: at one instant, over a range, exemplars; and the text and tree of a query.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use watchkeep_engine::promql::{QueryOptions, Steps};
use watchkeep_promql::value::Stats;
use watchkeep_promql::{Annotations, Value, parse, pretty};

use super::super::error::ApiError;
use super::super::params::{Call, MAX_TIME_MS, MIN_TIME_MS, parse_duration};
use super::super::{json, tree};
use super::{Answer, answer, answer_json, cut};
use crate::app::App;

/// Steps that a range query may have. (Prometheus: "maximum resolution".)
const STEPS_MAX: i64 = 11_000;

/// `query`
pub(in super::super) async fn instant(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_instant(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_instant(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let limit = call.limit()?;
    let now_ms = app.engine.clock().now_ns().div_euclid(1_000_000);
    let steps = Steps::Instant { time_ms: call.time_or("time", now_ms)? };
    run(app, &call, steps, limit).await
}

/// `query_range`
pub(in super::super) async fn range(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_range(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_range(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let limit = call.limit()?;
    let (start_ms, end_ms) = (call.time("start")?, call.time("end")?);
    if end_ms < start_ms {
        let message = "end timestamp must not be before start time";
        return Err(ApiError::parameter("end", message));
    }
    let step_ms = call.duration("step")?;
    if step_ms <= 0 {
        let message = "zero or negative query resolution step widths are not accepted. Try a \
                       positive integer";
        return Err(ApiError::parameter("step", message));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > STEPS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
             resolution (?step=XX)",
        ));
    }
    run(app, &call, Steps::Range { start_ms, end_ms, step_ms }, limit).await
}

async fn run(app: &App, call: &Call, steps: Steps, limit: Option<usize>) -> Answer {
    let optional = |name: &str, text: &str| match text {
        "" => Ok(None),
        text => {
            parse_duration(text).map(Some).map_err(|message| ApiError::parameter(name, &message))
        }
    };
    let timeout = optional("timeout", call.get("timeout"))?;
    let lookback_ms = optional("lookback_delta", call.get("lookback_delta"))?;
    let options = QueryOptions {
        timeout: timeout.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs())),
        lookback_ms: lookback_ms.filter(|ms| *ms > 0),
    };
    let output = app.engine.promql(&call.tenant, call.get("query"), steps, options).await?;
    let (mut found, mut annotations) = (output.value, output.annotations);
    match &mut found {
        Value::Vector(samples) => cut(samples, limit, &mut annotations),
        Value::Matrix(series) => cut(series, limit, &mut annotations),
        Value::Scalar { .. } | Value::String { .. } => {}
    }
    let wants_stats = !call.get("stats").is_empty();
    answer(&annotations, |out| {
        out.push(b'{');
        json::value(out, &found);
        if wants_stats {
            stats(out, output.stats);
        }
        out.push(b'}');
    })
}

fn stats(out: &mut Vec<u8>, stats: Stats) {
    let Stats { samples_total, samples_peak } = stats;
    let text = serde_json::json!({
        "totalQueryableSamples": samples_total,
        "peakSamples": samples_peak,
    });
    out.extend_from_slice(b",\"stats\":{\"samples\":");
    out.extend_from_slice(text.to_string().as_bytes());
    out.push(b'}');
}

/// `query_exemplars`
pub(in super::super) async fn exemplars(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_exemplars(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_exemplars(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let start_ms = call.time_or("start", MIN_TIME_MS)?;
    let end_ms = call.time_or("end", MAX_TIME_MS)?;
    if end_ms < start_ms {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    }
    let query = call.get("query");
    let expr = parse(query).map_err(|error| ApiError::bad_data(error.display(query)))?;
    let selectors = expr.selectors().into_iter().map(|one| one.matchers.clone()).collect();
    let found = app.engine.exemplars(&call.tenant, selectors, start_ms, end_ms).await?;
    answer(&Annotations::default(), |out| {
        out.push(b'[');
        json::list(out, &found, |out, (series, exemplars)| {
            out.extend_from_slice(b"{\"seriesLabels\":");
            json::labels(out, series);
            out.extend_from_slice(b",\"exemplars\":[");
            json::list(out, exemplars, |out, exemplar| {
                out.extend_from_slice(b"{\"labels\":");
                json::labels(out, &exemplar.labels);
                out.extend_from_slice(b",\"value\":");
                json::number(out, exemplar.value);
                out.extend_from_slice(b",\"timestamp\":");
                json::timestamp(out, exemplar.time_ms);
                out.push(b'}');
            });
            out.extend_from_slice(b"]}");
        });
        out.push(b']');
    })
}

/// `format_query`
pub(in super::super) async fn format(State(app): State<Arc<App>>, request: Request) -> Response {
    let formatted = async {
        let call = Call::read(&app, request).await?;
        let query = call.get("query");
        let expr =
            parse(query).map_err(|error| ApiError::parameter("query", &error.display(query)))?;
        answer_json(&pretty(&expr).into())
    };
    formatted.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// `parse_query`
pub(in super::super) async fn tree(State(app): State<Arc<App>>, request: Request) -> Response {
    let parsed = async {
        let call = Call::read(&app, request).await?;
        let query = call.get("query");
        let expr =
            parse(query).map_err(|error| ApiError::parameter("query", &error.display(query)))?;
        answer_json(&tree::of(&expr))
    };
    parsed.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}
