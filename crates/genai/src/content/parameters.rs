//! Parameters of a request: how a model was asked to answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{Fields, PARAMETERS_MAX, TOOLS_MAX, opened};
use super::sources::Reader;
use super::{numbered, tools};

/// Objects of parameters.
const OBJECTS: [&str; 6] = [
    "llm.invocation_parameters",
    "embedding.invocation_parameters",
    "langfuse.observation.model.parameters",
    "model_request_parameters",
    "gen_ai.request.parameters",
    "model_config",
];
/// What stands before the name of a parameter.
const PREFIXES: [&str; 6] = [
    "gen_ai.request.",
    "gen_ai.openai.request.",
    "openai.request.",
    "aws.bedrock.request.",
    "ai.settings.",
    "gen_ai.embeddings.",
];
/// Single attributes, and what they are called here.
const SINGLE: [(&str, &str); 13] = [
    ("gen_ai.output.type", "output_type"),
    ("gen_ai.retrieval.top_k", "top_k"),
    ("reranker.top_k", "top_k"),
    ("db.vector.query.top_k", "top_k"),
    ("ai.prompt.toolChoice", "tool_choice"),
    ("llm.top_k", "top_k"),
    ("llm.frequency_penalty", "frequency_penalty"),
    ("llm.presence_penalty", "presence_penalty"),
    ("llm.temperature", "temperature"),
    ("llm.chat.stop_sequences", "stop_sequences"),
    ("llm.is_streaming", "stream"),
    ("ai.request.providerOptions", "provider_options"),
    ("gen_ai.prompt_cache_key", "prompt_cache_key"),
];
/// What stands under those prefixes and is no parameter: the model has its own place, a user is a
/// person, tools are listed apart.
const NO_PARAMETERS: [&str; 8] =
    ["model", "model_name", "_type", "user", "tools", "messages", "functions", "headers"];

/// Reads the parameters, and the tools that stand among them.
pub(super) fn read(reader: &mut Reader<'_>) {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    read_prefixed(reader, &mut found);
    for (key, name) in SINGLE {
        if let Some(value) = reader.take(&[key]) {
            found.entry(name.to_owned()).or_insert_with(|| opened(value));
        }
    }
    for key in OBJECTS {
        let Some(Value::Object(fields)) = reader.value(key).map(opened) else { continue };
        reader.note(key);
        read_object(reader, fields, &mut found);
    }
    let mut list: Vec<(String, Value)> = found.into_iter().collect();
    reader.budget.cut(&mut list, PARAMETERS_MAX);
    reader.content.parameters = list;
}

fn read_prefixed(reader: &mut Reader<'_>, found: &mut BTreeMap<String, Value>) {
    for attribute in reader.record.attributes.iter().rev() {
        let name = PREFIXES.iter().find_map(|prefix| attribute.key.strip_prefix(prefix));
        let Some(name) = name.map(snake_case).filter(|name| is_parameter(name)) else { continue };
        let name = if name == "is_stream" { "stream".to_owned() } else { name };
        if attribute.text.is_empty() || found.len() > PARAMETERS_MAX {
            continue;
        }
        reader.content.read.push(attribute.key.to_owned());
        found.entry(name).or_insert_with(|| opened(numbered::value(attribute)));
    }
}

fn is_parameter(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or(name);
    !name.is_empty() && !NO_PARAMETERS.contains(&first)
}

fn read_object(reader: &mut Reader<'_>, fields: Fields, found: &mut BTreeMap<String, Value>) {
    let mut offered = Vec::new();
    for (name, value) in fields {
        match name.as_str() {
            "tools" | "functions" | "function_tools" | "output_tools" => {
                tools::definitions_in(value, &mut offered);
            }
            _ if !is_parameter(&name) || value.is_null() => {}
            _ => {
                found.entry(snake_case(&name)).or_insert(value);
            }
        }
    }
    if reader.content.tools.is_empty() {
        reader.budget.cut(&mut offered, TOOLS_MAX);
        reader.content.tools = offered;
    }
}

/// `maxOutputTokens` as `max_output_tokens`, so that a parameter has one name in all dialects.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
        before = letter;
    }
    out
}
