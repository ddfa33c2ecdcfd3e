//! Parameters of a request: from the query string and, with `POST`, from a form in the body, which
//! come first.

use axum::extract::Request;
use http::{Method, header};
use watchkeep_model::Error;

use crate::app::App;
use crate::body::{BodyLimits, read_body};

/// Bytes of a form; queries are short.
const FORM_BYTES_MAX: usize = 10 << 20;

/// Reads the names and values of a request, the body if it is a form.
pub(crate) async fn read(app: &App, request: Request) -> Result<Vec<(String, String)>, Error> {
    let (head, body) = request.into_parts();
    let mut pairs = Vec::new();
    let is_form = head
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if head.method != Method::GET && is_form {
        let limits = BodyLimits { bytes_max: FORM_BYTES_MAX, timeout: app.config.body_timeout.0 };
        let mut reservation = app.engine.gate().open();
        let body = read_body(body, limits, &mut reservation).await?;
        pairs = decode(&body)?;
    }
    pairs.extend(decode(head.uri.query().unwrap_or_default().as_bytes())?);
    Ok(pairs)
}

/// Reads a form.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<(String, String)>, Error> {
    serde_html_form::from_bytes(text)
        .map_err(|error| Error::invalid(format!("error parsing form values: {error}")))
}
