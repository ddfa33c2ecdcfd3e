//! What was said in a step.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use watchkeep_genai::content as genai;

/// A message of a conversation.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Message {
    /// `system`, `user`, `assistant`, `tool`, or what the emitter says.
    role: String,
    name: String,
    parts: Vec<Part>,
    finish_reason: String,
}

/// A piece of a message.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text {
        text: String,
    },
    Reasoning {
        text: String,
    },
    ToolCall {
        id: String,
        name: String,
        /// Any JSON.
        arguments: Value,
    },
    ToolResult {
        id: String,
        /// Any JSON.
        result: Value,
    },
    Media {
        /// `image`, `audio`, `video`, `file`.
        modality: String,
        mime_type: String,
        /// A URI, a file's id, or a `data:` URI.
        uri: String,
    },
    Other {
        /// As it came.
        value: Value,
    },
}

/// A document that was found.
#[derive(Serialize, ToSchema)]
struct Document {
    id: String,
    score: Option<f64>,
    content: String,
    /// Any JSON.
    metadata: Option<Value>,
}

/// What was said in a step.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Content {
    input: Vec<Message>,
    output: Vec<Message>,
    /// Definitions of tools that were offered.
    tools: Vec<Value>,
    /// Parameters of the request.
    parameters: BTreeMap<String, Value>,
    /// Arguments of a tool, or the query of a retrieval: any JSON.
    arguments: Option<Value>,
    /// Result of a tool: any JSON.
    result: Option<Value>,
    documents: Vec<Document>,
}

/// Messages as they go out.
pub(super) fn messages(all: Vec<genai::Message>) -> Vec<Message> {
    let one = |message: genai::Message| Message {
        role: message.role,
        name: message.name,
        parts: message.parts.into_iter().map(part).collect(),
        finish_reason: message.finish_reason,
    };
    all.into_iter().map(one).collect()
}

fn part(part: genai::Part) -> Part {
    match part {
        genai::Part::Text { text } => Part::Text { text },
        genai::Part::Reasoning { text } => Part::Reasoning { text },
        genai::Part::ToolCall { id, name, arguments } => Part::ToolCall { id, name, arguments },
        genai::Part::ToolResult { id, result } => Part::ToolResult { id, result },
        genai::Part::Media { modality, mime_type, uri } => Part::Media { modality, mime_type, uri },
        genai::Part::Other { value } => Part::Other { value },
    }
}

impl From<genai::Content> for Content {
    fn from(content: genai::Content) -> Self {
        let document = |document: genai::Document| Document {
            id: document.id,
            score: document.score,
            content: document.content,
            metadata: document.metadata,
        };
        Self {
            input: messages(content.input),
            output: messages(content.output),
            tools: content.tools,
            parameters: content.parameters.into_iter().collect(),
            arguments: content.arguments,
            result: content.result,
            documents: content.documents.into_iter().map(document).collect(),
        }
    }
}
