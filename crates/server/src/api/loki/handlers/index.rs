//! How much there is: figures of streams, without reading them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::json;
use watchkeep_engine::logs::QueryStats;
use watchkeep_model::{Labels, MatchOp, Matcher, TimeRange};
use watchkeep_storage::seam::Bucket;

use super::super::error::ApiError;
use super::super::json::{Figures, point, stats as write_stats};
use super::super::params::Call;
use super::{Answer, json as answer_json};
use crate::app::App;
use crate::json::{labels as write_labels, list, push, string};

/// Series of a volume where nothing else is asked for.
const VOLUME_LIMIT_DEFAULT: usize = 100;

/// One past the last instant of a range of which Loki includes the end.
fn closed(range: TimeRange) -> TimeRange {
    TimeRange { end_ns: range.end_ns.saturating_add(1), ..range }
}

/// `index/stats`
pub(in super::super) async fn stats(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let range = closed(call.range()?);
        let matchers = required(&call)?;
        let streams = app.engine.log_streams(&call.tenant, matchers, range).await?;
        let rows: u64 = streams.iter().map(|stream| stream.rows).sum();
        let bytes: u64 = streams.iter().map(|stream| stream.bytes).sum();
        // There are no chunks; a stream stands for one.
        let count = streams.len();
        let answer = json!({ "streams": count, "chunks": count, "bytes": bytes, "entries": rows });
        Ok(answer_json(answer.to_string().into_bytes()))
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// The selector of a request, which must be there; stages after it do not matter.
fn required(call: &Call) -> Result<Vec<Matcher>, ApiError> {
    watchkeep_logql::parse_log(call.get("query"))
        .map(|log| log.matchers)
        .map_err(|error| ApiError::bad_request(error.to_string()))
}

/// `index/shards`: one shard that holds everything.
pub(in super::super) async fn shards(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async {
        let call = Call::read(&app, request).await?;
        let range = closed(call.range()?);
        let streams = app.engine.log_streams(&call.tenant, required(&call)?, range).await?;
        let rows: u64 = streams.iter().map(|stream| stream.rows).sum();
        let bytes: u64 = streams.iter().map(|stream| stream.bytes).sum();
        let count = streams.len();
        let shard = json!({
            "bounds": { "min": 0, "max": u64::MAX },
            "stats": { "streams": count, "chunks": count, "bytes": bytes, "entries": rows },
        });
        Ok(answer_json(json!({ "shards": [shard] }).to_string().into_bytes()))
    };
    answer.await.unwrap_or_else(|error: ApiError| error.respond(&app))
}

/// What volumes are added up by.
struct Grouping {
    /// By the names of labels instead of by their values.
    by_names: bool,
    /// The labels that tell; all where there are none and every stream is asked for.
    labels: BTreeSet<String>,
    all: bool,
}

/// Reads selector and grouping of a request.
fn volume_of(call: &Call) -> Result<(Vec<Matcher>, Grouping), ApiError> {
    let by_names = match call.get("aggregateBy") {
        "" | "series" => false,
        "labels" => true,
        _ => return Err(ApiError::bad_request("invalid aggregation option")),
    };
    let mut matchers = call.matchers("query")?;
    let targets: BTreeSet<String> = call
        .get("targetLabels")
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    for target in &targets {
        if !matchers.iter().any(|matcher| matcher.label() == target) {
            matchers.push(Matcher::new(target.as_str(), MatchOp::Regex, ".+")?);
        }
    }
    let all = targets.is_empty() && (matchers.is_empty() || by_names);
    let labels = if targets.is_empty() {
        matchers.iter().map(|matcher| matcher.label().to_owned()).collect()
    } else {
        targets
    };
    Ok((matchers, Grouping { by_names, labels, all }))
}

impl Grouping {
    /// The groups that a stream belongs to.
    fn groups(&self, labels: &Labels) -> Vec<Labels> {
        let tells = |name: &[u8]| {
            self.all || std::str::from_utf8(name).is_ok_and(|name| self.labels.contains(name))
        };
        let told = labels.kept(tells);
        if !self.by_names {
            return vec![told];
        }
        // A name stands for itself; see `metric`.
        told.iter().map(|(name, _)| Labels::from_pairs([(name, "-")])).collect()
    }

    fn metric(&self, out: &mut Vec<u8>, group: &Labels) {
        if !self.by_names {
            return write_labels(out, group);
        }
        out.push(b'{');
        list(out, group.iter(), |out, (name, _)| {
            string(out, name);
            out.extend_from_slice(b":\"\"");
        });
        out.push(b'}');
    }
}

fn volume_limit(call: &Call) -> Result<usize, ApiError> {
    match call.get("limit") {
        "0" => Ok(VOLUME_LIMIT_DEFAULT),
        _ => call.count("limit", VOLUME_LIMIT_DEFAULT),
    }
}

/// `index/volume`
pub(in super::super) async fn volume(State(app): State<Arc<App>>, request: Request) -> Response {
    answer_volume(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_volume(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let limit = volume_limit(&call)?;
    let range = call.range()?;
    let (matchers, grouping) = volume_of(&call)?;
    let streams = app.engine.log_streams(&call.tenant, matchers, closed(range)).await?;
    let mut volumes: BTreeMap<Labels, u64> = BTreeMap::new();
    for stream in streams {
        for group in grouping.groups(&stream.labels) {
            *volumes.entry(group).or_default() += stream.bytes;
        }
    }
    let end_ms = range.end_ns.div_euclid(1_000_000);
    let mut sorted: Vec<(Labels, u64)> = volumes.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.compare(&b.0)));
    sorted.truncate(limit);
    Ok(answer(&sorted, "vector", |out, (group, bytes)| {
        out.extend_from_slice(b"{\"metric\":");
        grouping.metric(out, group);
        out.extend_from_slice(b",\"value\":");
        point(out, end_ms, *bytes as f64);
        out.push(b'}');
    }))
}

fn answer<T>(series: &[T], kind: &str, write: impl FnMut(&mut Vec<u8>, &T)) -> Response {
    let mut out = Vec::new();
    push(
        &mut out,
        format_args!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"{kind}\",\"result\":["),
    );
    list(&mut out, series, write);
    out.extend_from_slice(b"],");
    let figures = Figures { seconds: 0.0, stats: QueryStats::default(), returned: series.len() };
    write_stats(&mut out, figures);
    out.extend_from_slice(b"}}\n");
    answer_json(out)
}

/// `index/volume_range`
pub(in super::super) async fn volume_range(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    answer_volume_range(&app, request).await.unwrap_or_else(|error| error.respond(&app))
}

async fn answer_volume_range(app: &App, request: Request) -> Answer {
    let call = Call::read(app, request).await?;
    let limit = volume_limit(&call)?;
    let steps = call.steps()?;
    let (matchers, grouping) = volume_of(&call)?;
    let origin_ns = steps.start_ns - steps.start_ns.rem_euclid(steps.step_ns);
    let bucket = Bucket { origin_ns, step_ns: steps.step_ns };
    let range = TimeRange { start_ns: steps.start_ns, end_ns: steps.end_ns };
    let streams = app.engine.log_volume(&call.tenant, matchers, range, bucket).await?;
    let mut volumes: BTreeMap<Labels, BTreeMap<i64, u64>> = BTreeMap::new();
    for stream in streams {
        for group in grouping.groups(&stream.labels) {
            let of_group = volumes.entry(group).or_default();
            for (step, bytes) in &stream.bytes {
                *of_group.entry(*step).or_default() += bytes;
            }
        }
    }
    let mut sorted: Vec<(Labels, BTreeMap<i64, u64>)> = volumes.into_iter().collect();
    let first = |steps: &BTreeMap<i64, u64>| steps.values().next().copied();
    sorted.sort_by(|a, b| first(&b.1).cmp(&first(&a.1)).then_with(|| a.0.compare(&b.0)));
    sorted.truncate(limit);
    // A step is shown at its last millisecond, or the end of the range.
    let end_ms = |step: i64| {
        let end_ns = step.saturating_add(1).saturating_mul(steps.step_ns).saturating_add(origin_ns);
        if end_ns < steps.end_ns {
            end_ns.div_euclid(1_000_000) - 1
        } else {
            steps.end_ns.div_euclid(1_000_000)
        }
    };
    Ok(answer(&sorted, "matrix", |out, (group, of_group)| {
        out.extend_from_slice(b"{\"metric\":");
        grouping.metric(out, group);
        out.extend_from_slice(b",\"values\":[");
        list(out, of_group, |out, (step, bytes)| point(out, end_ms(*step), *bytes as f64));
        out.extend_from_slice(b"]}");
    }))
}
