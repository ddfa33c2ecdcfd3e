//! What a TraceQL query is. Places are byte offsets in the query's text, for errors and editors.

/// Where a piece of a query stands: bytes `start..end` of its text.
///
/// All places are equal, so that two queries are if they ask for the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl PartialEq for Place {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

/// A query: `{ … } | … with (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is asked.
    pub root: Root,
    /// `with (most_recent=true, …)`, in the order written.
    pub hints: Vec<Hint>,
}

/// What a query asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Root {
    /// Traces with the spans that match.
    Search(Pipeline),
    /// Numbers over time.
    Metric(MetricExpr),
}

/// `name=value` after `with`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// Which.
    pub name: String,
    /// What it is set to.
    pub value: Static,
    /// Where it stands.
    pub place: Place,
}

/// Stages, each working on the sets of spans that the one before it left. The first stage of a
/// pipeline begins with all spans of a trace as one set.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// At least one.
    pub stages: Vec<Stage>,
}

/// A step of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// `{ … }`, `{ … } >> { … }`: keeps spans.
    Spans(SpansetExpr),
    /// `count() > 2`, `avg(duration) > max(span.x) * 2`: keeps sets of spans.
    Scalar(ScalarFilter),
    /// `by(expr)`: cuts each set by the value of an expression.
    By(FieldExpr),
    /// `coalesce()`: makes one set of all.
    Coalesce,
    /// `select(a, b)`: tells these of each span too.
    Select(Vec<Attribute>),
}

/// Picks spans of a trace.
#[derive(Debug, Clone, PartialEq)]
pub enum SpansetExpr {
    /// `{ expr }`; `{ }` is the constant `true`.
    Filter(FieldExpr),
    /// Two sets and how their spans must stand to each other.
    Binary {
        /// How.
        op: SpansetOp,
        /// Left side.
        left: Box<SpansetExpr>,
        /// Right side.
        right: Box<SpansetExpr>,
    },
    /// `( pipeline )` as a side of an operator.
    Pipeline(Pipeline),
}

/// How the spans of two sets must stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpansetOp {
    /// `&&`: both sets have spans; gives those of both.
    And,
    /// `||`: gives the spans of either.
    Or,
    /// `>`, `>>`, `<`, `<<`, `~` with their negated (`!>`) and union (`&>`) forms.
    Structural {
        /// What the right side is to the left.
        relation: Relation,
        /// Which spans come.
        form: Form,
    },
}

/// What a span of the right side is to a span of the left side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `>`: its child.
    Child,
    /// `>>`: its descendant.
    Descendant,
    /// `<`: its parent.
    Parent,
    /// `<<`: its ancestor.
    Ancestor,
    /// `~`: its sibling.
    Sibling,
}

/// Which spans a structural operator gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Those of the right side that stand so to one of the left.
    Plain,
    /// `!`: those of the right side that stand so to none of the left.
    Negated,
    /// `&`: those of both sides that stand so to one of the other.
    Union,
}

/// `scalar op scalar`; at least one side has an aggregate.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalarFilter {
    /// How: one of `=`, `!=`, `<`, `<=`, `>`, `>=`.
    pub op: BinaryOp,
    /// Left side.
    pub left: ScalarExpr,
    /// Right side.
    pub right: ScalarExpr,
}

/// A number that a set of spans has.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalarExpr {
    /// A constant; constants that were reckoned with each other are folded.
    Static(Static),
    /// `count()`, `avg(expr)`.
    Aggregate {
        /// Which.
        function: AggregateFunction,
        /// Of what; none for `count()`.
        of: Option<FieldExpr>,
    },
    /// Arithmetic: `+ - * / % ^`.
    Binary {
        /// How.
        op: BinaryOp,
        /// Left side.
        left: Box<ScalarExpr>,
        /// Right side.
        right: Box<ScalarExpr>,
    },
    /// `({ … } | count())`: the number of a pipeline of its own.
    Pipeline {
        /// What comes before the aggregate.
        pipeline: Pipeline,
        /// The aggregate: [`ScalarExpr::Aggregate`].
        aggregate: Box<ScalarExpr>,
    },
}

/// What an aggregate reckons over a set of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// Number of spans.
    Count,
    /// Least value.
    Min,
    /// Greatest value.
    Max,
    /// Sum.
    Sum,
    /// Mean.
    Avg,
}

/// An expression on a span.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldExpr {
    /// A constant.
    Static(Static),
    /// `span.x`, `duration`.
    Attribute(Attribute),
    /// `-x`, `!x`.
    Unary {
        /// How.
        op: UnaryOp,
        /// Of what.
        of: Box<FieldExpr>,
    },
    /// `x = nil` (`exists` is false), `x != nil` (true).
    Exists {
        /// Whether it must be there.
        exists: bool,
        /// What.
        of: Box<FieldExpr>,
    },
    /// Comparison, logic or arithmetic.
    Binary {
        /// How.
        op: BinaryOp,
        /// Left side.
        left: Box<FieldExpr>,
        /// Right side.
        right: Box<FieldExpr>,
        /// Where it stands.
        place: Place,
    },
}

/// An operator with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`.
    Minus,
    /// `!`.
    Not,
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`.
    Add,
    /// `-`.
    Sub,
    /// `*`.
    Mul,
    /// `/`.
    Div,
    /// `%`.
    Mod,
    /// `^`.
    Pow,
    /// `=`.
    Eq,
    /// `!=`.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `=~`.
    Regex,
    /// `!~`.
    NotRegex,
    /// `&&`.
    And,
    /// `||`.
    Or,
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Static {
    /// `nil`, where it is not compared with.
    Nil,
    /// `42`, `minInt`, `maxInt`.
    Int(i64),
    /// `4.2`.
    Float(f64),
    /// `"text"`, `` `text` ``.
    Text(String),
    /// `true`, `false`.
    Bool(bool),
    /// `3s`, in nanoseconds.
    Duration(i64),
    /// `ok`, `error`, `unset`.
    Status(Status),
    /// `server`, `client`, ….
    Kind(Kind),
}

/// The status of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Something failed.
    Error,
    /// Said to be fine.
    Ok,
    /// Nothing said.
    Unset,
}

/// The kind of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing said.
    Unspecified,
    /// Inside of a service.
    Internal,
    /// Answers a request.
    Server,
    /// Sends a request.
    Client,
    /// Sends a message.
    Producer,
    /// Takes a message.
    Consumer,
}

/// A name in a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// What it names.
    pub name: Name,
    /// Whether it stands behind `parent.` and is looked up on the span's parent.
    pub of_parent: bool,
    /// Where it stands.
    pub place: Place,
}

/// What a name names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// `.x`, `span.x`, `resource."a b"`.
    Key(watchkeep_model::SpanScope, String),
    /// `duration`, `trace:id`.
    Intrinsic(Intrinsic),
}

/// What every span has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intrinsic {
    /// `duration`, `span:duration`.
    Duration,
    /// `name`, `span:name`.
    Name,
    /// `status`, `span:status`.
    Status,
    /// `statusMessage`, `span:statusMessage`.
    StatusMessage,
    /// `kind`, `span:kind`.
    Kind,
    /// `childCount`, `span:childCount`.
    ChildCount,
    /// `parent`.
    Parent,
    /// `span:id`.
    SpanId,
    /// `span:parentID`.
    ParentId,
    /// `trace:id`.
    TraceId,
    /// `rootName`, `trace:rootName`.
    RootName,
    /// `rootServiceName`, `trace:rootService`.
    RootService,
    /// `traceDuration`, `trace:duration`.
    TraceDuration,
    /// `nestedSetLeft`.
    NestedSetLeft,
    /// `nestedSetRight`.
    NestedSetRight,
    /// `nestedSetParent`.
    NestedSetParent,
    /// `event:name`.
    EventName,
    /// `event:timeSinceStart`.
    EventTimeSinceStart,
    /// `link:traceID`.
    LinkTraceId,
    /// `link:spanID`.
    LinkSpanId,
    /// `instrumentation:name`.
    InstrumentationName,
    /// `instrumentation:version`.
    InstrumentationVersion,
}

/// Asks for numbers over time.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricExpr {
    /// `{ … } | rate() by (x) | topk(3) > 5`.
    Aggregate {
        /// Which spans.
        pipeline: Pipeline,
        /// What is reckoned.
        function: MetricFunction,
        /// `by (…)`; empty without.
        by: Vec<Attribute>,
        /// What is done to the series.
        then: Vec<SeriesStage>,
        /// Where the function stands.
        place: Place,
    },
    /// `( … ) / ( … )`; `+ - * /` only.
    Binary {
        /// How.
        op: BinaryOp,
        /// Left side.
        left: Box<MetricExpr>,
        /// Right side.
        right: Box<MetricExpr>,
        /// What is done to the series.
        then: Vec<SeriesStage>,
    },
    /// A constant as a side of an operator; never alone, never both sides.
    Scalar(f64),
}

/// What is reckoned over spans in steps of time.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricFunction {
    /// `rate()`: spans a second.
    Rate,
    /// `count_over_time()`.
    CountOverTime,
    /// `min_over_time(x)`.
    MinOverTime(Attribute),
    /// `max_over_time(x)`.
    MaxOverTime(Attribute),
    /// `sum_over_time(x)`.
    SumOverTime(Attribute),
    /// `avg_over_time(x)`.
    AvgOverTime(Attribute),
    /// `quantile_over_time(x, .5, .9)`.
    QuantileOverTime(Attribute, Vec<f64>),
    /// `histogram_over_time(x)`.
    HistogramOverTime(Attribute),
    /// `compare({ … }, 10, start, end)`: attribute values of the spans that match against those of
    /// the others.
    Compare {
        /// Which spans are the selection.
        selection: FieldExpr,
        /// How many values of each attribute come.
        top: i64,
        /// First nanosecond of the selection; 0: of the query.
        start_ns: i64,
        /// One past its last nanosecond; 0: of the query.
        end_ns: i64,
    },
}

/// What is done to series.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesStage {
    /// `topk(n)`: at each step the greatest.
    TopK(i64),
    /// `bottomk(n)`: at each step the least.
    BottomK(i64),
    /// `> 5`: keeps samples.
    Filter {
        /// How: one of `=`, `!=`, `<`, `<=`, `>`, `>=`.
        op: BinaryOp,
        /// The constant, durations in seconds.
        value: f64,
    },
}
