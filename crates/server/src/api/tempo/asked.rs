//! What a search asks for, over HTTP or gRPC, with the defaults of Tempo, as TraceQL.

use watchkeep_engine::Engine;
use watchkeep_engine::traces::TraceSearch;
use watchkeep_promql::quote::quote;
use watchkeep_traceql::ast::Root;
use watchkeep_traceql::{Query, from_tags};

use super::error::ApiError;
use super::message::SearchRequest as Message;
use super::params::{Call, range_of};

/// Traces where no number is asked for.
const LIMIT_DEFAULT: usize = 20;

/// Spans of a set where no number is asked for.
const SPANS_PER_SET_DEFAULT: u32 = 3;

/// Parameters of a search that are not tags where tags stand for themselves.
const RESERVED: [&str; 8] =
    ["q", "tags", "minDuration", "maxDuration", "limit", "spss", "start", "end"];

/// A search, and whether it tells the spans that match.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) search: TraceSearch,
    /// Not for those with tags.
    pub(super) tells_spans: bool,
}

/// What is asked, before it is understood.
#[derive(Debug, Default)]
struct SearchRequest {
    query: String,
    tags: Tags,
    min_duration: String,
    max_duration: String,
    limit: u32,
    spans_per_set: u32,
    start: u32,
    end: u32,
}

#[derive(Debug)]
enum Tags {
    Logfmt(String),
    Pairs(Vec<(String, String)>),
}

impl Default for Tags {
    fn default() -> Self {
        Self::Pairs(Vec::new())
    }
}

/// Reads the parameters of `/api/search`.
pub(super) fn of_call(engine: &Engine, call: &Call) -> Result<Asked, ApiError> {
    let (start, end) = call.seconds()?;
    let text = |name| call.get(name).unwrap_or_default().to_owned();
    let (query, tags) = (text("q"), text("tags"));
    if !query.is_empty() && !tags.is_empty() {
        return Err(ApiError::bad_request(
            "invalid request: can't specify tags and q in the same query",
        ));
    }
    let tags = if query.is_empty() && tags.is_empty() && start == 0 && end == 0 {
        // The oldest form: what is not a parameter is a tag.
        let others =
            call.pairs().filter(|(name, value)| !RESERVED.contains(name) && !value.is_empty());
        Tags::Pairs(others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    } else {
        Tags::Logfmt(tags)
    };
    let limit = match call.number("limit")? {
        Some(0) => {
            return Err(ApiError::bad_request("invalid limit: must be a positive number"));
        }
        limit => limit.unwrap_or(0),
    };
    let request = SearchRequest {
        query,
        tags,
        min_duration: text("minDuration"),
        max_duration: text("maxDuration"),
        limit,
        spans_per_set: call.number("spss")?.unwrap_or(SPANS_PER_SET_DEFAULT),
        start,
        end,
    };
    understand(engine, &request)
}

/// Reads a message of gRPC.
pub(super) fn of_message(engine: &Engine, message: Message) -> Result<Asked, ApiError> {
    let millis = |ms: u32| if ms == 0 { String::new() } else { format!("{ms}ms") };
    let request = SearchRequest {
        query: message.query,
        tags: Tags::Pairs(message.tags.into_iter().collect()),
        min_duration: millis(message.min_duration_ms),
        max_duration: millis(message.max_duration_ms),
        limit: message.limit,
        spans_per_set: message.spans_per_span_set,
        start: message.start,
        end: message.end,
    };
    understand(engine, &request)
}

fn understand(engine: &Engine, request: &SearchRequest) -> Result<Asked, ApiError> {
    let (start, end) = (request.start, request.end);
    if (start, end) != (0, 0) && end <= start {
        return Err(ApiError::bad_request(format!(
            "http parameter start must be before end. received start={start} end={end}"
        )));
    }
    let tells_spans = !request.query.is_empty();
    let query = if tells_spans {
        engine
            .parse_traceql(&request.query)
            .map_err(|error| ApiError::from(error).prefixed("invalid TraceQL query: "))?
    } else {
        of_tags(request)?
    };
    if !matches!(query.root, Root::Search(_)) {
        return Err(ApiError::bad_request(
            "a metrics query can not be searched for; ask /api/metrics/query_range",
        ));
    }
    let search = TraceSearch {
        query,
        range: range_of(start, end),
        limit: if request.limit == 0 { LIMIT_DEFAULT } else { request.limit as usize },
        spans_per_set: request.spans_per_set as usize,
    };
    Ok(Asked { search, tells_spans })
}

/// Tags and durations as a query. The tags are written as logfmt, in which they are read.
fn of_tags(request: &SearchRequest) -> Result<Query, ApiError> {
    let tags = match &request.tags {
        Tags::Logfmt(text) => text.clone(),
        Tags::Pairs(pairs) => {
            let quoted = |(name, value): &(String, String)| format!("{name}={}", quote(value));
            pairs.iter().map(quoted).collect::<Vec<_>>().join(" ")
        }
    };
    let durations = [&request.min_duration, &request.max_duration];
    let [min, max] = durations.map(|text| Some(&**text).filter(|text| !text.is_empty()));
    from_tags(&tags, min, max).map_err(|error| ApiError::bad_request(error.to_string()))
}
