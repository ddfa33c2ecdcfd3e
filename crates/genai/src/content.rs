//! What was said: messages, tool calls and their results, documents. Read when someone looks at a
//! step, never kept beside it.

mod events;
mod json;
mod logs;
mod media;
mod message;
mod numbered;
mod parameters;
mod part;
mod sources;
mod tools;

pub use json::{DEPTH_MAX, DOCUMENTS_MAX, MESSAGES_MAX, PARAMETERS_MAX, PARTS_MAX, TOOLS_MAX};
pub use logs::{content_of_log, is_content_event};
pub use sources::read_content;

use serde::Serialize;
use serde_json::Value;

/// What was said in a step.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct Content {
    /// Messages that went in, system instructions first.
    pub input: Vec<Message>,
    /// Messages that came out.
    pub output: Vec<Message>,
    /// Tools that were offered, each as its definition.
    pub tools: Vec<Value>,
    /// Parameters of the request (`temperature`, `max_tokens`, …), sorted by name.
    pub parameters: Vec<(String, Value)>,
    /// Arguments of a tool, the query of a retrieval.
    pub arguments: Option<Value>,
    /// Result of a tool.
    pub result: Option<Value>,
    /// Documents that were found or put in order.
    pub documents: Vec<Document>,
    /// Whether a limit left something out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Keys of attributes that were read.
    #[serde(skip)]
    pub read: Vec<String>,
}

/// A message of a conversation.
#[derive(Clone, PartialEq, Serialize)]
pub struct Message {
    /// `system`, `user`, `assistant`, `tool`, or what the emitter says.
    pub role: String,
    /// Who spoke, where several of a role do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it is made of.
    pub parts: Vec<Part>,
    /// Why the model ended with it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub finish_reason: String,
}

/// A piece of a message.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// What the model thought.
    Reasoning {
        /// The text.
        text: String,
    },
    /// A tool that the model asks for.
    ToolCall {
        /// Id of the call.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments.
        arguments: Value,
    },
    /// What a tool gave.
    ToolResult {
        /// Id of the call.
        id: String,
        /// The result.
        result: Value,
    },
    /// An image, sound, video or file.
    Media {
        /// `image`, `audio`, `video`, `file`.
        modality: String,
        /// Its media type, or empty.
        mime_type: String,
        /// Where it is: a URI, a file's id, or a `data:` URI where it came along.
        uri: String,
    },
    /// Something that has no name here.
    Other {
        /// As it came.
        value: Value,
    },
}

/// A document that was found.
#[derive(Clone, PartialEq, Serialize)]
pub struct Document {
    /// Its id, or empty.
    pub id: String,
    /// How well it fits.
    pub score: Option<f64>,
    /// Its text, or empty.
    pub content: String,
    /// What else is known.
    pub metadata: Option<Value>,
}

macro_rules! debug_shows_no_content {
    ($($name:ty),*) => {$(
        impl std::fmt::Debug for $name {
            /// Conversations are never printed.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}
debug_shows_no_content!(Content, Message, Part, Document);
