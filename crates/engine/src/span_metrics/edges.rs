//! Requests between services: the client's and the server's span of one request, put together.

use std::collections::VecDeque;

use hashbrown::HashMap;
use watchkeep_model::{Labels, SpanId, TraceId};

use crate::totals::{Counts, Exemplar, Family};

/// Requests between services. Names, labels and their values are those of Tempo's metrics-generator
/// (its documentation, "Service graphs"), which Grafana draws its service graph from.
pub(super) static REQUESTS: Family = Family {
    counters: &[
        ("traces_service_graph_request_total", "Requests between two services."),
        ("traces_service_graph_request_failed_total", "Requests of which a side failed."),
    ],
    histograms: &[
        (
            "traces_service_graph_request_server_seconds",
            "Durations of requests as the server saw them, in seconds.",
        ),
        (
            "traces_service_graph_request_client_seconds",
            "Durations of requests as the client saw them, in seconds.",
        ),
    ],
};

/// The client of requests that come from outside.
const OUTSIDE: &str = "user";

/// Which side of a request a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// What lies between the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    Unknown,
    Messaging,
    Database,
    /// One of the sides sends no spans.
    Virtual,
}

impl Connection {
    fn text(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Messaging => "messaging_system",
            Self::Database => "database",
            Self::Virtual => "virtual_node",
        }
    }
}

/// One side of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Half {
    pub(super) trace_id: TraceId,
    /// Id of the client's span.
    pub(super) key: SpanId,
    pub(super) side: Side,
    pub(super) service: String,
    pub(super) seconds: f64,
    pub(super) failed: bool,
    pub(super) connection: Connection,
    /// What the span says about the other side.
    pub(super) peer: Option<String>,
    /// The database that the request went to.
    pub(super) database: Option<String>,
    /// Whether nobody called it that is known.
    pub(super) is_root: bool,
}

/// A request that is complete.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) labels: Labels,
    pub(super) counts: Counts,
}

/// Halves that wait for the other.
#[derive(Debug, Default)]
pub(super) struct Edges {
    waiting: HashMap<(TraceId, SpanId), Half>,
    /// When which half has waited long enough; rises.
    due: VecDeque<(i64, (TraceId, SpanId))>,
}

impl Edges {
    /// Takes a half; gives the request if that completes it. `Err` where there is no room.
    pub(super) fn take(
        &mut self,
        half: Half,
        due_ms: i64,
        waiting_max: usize,
        bounds: &[f64],
    ) -> Result<Option<Request>, ()> {
        let key = (half.trace_id, half.key);
        if half.side == Side::Client && half.database.is_some() {
            // Databases send no spans: nothing will come.
            return Ok(complete(Some(&half), None, bounds));
        }
        if let Some(other) = self.waiting.get(&key).filter(|other| other.side != half.side) {
            let request = match half.side {
                Side::Client => complete(Some(&half), Some(other), bounds),
                Side::Server => complete(Some(other), Some(&half), bounds),
            };
            self.waiting.remove(&key);
            return Ok(request);
        }
        if self.waiting.len() >= waiting_max {
            return Err(());
        }
        if self.due.len() >= 2 * waiting_max {
            // Most of them have met their other half long since.
            self.due.retain(|(_, key)| self.waiting.contains_key(key));
        }
        self.waiting.insert(key, half);
        self.due.push_back((due_ms, key));
        Ok(None)
    }

    /// Gives up on halves that have waited long enough: those that know who the other side is, or
    /// that were called from outside, are requests all the same.
    pub(super) fn expire(&mut self, now_ms: i64, bounds: &[f64], found: &mut Vec<Request>) {
        while let Some((_, key)) = self.due.pop_front_if(|(due_ms, _)| *due_ms <= now_ms) {
            let Some(half) = self.waiting.remove(&key) else { continue };
            found.extend(match half.side {
                Side::Client => complete(Some(&half), None, bounds),
                Side::Server => complete(None, Some(&half), bounds),
            });
        }
    }

    /// Halves that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// A request of the sides that there are; none where one of its services is not known.
fn complete(client: Option<&Half>, server: Option<&Half>, bounds: &[f64]) -> Option<Request> {
    let (client_name, server_name, connection) = match (client, server) {
        (Some(client), Some(server)) => {
            let connection = [client.connection, server.connection]
                .into_iter()
                .find(|connection| *connection != Connection::Unknown);
            let connection = connection.unwrap_or(Connection::Unknown);
            (client.service.as_str(), server.service.as_str(), connection)
        }
        (Some(client), None) => match (&client.database, &client.peer) {
            (Some(name), _) => (client.service.as_str(), name.as_str(), Connection::Database),
            (None, Some(name)) => (client.service.as_str(), name.as_str(), Connection::Virtual),
            (None, None) => return None,
        },
        (None, Some(server)) if server.is_root => {
            let name = server.peer.as_deref().unwrap_or(OUTSIDE);
            (name, server.service.as_str(), Connection::Virtual)
        }
        _ => return None,
    };
    let labels = Labels::from_pairs([
        ("client", client_name),
        ("server", server_name),
        ("connection_type", connection.text()),
    ]);
    let sides = || client.into_iter().chain(server);
    let mut counts = Counts::of(&REQUESTS);
    counts.counters[0] = 1.0;
    counts.counters[1] = f64::from(u8::from(sides().any(|side| side.failed)));
    // A side that sends no spans took as long as the other saw, save that nothing is known of a
    // client outside.
    let server_seconds = server.or(client.filter(|client| client.database.is_some()));
    let seconds = [server_seconds, client].map(|side| side.map_or(0.0, |side| side.seconds));
    for (histogram, seconds) in counts.histograms.iter_mut().zip(seconds) {
        histogram.observe(bounds, seconds);
        histogram.exemplar = sides().next().map(|side| Exemplar {
            trace_id: side.trace_id,
            span_id: side.key,
            value: seconds,
            time_ms: 0,
        });
    }
    Some(Request { labels, counts })
}
