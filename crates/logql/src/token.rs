//! Tokens of LogQL.

use crate::ast::{BinaryOp, Conversion, LineOp, RangeOp, Span, VectorOp};

/// What a token is. Names and groups are those that Loki's messages show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Eof,
    Bytes,
    Identifier,
    /// A character that is part of no token; in messages an identifier.
    Stray,
    String,
    Number,
    Flag,
    Duration,
    /// `[5m]`, all of it.
    Range,
    OpenBrace,
    CloseBrace,
    CloseBracket,
    Comma,
    Dot,
    OpenParen,
    CloseParen,
    Pipe,
    /// `=`.
    Equal,
    /// `=~`.
    RegexMatch,
    /// `|=`, `|~`, `|>`, `!>` and `!~`, the last of which also matches labels; `!=` is an operator.
    Line(LineOp),
    Operator(BinaryOp),
    Word(Word),
    RangeOp(RangeOp),
    VectorOp(VectorOp),
    Conversion(Conversion),
    Vector,
    LabelReplace,
}

/// Words that are no names wherever they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    By,
    Without,
    Bool,
    Json,
    Regexp,
    Logfmt,
    LineFormat,
    LabelFormat,
    Unwrap,
    Unpack,
    Offset,
    Pattern,
    Ip,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Decolorize,
    Drop,
    Keep,
}

const WORDS: [(&str, Word); 19] = [
    ("by", Word::By),
    ("without", Word::Without),
    ("bool", Word::Bool),
    ("json", Word::Json),
    ("regexp", Word::Regexp),
    ("logfmt", Word::Logfmt),
    ("line_format", Word::LineFormat),
    ("label_format", Word::LabelFormat),
    ("unwrap", Word::Unwrap),
    ("unpack", Word::Unpack),
    ("offset", Word::Offset),
    ("pattern", Word::Pattern),
    ("on", Word::On),
    ("ignoring", Word::Ignoring),
    ("group_left", Word::GroupLeft),
    ("group_right", Word::GroupRight),
    ("decolorize", Word::Decolorize),
    ("drop", Word::Drop),
    ("keep", Word::Keep),
];

impl TokenKind {
    /// What a word is that stands anywhere.
    pub(crate) fn of_word(lower: &str) -> Option<Self> {
        match lower {
            "or" => return Some(Self::Operator(BinaryOp::Or)),
            "and" => return Some(Self::Operator(BinaryOp::And)),
            "unless" => return Some(Self::Operator(BinaryOp::Unless)),
            _ => {}
        }
        WORDS.iter().find(|(text, _)| *text == lower).map(|(_, word)| Self::Word(*word))
    }

    /// What a word is in front of a parenthesis or grouping; elsewhere these are names.
    pub(crate) fn of_function(lower: &str) -> Option<Self> {
        if let Some(op) = RangeOp::ALL.iter().find(|op| op.name() == lower) {
            return Some(Self::RangeOp(*op));
        }
        if let Some(op) = VectorOp::ALL.iter().find(|op| op.name() == lower) {
            return Some(Self::VectorOp(*op));
        }
        Some(match lower {
            "bytes" => Self::Conversion(Conversion::Bytes),
            "duration" => Self::Conversion(Conversion::Duration { seconds: false }),
            "duration_seconds" => Self::Conversion(Conversion::Duration { seconds: true }),
            "vector" => Self::Vector,
            "label_replace" => Self::LabelReplace,
            "ip" => Self::Word(Word::Ip),
            _ => return None,
        })
    }

    /// The name in messages.
    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::Eof => "$end",
            Self::Bytes => "BYTES",
            Self::Identifier | Self::Stray => "IDENTIFIER",
            Self::String => "STRING",
            Self::Number => "NUMBER",
            Self::Flag => "FUNCTION_FLAG",
            Self::Duration => "DURATION",
            Self::Range => "RANGE",
            Self::OpenBrace => "{",
            Self::CloseBrace => "}",
            Self::CloseBracket => "]",
            Self::Comma => ",",
            Self::Dot => ".",
            Self::OpenParen => "(",
            Self::CloseParen => ")",
            Self::Pipe => "|",
            Self::Equal => "=",
            Self::RegexMatch => "=~",
            Self::Line(op) => op.symbol(),
            Self::Operator(op) => op.symbol(),
            Self::Word(Word::Ip) => "ip",
            Self::Word(word) => {
                WORDS.iter().find(|(_, other)| *other == word).map_or("", |(text, _)| *text)
            }
            Self::RangeOp(op) => return op.name().to_ascii_uppercase(),
            Self::VectorOp(op) => return op.name().to_ascii_uppercase(),
            Self::Conversion(conversion) => {
                return format!("{}_CONV", conversion.name().to_ascii_uppercase());
            }
            Self::Vector => "VECTOR",
            Self::LabelReplace => "label_replace",
        };
        name.to_owned()
    }
}

/// What a token stands for beyond its kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    None,
    /// Of strings what they mean; of names, numbers and flags what is written.
    Text(String),
    /// Nanoseconds.
    Duration(i64),
    Bytes(u64),
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) value: Value,
    pub(crate) span: Span,
    /// From 1; 0 of tokens that Loki reads by a way on which it forgets the line.
    pub(crate) line: u32,
    /// From 1, in characters.
    pub(crate) column: u32,
}
