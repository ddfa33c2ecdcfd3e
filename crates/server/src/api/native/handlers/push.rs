//! Lines as they are, one a record.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use watchkeep_model::column::Table as _;
use watchkeep_model::{Error, Labels};
use watchkeep_wire::compression::decompress;
use watchkeep_wire::decoded::Decoded;
use watchkeep_wire::loki::{PushOptions, decode_lines, parse_labels};

use super::Outcome;
use crate::api::native::error::{ApiError, ErrorBody};
use crate::app::App;
use crate::body::{BodyLimits, read_body};
use crate::decode::{self, BodySize};
use crate::form;
use crate::tenant::tenant_of;

/// Takes lines of text, one a record.
///
/// The records are of one stream, whose labels are in `labels` (`{app="shop", env="prod"}`) or in
/// `label` (`app=shop`, repeatable). A line that is a JSON object tells its time as `timestamp`,
/// `time`, `ts` or `@timestamp` (RFC 3339, or a number since the epoch in seconds, milliseconds,
/// microseconds or nanoseconds); other lines get the time of arrival. Lines stay whole. The body may be
/// compressed (`Content-Encoding`: gzip, deflate, zstd).
#[utoipa::path(
    post, path = "/logs/push", tag = "logs", operation_id = "pushLines",
    params(
        ("labels" = Option<String>, Query, description = "Labels of the stream, as a selector"),
        ("label" = Option<Vec<String>>, Query, description = "A label, name=value; repeatable"),
    ),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 204, description = "All lines are stored"),
        (status = "4XX", description = "The request is wrong, or some lines were", body = ErrorBody),
        (status = "5XX", description = "The server can not store", body = ErrorBody),
    )
)]
pub(in crate::api::native) async fn lines(
    State(app): State<Arc<App>>,
    request: Request,
) -> Response {
    match take(&app, request).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            app.engine.count_refused(&error.error);
            error.respond(&app)
        }
    }
}

async fn take(app: &Arc<App>, request: Request) -> Outcome<()> {
    app.engine.store()?;
    let (head, body) = request.into_parts();
    let tenant = tenant_of(&head.headers)?;
    let coding = head.headers.get(header::CONTENT_ENCODING);
    let coding = coding.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let limits = BodyLimits {
        bytes_max: app.engine.limits().body_bytes_max.bytes(),
        timeout: app.config.body_timeout.0,
    };
    let mut reservation = app.engine.gate().open();
    // Also where the parameters are wrong: a client whose body is not read sees a broken connection.
    let body = read_body(body, limits, &mut reservation).await?;
    let labels = labels_of(&form::decode(head.uri.query().unwrap_or_default().as_bytes())?)?;
    let size = BodySize { bytes: body.len(), is_compressed: coding.is_some() };
    let limits = app.engine.limits().decode();
    let bytes_max = app.engine.limits().decompressed_bytes_max.bytes();
    let labels_required = !app.engine.loki().discover_service_name;
    let arrival_ns = app.engine.clock().now_ns();
    let decoding = decode::run(app, size, move || {
        let options = PushOptions { limits: &limits, labels_required };
        let plain = decompress(coding.as_deref(), &body, bytes_max)?;
        decode_lines(&plain, &labels, options, arrival_ns)
    });
    let Decoded { columns, rejected, message, warnings } = decoding.await?;
    reservation.set(columns.byte_len()).await?;
    app.engine.count_losses(&warnings.counts());
    let engine = Arc::clone(&app.engine);
    // In a task of its own, so that a client that hangs up leaves nothing half done.
    let storing = tokio::spawn(async move {
        let _held_until_stored = reservation;
        engine.ingest_logs(&tenant, columns, rejected).await
    });
    storing
        .await
        .map_err(|error| Error::internal("storing a request panicked").with_source(error))??;
    if rejected > 0 {
        return Err(Error::invalid(message).into());
    }
    Ok(())
}

fn labels_of(pairs: &[(String, String)]) -> Outcome<Labels> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs {
        match &**name {
            "labels" => {
                let parsed =
                    parse_labels(value).map_err(|why| ApiError::invalid("labels", &why))?;
                labels
                    .extend(parsed.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
            "label" => {
                let pair = value.split_once('=').map(|(name, value)| {
                    (watchkeep_model::stream::label_name(name).into_owned(), value.to_owned())
                });
                let pair = pair.filter(|(name, _)| !name.is_empty());
                labels.push(pair.ok_or_else(|| ApiError::invalid("label", "must be name=value"))?);
            }
            other => return Err(ApiError::invalid(other, "is not a parameter of this path")),
        }
    }
    Ok(Labels::from_pairs(labels))
}
