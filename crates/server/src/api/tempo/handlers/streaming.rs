//! `tempopb.StreamingQuerier`: the same answers over gRPC. Traces are told as they are found, newest
//! first; everything else comes in one message.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use prost::Message;
use tokio::sync::mpsc;
use watchkeep_model::{Error, Result};
use watchkeep_traceql::eval::search::FoundTrace;

use super::super::asked::{self, Asked};
use super::super::convert;
use super::super::error::ApiError;
use super::super::message::{
    QueryInstantRequest, QueryRangeRequest, SearchMetrics, SearchRequest, SearchResponse,
    SearchTagValuesRequest, SearchTagsRequest, TraceSearchMetadata,
};
use super::{metrics, tags};
use crate::app::App;
use crate::grpc::{self, Call, Frames};

/// Traces of one message.
const TRACES_PER_MESSAGE: usize = 50;

/// Found traces that wait to be told.
const TRACES_WAITING_MAX: usize = 100;

/// `Search`
pub(in super::super) async fn search(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "tempo", request, |call: Call<SearchRequest>, frames| async move {
        let asked = asked::of_message(&state.engine, call.message).map_err(ApiError::into_error)?;
        let Asked { search, tells_spans } = asked;
        let (sender, mut found) = mpsc::channel::<FoundTrace>(TRACES_WAITING_MAX);
        // Nobody reads when the client is gone: then the search ends.
        let looking = state
            .engine
            .search_traces(&call.tenant, search, move |trace| sender.blocking_send(trace).is_ok());
        let telling = async {
            let mut some = Vec::new();
            while found.recv_many(&mut some, TRACES_PER_MESSAGE).await > 0 {
                let traces = some.drain(..).map(|trace| convert::trace(trace, tells_spans));
                let metrics = Some(convert::search_metrics(None));
                frames.send(&response(traces.collect(), metrics)).await?;
            }
            Ok::<(), Error>(())
        };
        let (looked, told) = tokio::join!(looking, telling);
        told?;
        let stats = looked.map_err(|error| ApiError::from(error).into_error())?;
        let metrics = Some(convert::search_metrics(Some(stats)));
        frames.send(&response(Vec::new(), metrics)).await.map(drop)
    })
    .await
}

fn response(traces: Vec<TraceSearchMetadata>, metrics: Option<SearchMetrics>) -> SearchResponse {
    SearchResponse { traces, metrics }
}

/// Tells one message.
async fn tell<A: Message>(frames: Frames<A>, found: Result<A, ApiError>) -> Result<()> {
    let found = found.map_err(ApiError::into_error)?;
    frames.send(&found).await.map(drop)
}

/// `SearchTags`
pub(in super::super) async fn tags(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "tempo", request, |call: Call<SearchTagsRequest>, frames| async move {
        tell(frames, tags::find_names(&state, &call.tenant, call.message).await).await
    })
    .await
}

/// `SearchTagsV2`
pub(in super::super) async fn tags_v2(State(app): State<Arc<App>>, request: Request) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "tempo", request, |call: Call<SearchTagsRequest>, frames| async move {
        tell(frames, tags::find_names_v2(&state, &call.tenant, call.message).await).await
    })
    .await
}

/// `SearchTagValues`
pub(in super::super) async fn tag_values(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let state = Arc::clone(&app);
    let work = |call: Call<SearchTagValuesRequest>, frames| async move {
        tell(frames, tags::find_values(&state, &call.tenant, call.message).await).await
    };
    grpc::streaming(&app, "tempo", request, work).await
}

/// `SearchTagValuesV2`
pub(in super::super) async fn tag_values_v2(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let state = Arc::clone(&app);
    let work = |call: Call<SearchTagValuesRequest>, frames| async move {
        tell(frames, tags::find_values_v2(&state, &call.tenant, call.message).await).await
    };
    grpc::streaming(&app, "tempo", request, work).await
}

/// `MetricsQueryRange`
pub(in super::super) async fn metrics_range(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "tempo", request, |call: Call<QueryRangeRequest>, frames| async move {
        tell(frames, metrics::find_range(&state, &call.tenant, call.message).await).await
    })
    .await
}

/// `MetricsQueryInstant`
pub(in super::super) async fn metrics_instant(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    let state = Arc::clone(&app);
    grpc::streaming(&app, "tempo", request, |call: Call<QueryInstantRequest>, frames| async move {
        tell(frames, metrics::find_instant(&state, &call.tenant, call.message).await).await
    })
    .await
}
