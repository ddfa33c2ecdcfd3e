//! The application in time: conversations begin, go on and end; what its services would send until
//! an instant comes out as requests. It has no clock and does no IO.

use std::collections::BTreeMap;

use watchkeep_model::attributes::Value;

use super::catalog::{PRODUCTS, Service, TOPICS, USERS};
use super::meter::{Instrument, Measurement, Meter};
use super::otlp::{
    LogRecord, Metric, Severity, Source, Span, encode_logs, encode_metrics, encode_spans, text,
};
use super::random::Random;
use super::run::{Conversation, Item, Run};

/// How often the meters of the services are read.
const METRICS_EVERY_NS: i64 = 15_000_000_000;
/// Spans or log records of one request at most, as SDKs have it.
const ITEMS_PER_REQUEST: usize = 512;
/// Turns of a conversation on average, about: a new one begins for so many runs.
const TURNS: f64 = 2.2;

/// Which signal a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Logs,
    Metrics,
}

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) signal: Signal,
    pub(super) body: Vec<u8>,
    /// Spans, log records or data points in it.
    pub(super) items: usize,
}

#[derive(Debug)]
enum Due {
    /// A new conversation begins.
    Arrival,
    /// The next message of a conversation.
    Turn(Box<Conversation>),
    Item(Service, Item),
    /// Meters are read.
    Metrics,
}

/// The application.
#[derive(Debug)]
pub(super) struct Simulation {
    random: Random,
    ids: Random,
    /// Mean time between new conversations.
    arrivals_ns: f64,
    /// What happens when, in order; the number keeps apart what happens at one instant.
    due: BTreeMap<(i64, u64), Due>,
    sequence: u64,
    processes: Vec<Process>,
    conversations: u64,
    queue_depth: f64,
}

/// One service's process, and what it has not sent yet.
#[derive(Debug)]
struct Process {
    service: Service,
    source: Source,
    meter: Meter,
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
    metrics: Vec<Metric>,
}

impl Process {
    fn new(service: Service, start_ns: i64, ids: &mut Random) -> Self {
        let instance = format!("{}-{}", service.name(), ids.hex(5));
        let resource = vec![
            ("service.name", text(service.name())),
            ("service.namespace", text("acme-support")),
            ("service.version", text(service.version())),
            ("service.instance.id", text(instance.as_str())),
            ("deployment.environment.name", text("production")),
            ("host.name", text(instance)),
            ("telemetry.sdk.name", text("opentelemetry")),
            ("telemetry.sdk.language", text(service.language())),
            ("watchkeep.demo", Value::Bool(true)),
        ];
        let (scope_name, scope_version) = (service.scope(), service.version());
        Self {
            service,
            source: Source { resource, scope_name, scope_version },
            meter: Meter::new(start_ns),
            spans: Vec::new(),
            logs: Vec::new(),
            metrics: Vec::new(),
        }
    }

    fn drain(&mut self, requests: &mut Vec<Request>) {
        for spans in self.spans.chunks(ITEMS_PER_REQUEST) {
            let body = encode_spans(&self.source, spans);
            requests.push(Request { signal: Signal::Traces, body, items: spans.len() });
        }
        for logs in self.logs.chunks(ITEMS_PER_REQUEST) {
            let body = encode_logs(&self.source, logs);
            requests.push(Request { signal: Signal::Logs, body, items: logs.len() });
        }
        if !self.metrics.is_empty() {
            let body = encode_metrics(&self.source, &self.metrics);
            let items = self.metrics.iter().map(|metric| metric.points.len()).sum();
            requests.push(Request { signal: Signal::Metrics, body, items });
        }
        self.spans.clear();
        self.logs.clear();
        self.metrics.clear();
    }
}

impl Simulation {
    /// An application that starts at an instant. Ids depend on the instant too, so that a second
    /// demo with one seed does not add to the traces of the first.
    pub(super) fn new(seed: u64, start_ns: i64, runs_per_minute: f64) -> Self {
        let mut ids = Random::new(Random::new(seed).next() ^ start_ns as u64);
        let processes = Service::ALL.map(|service| Process::new(service, start_ns, &mut ids));
        let mut simulation = Self {
            random: Random::new(seed),
            ids,
            arrivals_ns: TURNS * 60e9 / runs_per_minute,
            due: BTreeMap::new(),
            sequence: 0,
            processes: processes.into(),
            conversations: 0,
            queue_depth: 3.0,
        };
        simulation.schedule(start_ns + 200_000_000, Due::Arrival);
        simulation.schedule(start_ns + METRICS_EVERY_NS, Due::Metrics);
        simulation
    }

    fn schedule(&mut self, at: i64, due: Due) {
        self.sequence += 1;
        self.due.insert((at, self.sequence), due);
    }

    /// What the services send until `now`, after what they sent before.
    pub(super) fn advance(&mut self, now: i64) -> Vec<Request> {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), due) = entry.remove_entry();
            match due {
                Due::Arrival => self.arrival(at),
                Due::Turn(conversation) => self.turn(at, *conversation),
                Due::Item(service, item) => self.take(at, service, item),
                Due::Metrics => self.collect(at),
            }
        }
        let mut requests = Vec::new();
        for process in &mut self.processes {
            process.drain(&mut requests);
        }
        requests
    }

    fn arrival(&mut self, at: i64) {
        self.conversations += 1;
        let user = self.random.pick(&USERS);
        let order = format!("ORD-{}", self.random.between(20_000, 89_999));
        let euros = self.random.lognormal(74.0, 0.5).min(249.0);
        let conversation = Conversation {
            id: format!("conv-{}", self.ids.hex(10)),
            session: format!("sess-{}", self.ids.hex(10)),
            user,
            topic: self.random.below(TOPICS.len()),
            turn: 0,
            facts: vec![
                ("{order}", order),
                ("{amount}", format!("{euros:.2}")),
                ("{email}", user.email.to_owned()),
                ("{product}", (*self.random.pick(&PRODUCTS)).to_owned()),
            ],
            previous: None,
        };
        self.schedule(at, Due::Turn(Box::new(conversation)));
        let next = at + self.random.exponential(self.arrivals_ns) as i64 + 1_000_000;
        self.schedule(next, Due::Arrival);
    }

    fn turn(&mut self, at: i64, mut conversation: Conversation) {
        let trace_id = self.ids.trace_id();
        let mut run = Run {
            random: &mut self.random,
            ids: &mut self.ids,
            conversation: &conversation,
            trace_id,
            call_id: String::new(),
            emitted: Vec::new(),
        };
        let (root, end) = run.gateway(at);
        for (at, service, item) in run.emitted {
            self.schedule(at, Due::Item(service, item));
        }
        conversation.previous = Some(root);
        conversation.turn += 1;
        let questions = TOPICS[conversation.topic].questions.len();
        if conversation.turn < questions && self.random.chance(0.85) {
            let next = end + self.random.millis(26_000.0, 0.7);
            self.schedule(next, Due::Turn(Box::new(conversation)));
        }
    }

    fn process(&mut self, service: Service) -> &mut Process {
        &mut self.processes[service as usize]
    }

    fn take(&mut self, at: i64, service: Service, item: Item) {
        let process = self.process(service);
        match item {
            Item::Span(span) => process.spans.push(*span),
            Item::Log(log) => process.logs.push(*log),
            Item::Measurement(measurement) => process.meter.record(at, *measurement),
        }
    }

    /// Reads the meters, and lets the services do what they do in the background.
    fn collect(&mut self, at: i64) {
        self.queue_depth = (self.queue_depth * 0.8 + self.random.exponential(1.4)).min(60.0);
        let depth = self.queue_depth.round();
        let queue = vec![("queue", text("default"))];
        self.gauge(at, Service::ToolRunner, Instrument::QueueDepth, depth, queue);
        for service in Service::ALL {
            let bytes = service.memory_bytes() * self.random.lognormal(1.0, 0.04);
            self.gauge(at, service, Instrument::MemoryUsage, bytes.round(), Vec::new());
        }
        if self.random.chance(0.2) {
            let millis = self.random.between(20, 900);
            let body = format!("merged 4 segments of support-kb in {millis} ms");
            self.background_log(at, Service::VectorStore, Severity::Info, &body);
        }
        if depth > 9.0 {
            let body = format!("{depth} calls wait for a worker");
            self.background_log(at, Service::ToolRunner, Severity::Warn, &body);
        }
        for process in &mut self.processes {
            let collected = process.meter.collect(at);
            append(&mut process.metrics, collected);
        }
        self.schedule(at + METRICS_EVERY_NS, Due::Metrics);
    }

    fn gauge(
        &mut self,
        at: i64,
        service: Service,
        instrument: Instrument,
        value: f64,
        attributes: super::otlp::Attributes,
    ) {
        let measurement = Measurement { instrument, value, attributes, context: None };
        self.process(service).meter.record(at, measurement);
    }

    fn background_log(&mut self, at: i64, service: Service, severity: Severity, body: &str) {
        let record = LogRecord {
            time_ns: at,
            severity,
            body: text(body),
            attributes: Vec::new(),
            context: None,
            event_name: "",
        };
        self.process(service).logs.push(record);
    }
}

/// Adds points to the metrics that are there already.
fn append(metrics: &mut Vec<Metric>, more: Vec<Metric>) {
    for metric in more {
        match metrics.iter_mut().find(|other| other.name == metric.name) {
            Some(other) => other.points.extend(metric.points),
            None => metrics.push(metric),
        }
    }
}

impl Simulation {
    /// The name of each service, for the banner.
    pub(super) fn services(&self) -> Vec<&'static str> {
        self.processes.iter().map(|process| process.service.name()).collect()
    }

    /// No new conversations from now on.
    #[cfg(test)]
    pub(super) fn stop_arrivals(&mut self) {
        self.due.retain(|_, due| !matches!(due, Due::Arrival));
    }
}
