//! Federation: the newest sample of each selected series as an exposition. (Prometheus
//! documentation, "Federation".)

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use watchkeep_engine::query::{NewestSample, NewestValue};
use watchkeep_model::labels::METRIC_NAME;
use watchkeep_model::{Labels, Result};
use watchkeep_storage::seam::MetadataRow;
use watchkeep_wire::prometheus::exposition::write::{
    ExpositionWriter, FamilyMetadata, ResponseFormat, WrittenSample, WrittenValue, negotiate_accept,
};

use super::super::params::Call;
use crate::app::App;

/// How far back a newest sample is looked for: the lookback of queries.
const LOOKBACK_MS: i64 = 300_000;

/// `/federate`
pub(in super::super) async fn federate(State(app): State<Arc<App>>, request: Request) -> Response {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = negotiate_accept(accept, false);
    let call = match Call::read(&app, request).await {
        Ok(call) => call,
        Err(error) => return error.respond(&app),
    };
    // Errors are plain text on this path, as in Prometheus.
    let selectors = match call.selectors() {
        Ok(selectors) => selectors,
        Err(error) => return (StatusCode::BAD_REQUEST, error.message().to_owned()).into_response(),
    };
    let now_ms = app.engine.clock().now_ns().div_euclid(1_000_000);
    let start_ms = now_ms - LOOKBACK_MS;
    let found = app.engine.newest_samples(&call.tenant, selectors, start_ms, now_ms).await;
    let about = app.engine.metadata(&call.tenant).await;
    let exposed: Result<Vec<u8>> = found.and_then(|samples| {
        Ok(expose(&format, &samples, &about?, &app.scraping.external_labels()))
    });
    match exposed {
        Ok(body) => ([(header::CONTENT_TYPE, format.content_type())], body).into_response(),
        Err(error) => super::super::error::ApiError::from(error).respond(&app),
    }
}

fn expose(
    format: &ResponseFormat,
    samples: &[(Labels, NewestSample)],
    about: &[MetadataRow],
    external: &Labels,
) -> Vec<u8> {
    let about: HashMap<&str, &MetadataRow> = about.iter().map(|row| (&*row.family, row)).collect();
    let mut writer = ExpositionWriter::new(format);
    for (labels, newest) in samples {
        let name = labels.metric_name();
        if name.is_empty() {
            continue;
        }
        let mut pairs: Vec<(&str, &str)> =
            labels.iter().filter(|(label, _)| *label != METRIC_NAME).collect();
        pairs.extend(external.iter().filter(|(label, _)| labels.get(label).is_empty()));
        // An empty instance keeps the scraping server from setting its own.
        if !pairs.iter().any(|(label, _)| *label == "instance") {
            pairs.push(("instance", ""));
        }
        let value = match &newest.value {
            NewestValue::Float(value) => WrittenValue::Float(*value),
            NewestValue::Histogram(histogram) => WrittenValue::Histogram(histogram),
        };
        let metadata = about.get(name).map_or_else(FamilyMetadata::default, |row| FamilyMetadata {
            kind: Some(row.kind),
            help: &row.help,
            unit: &row.unit,
        });
        // What the format can not carry is left out, as Prometheus leaves it out.
        writer.push(&WrittenSample {
            name,
            labels: &pairs,
            time_ms: Some(newest.time_ms),
            value,
            metadata,
        });
    }
    writer.finish()
}
