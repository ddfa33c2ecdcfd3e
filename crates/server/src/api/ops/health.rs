//! `grpc.health.v1.Health` (gRPC "Health Checking Protocol"), which orchestrators probe. `Watch` is not
//! offered.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use prost::Message;
use watchkeep_engine::Phase;
use watchkeep_model::{Error, ErrorKind};

use crate::app::App;
use crate::grpc::{self, Call};

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

#[derive(Clone, PartialEq, Eq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Whether the server can be used; it is asked for as a whole.
pub(super) async fn check(State(app): State<Arc<App>>, request: Request) -> Response {
    let phase = app.engine.phase();
    grpc::unary(&app, "ops", request, |call: Call<HealthCheckRequest>| async move {
        if !call.message.service.is_empty() {
            let message = "the health of single services is not known; ask for the server's";
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let status = if phase == Phase::Ready { SERVING } else { NOT_SERVING };
        Ok(HealthCheckResponse { status })
    })
    .await
}
