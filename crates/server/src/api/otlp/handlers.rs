//! OTLP/HTTP: `POST` of a protobuf or JSON body.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use watchkeep_model::{Error, ErrorKind, Result, Signal};
use watchkeep_wire::otlp::{Encoding, export_response};

use super::error::http_response;
use super::export::{self, Outcome, Upload, body_limits};
use crate::app::App;
use crate::body::read_body;
use crate::tenant::tenant_of;

/// Takes one export request.
pub(super) async fn export(
    State(app): State<Arc<App>>,
    signal: Signal,
    request: Request,
) -> Response {
    let encoding = match encoding_of(request.headers()) {
        Ok(encoding) => encoding,
        // What the client can read is not known; people can read this.
        Err(error) => return refuse(&app, &error, Encoding::Json),
    };
    match take(&app, signal, encoding, request).await {
        Ok(Outcome { rejected, message }) => {
            let body = export_response(signal, encoding, rejected, &message);
            let mut response = Response::new(Body::from(body));
            let media_type = HeaderValue::from_static(encoding.media_type());
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            response
        }
        Err(error) => refuse(&app, &error, encoding),
    }
}

async fn take(
    app: &Arc<App>,
    signal: Signal,
    encoding: Encoding,
    request: Request,
) -> Result<Outcome> {
    // Before the body is read, so that a server that can not store costs its clients little.
    app.engine.store()?;
    let (head, body) = request.into_parts();
    let tenant = tenant_of(&head.headers)?;
    let compression = compression_of(&head.headers)?;
    let mut reservation = app.engine.gate().open();
    let body = read_body(body, body_limits(app), &mut reservation).await?;
    let upload = Upload { tenant, signal, encoding, compression, body, reservation };
    export::export(app, upload).await
}

fn refuse(app: &App, error: &Error, encoding: Encoding) -> Response {
    app.engine.count_refused(error);
    app.error_log.note(app.engine.clock(), "otlp", error);
    http_response(error, encoding)
}

/// The encoding that `Content-Type` names; its parameters do not matter.
fn encoding_of(headers: &HeaderMap) -> Result<Encoding> {
    let given = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
    let media_type = given.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| media_type.eq_ignore_ascii_case(name);
    if is("application/x-protobuf") || is("application/protobuf") {
        Ok(Encoding::Protobuf)
    } else if is("application/json") {
        Ok(Encoding::Json)
    } else {
        let shown: String = media_type.chars().take(64).collect();
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "content type {shown:?} is not supported; send application/x-protobuf or \
                 application/json"
            ),
        ))
    }
}

/// The one content coding of the body; `None` where it is not compressed.
fn compression_of(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
    let name = value
        .to_str()
        .map_err(|error| Error::invalid("Content-Encoding is not plain ASCII").with_source(error))?
        .trim();
    let is_plain = name.is_empty() || name.eq_ignore_ascii_case("identity");
    Ok((!is_plain).then(|| name.to_owned()))
}
