//! The tokens of TraceQL.

use crate::ast::Place;

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub value: TokenValue,
    pub place: Place,
    /// Line from 1; 0 where Tempo does not know it.
    pub line: u32,
    /// Column from 1, in characters; 0 in an empty query.
    pub column: u32,
}

/// What a token of some kinds holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenValue {
    None,
    Text(String),
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
}

/// Defines the kinds of tokens that are always written alike, with how that is.
macro_rules! fixed {
    ($($kind:ident $text:literal,)*) => {
        /// What a token is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum TokenKind {
            Identifier,
            String,
            Integer,
            Float,
            Duration,
            /// Where the name of an attribute ends.
            EndAttribute,
            Eof,
            $($kind,)*
        }

        impl TokenKind {
            /// The kind that is always written so.
            pub(crate) fn of(text: &str) -> Option<Self> {
                Some(match text {
                    $($text => Self::$kind,)*
                    _ => return None,
                })
            }

            /// What errors call it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    Self::Identifier => "IDENTIFIER",
                    Self::String => "STRING",
                    Self::Integer => "INTEGER",
                    Self::Float => "FLOAT",
                    Self::Duration => "DURATION",
                    Self::EndAttribute => "END_ATTRIBUTE",
                    Self::Eof => "$end",
                    $(Self::$kind => $text,)*
                }
            }
        }
    };
}

fixed! {
    Comma ",",
    Dot ".",
    OpenBrace "{",
    CloseBrace "}",
    OpenParen "(",
    CloseParen ")",
    Eq "=",
    Ne "!=",
    Regex "=~",
    NotRegex "!~",
    Gt ">",
    Ge ">=",
    Lt "<",
    Le "<=",
    Add "+",
    Sub "-",
    Div "/",
    Mod "%",
    Mul "*",
    Pow "^",
    And "&&",
    Or "||",
    Not "!",
    Pipe "|",
    Descendant ">>",
    Ancestor "<<",
    Sibling "~",
    NotChild "!>",
    NotParent "!<",
    NotDescendant "!>>",
    NotAncestor "!<<",
    UnionSibling "&~",
    UnionChild "&>",
    UnionParent "&<",
    UnionDescendant "&>>",
    UnionAncestor "&<<",
    True "true",
    False "false",
    Nil "nil",
    StatusOk "ok",
    StatusError "error",
    StatusUnset "unset",
    KindUnspecified "unspecified",
    KindInternal "internal",
    KindServer "server",
    KindClient "client",
    KindProducer "producer",
    KindConsumer "consumer",
    IntrinsicDuration "duration",
    ChildCount "childCount",
    Name "name",
    Status "status",
    StatusMessage "statusMessage",
    Kind "kind",
    RootName "rootName",
    RootServiceName "rootServiceName",
    RootService "rootService",
    TraceDuration "traceDuration",
    NestedSetLeft "nestedSetLeft",
    NestedSetRight "nestedSetRight",
    NestedSetParent "nestedSetParent",
    Id "id",
    TraceId "traceID",
    SpanId "spanID",
    ParentId "parentID",
    TimeSinceStart "timeSinceStart",
    Version "version",
    Parent "parent",
    ParentDot "parent.",
    ResourceDot "resource.",
    SpanDot "span.",
    EventDot "event.",
    LinkDot "link.",
    InstrumentationDot "instrumentation.",
    TraceColon "trace:",
    SpanColon "span:",
    EventColon "event:",
    LinkColon "link:",
    InstrumentationColon "instrumentation:",
    Count "count",
    Avg "avg",
    Max "max",
    Min "min",
    Sum "sum",
    By "by",
    Coalesce "coalesce",
    Select "select",
    Rate "rate",
    CountOverTime "count_over_time",
    MinOverTime "min_over_time",
    MaxOverTime "max_over_time",
    AvgOverTime "avg_over_time",
    SumOverTime "sum_over_time",
    QuantileOverTime "quantile_over_time",
    HistogramOverTime "histogram_over_time",
    Compare "compare",
    TopK "topk",
    BottomK "bottomk",
    With "with",
}

impl TokenKind {
    /// Whether the name of an attribute follows.
    pub(crate) fn starts_attribute(self) -> bool {
        matches!(
            self,
            Self::Dot
                | Self::ParentDot
                | Self::ResourceDot
                | Self::SpanDot
                | Self::EventDot
                | Self::LinkDot
                | Self::InstrumentationDot
        )
    }

    /// Whether the name of an intrinsic follows.
    pub(crate) fn scopes_intrinsic(self) -> bool {
        matches!(
            self,
            Self::TraceColon
                | Self::SpanColon
                | Self::EventColon
                | Self::LinkColon
                | Self::InstrumentationColon
        )
    }

    /// Whether it is the name of an intrinsic, with or without a scope.
    pub(crate) fn names_intrinsic(self) -> bool {
        matches!(
            self,
            Self::IntrinsicDuration
                | Self::ChildCount
                | Self::Name
                | Self::Status
                | Self::StatusMessage
                | Self::Kind
                | Self::RootName
                | Self::RootServiceName
                | Self::RootService
                | Self::TraceDuration
                | Self::NestedSetLeft
                | Self::NestedSetRight
                | Self::NestedSetParent
                | Self::Id
                | Self::TraceId
                | Self::SpanId
                | Self::ParentId
                | Self::TimeSinceStart
                | Self::Version
                | Self::Parent
        )
    }
}
