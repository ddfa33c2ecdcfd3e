//! What the paths for operators do.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use http::{StatusCode, header};
use jiff::Timestamp;
use prometheus::{Encoder as _, TextEncoder};
use watchkeep_engine::Phase;
use watchkeep_engine::health::checks::CheckStatus;
use watchkeep_model::Signal;

use super::dto::{Disk, Health, Ingest, Listener, ServicesHealth, Status, Stores, Wal, limits};
use super::error;
use crate::app::App;
use crate::listen::Peer;

/// The process lives; and where checks decide, nothing that it depends on is unhealthy.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let health = app.engine.health();
    if health.config().checks_decide_health && !health.checks().all().is_empty() {
        return services(&app);
    }
    let timestamp = app.engine.clock().now_ns() as f64 / 1e9;
    Json(Health { status: "ok", timestamp: (timestamp * 1e3).round() / 1e3 }).into_response()
}

/// What is checked, by name, whoever decides about health.
pub(super) async fn health_services(State(app): State<Arc<App>>) -> Response {
    services(&app)
}

fn services(app: &App) -> Response {
    let checks = app.engine.health().checks();
    let services: BTreeMap<&str, &'static str> =
        checks.all().iter().map(|check| (check.name(), check.state().status.name())).collect();
    let is_unhealthy = services.values().any(|status| *status == CheckStatus::Unhealthy.name());
    let (code, status) = if is_unhealthy {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    } else {
        (StatusCode::OK, "healthy")
    };
    let timestamp = rfc3339(app.engine.clock().now_ns());
    (code, Json(ServicesHealth { status, services, timestamp })).into_response()
}

/// The store has recovered and takes what comes.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let reason = match app.engine.phase() {
        Phase::Ready => return "ready\n".into_response(),
        Phase::Recovering(progress) => format!("recovering: {progress}\n"),
        Phase::Stopping => "stopping\n".into(),
        Phase::Failed(why) => format!("failed: {why}\n"),
    };
    (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
}

/// The server's own metrics, in the text format of Prometheus.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&app.registry.gather(), &mut text) {
        Ok(()) => {
            ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response()
        }
        Err(failed) => {
            let failed = watchkeep_model::Error::internal("cannot write metrics as text")
                .with_source(failed);
            app.error_log.note(app.engine.clock(), "ops", &failed);
            error::response(&failed)
        }
    }
}

/// Figures for the status page; answers during recovery too.
pub(super) async fn status(State(app): State<Arc<App>>) -> Response {
    let (state, state_detail) = match app.engine.phase() {
        Phase::Ready => ("ready", None),
        Phase::Recovering(progress) => ("recovering", Some(progress)),
        Phase::Stopping => ("stopping", None),
        Phase::Failed(why) => ("failed", Some(why)),
    };
    let stats = app.engine.store().map(|store| store.stats()).unwrap_or_default();
    let listeners = app.listeners.get().map_or(&[][..], Vec::as_slice);
    let now_ns = app.engine.clock().now_ns();
    Json(Status {
        version: app.about.version,
        commit: app.about.commit,
        uptime_seconds: now_ns.saturating_sub(app.started_ns).max(0) as f64 / 1e9,
        started_at: rfc3339(app.started_ns),
        data_dir: app.about.data_dir.display().to_string(),
        state,
        state_detail,
        listeners: listeners
            .iter()
            .map(|one| Listener { name: one.name, address: one.address.to_string() })
            .collect(),
        stores: Stores::from(&stats),
        wal: stats.wal.as_ref().map(Wal::from),
        disk: disk(&app),
        limits: limits(app.engine.limits()),
        ingest: ingest(&app),
    })
    .into_response()
}

fn rfc3339(instant_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(instant_ns))
        .map_or_else(|_| instant_ns.to_string(), |timestamp| timestamp.to_string())
}

/// Figures of the file system that holds the data; none where it can not be asked.
fn disk(app: &App) -> Option<Disk> {
    let figures = rustix::fs::statvfs(&app.about.data_dir).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(figures.f_frsize);
    Some(Disk {
        used_bytes: bytes(figures.f_blocks.saturating_sub(figures.f_bfree)),
        free_bytes: bytes(figures.f_bavail),
        total_bytes: bytes(figures.f_blocks),
    })
}

fn ingest(app: &App) -> Ingest {
    let [traces, logs, metrics] = [Signal::Traces, Signal::Logs, Signal::Metrics]
        .map(|signal| app.engine.metrics().of(signal));
    Ingest {
        spans_accepted: traces.accepted.get(),
        spans_rejected: traces.rejected.get(),
        log_records_accepted: logs.accepted.get(),
        log_records_rejected: logs.rejected.get(),
        samples_accepted: metrics.accepted.get(),
        samples_rejected: metrics.rejected.get(),
    }
}

/// Moves what is in memory to disk, then answers. Only for callers on this machine.
pub(super) async fn flush(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    _: Request,
) -> Response {
    if !peer.is_some_and(|Extension(Peer(address))| address.ip().to_canonical().is_loopback()) {
        return (StatusCode::FORBIDDEN, "flush is only for callers on this machine\n")
            .into_response();
    }
    match app.engine.flush().await {
        Ok(()) => "flushed\n".into_response(),
        Err(failed) => {
            app.error_log.note(app.engine.clock(), "ops", &failed);
            error::response(&failed)
        }
    }
}
