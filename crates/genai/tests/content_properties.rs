//! What holds for whatever comes: reading never panics, stays within its limits, and says the same
//! of the same; what log records tell in pieces joins without loss.

use proptest::prelude::*;
use serde_json::{Value, json};
use watchkeep_genai::content::{
    Content, DOCUMENTS_MAX, MESSAGES_MAX, Message, PARTS_MAX, Part, TOOLS_MAX, content_of_log,
    read_content,
};
use watchkeep_genai::{Attribute, Record};
use watchkeep_model::ValueKind;

const KEYS: [&str; 24] = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.retrieval.documents",
    "llm.input_messages.0.message.content",
    "llm.input_messages.0.message",
    "llm.input_messages.0.message.tool_calls.0.tool_call",
    "llm.output_messages.4294967296.message.content",
    "gen_ai.prompt.0.content",
    "gen_ai.completion.0.tool_calls.0",
    "llm.invocation_parameters",
    "model_request_parameters",
    "input.value",
    "output.value",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "ai.response.toolCalls",
    "ai.documents",
    "ai.ranking",
    "events",
    "pydantic_ai.all_messages",
    "openinference.span.kind",
];
const NAMES: [&str; 26] = [
    "role",
    "content",
    "parts",
    "type",
    "text",
    "message",
    "messages",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "id",
    "choices",
    "candidates",
    "kwargs",
    "lc",
    "data",
    "source",
    "image",
    "event.name",
    "documents",
    "score",
    "thought",
    "reasoningContent",
    "functionResponse",
    "system",
];
const TEXTS: [&str; 16] = [
    "user",
    "tool",
    "assistant",
    "human",
    "text",
    "tool_call",
    "tool_result",
    "image",
    "reasoning",
    "gen_ai.choice",
    "TOOL",
    "RETRIEVER",
    "[{\"role\":\"user\",\"content\":\"x\"}]",
    "{",
    "[[[[",
    "",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(&TEXTS[..]).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(&NAMES[..]), inner.clone()), 0..6)
                .prop_map(|list| {
                    list.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
                }),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

fn with_record<T>(
    attributes: &[(&str, Value)],
    events: &str,
    body: &str,
    read: impl FnOnce(&Record<'_>) -> T,
) -> T {
    let texts: Vec<(&str, ValueKind, String)> = attributes
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) => (*key, ValueKind::String, text.clone()),
            other => (*key, ValueKind::Json, other.to_string()),
        })
        .collect();
    let attributes: Vec<Attribute<'_>> =
        texts.iter().map(|(key, kind, text)| Attribute::new(key, *kind, text)).collect();
    read(&Record {
        name: "gen_ai.choice",
        scope: "",
        service: "",
        attributes: &attributes,
        resource: &[],
        events,
        body,
        time_ns: 0,
        duration_ns: 0,
        is_error: false,
        status_message: "",
    })
}

fn is_within_limits(content: &Content) -> bool {
    let parts = |list: &[Message]| list.iter().map(|one| one.parts.len()).sum::<usize>();
    content.input.len() <= MESSAGES_MAX
        && content.output.len() <= MESSAGES_MAX
        && parts(&content.input) + parts(&content.output) <= PARTS_MAX
        && content.documents.len() <= DOCUMENTS_MAX
        && content.tools.len() <= TOOLS_MAX
}

proptest! {
    #[test]
    fn whatever_comes_is_read_within_the_limits_and_always_alike(
        attributes in proptest::collection::vec((proptest::sample::select(&KEYS[..]), any_json()), 0..6),
        events in any_json(),
        body in any_json(),
    ) {
        let events = json!([{"name": "gen_ai.choice", "attributes": events}]).to_string();
        let body = body.to_string();
        with_record(&attributes, &events, &body, |record| {
            for read in [read_content, content_of_log] {
                let content = read(record);
                prop_assert!(is_within_limits(&content));
                prop_assert!(content == read(record));
                prop_assert!(content.input.iter().chain(&content.output).all(|one| !one.parts.is_empty()));
            }
            Ok(())
        })?;
    }

    #[test]
    fn keys_that_were_read_were_there(
        attributes in proptest::collection::vec((proptest::sample::select(&KEYS[..]), any_json()), 0..6),
    ) {
        let content = with_record(&attributes, "", "", read_content);
        for key in &content.read {
            prop_assert!(attributes.iter().any(|(known, _)| known == key), "{key}");
        }
    }

    #[test]
    fn texts_of_a_conversation_come_back_whole_in_their_order(
        texts in proptest::collection::vec("[a-z ]{1,20}", 1..20),
        dialect in 0..4_usize,
    ) {
        let roles = ["user", "assistant"];
        let told: Vec<(&str, &String)> =
            texts.iter().enumerate().map(|(at, text)| (roles[at % 2], text)).collect();
        let list = |member: &str| -> Value {
            told.iter().map(|(role, text)| json!({"role": role, member: text})).collect()
        };
        let numbered: Vec<(String, Value)> = told
            .iter()
            .enumerate()
            .rev()
            .flat_map(|(at, (role, text))| {
                let key = |name: &str| format!("llm.input_messages.{at}.message.{name}");
                [(key("role"), Value::from(*role)), (key("content"), Value::from(text.as_str()))]
            })
            .collect();
        let attributes: Vec<(&str, Value)> = match dialect {
            0 => vec![("gen_ai.input.messages", list("content"))],
            1 => vec![("langfuse.observation.input", Value::from(list("content").to_string()))],
            2 => vec![("input.value", json!({"messages": list("content")}))],
            _ => numbered.iter().map(|(key, value)| (key.as_str(), value.clone())).collect(),
        };
        let content = with_record(&attributes, "", "", read_content);
        let found: Vec<(&str, &String)> = content
            .input
            .iter()
            .map(|one| match one.parts.as_slice() {
                [Part::Text { text }] => Ok((one.role.as_str(), text)),
                _ => Err(TestCaseError::fail("not one text")),
            })
            .collect::<Result<_, _>>()?;
        prop_assert_eq!(found, told);
    }

    #[test]
    fn records_that_tell_what_the_span_tells_add_nothing(
        texts in proptest::collection::vec("[ab]", 0..8),
    ) {
        let list: Value =
            texts.iter().map(|text| json!({"role": "user", "content": text})).collect();
        let span = with_record(&[("gen_ai.input.messages", list)], "", "", read_content);
        let logs: Vec<Content> = texts
            .iter()
            .map(|text| {
                let name = ("event.name", Value::from("gen_ai.user.message"));
                let body = json!({"content": text}).to_string();
                with_record(&[name], "", &body, |record| {
                    content_of_log(&Record { name: "gen_ai.user.message", ..*record })
                })
            })
            .collect();
        let mut joined = span.clone();
        joined.merge(logs.clone());
        prop_assert!(joined == span);
        let mut alone = Content::default();
        alone.merge(logs);
        prop_assert!(alone.input == span.input);
    }
}

#[test]
fn more_than_the_limits_is_cut_and_said() {
    let many: Value =
        (0..=MESSAGES_MAX).map(|at| json!({"role": "user", "content": format!("{at}")})).collect();
    let content = with_record(&[("gen_ai.input.messages", many)], "", "", read_content);
    assert_eq!((content.input.len(), content.truncated), (MESSAGES_MAX, true));
    let parts: Value =
        (0..=PARTS_MAX).map(|at| json!({"type": "text", "content": format!("{at}")})).collect();
    let message = json!([{"role": "user", "parts": parts}]);
    let content = with_record(&[("gen_ai.input.messages", message)], "", "", read_content);
    assert_eq!((content.input.first().unwrap().parts.len(), content.truncated), (PARTS_MAX, true));
    let mut deep = json!("x");
    for _ in 0..40 {
        deep = json!([{"role": "user", "content": deep}]);
    }
    assert!(with_record(&[("gen_ai.input.messages", deep)], "", "", read_content).truncated);
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let content = with_record(&[("input.value", Value::from(deep.as_str()))], "", "", read_content);
    assert_eq!(content.input.first().unwrap().parts.len(), 1, "too deep to be JSON, so it is text");
}

#[test]
fn nothing_of_a_conversation_is_printed() {
    let list = json!([{"role": "user", "content": "a secret"}]);
    let content = with_record(&[("gen_ai.input.messages", list)], "", "", read_content);
    assert!(!format!("{content:?} {:?}", content.input).contains("secret"));
}
