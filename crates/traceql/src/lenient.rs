//! What is known of a query that is still being written: editors ask for the values of an attribute
//! with `{ .a = "x" && .b = }`. A comparison without its right side is taken for true, and braces are
//! closed; nothing else is mended.

use crate::ast::{BinaryOp, FieldExpr, MetricExpr, Pipeline, Root, SpansetExpr, Stage};
use crate::lexer;
use crate::parser::{QUERY_BYTES_MAX, parse_unchecked};
use crate::token::{Token, TokenKind};
use crate::validate;

/// What spans must satisfy for a query, however incomplete, to be about them: the comparisons in the
/// first `{ … }` of a pipeline. Nothing where there is no such condition, where several sets of spans
/// are combined, or where the text can not be understood; then any span will do.
pub fn lenient(text: &str) -> Option<FieldExpr> {
    if text.len() > QUERY_BYTES_MAX {
        return None;
    }
    let query = parse_unchecked(text).or_else(|_| parse_unchecked(&mended(text))).ok()?;
    validate::query(&query).ok()?;
    let pipeline = match &query.root {
        Root::Search(pipeline) | Root::Metric(MetricExpr::Aggregate { pipeline, .. }) => pipeline,
        Root::Metric(_) => return None,
    };
    condition(first_filter(pipeline)?)
}

fn first_filter(pipeline: &Pipeline) -> Option<&FieldExpr> {
    match pipeline.stages.first()? {
        Stage::Spans(SpansetExpr::Filter(filter)) => Some(filter),
        Stage::Spans(SpansetExpr::Pipeline(inner)) => first_filter(inner),
        _ => None,
    }
}

/// What an expression demands as far as it compares; an attribute alone may not be finished.
fn condition(expr: &FieldExpr) -> Option<FieldExpr> {
    let FieldExpr::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right, place } = expr
    else {
        let compares = match expr {
            FieldExpr::Exists { .. } => true,
            FieldExpr::Binary { op, .. } => op.is_boolean(),
            _ => false,
        };
        return compares.then(|| expr.clone());
    };
    match (condition(left), condition(right)) {
        (Some(left), Some(right)) => {
            let (left, right) = (Box::new(left), Box::new(right));
            Some(FieldExpr::Binary { op: *op, left, right, place: *place })
        }
        (Some(side), None) | (None, Some(side)) if *op == BinaryOp::And => Some(side),
        _ => None,
    }
}

/// The text with incomplete comparisons before the first pipe replaced by `true`, and its braces
/// closed. What the lexer does not understand is cut off.
fn mended(text: &str) -> String {
    let (mut tokens, _) = lexer::tokens(text);
    tokens.pop();
    let pipe = tokens.iter().position(|token| token.kind == TokenKind::Pipe);
    let (filter, _) = tokens.split_at(pipe.unwrap_or(tokens.len()));
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut at = 0;
    while at < filter.len() {
        let name_end = attribute_end(filter, at);
        let compares = |token: &Token| is_comparison(token.kind);
        if name_end > at && filter.get(name_end).is_some_and(compares) {
            let ends = filter.get(name_end + 1).is_none_or(|token| {
                matches!(
                    token.kind,
                    TokenKind::CloseBrace | TokenKind::CloseParen | TokenKind::And | TokenKind::Or
                )
            });
            if ends {
                out.push_str(&text[copied..filter[at].place.start]);
                out.push_str(" true ");
                copied = filter[name_end].place.end;
            }
            at = name_end + 1;
        } else {
            at = name_end.max(at + 1);
        }
    }
    let end = tokens.last().map_or(copied, |token| token.place.end);
    out.push_str(text.get(copied..end).unwrap_or_default());
    let count = |kind| tokens.iter().filter(|token| token.kind == kind).count();
    let open = count(TokenKind::OpenBrace).saturating_sub(count(TokenKind::CloseBrace));
    out.extend(std::iter::repeat_n(" }", open));
    out
}

fn is_comparison(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Eq
            | TokenKind::Ne
            | TokenKind::Lt
            | TokenKind::Le
            | TokenKind::Gt
            | TokenKind::Ge
            | TokenKind::Regex
            | TokenKind::NotRegex
    )
}

/// One past the tokens of the name that begins there; there if none does.
fn attribute_end(tokens: &[Token], start: usize) -> usize {
    let kind_at = |at: usize| tokens.get(at).map(|token| token.kind);
    let Some(first) = kind_at(start) else {
        return start;
    };
    if first.starts_attribute() {
        let mut name = start + 1;
        while kind_at(name).is_some_and(TokenKind::starts_attribute) {
            name += 1;
        }
        let named = kind_at(name) == Some(TokenKind::Identifier);
        let name_end = if named { name + 1 } else { name };
        let ended = kind_at(name_end) == Some(TokenKind::EndAttribute);
        return if ended { name_end + 1 } else { name_end };
    }
    if first.scopes_intrinsic() {
        return (start + 2).min(tokens.len());
    }
    if first == TokenKind::Identifier || first.names_intrinsic() { start + 1 } else { start }
}
