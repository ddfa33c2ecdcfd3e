//! Following lines over a WebSocket. (Loki documentation, "HTTP API", section "Stream logs".)

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::time::{Instant, MissedTickBehavior};
use watchkeep_engine::Phase;
use watchkeep_engine::logs::{LostEntry, Tail, TailEntry, TailRequest};

use super::super::error::ApiError;
use super::super::json;
use super::super::params::Call;
use crate::app::App;
use crate::json::{labels as write_labels, list, push, string};

/// The longest that lines may be held back, seconds.
const DELAY_SECONDS_MAX: usize = 5;

/// Lines that are held back at most.
const HELD_MAX: usize = 50_000;

/// How often it is looked whether the peer and the server are still there, and held lines are due.
const TICK: Duration = Duration::from_millis(200);

/// Ticks from one ping to the next.
const TICKS_PER_PING: u32 = 50;

/// Bytes of what the client may send, which is not looked at.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// How a tail is told.
#[derive(Debug, Clone, Copy)]
struct Manner {
    categorized: bool,
    delay: Duration,
    /// Lines of one message.
    limit: usize,
}

/// `tail`
pub(in super::super) async fn tail(
    State(app): State<Arc<App>>,
    upgrade: WebSocketUpgrade,
    request: Request,
) -> Response {
    begin(app, upgrade, request).await
}

/// `/api/prom/tail`
pub(in super::super) async fn legacy(
    State(app): State<Arc<App>>,
    upgrade: WebSocketUpgrade,
    request: Request,
) -> Response {
    begin(app, upgrade, request).await
}

async fn begin(app: Arc<App>, upgrade: WebSocketUpgrade, request: Request) -> Response {
    let outcome = async {
        let call = Call::read(&app, request).await?;
        let delay = match call.get("delay_for") {
            "" | "0" => 0,
            _ => call.count("delay_for", 0)?,
        };
        if delay > DELAY_SECONDS_MAX {
            let message = format!("delay_for can't be greater than {DELAY_SECONDS_MAX}");
            return Err(ApiError::bad_request(message));
        }
        let manner = Manner {
            categorized: call.categorize_labels,
            delay: Duration::from_secs(delay as u64),
            limit: call.limit()?,
        };
        let (start_ns, _) = call.bounds()?;
        let text = super::query::legacy_query(&call)?;
        let request = TailRequest { text, start_ns, limit: manner.limit };
        Ok((app.engine.tail(&call.tenant, request).await?, manner))
    };
    match outcome.await {
        Ok((tail, manner)) => {
            let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX);
            upgrade.on_upgrade(move |socket| follow(app, socket, tail, manner))
        }
        Err(error) => error.respond(&app),
    }
}

/// Tells what comes until the client, the server or the time ends it.
async fn follow(app: Arc<App>, mut socket: WebSocket, mut tail: Tail, manner: Manner) {
    let end = Instant::now() + app.engine.loki().tail_duration_max.0;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticked = 0_u32;
    let mut held: Vec<(Instant, TailEntry)> = Vec::new();
    let why = loop {
        tokio::select! {
            found = tail.next() => {
                let Some(found) = found else { break "the server ended the tail" };
                let now = Instant::now();
                held.extend(found.into_iter().map(|entry| (now, entry)));
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            _ = ticks.tick() => {
                ticked += 1;
                let pings = ticked.is_multiple_of(TICKS_PER_PING);
                if pings && socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    return;
                }
            }
        }
        let due = take_due(&mut held, manner.delay);
        let lost = tail.lost();
        let mut messages = due.chunks(manner.limit).peekable();
        if messages.peek().is_none() && !lost.is_empty() {
            let message = message(&[], &lost, manner.categorized);
            if socket.send(Message::Text(message.into())).await.is_err() {
                return;
            }
        }
        let mut lost = &lost[..];
        for entries in messages {
            let message = message(entries, lost, manner.categorized);
            lost = &[];
            if socket.send(Message::Text(message.into())).await.is_err() {
                return;
            }
        }
        if app.engine.phase() == Phase::Stopping {
            break "the server is stopping";
        }
        if Instant::now() >= end {
            break "reached tail max duration limit";
        }
    };
    let frame = CloseFrame { code: close_code::AWAY, reason: why.into() };
    // The client may be gone already.
    let _either_way = socket.send(Message::Close(Some(frame))).await;
}

/// Lines that have been held long enough, by time.
fn take_due(held: &mut Vec<(Instant, TailEntry)>, delay: Duration) -> Vec<TailEntry> {
    let now = Instant::now();
    let due = match held.len() {
        many if many > HELD_MAX => many,
        _ => held.iter().take_while(|(came, _)| now.duration_since(*came) >= delay).count(),
    };
    let mut due: Vec<TailEntry> = held.drain(..due).map(|(_, entry)| entry).collect();
    due.sort_by_key(|entry| entry.time_ns);
    due
}

/// Lines as a message; those that follow each other with the same labels stand together.
fn message(entries: &[TailEntry], lost: &[LostEntry], categorized: bool) -> String {
    let mut out = b"{\"streams\":[".to_vec();
    let groups = entries.chunk_by(|a, b| a.labels == b.labels);
    list(&mut out, groups, |out, group| {
        out.extend_from_slice(b"{\"stream\":");
        if let Some(first) = group.first() {
            json::label_set(out, &first.labels);
        }
        out.extend_from_slice(b",\"values\":[");
        list(out, group, |out, entry| {
            let categories = categorized.then_some((&entry.metadata, &entry.parsed));
            json::line(out, entry.time_ns, &entry.line, categories);
        });
        out.extend_from_slice(b"]}");
    });
    out.push(b']');
    if !lost.is_empty() {
        out.extend_from_slice(b",\"dropped_entries\":[");
        list(&mut out, lost, |out, one| {
            push(out, format_args!("{{\"timestamp\":\"{}\",\"labels\":", one.time_ns));
            write_labels(out, &one.labels);
            out.push(b'}');
        });
        out.push(b']');
    }
    if categorized {
        out.extend_from_slice(b",\"encodingFlags\":[");
        string(&mut out, "categorize-labels");
        out.push(b']');
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}
