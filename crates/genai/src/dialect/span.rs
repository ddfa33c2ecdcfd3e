//! From what a span says to a step.

use super::counts::Counts;
use super::keys::Field;
use super::sheet::{Sheet, number, usd};
use super::usage_object::{self, Found};
use super::{
    BasisRules, events, google, hash, langfuse, mcp, openinference, openllmetry, opentelemetry,
    provider, pydantic, vercel,
};
use crate::record::Record;
use crate::step::{Dialect, Kind, Step};

/// Longest time to a first token that is believed: a week.
const FIRST_TOKEN_SECONDS_MAX: f64 = 7.0 * 86_400.0;
/// Tags and finish reasons of one step beyond these are left out.
const LIST_MAX: usize = 64;

/// The step that a sheet tells of; none for what is no step (a span that is only announced).
pub(super) fn step(record: &Record<'_>, sheet: &mut Sheet<'_>, rules: &BasisRules) -> Option<Step> {
    // Logfire sends a span when it begins as another span; the one that ends follows.
    if sheet.text(Field::LogfireType) == Some("pending_span") {
        return None;
    }
    let (kind, dialect) = kind(sheet);
    let mut step = Step::new(kind, refined(dialect, record, sheet));
    models(&mut step, sheet);
    if dialect == Dialect::Genkit && kind.calls_model() {
        genkit_model(&mut step, sheet);
    }
    names(&mut step, record, sheet);
    if dialect == Dialect::OpenInference && kind == Kind::Llm && step.response_id.is_empty() {
        step.response_id = openinference::response_id(sheet.text(Field::Output).unwrap_or(""));
    }
    usage(&mut step, record, sheet, rules);
    outcome(&mut step, record, sheet);
    if let Some(span_type) = sheet.text(Field::LogfireType) {
        step.part = pydantic::part(&step, record, span_type);
    }
    step.evaluations = sheet.evaluations();
    if !record.events.is_empty() {
        events::read(record, &mut step);
    }
    Some(step)
}

/// A field, whose it is, and what kind its value means.
type Reader = (Field, Dialect, fn(&str) -> Option<Kind>);

/// The kind and who says so. That an agent or a session is named says nothing: such names stand on
/// every span below an agent too.
fn kind(sheet: &Sheet<'_>) -> (Kind, Dialect) {
    let readers: [Reader; 8] = [
        (Field::LangfuseType, Dialect::Langfuse, langfuse::kind),
        (Field::OpenInferenceKind, Dialect::OpenInference, openinference::kind),
        (Field::Operation, Dialect::OpenTelemetry, opentelemetry::kind),
        (Field::TraceloopKind, Dialect::OpenLlmetry, openllmetry::kind),
        (Field::RequestType, Dialect::OpenLlmetry, openllmetry::request_kind),
        (Field::GenkitType, Dialect::Genkit, google::genkit_kind),
        (Field::VercelOperation, Dialect::Vercel, vercel::kind),
        (Field::McpMethod, Dialect::Mcp, |method| Some(mcp::kind(method))),
    ];
    for (field, dialect, read) in readers {
        if let Some(kind) = sheet.text(field).and_then(read) {
            return (kind, dialect);
        }
    }
    let by_presence = [
        (Field::Tool, Kind::Tool),
        (Field::ToolCallId, Kind::Tool),
        (Field::EmbeddingModel, Kind::Embedding),
        (Field::RerankerModel, Kind::Reranker),
        (Field::ResponseModel, Kind::Llm),
        (Field::RequestModel, Kind::Llm),
        (Field::EvaluationName, Kind::Evaluator),
    ];
    for (field, kind) in by_presence {
        if let Some(dialect) = sheet.dialect_of(field) {
            return (kind, dialect);
        }
    }
    let told = [Field::LangfuseType, Field::OpenInferenceKind, Field::Operation];
    let dialect = told.into_iter().find_map(|field| sheet.dialect_of(field)).or(sheet.first);
    (Kind::Other, dialect.unwrap_or(Dialect::OpenTelemetry))
}

/// Who speaks OpenTelemetry's names, where others of their keys or the scope tell.
fn refined(dialect: Dialect, record: &Record<'_>, sheet: &Sheet<'_>) -> Dialect {
    if dialect != Dialect::OpenTelemetry {
        return dialect;
    }
    let scope = record.scope;
    let of_pydantic = ["pydantic-ai", "pydantic_ai", pydantic::CLIENTS];
    if of_pydantic.iter().any(|begins| scope.starts_with(begins)) {
        return Dialect::PydanticAi;
    }
    if scope.starts_with("openlit") || sheet.speaks(Dialect::OpenLit) {
        return Dialect::OpenLit;
    }
    if scope == "gcp.vertex.agent" || sheet.speaks(Dialect::GoogleAdk) {
        return Dialect::GoogleAdk;
    }
    if scope.starts_with("openinference") {
        return Dialect::OpenInference;
    }
    let others = [Dialect::Vercel, Dialect::PydanticAi, Dialect::OpenLlmetry, Dialect::Mcp];
    others.into_iter().find(|other| sheet.speaks(*other)).unwrap_or(dialect)
}

fn models(step: &mut Step, sheet: &Sheet<'_>) {
    if let Some(name) = sheet.text(Field::Provider) {
        step.provider = provider::provider_name(name);
    }
    step.request_model =
        sheet.first_of(&[Field::RequestModel, Field::EmbeddingModel, Field::RerankerModel]);
    step.response_model = sheet.owned(Field::ResponseModel);
    step.response_id = sheet.owned(Field::ResponseId);
    step.service_tier = service_tier(sheet);
}

/// Genkit calls a model `googleai/gemini-2.5-flash`.
fn genkit_model(step: &mut Step, sheet: &Sheet<'_>) {
    let Some(name) = sheet.text(Field::EntityName) else { return };
    let (plugin, model) = name.split_once('/').unwrap_or(("", name));
    if step.request_model.is_empty() {
        model.clone_into(&mut step.request_model);
    }
    if step.provider.is_empty() && !plugin.is_empty() {
        step.provider = provider::provider_name(plugin);
    }
}

fn service_tier(sheet: &Sheet<'_>) -> String {
    let named = sheet.text(Field::ServiceTier).map(str::to_owned);
    let tier = named.or_else(|| {
        let parameters = sheet.text(Field::Parameters).filter(|it| it.contains("service_tier"))?;
        let value: serde_json::Value = serde_json::from_str(parameters).ok()?;
        Some(value.get("service_tier")?.as_str()?.to_owned())
    });
    match tier.unwrap_or_default().to_ascii_lowercase() {
        tier if tier == "auto" => String::new(),
        tier if tier == "standard" => "default".to_owned(),
        tier => tier,
    }
}

fn names(step: &mut Step, record: &Record<'_>, sheet: &Sheet<'_>) {
    let operation = [Field::Operation, Field::VercelOperation, Field::McpMethod];
    step.operation = sheet.first_of(&operation);
    if step.operation.is_empty() {
        let kinds = [Field::OpenInferenceKind, Field::LangfuseType, Field::TraceloopKind];
        step.operation = sheet.first_of(&kinds);
    }
    if step.operation.is_empty() {
        step.operation = sheet.first_of(&[Field::RequestType, Field::GenkitType]);
    }
    step.agent = sheet.owned(Field::Agent);
    step.agent_id = sheet.owned(Field::AgentId);
    step.agent_version = sheet.owned(Field::AgentVersion);
    step.session = sheet.owned(Field::Session);
    step.user = sheet.owned(Field::User);
    step.interaction = sheet.owned(Field::Interaction);
    step.reservation = sheet.owned(Field::Reservation);
    step.workflow = sheet.owned(Field::Workflow);
    step.prompt = sheet.owned(Field::Prompt);
    step.prompt_version = sheet.owned(Field::PromptVersion);
    if let Some(prompt) = sheet.text(Field::PromptObject) {
        prompt_object(step, prompt);
    }
    step.tags = list(sheet.text(Field::Tags));
    let anywhere = |field, keys: &[&str]| {
        let own = sheet.text(field);
        let of_resource = || keys.iter().find_map(|key| record.text_anywhere(key));
        own.or_else(of_resource).unwrap_or_default().to_owned()
    };
    step.release = anywhere(Field::Release, &["langfuse.release", "service.version"]);
    let environments =
        ["langfuse.environment", "deployment.environment.name", "deployment.environment"];
    step.environment = anywhere(Field::Environment, &environments);
    name_of_kind(step, record, sheet);
}

/// The name of an agent, tool or workflow, from the span's where no attribute has it.
fn name_of_kind(step: &mut Step, record: &Record<'_>, sheet: &Sheet<'_>) {
    let fallback = || {
        let entity = sheet.text(Field::EntityName);
        entity.unwrap_or_else(|| without_operation(record.name, &step.operation)).to_owned()
    };
    match step.kind {
        Kind::Agent if step.agent.is_empty() => step.agent = fallback(),
        Kind::Workflow if step.workflow.is_empty() => step.workflow = fallback(),
        Kind::Tool => {
            step.tool = match sheet.text(Field::Tool) {
                Some(tool) => tool.to_owned(),
                None => fallback(),
            };
            step.tool_call_id = sheet.owned(Field::ToolCallId);
            let hashed = |fields: [Field; 2]| {
                let text = fields.into_iter().find_map(|field| sheet.text(field));
                text.map_or(0, hash::canonical_hash)
            };
            step.tool_arguments_hash = hashed([Field::ToolArguments, Field::Input]);
            step.tool_result_hash = hashed([Field::ToolResult, Field::Output]);
        }
        _ => {}
    }
}

/// `execute_tool search` is `search`.
fn without_operation<'a>(name: &'a str, operation: &str) -> &'a str {
    let rest = name.strip_prefix(operation).and_then(|rest| rest.strip_prefix(' '));
    let name = rest.unwrap_or(name);
    if name == operation { "" } else { name }
}

fn prompt_object(step: &mut Step, text: &str) {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return };
    if let Some(name) = value.get("name").and_then(serde_json::Value::as_str) {
        name.clone_into(&mut step.prompt);
    }
    match value.get("version") {
        Some(serde_json::Value::String(version)) => version.clone_into(&mut step.prompt_version),
        Some(serde_json::Value::Number(version)) => step.prompt_version = version.to_string(),
        _ => {}
    }
}

fn usage(step: &mut Step, record: &Record<'_>, sheet: &Sheet<'_>, rules: &BasisRules) {
    step.raw_usage = sheet.raw_usage.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect();
    step.reported_cost = cost(sheet);
    step.is_aggregate = sheet.is_aggregate();
    step.is_free = opentelemetry::is_free(&step.operation);
    let mut counts = sheet.counts();
    let whole = sheet.text(Field::UsageObject).and_then(usage_object::read_usage);
    let whole =
        whole.or_else(|| sheet.text(Field::ResponseObject).and_then(usage_object::read_response));
    let of_genkit = || {
        let is_model = step.dialect == Dialect::Genkit && step.kind.calls_model();
        let output = sheet.text(Field::Output).filter(|_| is_model)?;
        usage_object::read_response(output)
    };
    if let Some(found) = whole.or_else(of_genkit) {
        replace(&mut counts, step, found);
    }
    if let Some(found) = sheet.text(Field::ProviderMetadata).and_then(usage_object::read_metadata) {
        counts.supplement(&found.counts);
        step.reported_cost = step.reported_cost.or(found.cost);
        step.raw_usage.extend(found.raw);
    }
    // What was written to a cache for an hour costs more; often only the answer itself tells.
    let has_split = counts.cache_write_5m + counts.cache_write_1h > 0;
    if counts.cache_write > 0
        && !has_split
        && step.kind == Kind::Llm
        && let Some(answer) = sheet.text(Field::Output).filter(|it| it.contains("ephemeral_1h"))
        && let Some(found) = usage_object::read_response(answer)
    {
        counts.cache_write_5m = found.counts.cache_write_5m;
        counts.cache_write_1h = found.counts.cache_write_1h;
    }
    if !counts.is_empty() {
        (step.usage, step.basis) = counts.settle(rules.of(&step.provider, record.scope));
    }
}

/// An object of usage is whole: it takes the place of single numbers, which say the same again.
fn replace(counts: &mut Counts, step: &mut Step, found: Found) {
    if !found.counts.is_empty() {
        *counts = found.counts;
    }
    step.reported_cost = step.reported_cost.or(found.cost);
    step.raw_usage.extend(found.raw);
}

fn cost(sheet: &Sheet<'_>) -> Option<f64> {
    sheet
        .text(Field::CostObject)
        .and_then(usage_object::read_cost)
        .or_else(|| sheet.text(Field::Cost).and_then(usd))
        .or(sheet.cost_of_parts)
}

fn outcome(step: &mut Step, record: &Record<'_>, sheet: &Sheet<'_>) {
    step.finish_reasons = list(sheet.text(Field::FinishReasons));
    let failed = matches!(sheet.text(Field::Status), Some("failed"))
        || matches!(sheet.text(Field::Level), Some("ERROR"));
    step.error = match sheet.text(Field::Error) {
        Some(error) => error.to_owned(),
        None => String::new(),
    };
    step.first_token_ns = first_token(record, sheet);
    if step.error.is_empty() && failed {
        "error".clone_into(&mut step.error);
    }
}

fn first_token(record: &Record<'_>, sheet: &Sheet<'_>) -> Option<i64> {
    let seconds = sheet.text(Field::FirstTokenSeconds).and_then(number);
    let millis = || Some(sheet.text(Field::FirstTokenMillis).and_then(number)? / 1e3);
    let instant = || {
        let text = sheet.text(Field::FirstTokenInstant)?.trim_matches('"');
        let at = text.parse::<jiff::Timestamp>().ok()?.as_nanosecond();
        Some((at - i128::from(record.time_ns)) as f64 / 1e9)
    };
    let seconds = seconds.or_else(millis).or_else(instant)?;
    (0.0..=FIRST_TOKEN_SECONDS_MAX).contains(&seconds).then_some((seconds * 1e9) as i64)
}

/// A list: JSON, or texts with commas between them.
fn list(text: Option<&str>) -> Vec<String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Vec::new() };
    if text.starts_with('[')
        && let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(text)
    {
        let texts = values.into_iter().filter_map(|value| match value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Null => None,
            other => Some(other.to_string()),
        });
        return texts.take(LIST_MAX).collect();
    }
    text.trim_matches('"').split(',').map(|one| one.trim().to_owned()).take(LIST_MAX).collect()
}
