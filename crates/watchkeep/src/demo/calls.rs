//! Calls of models, tools and the vector store, with what goes wrong on the way.

use serde_json::{Value as Json, json};
use watchkeep_model::attributes::Value;

use super::catalog::{EMBEDDING_MODEL, Model, Service, Tool, Work};
use super::meter::Instrument;
use super::otlp::{Attributes, Kind, Severity, Span, text, texts};
use super::run::{
    Ended, Failure, OVERLOADED, Place, RATE_LIMIT, Run, exception, fail, message, seconds,
};

/// A question to a model and the answer that it will give.
pub(super) struct Ask<'a> {
    pub(super) model: &'static Model,
    pub(super) system: &'a str,
    pub(super) input: Vec<Json>,
    pub(super) reply: Reply<'a>,
    pub(super) input_tokens: f64,
    pub(super) output_tokens: f64,
}

pub(super) enum Reply<'a> {
    Text(&'a str),
    Tool(&'static Tool),
}

const RATE_LIMITED: f64 = 0.035;
const PROVIDER_FAILS: f64 = 0.012;
const TOOL_TIMES_OUT: f64 = 0.04;
const ATTEMPTS_MAX: usize = 3;

impl Run<'_> {
    /// Asks a model, again where the provider refuses.
    pub(super) fn chat(&mut self, place: Place, mut at: i64, ask: &Ask<'_>) -> Ended {
        for attempt in 1..=ATTEMPTS_MAX {
            let failure = match self.random.unit() {
                x if x < RATE_LIMITED => Some(RATE_LIMIT),
                x if x < RATE_LIMITED + PROVIDER_FAILS => Some(OVERLOADED),
                _ => None,
            };
            let Some(failure) = failure else {
                return Ended { at: self.answered(place, at, ask), ok: true };
            };
            at = self.refused(place, at, ask, failure);
            let wait = self.random.millis(900.0 * attempt as f64, 0.3);
            let severity = if attempt < ATTEMPTS_MAX { Severity::Warn } else { Severity::Error };
            let body = format!(
                "{} from {} (attempt {attempt} of {ATTEMPTS_MAX}), next in {} ms",
                failure.kind,
                ask.model.name,
                wait / 1_000_000
            );
            let attributes = vec![("exception.type", text(failure.kind))];
            self.log_with(place, at, severity, &body, attributes);
            at += wait;
        }
        Ended { at, ok: false }
    }

    fn chat_span(&mut self, place: Place, at: i64, ask: &Ask<'_>) -> Span {
        let model = ask.model;
        let mut span = self.span(place, &format!("chat {}", model.name), Kind::Client, at);
        let system = json!([{"type": "text", "content": ask.system}]);
        span.attributes = self.identity(place.agent);
        span.attributes.extend([
            ("gen_ai.operation.name", text("chat")),
            ("gen_ai.provider.name", text(model.provider)),
            ("gen_ai.request.model", text(model.name)),
            ("gen_ai.request.temperature", Value::Double(0.2)),
            ("gen_ai.request.max_tokens", Value::Int(4096)),
            ("server.address", text(model.address)),
            ("server.port", Value::Int(443)),
            ("gen_ai.system_instructions", text(system.to_string())),
            ("gen_ai.input.messages", text(Json::from(ask.input.clone()).to_string())),
        ]);
        span
    }

    fn refused(&mut self, place: Place, at: i64, ask: &Ask<'_>, failure: Failure) -> i64 {
        let end = at + self.random.millis(210.0, 0.5);
        let mut span = self.chat_span(place, at, ask);
        fail(&mut span, end, failure.kind, failure.message);
        let inner = Place { span: span.context.span_id, ..place };
        let gap = (end - at) / 20;
        let target = (ask.model.address, ask.model.path);
        self.http_client(inner, (at + gap, end - gap), target, failure.status);
        let mut attributes = operation("chat", ask.model);
        // Nothing answered, so there is no model that did.
        attributes.retain(|(key, _)| *key != "gen_ai.response.model");
        attributes.push(("error.type", text(failure.kind)));
        let duration = seconds(at, end);
        self.measure(inner, end, Instrument::OperationDuration, duration, attributes);
        self.end(place.service, span, end);
        end
    }

    fn answered(&mut self, place: Place, at: i64, ask: &Ask<'_>) -> i64 {
        let input = self.random.lognormal(ask.input_tokens, 0.25).round();
        let output = self.random.lognormal(ask.output_tokens, 0.4).round().max(4.0);
        let cached = if self.random.chance(0.6) { (input * 0.55).floor() } else { 0.0 };
        let first = self.random.millis(ask.model.first_token_ms, 0.45);
        let pace = ask.model.tokens_per_second * self.random.lognormal(1.0, 0.2);
        let end = at + first + (output / pace * 1e9) as i64;
        let (reply, finish) = self.reply(ask);
        let mut span = self.chat_span(place, at, ask);
        let id = self.ids.hex(16);
        span.attributes.extend([
            ("gen_ai.response.model", text(ask.model.response_name)),
            ("gen_ai.response.id", text(format!("resp_{id}"))),
            ("gen_ai.response.finish_reasons", texts(&[finish])),
            ("gen_ai.response.time_to_first_chunk", Value::Double(first as f64 / 1e9)),
            ("gen_ai.usage.input_tokens", Value::Int(input as i64)),
            ("gen_ai.usage.output_tokens", Value::Int(output as i64)),
            ("gen_ai.usage.cache_read.input_tokens", Value::Int(cached as i64)),
            ("gen_ai.output.messages", text(reply)),
        ]);
        let inner = Place { span: span.context.span_id, ..place };
        let target = (ask.model.address, ask.model.path);
        self.http_client(inner, (at + 900_000, end - 400_000), target, 200);
        for (kind, tokens) in [("input", input), ("output", output)] {
            let mut attributes = operation("chat", ask.model);
            attributes.push(("gen_ai.token.type", text(kind)));
            self.measure(inner, end, Instrument::TokenUsage, tokens, attributes);
        }
        let attributes = operation("chat", ask.model);
        let duration = seconds(at, end);
        self.measure(inner, end, Instrument::OperationDuration, duration, attributes);
        self.end(place.service, span, end);
        end
    }

    /// The output messages as JSON text, and the reason for the end.
    fn reply(&mut self, ask: &Ask<'_>) -> (String, &'static str) {
        let (part, finish) = match ask.reply {
            Reply::Text(content) => (json!({"type": "text", "content": content}), "stop"),
            Reply::Tool(tool) => (self.tool_call(tool), "tool_call"),
        };
        let messages = json!([{"role": "assistant", "parts": [part], "finish_reason": finish}]);
        (messages.to_string(), finish)
    }

    fn tool_call(&mut self, tool: &Tool) -> Json {
        let arguments = self.conversation.fill(tool.arguments);
        let arguments: Json = serde_json::from_str(&arguments).unwrap_or(Json::Null);
        self.call_id = format!("call_{}", self.ids.hex(12));
        json!({"type": "tool_call", "id": self.call_id,
               "name": tool.name, "arguments": arguments})
    }

    /// Calls a tool, which works in a process of its own.
    pub(super) fn tool(&mut self, place: Place, at: i64, tool: &'static Tool) -> Ended {
        let ok = !self.random.chance(TOOL_TIMES_OUT);
        let result = self.conversation.fill(tool.result);
        self.tool_with(place, at, tool, ok.then_some(&*result))
    }

    /// As [`Run::tool`], with a given result; none means that the time was up.
    pub(super) fn tool_with(
        &mut self,
        place: Place,
        at: i64,
        tool: &'static Tool,
        result: Option<&str>,
    ) -> Ended {
        let ok = result.is_some();
        let work = if ok { self.random.millis(tool.median_ms, 0.5) } else { 10_000_000_000 };
        let end = at + work + 3_000_000;
        let mut span = self.span(place, &format!("execute_tool {}", tool.name), Kind::Internal, at);
        span.attributes = self.identity(place.agent);
        span.attributes.extend([
            ("gen_ai.operation.name", text("execute_tool")),
            ("gen_ai.tool.name", text(tool.name)),
            ("gen_ai.tool.type", text("function")),
            ("gen_ai.tool.description", text(tool.description)),
            ("gen_ai.tool.call.id", text(&self.call_id)),
            ("gen_ai.tool.call.arguments", text(self.conversation.fill(tool.arguments))),
        ]);
        let inner = Place { span: span.context.span_id, ..place };
        if let Some(result) = result {
            span.attributes.push(("gen_ai.tool.call.result", text(result)));
        } else {
            fail(&mut span, end, "TimeoutError", "the tool gave no result within 10 s");
            let body = format!("{} timed out after 10 s", tool.name);
            let attributes = vec![("gen_ai.tool.name", text(tool.name))];
            self.log_with(inner, end, Severity::Error, &body, attributes);
        }
        self.work(inner, (at + 1_500_000, end - 1_500_000), tool, ok);
        let attributes = vec![
            ("gen_ai.tool.name", text(tool.name)),
            ("outcome", text(if ok { "ok" } else { "timeout" })),
        ];
        self.measure(inner, end, Instrument::ToolCalls, 1.0, attributes);
        self.end(place.service, span, end);
        Ended { at: end, ok }
    }

    /// The tool's own process.
    fn work(&mut self, place: Place, (start, end): (i64, i64), tool: &'static Tool, ok: bool) {
        let place = Place { service: Service::ToolRunner, ..place };
        let mut span = self.span(place, "POST /tools/{tool}", Kind::Server, start);
        let status = if ok { 200 } else { 504 };
        span.attributes = vec![
            ("http.request.method", text("POST")),
            ("http.route", text("/tools/{tool}")),
            ("url.path", text(format!("/tools/{}", tool.name))),
            ("http.response.status_code", Value::Int(status)),
        ];
        let inner = Place { span: span.context.span_id, agent: "", ..place };
        let body = format!("running {}", tool.name);
        self.log(inner, start, Severity::Debug, &body);
        match tool.work {
            Work::Http { host, path } => {
                let times = (start + 500_000, end - 500_000);
                self.http_client(inner, times, (host, path), if ok { 200 } else { 504 });
            }
            Work::Sql { operation, table } => {
                self.sql(inner, start + 500_000, (operation, table), tool.median_ms / 3.0);
            }
            Work::Process if self.random.chance(0.003) => {
                let body = "sandbox ran out of memory, worker restarted";
                self.log(inner, end, Severity::Fatal, body);
            }
            Work::Process => self.log(inner, end, Severity::Trace, "sandbox exited with code 0"),
        }
        if !ok {
            fail(&mut span, end, "DeadlineExceeded", "context deadline exceeded");
        }
        self.end(place.service, span, end);
    }

    /// Looks documents up in the vector store.
    pub(super) fn retrieve(
        &mut self,
        place: Place,
        at: i64,
        query: &str,
        documents: &[&str],
    ) -> i64 {
        let mut span = self.span(place, "retrieval support-kb", Kind::Client, at);
        let inner = Place { span: span.context.span_id, ..place };
        let embedded = self.embed(inner, at + 400_000, query);
        let end = self.vector_query(inner, embedded + 600_000, documents.len()) + 500_000;
        let mut found = Vec::new();
        let mut score = 0.95;
        for document in documents {
            score -= 0.12 * self.random.unit();
            found.push(json!({"id": document, "score": (score * 1000.0_f64).round() / 1000.0}));
        }
        span.attributes = self.identity(place.agent);
        span.attributes.extend([
            ("gen_ai.operation.name", text("retrieval")),
            ("gen_ai.data_source.id", text("support-kb")),
            ("gen_ai.retrieval.query.text", text(query)),
            ("gen_ai.retrieval.documents", text(Json::from(found).to_string())),
        ]);
        self.end(place.service, span, end);
        end
    }

    fn embed(&mut self, place: Place, at: i64, query: &str) -> i64 {
        let end = at + self.random.millis(95.0, 0.4);
        let name = format!("embeddings {EMBEDDING_MODEL}");
        let mut span = self.span(place, &name, Kind::Client, at);
        let tokens = query.split_whitespace().count() * 4 / 3;
        span.attributes = self.identity(place.agent);
        span.attributes.extend([
            ("gen_ai.operation.name", text("embeddings")),
            ("gen_ai.provider.name", text("openai")),
            ("gen_ai.request.model", text(EMBEDDING_MODEL)),
            ("gen_ai.response.model", text(EMBEDDING_MODEL)),
            ("gen_ai.usage.input_tokens", Value::Int(tokens as i64)),
            ("gen_ai.embeddings.dimension.count", Value::Int(1536)),
            ("server.address", text("api.openai.com")),
        ]);
        self.end(place.service, span, end);
        end
    }

    fn vector_query(&mut self, place: Place, at: i64, hits: usize) -> i64 {
        let place = Place { service: Service::VectorStore, agent: "", ..place };
        let end = at + self.random.millis(14.0, 0.8);
        let route = "/collections/{collection}/query";
        let mut span = self.span(place, &format!("POST {route}"), Kind::Server, at);
        span.attributes = vec![
            ("http.request.method", text("POST")),
            ("http.route", text(route)),
            ("http.response.status_code", Value::Int(200)),
            ("vector_store.hits", Value::Int(hits as i64)),
        ];
        let inner = Place { span: span.context.span_id, ..place };
        if end - at > 40_000_000 {
            let body = format!("slow query: {} ms, segments not merged", (end - at) / 1_000_000);
            self.log(inner, end, Severity::Warn, &body);
        }
        let attributes = vec![("collection", text("support-kb"))];
        let duration = seconds(at, end);
        self.measure(inner, end, Instrument::QueryDuration, duration, attributes);
        self.end(place.service, span, end);
        end
    }

    /// Reads a model's answer as JSON; now and then that is not what it is.
    pub(super) fn parse_plan(&mut self, place: Place, at: i64, ok: bool) -> Ended {
        let end = at + self.random.millis(0.6, 0.3);
        let mut span = self.span(place, "parse_plan", Kind::Internal, at);
        if !ok {
            let what = "Expecting ',' delimiter: line 1 column 118 (char 117)";
            fail(&mut span, end, "json.decoder.JSONDecodeError", what);
            let inner = Place { span: span.context.span_id, ..place };
            let event = exception(end, "json.decoder.JSONDecodeError", what);
            let body = "the plan is not JSON, asking the model again";
            self.log_with(inner, end, Severity::Error, body, event.attributes);
        }
        self.end(place.service, span, end);
        Ended { at: end, ok }
    }
}

/// The message by which a tool's result goes back to the model.
pub(super) fn tool_message(call_id: &str, result: &str) -> Json {
    let response: Json = serde_json::from_str(result).unwrap_or_else(|_| result.into());
    let part = json!({"type": "tool_call_response", "id": call_id, "response": response});
    json!({"role": "tool", "parts": [part]})
}

pub(super) fn user_message(content: &str) -> Json {
    message("user", content)
}

fn operation(name: &str, model: &Model) -> Attributes {
    vec![
        ("gen_ai.operation.name", text(name)),
        ("gen_ai.provider.name", text(model.provider)),
        ("gen_ai.request.model", text(model.name)),
        ("gen_ai.response.model", text(model.response_name)),
    ]
}
