//! The Model Context Protocol's conventions.

use super::keys::{Field, Keys};
use crate::step::Kind;

/// The keys.
pub(super) const KEYS: Keys = &[
    ("mcp.method.name", Field::McpMethod),
    ("mcp.session.id", Field::Context),
    ("mcp.protocol.version", Field::Context),
    ("mcp.resource.uri", Field::Context),
    ("mcp.request.id", Field::Context),
    ("mcp.tool.name", Field::Tool),
    ("mcp.prompt.name", Field::Prompt),
    ("mcp.request.argument.", Field::Content),
];

/// The kind of a request.
pub(super) fn kind(method: &str) -> Kind {
    if method == "tools/call" { Kind::Tool } else { Kind::Mcp }
}
