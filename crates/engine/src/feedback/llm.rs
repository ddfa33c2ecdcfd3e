//! Asking a model of one's own for the issues behind comments, over OpenAI's API. What it cost is
//! told by a span of the service `watchkeep`, which is stored and counted as those of others are.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use watchkeep_genai::feedback::issues::{INSTRUCTIONS, question, read};
use watchkeep_genai::price::Priced;
use watchkeep_genai::step::Kind;
use watchkeep_genai::{Bucket, Usage};
use watchkeep_model::{Error, ErrorKind, Result, TenantId};
use watchkeep_wire::otlp::decode_traces_json;

use super::config::LlmConfig;
use crate::engine::Engine;
use crate::scrape::Environment;
use crate::scrape::config::HttpClientConfig;
use crate::scrape::config::http::Authorization;
use crate::scrape::config::values::Secret;
use crate::scrape::http_client::{HttpClient, read_body};

/// Longer answers are not read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long is waited before the first repetition; twice as long before each further one.
const BACKOFF: Duration = Duration::from_millis(250);
/// The longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// The service that spans of these calls are of.
const SERVICE: &str = "watchkeep";

/// A model that can be asked.
#[derive(Debug)]
pub(super) struct Llm {
    client: HttpClient,
    url: String,
    config: LlmConfig,
}

/// What it said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) issues: Vec<String>,
    pub(super) model: String,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cost_usd: Option<f64>,
    pub(super) duration_ns: i64,
}

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    choices: Vec<Choice>,
    usage: Option<CompletionUsage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize, Default)]
struct CompletionUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// Why an attempt failed, and whether another one makes sense.
struct Failure {
    error: Error,
    is_passing: bool,
}

impl Llm {
    /// The configured model, if any.
    pub(super) fn new(config: &LlmConfig, environment: &Environment) -> Result<Option<Self>> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let mut http = HttpClientConfig::default();
        let mut authorization =
            Authorization { scheme: "Bearer".to_owned(), ..Authorization::default() };
        if !config.api_key_file.as_os_str().is_empty() {
            authorization.credentials_file.clone_from(&config.api_key_file);
            http.authorization = Some(authorization);
        } else if !config.api_key_env.is_empty() {
            let name = &config.api_key_env;
            let key = environment.get(name);
            if key.is_empty() {
                return Err(Error::invalid(format!("feedback.llm.api_key_env: {name} is not set")));
            }
            authorization.credentials = Secret::new(key);
            http.authorization = Some(authorization);
        }
        let base = config.url.trim_end_matches('/');
        let path = "/chat/completions";
        let url = format!("{}{path}", base.trim_end_matches(path));
        let client = HttpClient::new(&http, environment)?;
        Ok(Some(Self { client, url, config: config.clone() }))
    }

    /// The question about some comments, of which the first so many are shown.
    pub(super) fn question<'a>(&self, comments: impl Iterator<Item = &'a str>) -> String {
        question(comments.take(self.config.comments_max))
    }

    /// Asks until it answers, or has failed too often.
    pub(super) async fn ask(
        &self,
        engine: &Engine,
        tenant: &TenantId,
        question: &str,
    ) -> Result<Answer> {
        let started_ns = engine.clock().now_ns();
        let started = Instant::now();
        let mut wait = BACKOFF;
        let mut attempts = 0;
        let outcome = loop {
            attempts += 1;
            match self.attempt(question).await {
                Ok(completion) => break Ok(completion),
                Err(failure) if !failure.is_passing || attempts > self.config.retries => {
                    break Err(failure.error);
                }
                Err(_) => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(BACKOFF_MAX);
                }
            }
        };
        let duration_ns = i64::try_from(started.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let times = (started_ns, started_ns.saturating_add(duration_ns));
        self.tell(engine, tenant, times, outcome.as_ref()).await;
        let completion = outcome?;
        let usage = completion.usage.unwrap_or_default();
        let content = completion.choices.into_iter().find_map(|choice| choice.message.content);
        let issues = read(&content.unwrap_or_default());
        if issues.is_empty() {
            return Err(Error::invalid("the model's answer names no issue"));
        }
        let mut tokens = Usage::default();
        tokens.set(Bucket::Input, usage.prompt_tokens);
        tokens.set(Bucket::Output, usage.completion_tokens);
        let model =
            if completion.model.is_empty() { self.config.model.clone() } else { completion.model };
        let priced = Priced {
            kind: Kind::Llm,
            provider: provider(&self.url),
            model: &model,
            request_model: &self.config.model,
            usage: &tokens,
            service_tier: "",
            reported_cost: None,
            is_free: false,
            is_failed: false,
        };
        let cost_usd = cost_usd(engine, tenant, &priced, started_ns);
        Ok(Answer {
            issues,
            model,
            input_tokens: usage.prompt_tokens,
            output_tokens: usage.completion_tokens,
            cost_usd,
            duration_ns,
        })
    }

    async fn attempt(&self, question: &str) -> Result<Completion, Failure> {
        let passing = |error: Error| Failure { error, is_passing: true };
        let body = json!({
            "model": self.config.model,
            "messages": [
                {"role": "system", "content": INSTRUCTIONS},
                {"role": "user", "content": question},
            ],
            "max_tokens": self.config.output_tokens_max,
            "temperature": 0,
        });
        let request = self
            .client
            .post(&self.url)
            .timeout(self.config.timeout.0)
            .header("Content-Type", "application/json")
            .body(body.to_string());
        let response =
            self.client.send(request).await.map_err(|error| passing(self.told(&error)))?;
        let status = response.status();
        if !status.is_success() {
            let is_passing = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
            let error = Error::invalid(format!("the model's endpoint answered {status}"));
            return Err(Failure { error, is_passing });
        }
        let body = read_body(response, ANSWER_BYTES_MAX).await;
        let body = body.map_err(|error| passing(self.told(&error)))?;
        serde_json::from_slice(&body).map_err(|error| Failure {
            error: Error::invalid(
                "the model's endpoint answered with something else than a completion",
            )
            .with_source(error),
            is_passing: false,
        })
    }

    fn told(&self, error: &Error) -> Error {
        if matches!(error.kind(), ErrorKind::Timeout) {
            return Error::invalid(format!(
                "the model did not answer within {} (feedback.llm.timeout)",
                self.config.timeout
            ));
        }
        Error::invalid(format!("the model's endpoint can not be reached: {}", error.message()))
    }

    /// Stores a span of the call, with its tokens and without what was said.
    async fn tell(
        &self,
        engine: &Engine,
        tenant: &TenantId,
        (start_ns, end_ns): (i64, i64),
        outcome: Result<&Completion, &Error>,
    ) {
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let number =
            |key: &str, value: u64| json!({"key": key, "value": {"intValue": value.to_string()}});
        let mut attributes = vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", provider(&self.url)),
            text("gen_ai.request.model", &self.config.model),
            text("gen_ai.agent.name", "feedback-themes"),
        ];
        let mut status = json!({});
        match outcome {
            Ok(completion) => {
                let model = [&completion.model, &self.config.model];
                let model = model.into_iter().find(|model| !model.is_empty());
                attributes.push(text("gen_ai.response.model", model.map_or("", String::as_str)));
                attributes.push(text("gen_ai.response.id", &completion.id));
                if let Some(usage) = &completion.usage {
                    attributes.push(number("gen_ai.usage.input_tokens", usage.prompt_tokens));
                    attributes.push(number("gen_ai.usage.output_tokens", usage.completion_tokens));
                }
            }
            Err(error) => {
                attributes.push(text("error.type", error.kind().name()));
                status = json!({"code": 2, "message": error.message()});
            }
        }
        let (trace_id, span_id) = fresh_ids();
        let span = json!({
            "traceId": trace_id, "spanId": span_id, "name": format!("chat {}", self.config.model),
            "kind": 3, "startTimeUnixNano": start_ns.to_string(),
            "endTimeUnixNano": end_ns.to_string(), "attributes": attributes, "status": status,
        });
        let export = json!({"resourceSpans": [{
            "resource": {"attributes": [text("service.name", SERVICE)]},
            "scopeSpans": [{"scope": {"name": "watchkeep.feedback"}, "spans": [span]}],
        }]});
        let limits = engine.limits().decode();
        let stored = match decode_traces_json(export.to_string().as_bytes(), &limits) {
            Ok(decoded) => engine.ingest_spans(tenant, decoded.columns, decoded.rejected).await,
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            tracing::warn!("cannot store the span of a call of a model: {}", error.report());
        }
    }
}

/// What a call costs by the prices in force, USD; `None` where the model has none.
fn cost_usd(engine: &Engine, tenant: &TenantId, priced: &Priced<'_>, at_ns: i64) -> Option<f64> {
    let cost = engine.prices.book(tenant).cost_of(priced, at_ns);
    (cost.unpriced_tokens(priced.usage) == 0 && !priced.usage.is_empty()).then_some(cost.usd)
}

/// The provider that an endpoint is of, by the names of OpenTelemetry.
fn provider(url: &str) -> &'static str {
    let host = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
    let known = [
        ("azure.com", "azure.ai.openai"),
        ("anthropic.com", "anthropic"),
        ("mistral.ai", "mistral_ai"),
        ("groq.com", "groq"),
        ("deepseek.com", "deepseek"),
        ("x.ai", "x_ai"),
        ("googleapis.com", "gcp.gemini"),
    ];
    known.into_iter().find(|(end, _)| host.ends_with(end)).map_or("openai", |(_, name)| name)
}

/// Ids of a trace and a span that nothing else has, in hexadecimal.
fn fresh_ids() -> (String, String) {
    use std::hash::BuildHasher as _;
    let random = || std::collections::hash_map::RandomState::new().hash_one(0_u8) | 1;
    (format!("{:016x}{:016x}", random(), random()), format!("{:016x}", random()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_told_by_host() {
        let cases = [
            ("https://api.openai.com/v1", "openai"),
            ("http://127.0.0.1:8080/v1", "openai"),
            ("https://x.openai.azure.com/openai", "azure.ai.openai"),
            ("https://api.mistral.ai/v1", "mistral_ai"),
        ];
        for (url, expected) in cases {
            assert_eq!(provider(url), expected, "{url}");
        }
    }
}
