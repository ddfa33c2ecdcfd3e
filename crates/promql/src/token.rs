//! Tokens of a query, and how messages name them.

use crate::ast::{AggregateOp, BinaryOp, Span};
use crate::quote::quote;

/// A token: what it is and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// The kinds of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Eof,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    /// `=`
    Equal,
    /// `=~`
    RegexMatch,
    /// `!~`
    RegexNoMatch,
    /// `@`
    At,
    Identifier,
    /// A name with a colon, which only metrics may have.
    MetricIdentifier,
    String,
    Number,
    Duration,
    /// An operator; `!=` in braces too.
    Operator(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
    Builtin(Builtin),
}

/// Words that modify an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Anchored,
    Bool,
    By,
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    Offset,
    On,
    Smoothed,
    Without,
}

/// Words that stand for something of the query being evaluated, in durations or after `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

impl TokenKind {
    /// What a word means outside braces, whatever its case.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let lower = word.to_ascii_lowercase();
        let keyword = match lower.as_str() {
            "and" => Self::Operator(BinaryOp::And),
            "or" => Self::Operator(BinaryOp::Or),
            "unless" => Self::Operator(BinaryOp::Unless),
            "atan2" => Self::Operator(BinaryOp::Atan2),
            "offset" => Self::Keyword(Keyword::Offset),
            "smoothed" => Self::Keyword(Keyword::Smoothed),
            "anchored" => Self::Keyword(Keyword::Anchored),
            "by" => Self::Keyword(Keyword::By),
            "without" => Self::Keyword(Keyword::Without),
            "on" => Self::Keyword(Keyword::On),
            "ignoring" => Self::Keyword(Keyword::Ignoring),
            "group_left" => Self::Keyword(Keyword::GroupLeft),
            "group_right" => Self::Keyword(Keyword::GroupRight),
            "fill" => Self::Keyword(Keyword::Fill),
            "fill_left" => Self::Keyword(Keyword::FillLeft),
            "fill_right" => Self::Keyword(Keyword::FillRight),
            "bool" => Self::Keyword(Keyword::Bool),
            "start" => Self::Builtin(Builtin::Start),
            "end" => Self::Builtin(Builtin::End),
            "step" => Self::Builtin(Builtin::Step),
            "range" => Self::Builtin(Builtin::Range),
            "max_of" => Self::Builtin(Builtin::MaxOf),
            "min_of" => Self::Builtin(Builtin::MinOf),
            "inf" | "nan" => Self::Number,
            other => return AggregateOp::of_name(other).map(Self::Aggregate),
        };
        Some(keyword)
    }

    /// Whether a metric may be called so outside braces.
    pub(crate) fn names_a_metric(self) -> bool {
        match self {
            Self::Identifier
            | Self::MetricIdentifier
            | Self::Aggregate(_)
            | Self::Builtin(_)
            | Self::Operator(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless) => true,
            Self::Keyword(keyword) => !matches!(
                keyword,
                Keyword::Bool
                    | Keyword::GroupLeft
                    | Keyword::GroupRight
                    | Keyword::Ignoring
                    | Keyword::On
            ),
            _ => false,
        }
    }

    /// Whether a label may be called so where labels are listed.
    pub(crate) fn names_a_label(self) -> bool {
        match self {
            Self::Identifier
            | Self::MetricIdentifier
            | Self::Aggregate(_)
            | Self::Builtin(_)
            | Self::Operator(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::Atan2) => {
                true
            }
            Self::Keyword(keyword) => keyword != Keyword::Without,
            _ => false,
        }
    }

    /// Whether an expression may begin with it.
    pub(crate) fn begins_an_expression(self) -> bool {
        self.names_a_metric()
            || matches!(
                self,
                Self::LeftParen
                    | Self::LeftBrace
                    | Self::String
                    | Self::Number
                    | Self::Duration
                    | Self::Operator(BinaryOp::Add | BinaryOp::Sub)
            )
    }
}

impl Token {
    /// The text of the token.
    pub(crate) fn text(self, query: &str) -> &str {
        query.get(self.span.start as usize..self.span.end as usize).unwrap_or_default()
    }

    /// How a message names the token, as Prometheus does.
    pub(crate) fn describe(self, query: &str) -> String {
        let text = self.text(query);
        match self.kind {
            TokenKind::Eof => "end of input".to_owned(),
            TokenKind::Identifier => format!("identifier {}", quote(text)),
            TokenKind::MetricIdentifier => format!("metric identifier {}", quote(text)),
            TokenKind::String => format!("string {}", quote_start(text)),
            TokenKind::Number => format!("number {}", quote_start(text)),
            TokenKind::Duration => format!("duration {}", quote_start(text)),
            TokenKind::Keyword(_) => format!("<{text}>"),
            TokenKind::Operator(_)
            | TokenKind::RegexMatch
            | TokenKind::RegexNoMatch
            | TokenKind::At => format!("<op:{text}>"),
            TokenKind::Aggregate(_) => format!("<aggr:{text}>"),
            _ => quote(text),
        }
    }
}

/// The first ten characters of a long text.
fn quote_start(text: &str) -> String {
    if text.len() <= 10 {
        return quote(text);
    }
    let start: String = text.chars().take(10).collect();
    format!("{}...", quote(&start))
}
