//! One run: a trace, with the log records and measurements that belong to it. This file knows how
//! calls of models, tools and other services look; `agents` knows who calls whom and why.

use serde_json::{Value as Json, json};
use watchkeep_model::attributes::Value;

use super::catalog::{Service, User};
use super::meter::{Instrument, Measurement};
use super::otlp::{Attributes, Context, Event, Kind, LogRecord, Severity, Span, text};
use super::random::Random;

/// What a service gives away, at the time at which its SDK gets it: spans when they end.
#[derive(Debug)]
pub(super) enum Item {
    Span(Box<Span>),
    Log(Box<LogRecord>),
    Measurement(Box<Measurement>),
}

/// An item, whose it is, and when.
pub(super) type Emitted = (i64, Service, Item);

/// A conversation of a user.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) session: String,
    pub(super) user: &'static User,
    pub(super) topic: usize,
    pub(super) turn: usize,
    /// What the placeholders of texts stand for.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The root of the turn before.
    pub(super) previous: Option<Context>,
}

impl Conversation {
    pub(super) fn fill(&self, template: &str) -> String {
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        self.facts.iter().fold(template.to_owned(), fill)
    }
}

/// Where a step happens: in which service, under which span, for which agent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) service: Service,
    pub(super) span: [u8; 8],
    /// Empty outside agents.
    pub(super) agent: &'static str,
}

/// How a step ended, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) at: i64,
    pub(super) ok: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    pub(super) kind: &'static str,
    pub(super) message: &'static str,
    pub(super) status: i64,
}

pub(super) const RATE_LIMIT: Failure = Failure {
    kind: "RateLimitError",
    message: "429 Too Many Requests: rate limit reached for tokens per minute, retry after 2s",
    status: 429,
};
pub(super) const OVERLOADED: Failure = Failure {
    kind: "InternalServerError",
    message: "529 Overloaded: the provider is temporarily overloaded",
    status: 529,
};

/// A trace in the making.
pub(super) struct Run<'a> {
    pub(super) random: &'a mut Random,
    /// Apart from `random`, so that ids differ between runs of the program with one seed.
    pub(super) ids: &'a mut Random,
    pub(super) conversation: &'a Conversation,
    pub(super) trace_id: [u8; 16],
    /// Of the tool call that a model asked for last.
    pub(super) call_id: String,
    pub(super) emitted: Vec<Emitted>,
}

impl Run<'_> {
    pub(super) fn span(&mut self, place: Place, name: &str, kind: Kind, at: i64) -> Span {
        Span {
            context: Context { trace_id: self.trace_id, span_id: self.ids.span_id() },
            parent: place.span,
            name: name.to_owned(),
            kind,
            start_ns: at,
            end_ns: at,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            error: None,
        }
    }

    pub(super) fn end(&mut self, service: Service, mut span: Span, at: i64) {
        span.end_ns = at.max(span.start_ns);
        self.emitted.push((span.end_ns, service, Item::Span(Box::new(span))));
    }

    pub(super) fn log(&mut self, place: Place, at: i64, severity: Severity, body: &str) {
        self.log_with(place, at, severity, body, Vec::new());
    }

    pub(super) fn log_with(
        &mut self,
        place: Place,
        at: i64,
        severity: Severity,
        body: &str,
        attributes: Attributes,
    ) {
        let record = LogRecord {
            time_ns: at,
            severity,
            body: text(body),
            attributes,
            context: Some(Context { trace_id: self.trace_id, span_id: place.span }),
            event_name: "",
        };
        self.emitted.push((at, place.service, Item::Log(Box::new(record))));
    }

    pub(super) fn measure(
        &mut self,
        place: Place,
        at: i64,
        instrument: Instrument,
        value: f64,
        attributes: Attributes,
    ) {
        let context = Some(Context { trace_id: self.trace_id, span_id: place.span });
        let measurement = Measurement { instrument, value, attributes, context };
        self.emitted.push((at, place.service, Item::Measurement(Box::new(measurement))));
    }

    /// What every span of an agent's work carries.
    pub(super) fn identity(&self, agent: &'static str) -> Attributes {
        let mut attributes = vec![
            ("gen_ai.conversation.id", text(&self.conversation.id)),
            ("session.id", text(&self.conversation.session)),
            ("user.id", text(self.conversation.user.id)),
        ];
        if !agent.is_empty() {
            attributes.push(("gen_ai.agent.name", text(agent)));
        }
        attributes
    }

    /// The span of a request over HTTP to `host`, ended at `end`.
    pub(super) fn http_client(
        &mut self,
        place: Place,
        (start, end): (i64, i64),
        (host, path): (&str, &str),
        status: i64,
    ) -> Context {
        let mut span = self.span(place, "POST", Kind::Client, start);
        span.attributes = vec![
            ("http.request.method", text("POST")),
            ("server.address", text(host)),
            ("server.port", Value::Int(443)),
            ("url.full", text(format!("https://{host}{path}"))),
            ("http.response.status_code", Value::Int(status)),
        ];
        if status >= 400 {
            span.attributes.push(("error.type", text(status.to_string())));
            span.error = Some(String::new());
        }
        let context = span.context;
        self.end(place.service, span, end);
        context
    }

    /// The span of a statement to Postgres; gives its end.
    pub(super) fn sql(
        &mut self,
        place: Place,
        at: i64,
        (operation, table): (&str, &str),
        median_ms: f64,
    ) -> i64 {
        let end = at + self.random.millis(median_ms, 0.6);
        let mut span = self.span(place, &format!("{operation} {table}"), Kind::Client, at);
        let query = match operation {
            "INSERT" => format!("INSERT INTO {table} VALUES ($1, $2, $3)"),
            _ => format!("SELECT * FROM {table} WHERE id = $1"),
        };
        span.attributes = vec![
            ("db.system.name", text("postgresql")),
            ("db.namespace", text("shop")),
            ("db.collection.name", text(table)),
            ("db.operation.name", text(operation)),
            ("db.query.text", text(query)),
            ("server.address", text("postgres.internal")),
        ];
        self.end(place.service, span, end);
        end
    }
}

/// Marks a span as failed, with an event for the exception.
pub(super) fn fail(span: &mut Span, at: i64, kind: &str, message: &str) {
    span.attributes.push(("error.type", text(kind)));
    span.error = Some(message.to_owned());
    span.events.push(exception(at, kind, message));
}

pub(super) fn exception(at: i64, kind: &str, message: &str) -> Event {
    let trace = format!(
        "Traceback (most recent call last):\n  File \"/app/agents/runtime.py\", line 214, in step\n    \
         result = await call(*args)\n{kind}: {message}"
    );
    Event {
        time_ns: at,
        name: "exception",
        attributes: vec![
            ("exception.type", text(kind)),
            ("exception.message", text(message)),
            ("exception.stacktrace", text(trace)),
        ],
    }
}

/// A message of the GenAI conventions with one text in it.
pub(super) fn message(role: &str, content: &str) -> Json {
    json!({"role": role, "parts": [{"type": "text", "content": content}]})
}

pub(super) fn seconds(start: i64, end: i64) -> f64 {
    (end - start) as f64 / 1e9
}
