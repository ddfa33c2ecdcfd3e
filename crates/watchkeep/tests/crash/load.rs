//! Clients that write until the server dies, and remember what it acknowledged.
//!
//! Items are numbered from 0 for each round, client and signal. A span's number is in its id, a
//! log record's in its body, and a sample's in its time and value.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use crate::http::Connection;
use crate::random::Random;

pub(crate) const CLIENTS: usize = 4;
/// Length of a round in the items' own time; one item of a signal and client a millisecond.
pub(crate) const ROUND_NS: i64 = 20_000_000_000;
const ITEMS_MAX: u32 = 19_000;
const SMALL_BATCH: (u64, u64) = (1, 12);
const BIG_BATCH: (u64, u64) = (300, 1500);
const BIG_BATCHES: f64 = 0.03;
/// Time between flushes that are asked for.
const FLUSHES_MS: (u64, u64) = (5, 120);
/// How often a client goes away before it has its answer, and after which time.
const ABANDONED_FLUSHES: f64 = 0.4;
const ABANDONED_REQUESTS: f64 = 0.02;
const ABANDONED_MS: (u64, u64) = (0, 6);
const RETRY_MS: u64 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Spans,
    Logs,
    Samples,
    Histograms,
}

impl Signal {
    pub(crate) const ALL: [Self; 4] = [Self::Spans, Self::Logs, Self::Samples, Self::Histograms];

    fn path(self) -> &'static str {
        match self {
            Self::Spans => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Samples | Self::Histograms => "/v1/metrics",
        }
    }
}

/// What the server said to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    Acknowledged,
    /// Come back later. The client goes on with other items.
    Refused,
    /// It was killed before it answered, or the client did not wait for the answer.
    Nothing,
}

/// What one client sent of one signal.
pub(crate) type Sent = Vec<Answered>;

/// What one client sent, by signal.
pub(crate) type Client = [Sent; Signal::ALL.len()];

/// A time of writing that a kill ends.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) number: usize,
    pub(crate) start_ns: i64,
    pub(crate) clients: Vec<Client>,
}

impl Round {
    pub(crate) fn new(number: usize, base_ns: i64) -> Self {
        Self { number, start_ns: base_ns + number as i64 * ROUND_NS, clients: Vec::new() }
    }

    pub(crate) fn service(&self) -> String {
        format!("crash-{}", self.number)
    }

    pub(crate) fn trace_id(&self, client: usize) -> String {
        format!("{:016x}{:016x}", self.number + 1, client + 1)
    }

    /// Has all clients write until `kill` has killed the server.
    pub(crate) fn write(&mut self, address: &str, mut random: Random, kill: impl FnOnce()) {
        let round = &*self;
        let clients = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let random = random.fork();
                    spawn(scope, move || Writer { round, client, random }.run(address))
                })
                .collect();
            let random = random.fork();
            spawn(scope, move || ask_for_flushes(address, random));
            kill();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        self.clients = clients;
    }
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> std::thread::ScopedJoinHandle<'scope, T> {
    std::thread::Builder::new().name("client".into()).spawn_scoped(scope, work).unwrap()
}

fn ask_for_flushes(address: &str, mut random: Random) {
    let Ok(mut server) = Connection::open(address) else { return };
    loop {
        std::thread::sleep(random.millis(FLUSHES_MS));
        if random.chance(ABANDONED_FLUSHES) {
            let Some(()) = abandon(&mut server, address, &mut random, "/flush", "") else { return };
        }
        match server.ask("POST", "/flush", b"") {
            Ok(answer) => assert_eq!(answer.status, 200, "POST /flush"),
            Err(_killed) => return,
        }
    }
}

struct Writer<'a> {
    round: &'a Round,
    client: usize,
    random: Random,
}

impl Writer<'_> {
    fn run(mut self, address: &str) -> Client {
        let mut sent = Client::default();
        let Ok(mut server) = Connection::open(address) else { return sent };
        while sent.iter().any(|items| items.len() < ITEMS_MAX as usize) {
            let which = self.random.between(0, Signal::ALL.len() as u64 - 1) as usize;
            let range = if self.random.chance(BIG_BATCHES) { BIG_BATCH } else { SMALL_BATCH };
            let first = sent[which].len() as u32;
            let end = ITEMS_MAX.min(first + self.random.between(range.0, range.1) as u32);
            if first == end {
                continue;
            }
            let body = self.body(Signal::ALL[which], first..end);
            let path = Signal::ALL[which].path();
            let answer = if self.random.chance(ABANDONED_REQUESTS) {
                let gone = abandon(&mut server, address, &mut self.random, path, &body);
                gone.map(|()| Answered::Nothing)
            } else {
                send(&mut server, path, &body)
            };
            sent[which].resize(end as usize, answer.unwrap_or(Answered::Nothing));
            if answer.is_none() {
                break;
            }
        }
        sent
    }

    fn body(&self, signal: Signal, items: std::ops::Range<u32>) -> String {
        let service = self.round.service();
        let resource = format!(
            r#""resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}}"#
        );
        let mut list = String::new();
        for item in items {
            if !list.is_empty() {
                list.push(',');
            }
            self.item(signal, item, &mut list);
        }
        match signal {
            Signal::Spans => {
                format!(
                    r#"{{"resourceSpans":[{{{resource},"scopeSpans":[{{"spans":[{list}]}}]}}]}}"#
                )
            }
            Signal::Logs => format!(
                r#"{{"resourceLogs":[{{{resource},"scopeLogs":[{{"logRecords":[{list}]}}]}}]}}"#
            ),
            Signal::Samples => metrics(
                &resource,
                &format!(r#""name":"crash_sample","gauge":{{"dataPoints":[{list}]}}"#),
            ),
            Signal::Histograms => metrics(
                &resource,
                &format!(
                    r#""name":"crash_histogram","exponentialHistogram":{{"aggregationTemporality":2,"dataPoints":[{list}]}}"#
                ),
            ),
        }
    }

    fn item(&self, signal: Signal, item: u32, out: &mut String) {
        let (round, client) = (self.round.number, self.client);
        let time_ns = self.round.start_ns + i64::from(item) * 1_000_000;
        let labels = format!(
            r#""attributes":[{{"key":"round","value":{{"stringValue":"{round}"}}}},{{"key":"client","value":{{"stringValue":"{client}"}}}}]"#
        );
        let written = match signal {
            Signal::Spans => write!(
                out,
                r#"{{"traceId":"{}","spanId":"{:016x}","name":"work","kind":1,"startTimeUnixNano":"{time_ns}","endTimeUnixNano":"{}",{labels}}}"#,
                self.round.trace_id(client),
                item + 1,
                time_ns + 500_000,
            ),
            Signal::Logs => write!(
                out,
                r#"{{"timeUnixNano":"{time_ns}","severityNumber":9,"body":{{"stringValue":"{client}-{item}"}},{labels}}}"#
            ),
            Signal::Samples => {
                write!(out, r#"{{"timeUnixNano":"{time_ns}","asDouble":{item},{labels}}}"#)
            }
            Signal::Histograms => write!(
                out,
                r#"{{"timeUnixNano":"{time_ns}","startTimeUnixNano":"{}","count":"{}","sum":{item},"scale":0,"positive":{{"offset":0,"bucketCounts":["{}"]}},{labels}}}"#,
                self.round.start_ns,
                item + 1,
                item + 1,
            ),
        };
        written.unwrap();
    }
}

fn metrics(resource: &str, metric: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{{resource},"scopeMetrics":[{{"metrics":[{{{metric}}}]}}]}}]}}"#
    )
}

/// Sends a request, goes away before the answer, and comes back; `None` when the server is gone.
fn abandon(
    server: &mut Connection,
    address: &str,
    random: &mut Random,
    path: &str,
    body: &str,
) -> Option<()> {
    server.send("POST", path, body.as_bytes()).ok()?;
    std::thread::sleep(random.millis(ABANDONED_MS));
    *server = Connection::open(address).ok()?;
    Some(())
}

/// `None` when the server is gone.
fn send(server: &mut Connection, path: &str, body: &str) -> Option<Answered> {
    let answer = server.ask("POST", path, body.as_bytes()).ok()?;
    let text = String::from_utf8_lossy(&answer.body);
    match answer.status {
        200 => {
            let partial: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(partial, serde_json::json!({}), "{path} left something out");
            Some(Answered::Acknowledged)
        }
        429 | 503 => {
            std::thread::sleep(Duration::from_millis(RETRY_MS));
            Some(Answered::Refused)
        }
        status => panic!("{path} answered {status}: {text}"),
    }
}
