//! Tools at work and tools that were offered; documents that were found.

use serde_json::Value;

use super::json::{
    Budget, DOCUMENTS_MAX, Fields, TOOLS_MAX, opened, shown, take, take_fields, take_text, unquoted,
};
use super::sources::{Reader, Shape, plain, unwrap_member};
use super::{Document, events, numbered};

/// Arguments of a tool, whatever the step says that it is.
const ARGUMENTS: [&str; 9] = [
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "ai.toolCall.args",
    "ai.toolCall.input",
    "gen_ai.tool.args",
    "gen_ai.tool.arguments",
    "gen_ai.tool.input",
    "gcp.vertex.agent.tool_call_args",
    "lk.function_tool.arguments",
];
/// Arguments where the step is a tool.
const TOOL_INPUTS: [&str; 13] = [
    "langfuse.observation.input",
    "traceloop.entity.input",
    "input.value",
    "tool_call.function.arguments",
    "tool.parameters",
    "tool_input",
    "tool_parameters",
    "mcp.request.arguments",
    "mcp.request.argument",
    "genkit:input",
    "mlflow.spanInputs",
    "full_command",
    "input",
];
/// Result of a tool, whatever the step says that it is.
const RESULTS: [&str; 9] = [
    "gen_ai.tool.call.result",
    "tool_response",
    "ai.toolCall.result",
    "ai.toolCall.output",
    "gen_ai.tool.result",
    "gen_ai.tool.output",
    "gcp.vertex.agent.tool_response",
    "lk.function_tool.output",
    "tool_result",
];
/// Result where the step is a tool.
const TOOL_OUTPUTS: [&str; 8] = [
    "langfuse.observation.output",
    "traceloop.entity.output",
    "output.value",
    "mcp.response.value",
    "mcp.response.content",
    "genkit:output",
    "mlflow.spanOutputs",
    "output",
];
/// The question of a search, whatever the step says that it is.
const QUERIES: [&str; 4] =
    ["gen_ai.retrieval.query.text", "gen_ai.memory.query.text", "reranker.query", "db.query.text"];
/// The question where the step is a search.
const LOOKUP_INPUTS: [&str; 6] = [
    "langfuse.observation.input",
    "traceloop.entity.input",
    "input.value",
    "genkit:input",
    "mlflow.spanInputs",
    "input",
];
/// Documents told as one list.
const DOCUMENTS: [&str; 5] = [
    "gen_ai.retrieval.documents",
    "gen_ai.memory.records",
    "retrieval.documents",
    "reranker.output_documents",
    "ai.documents",
];
/// Documents told by number.
const DOCUMENT_LISTS: [&str; 4] = [
    "retrieval.documents.",
    "reranker.output_documents.",
    "reranker.input_documents.",
    "gen_ai.retrieval.documents.",
];
/// Tools that were offered, told as one list.
const TOOLS: [&str; 5] = [
    "gen_ai.tool.definitions",
    "gen_ai.request.tools",
    "ai.prompt.tools",
    "llm.tools",
    "gen_ai.agent.tools",
];
/// Tools that were offered, told by number.
const TOOL_LISTS: [&str; 3] = ["llm.tools.", "llm.request.functions.", "gen_ai.tool.definitions."];

/// Reads all that a step says of tools and documents.
pub(super) fn read(reader: &mut Reader<'_>, shape: Shape) {
    reader.content.arguments = reader.take(&ARGUMENTS).map(plain_arguments);
    reader.content.result = reader.take(&RESULTS).map(plain);
    if shape == Shape::Tool {
        if reader.content.arguments.is_none() {
            reader.content.arguments = reader.take(&TOOL_INPUTS).map(plain_arguments);
        }
        if reader.content.result.is_none() {
            reader.content.result = reader.take(&TOOL_OUTPUTS).map(output_in).map(plain);
        }
    }
    read_documents(reader);
    if shape == Shape::Lookup {
        read_lookup(reader);
    }
    read_tools(reader);
}

fn read_lookup(reader: &mut Reader<'_>) {
    if reader.content.arguments.is_none() {
        let query = reader.take(&QUERIES).or_else(|| reader.take(&LOOKUP_INPUTS));
        reader.content.arguments = query.map(plain_arguments);
    }
    if !reader.content.documents.is_empty() {
        return;
    }
    let outputs = TOOL_OUTPUTS.iter().find_map(|key| Some((*key, reader.value(key)?)));
    let Some((key, output)) = outputs else { return };
    reader.note(key);
    let output = output_in(output);
    let found = documents_in(output.clone(), &mut reader.budget);
    // What can not be read as documents is shown as it is.
    if found.is_empty() {
        reader.content.result = Some(output);
    }
    reader.content.documents = found;
}

/// Arguments without what callbacks of frameworks put around them.
fn plain_arguments(value: Value) -> Value {
    let mut fields = match opened(value) {
        Value::Object(fields) => fields,
        other => return other,
    };
    // Traceloop's decorators and its LangChain callbacks.
    let is_call = fields.len() <= 2 && fields.contains_key("kwargs") && fields.contains_key("args");
    let has_args =
        fields.get("args").and_then(Value::as_array).is_some_and(|args| !args.is_empty());
    if is_call && !has_args {
        return fields.remove("kwargs").unwrap_or_default();
    }
    if fields.contains_key("input_str") {
        let inputs = take(&mut fields, &["inputs"]);
        let inputs = inputs.or_else(|| take(&mut fields, &["input_str"]));
        return inputs.map(opened).unwrap_or_default();
    }
    Value::Object(fields)
}

/// An output without what callbacks of frameworks put around it.
fn output_in(value: Value) -> Value {
    match opened(value) {
        Value::Object(mut fields) if fields.len() == 2 && fields.contains_key("kwargs") => {
            match take(&mut fields, &["output", "outputs"]) {
                Some(output) => opened(output),
                None => Value::Object(fields),
            }
        }
        // A message of LangChain with the result.
        Value::Object(mut fields) if fields.get("type").and_then(Value::as_str) == Some("tool") => {
            let mut inner = take_fields(&mut fields, &["data"]).unwrap_or(fields);
            match take(&mut inner, &["content"]) {
                Some(content) => opened(content),
                None => Value::Object(inner),
            }
        }
        other => other,
    }
}

fn read_tools(reader: &mut Reader<'_>) {
    let mut found = Vec::new();
    if let Some((key, list)) = TOOLS.iter().find_map(|key| Some((*key, reader.value(key)?))) {
        definitions_in(list, &mut found);
        if !found.is_empty() {
            reader.note(key);
        }
    }
    for prefix in TOOL_LISTS {
        if !found.is_empty() {
            break;
        }
        let Some((list, keys)) = numbered::read_list(reader.record, prefix) else { continue };
        reader.content.read.extend(keys);
        definitions_in(list, &mut found);
    }
    reader.budget.cut(&mut found, TOOLS_MAX);
    reader.content.tools = found;
}

/// Definitions of tools: a list of objects or of JSON in text, or an object by name.
pub(super) fn definitions_in(value: Value, out: &mut Vec<Value>) {
    let list = match opened(value) {
        Value::Array(list) => list,
        one @ Value::Object(_) => vec![one],
        _ => return,
    };
    for one in list.into_iter().take(TOOLS_MAX + 1) {
        let mut one = opened(one);
        unwrap_member(&mut one, &["tool"]);
        if let Some(fields) = one.as_object_mut()
            && let Some(schema) = take(fields, &["json_schema", "tool.json_schema"])
        {
            one = opened(schema);
        }
        if let Some(fields) = one.as_object_mut() {
            for name in ["parameters", "input_schema", "inputSchema"] {
                if let Some(schema) = fields.remove(name) {
                    fields.insert(name.to_owned(), opened(schema));
                }
            }
        }
        if !one.is_null() && one != "" {
            out.push(one);
        }
    }
}

fn read_documents(reader: &mut Reader<'_>) {
    let mut found = Vec::new();
    if let Some((key, list)) = DOCUMENTS.iter().find_map(|key| Some((*key, reader.value(key)?))) {
        found = documents_in(list, &mut reader.budget);
        if !found.is_empty() {
            reader.note(key);
        }
    }
    for prefix in DOCUMENT_LISTS {
        if !found.is_empty() {
            break;
        }
        let Some((list, keys)) = numbered::read_list(reader.record, prefix) else { continue };
        found = documents_in(list, &mut reader.budget);
        reader.content.read.extend(keys);
    }
    if found.is_empty() {
        found = documents_of_events(reader.record.events, &mut reader.budget);
    }
    if let Some(ranking) = reader.take(&["ai.ranking"]) {
        found = ranked(found, opened(ranking));
    }
    reader.budget.cut(&mut found, DOCUMENTS_MAX);
    reader.content.documents = found;
}

/// Documents in a list, or in a member of an object that is known to hold them.
fn documents_in(value: Value, budget: &mut Budget) -> Vec<Document> {
    let list = match opened(value) {
        Value::Array(list) => list,
        Value::Object(mut fields) => {
            let names = ["documents", "results", "matches", "output", "nodes", "data"];
            match take(&mut fields, &names).map(opened) {
                Some(Value::Array(list)) => list,
                _ => return Vec::new(),
            }
        }
        _ => return Vec::new(),
    };
    let mut found: Vec<Document> =
        list.into_iter().take(DOCUMENTS_MAX + 1).filter_map(document).collect();
    budget.cut(&mut found, DOCUMENTS_MAX);
    found
}

fn document(value: Value) -> Option<Document> {
    let mut value = unquoted(value);
    let outer_score = score_in(&value);
    unwrap_member(&mut value, &["document", "node", "kwargs"]);
    let mut fields = match value {
        Value::Object(fields) => fields,
        Value::String(text) if !text.is_empty() => return Some(of_text(text)),
        _ => return None,
    };
    let score = score_of(&mut fields).or(outer_score);
    let ids = ["id", "document_id", "id_", "doc_id", "node_id", "_id"];
    let id = take(&mut fields, &ids).map(shown).unwrap_or_default();
    let contents =
        ["content", "page_content", "pageContent", "text", "document", "content.text", "value"];
    let content = take(&mut fields, &contents).map(text_of_content).unwrap_or_default();
    let metadata = take(&mut fields, &["metadata"]).map(opened);
    fields.remove("vector");
    fields.remove("embedding");
    let metadata = metadata.or_else(|| (!fields.is_empty()).then_some(Value::Object(fields)));
    Some(Document { id, score, content, metadata })
}

fn of_text(text: String) -> Document {
    Document { id: String::new(), score: None, content: text, metadata: None }
}

fn text_of_content(content: Value) -> String {
    match content {
        Value::Object(mut fields) => match take_text(&mut fields, &["text", "content"]) {
            Some(text) => text,
            None => Value::Object(fields).to_string(),
        },
        other => shown(other),
    }
}

const SCORES: [&str; 5] = ["score", "relevance_score", "relevanceScore", "similarity", "distance"];

fn score_of(fields: &mut Fields) -> Option<f64> {
    take(fields, &SCORES).as_ref().and_then(number)
}

fn score_in(value: &Value) -> Option<f64> {
    let fields = value.as_object()?;
    SCORES.iter().find_map(|name| fields.get(*name).and_then(number))
}

/// A finite number, or a text that says one.
fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    number.is_finite().then_some(number)
}

/// Vector databases tell of what they found in events of the span.
fn documents_of_events(events: &str, budget: &mut Budget) -> Vec<Document> {
    let mut found = Vec::new();
    for (name, mut fields) in events::rows(events) {
        if name != "db.query.result" && name != "db.search.result" {
            continue;
        }
        let mut plain = Fields::new();
        for (member, key) in [
            ("id", "id"),
            ("score", "score"),
            ("distance", "distance"),
            ("content", "document"),
            ("metadata", "metadata"),
        ] {
            let keys = [format!("{name}.{key}"), format!("db.query.result.{key}")];
            if let Some(value) = take(&mut fields, &[&keys[0], &keys[1]]) {
                plain.insert(member.to_owned(), value);
            }
        }
        if !plain.is_empty() {
            found.extend(document(Value::Object(plain)));
        }
    }
    budget.cut(&mut found, DOCUMENTS_MAX);
    found
}

/// Documents in the order of a ranking, `[{originalIndex, relevanceScore}]`, as Vercel's SDK tells.
fn ranked(documents: Vec<Document>, ranking: Value) -> Vec<Document> {
    let Value::Array(ranking) = ranking else { return documents };
    let mut free: Vec<Option<Document>> = documents.into_iter().map(Some).collect();
    let mut out = Vec::new();
    for place in ranking {
        let place = opened(place);
        let index = ["originalIndex", "index", "original_index"]
            .iter()
            .find_map(|name| place.get(*name)?.as_u64());
        let found = index.and_then(|index| free.get_mut(usize::try_from(index).ok()?)?.take());
        if let Some(mut document) = found {
            document.score = score_in(&place).or(document.score);
            out.push(document);
        }
    }
    out.extend(free.into_iter().flatten());
    out
}
