//! JSON in lines: `| json`, `| json a="b.c"` and `| unpack`. Read as leniently as Loki reads it, in
//! one pass and without a tree: what is not looked at is not checked, numbers are any run that
//! begins like one, and what stands behind the object is ignored.

mod expressions;
mod flatten;
mod path;
mod token;
mod unescape;
mod unpack;

pub(super) use expressions::{JsonFields, JsonFieldsState};
pub use flatten::{FieldVisitor, json_fields};
pub(super) use flatten::{JsonState, parse_json};
pub use path::{JsonPath, JsonPathError, PathStep};
pub use token::{JsonError, ValueKind};
pub(super) use unpack::{UnpackState, unpack};

/// The error of a line that is no JSON.
const JSON_PARSER_ERROR: &str = "JSONParserErr";
