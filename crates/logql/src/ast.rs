//! What a LogQL query is. Spans are byte offsets in the query's text, for errors and editors.

use watchkeep_model::Matcher;

/// Where a piece of a query stands: bytes `start..end` of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Asks for lines.
    Log(LogExpr),
    /// Asks for numbers.
    Metric(MetricExpr),
}

/// A selector and what is done to each line: `{app="x"} |= "error" | json`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogExpr {
    /// Matchers of stream labels, in the order written; at least one does not match the empty text.
    pub matchers: Vec<Matcher>,
    /// Stages in the order written.
    pub stages: Vec<StageExpr>,
    /// Where it stands.
    pub span: Span,
}

/// A stage and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct StageExpr {
    /// What it does.
    pub stage: Stage,
    /// Where it stands.
    pub span: Span,
}

/// One step of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// `|= "a" or "b"`: keeps lines by their text.
    LineFilter(LineFilter),
    /// `| json`, `| json a="b.c[0]", d`.
    Json(Vec<Extraction>),
    /// `| logfmt [--strict] [--keep-empty] [a="b", c]`.
    Logfmt {
        /// Whether a broken pair is an error.
        strict: bool,
        /// Whether keys without a value become labels with an empty value.
        keep_empty: bool,
        /// Which fields; all when empty.
        fields: Vec<Extraction>,
    },
    /// `` | regexp `(?P<name>…)` ``; has at least one named group.
    Regexp(String),
    /// `` | pattern `<ip> <_>` ``; valid as [`crate::pipeline`] reads patterns.
    Pattern(String),
    /// `| unpack`.
    Unpack,
    /// `| status >= 400 and level="error"`.
    LabelFilter(LabelFilter),
    /// `| line_format "{{.a}}"`.
    LineFormat(String),
    /// `| label_format a=b, c="{{.d}}"`.
    LabelFormat(Vec<LabelFormat>),
    /// `| decolorize`.
    Decolorize,
    /// `| drop a, b="c"`.
    Drop(Vec<NameOrMatcher>),
    /// `| keep a, b="c"`.
    Keep(Vec<NameOrMatcher>),
}

/// How a line filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineOp {
    /// `|=`: contains.
    Contains,
    /// `!=`: does not contain.
    NotContains,
    /// `|~`: matches the regular expression somewhere.
    Matches,
    /// `!~`: does not.
    NotMatches,
    /// `|>`: matches the pattern.
    PatternMatches,
    /// `!>`: does not.
    PatternNotMatches,
}

/// What a line filter compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum LineOperand {
    /// A text, regular expression or pattern, by the operator; checked by the parser.
    Text(String),
    /// `ip("10.0.0.0/8")`, only with `|=` and `!=`; checked by the parser.
    Ip(String),
}

/// A line filter. Positive operators hold if any operand does. `!= "a" or "b"` holds if none does,
/// and is read as the two filters `!= "a" != "b"`, as Loki reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct LineFilter {
    /// How it compares.
    pub op: LineOp,
    /// One with negative operators, else at least one; more are joined with `or`.
    pub operands: Vec<LineOperand>,
}

/// `label="expression"`, or only `label`, which is short for `label="label"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// The label that is made.
    pub label: String,
    /// Where the value is; a JSON path that parses, or a logfmt key.
    pub expression: String,
}

/// One assignment of `label_format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFormat {
    /// The label that is set.
    pub label: String,
    /// To what.
    pub value: LabelFormatValue,
}

/// What a label is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelFormatValue {
    /// The value of this label, which goes away.
    Rename(String),
    /// What the template makes; parses as a template.
    Template(String),
}

/// An operand of `drop` and `keep`.
#[derive(Debug, Clone, PartialEq)]
pub enum NameOrMatcher {
    /// Every value.
    Name(String),
    /// Only where the value matches.
    Matcher(Matcher),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `==` or `=`.
    Eq,
    /// `!=`.
    Ne,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
}

/// Keeps lines by their labels.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelFilter {
    /// `a="b"`, `a=~"b.*"`, …: compares text; an absent label is empty.
    Text(Matcher),
    /// `a > 5`.
    Number(String, Compare, f64),
    /// `a > 5s`; the duration in nanoseconds.
    Duration(String, Compare, i64),
    /// `a > 5KB`; bytes.
    Bytes(String, Compare, u64),
    /// `a = ip("10.0.0.0/8")`, with [`Compare::Eq`] or [`Compare::Ne`]; the pattern parses.
    Ip(String, Compare, String),
    /// Both; also written `,` or with a blank.
    And(Box<LabelFilter>, Box<LabelFilter>),
    /// Either.
    Or(Box<LabelFilter>, Box<LabelFilter>),
}

/// How a label's text becomes a number for `unwrap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// `unwrap a`: a floating-point number.
    Float,
    /// `unwrap bytes(a)`.
    Bytes,
    /// `unwrap duration(a)` and `duration_seconds(a)`: seconds.
    Duration {
        /// Which of the two was written.
        seconds: bool,
    },
}

/// `| unwrap duration(a) | __error__=""`.
#[derive(Debug, Clone, PartialEq)]
pub struct Unwrap {
    /// The label.
    pub label: String,
    /// How its text becomes a number.
    pub conversion: Conversion,
    /// Label filters after it.
    pub filters: Vec<LabelFilter>,
    /// Where it stands.
    pub span: Span,
}

/// Lines of a window of time: `{…} | json | unwrap a [5m] offset 1m`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRange {
    /// Which lines.
    pub log: LogExpr,
    /// The number taken of each line.
    pub unwrap: Option<Unwrap>,
    /// Length of the window, nanoseconds.
    pub range_ns: i64,
    /// How far back the window is moved, nanoseconds; may be negative.
    pub offset_ns: i64,
}

/// What is computed of the lines of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as LogQL names them")]
pub enum RangeOp {
    Rate,
    RateCounter,
    CountOverTime,
    BytesRate,
    BytesOverTime,
    AvgOverTime,
    SumOverTime,
    MinOverTime,
    MaxOverTime,
    StdvarOverTime,
    StddevOverTime,
    QuantileOverTime,
    FirstOverTime,
    LastOverTime,
    AbsentOverTime,
}

/// How series are put together by an aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as LogQL names them")]
pub enum VectorOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    Sort,
    SortDesc,
    ApproxTopK,
}

/// `by (a, b)` or `without (a)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Whether the labels are left out rather than kept.
    pub without: bool,
    /// The labels.
    pub labels: Vec<String>,
}

/// An operator between two metric expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as LogQL names them")]
pub enum BinaryOp {
    Or,
    And,
    Unless,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// Which side of a match may have many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// One to one; for set operators many to many.
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
}

/// How the sides of an operator are matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// `bool`: comparisons answer 0 or 1.
    pub return_bool: bool,
    /// `on (…)` rather than `ignoring (…)`.
    pub on: bool,
    /// Labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Which side may have many.
    pub cardinality: Cardinality,
    /// Labels taken over from the side with one.
    pub include: Vec<String>,
}

/// A metric expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricExpr {
    /// What it is.
    pub kind: MetricKind,
    /// Where it stands.
    pub span: Span,
}

/// Kinds of metric expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricKind {
    /// `rate({…}[5m])`, `quantile_over_time(0.9, {…} | unwrap a [5m]) by (b)`.
    Range {
        /// What is computed.
        op: RangeOp,
        /// The first argument of `quantile_over_time`.
        parameter: Option<f64>,
        /// Of which lines.
        range: Box<LogRange>,
        /// How lines are put together before.
        grouping: Option<Grouping>,
    },
    /// `sum by (a) (…)`.
    Aggregation {
        /// How.
        op: VectorOp,
        /// The k of `topk`, `bottomk`, `approx_topk`.
        parameter: Option<i64>,
        /// What.
        inner: Box<MetricExpr>,
        /// By which labels; `by ()` is as good as none, and read as such.
        grouping: Option<Grouping>,
    },
    /// `a + on (b) c`.
    Binary {
        /// Which operator.
        op: BinaryOp,
        /// Left side.
        left: Box<MetricExpr>,
        /// Right side.
        right: Box<MetricExpr>,
        /// How sides are matched.
        matching: Matching,
    },
    /// `label_replace(v, "dst", "$1", "src", "regex")`; the expression compiles.
    LabelReplace {
        /// Of what.
        inner: Box<MetricExpr>,
        /// The label that is set.
        destination: String,
        /// To what; `$1` stands for a group.
        replacement: String,
        /// The label that is looked at.
        source: String,
        /// What it must match as a whole.
        pattern: String,
    },
    /// `5`.
    Number(f64),
    /// `vector(5)`.
    Vector(f64),
}
