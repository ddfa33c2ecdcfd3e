//! Queries made at random: what is printed reads back as the same query, and no text breaks the
//! parser.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use watchkeep_model::SpanScope;
use watchkeep_traceql::ast::*;
use watchkeep_traceql::{from_tags, lenient, parse};

fn pick<T: Clone + std::fmt::Debug + 'static>(from: &[T]) -> impl Strategy<Value = T> + use<T> {
    select(from.to_vec())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        pick(&["", "\n\t\"\\", "`", "a b", "\r", "\u{0}\u{7f}\u{feff}"]).prop_map(str::to_owned)
    ]
}

fn key() -> impl Strategy<Value = String> {
    let special = ["a", "http.method", "span.x", "3d", "", "a b", "q\"\\", "größe", "a-b+c", "//"];
    prop_oneof![3 => pick(&special).prop_map(str::to_owned), 1 => "[^\u{0}]{1,8}"]
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let scopes = [
        SpanScope::Any,
        SpanScope::Span,
        SpanScope::Resource,
        SpanScope::Event,
        SpanScope::Link,
        SpanScope::Instrumentation,
    ];
    (pick(&scopes), key()).prop_map(|(scope, key)| {
        let name = Name::Key(scope, key);
        Attribute { name, of_parent: false, place: Place::default() }
    })
}

fn intrinsic(of: &[Intrinsic]) -> impl Strategy<Value = FieldExpr> + use<> {
    pick(of).prop_map(|intrinsic| {
        let name = Name::Intrinsic(intrinsic);
        FieldExpr::Attribute(Attribute { name, of_parent: false, place: Place::default() })
    })
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("a number", |value| !value.is_nan()),
        pick(&[0.0, -0.5, 1e3, 1e-7, 123_456.0, 1_234_567.0, f64::INFINITY, f64::NEG_INFINITY])
    ]
}

fn number() -> impl Strategy<Value = Static> {
    prop_oneof![
        prop_oneof![any::<i64>(), -3..3_i64, Just(i64::MIN)].prop_map(Static::Int),
        float().prop_map(Static::Float),
        (-i64::MAX..i64::MAX).prop_map(Static::Duration),
    ]
}

fn binary(op: BinaryOp, left: FieldExpr, right: FieldExpr) -> FieldExpr {
    let (left, right) = (Box::new(left), Box::new(right));
    FieldExpr::Binary { op, left, right, place: Place::default() }
}

/// A number that each span has its own of.
fn span_number() -> impl Strategy<Value = FieldExpr> {
    let known = [Intrinsic::Duration, Intrinsic::ChildCount, Intrinsic::NestedSetLeft];
    let leaf = prop_oneof![
        2 => attribute().prop_map(FieldExpr::Attribute),
        1 => intrinsic(&known),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        use BinaryOp::{Add, Div, Mod, Mul, Pow, Sub};
        let op = || pick(&[Add, Sub, Mul, Div, Mod, Pow]);
        let constant = || number().prop_map(FieldExpr::Static);
        let minus = |of| FieldExpr::Unary { op: UnaryOp::Minus, of: Box::new(of) };
        prop_oneof![
            (op(), inner.clone(), inner.clone()).prop_map(|(op, a, b)| binary(op, a, b)),
            (op(), inner.clone(), constant()).prop_map(|(op, a, b)| binary(op, a, b)),
            (op(), constant(), inner.clone()).prop_map(|(op, a, b)| binary(op, a, b)),
            inner.prop_map(minus),
        ]
    })
}

/// A condition on a span.
fn filter() -> impl Strategy<Value = FieldExpr> {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne, NotRegex, Regex};
    let texts = [Intrinsic::Name, Intrinsic::RootService, Intrinsic::SpanId, Intrinsic::EventName];
    let regexes = ["a.*", "`|\"", "", "\\d+", "(?i)x"];
    let constant = |value: Static| FieldExpr::Static(value);
    let statuses = [Status::Error, Status::Ok, Status::Unset].map(Static::Status);
    let kinds = [Kind::Server, Kind::Client, Kind::Consumer].map(Static::Kind);
    let leaf =
        prop_oneof![
            attribute().prop_map(FieldExpr::Attribute),
            (pick(&[Eq, Ne, Lt, Le, Gt, Ge]), span_number(), number())
                .prop_map(move |(op, left, value)| binary(op, left, constant(value))),
            (pick(&[Eq, Ne, Lt, Le, Gt, Ge]), number(), span_number())
                .prop_map(move |(op, value, right)| binary(op, constant(value), right)),
            (pick(&[Eq, Ne, Gt]), intrinsic(&texts), text())
                .prop_map(move |(op, left, text)| binary(op, left, constant(Static::Text(text)))),
            (pick(&[Regex, NotRegex]), attribute(), pick(&regexes)).prop_map(
                move |(op, left, text)| {
                    let text = constant(Static::Text(text.to_owned()));
                    binary(op, FieldExpr::Attribute(left), text)
                }
            ),
            (pick(&[Eq, Ne]), intrinsic(&[Intrinsic::Status]), pick(&statuses))
                .prop_map(move |(op, left, value)| binary(op, left, constant(value))),
            (pick(&[Eq, Ne]), pick(&kinds), intrinsic(&[Intrinsic::Kind]))
                .prop_map(move |(op, value, right)| binary(op, constant(value), right)),
            (any::<bool>(), span_number()).prop_filter_map("may be absent", |(exists, of)| {
                let named =
                    matches!(&of, FieldExpr::Attribute(of) if !matches!(of.name, Name::Key(..)));
                (exists || !named).then(|| FieldExpr::Exists { exists, of: Box::new(of) })
            }),
        ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        use BinaryOp::{And, Or};
        prop_oneof![
            (pick(&[And, Or, Eq]), inner.clone(), inner.clone())
                .prop_map(|(op, left, right)| binary(op, left, right)),
            inner.prop_map(|of| FieldExpr::Unary { op: UnaryOp::Not, of: Box::new(of) }),
        ]
    })
}

fn comparison() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    pick(&[Eq, Ne, Lt, Le, Gt, Ge])
}

fn scalar() -> impl Strategy<Value = Stage> {
    use AggregateFunction::{Avg, Count, Max, Min, Sum};
    let functions = [Count, Min, Max, Sum, Avg];
    let parts = (comparison(), pick(&functions), span_number(), number());
    parts.prop_map(|(op, function, of, value)| {
        let of = (function != Count).then_some(of);
        let left = ScalarExpr::Aggregate { function, of };
        Stage::Scalar(ScalarFilter { op, left, right: ScalarExpr::Static(value) })
    })
}

fn spanset() -> BoxedStrategy<SpansetExpr> {
    let relations = [
        Relation::Child,
        Relation::Descendant,
        Relation::Parent,
        Relation::Ancestor,
        Relation::Sibling,
    ];
    let leaf = prop_oneof![
        4 => filter().prop_map(SpansetExpr::Filter),
        1 => Just(SpansetExpr::Filter(FieldExpr::Static(Static::Bool(true)))),
    ];
    leaf.prop_recursive(3, 6, 2, move |inner| {
        let forms = [Form::Plain, Form::Negated, Form::Union];
        let op = prop_oneof![
            pick(&[SpansetOp::And, SpansetOp::Or]),
            (pick(&relations), pick(&forms))
                .prop_map(|(relation, form)| SpansetOp::Structural { relation, form }),
        ];
        let stages = (inner.clone(), vec(later_stage(inner.clone()), 1..3));
        prop_oneof![
            (op, inner.clone(), inner).prop_map(|(op, left, right)| {
                SpansetExpr::Binary { op, left: Box::new(left), right: Box::new(right) }
            }),
            stages.prop_map(|(first, mut stages)| {
                stages.insert(0, Stage::Spans(first));
                SpansetExpr::Pipeline(Pipeline { stages })
            }),
        ]
    })
    .boxed()
}

fn later_stage(
    spans: impl Strategy<Value = SpansetExpr> + 'static,
) -> impl Strategy<Value = Stage> {
    prop_oneof![
        spans.prop_map(Stage::Spans),
        scalar(),
        span_number().prop_map(Stage::By),
        Just(Stage::Coalesce),
        vec(attribute(), 1..3).prop_map(Stage::Select),
    ]
}

fn pipeline() -> impl Strategy<Value = Pipeline> {
    let first = prop_oneof![
        6 => spanset().prop_map(Stage::Spans),
        1 => scalar(),
        1 => span_number().prop_map(Stage::By),
        1 => vec(attribute(), 1..3).prop_map(Stage::Select),
    ];
    (first, vec(later_stage(spanset()), 0..3)).prop_map(|(first, mut stages)| {
        stages.insert(0, first);
        Pipeline { stages }
    })
}

fn series_stages() -> impl Strategy<Value = Vec<SeriesStage>> {
    let stage = prop_oneof![
        (1..i64::MAX).prop_map(SeriesStage::TopK),
        (1..9_i64).prop_map(SeriesStage::BottomK),
        (comparison(), float()).prop_map(|(op, value)| SeriesStage::Filter { op, value }),
    ];
    vec(stage, 0..3)
}

fn metric() -> impl Strategy<Value = MetricExpr> {
    let of = attribute;
    let function = prop_oneof![
        pick(&[MetricFunction::Rate, MetricFunction::CountOverTime]),
        of().prop_map(MetricFunction::MinOverTime),
        of().prop_map(MetricFunction::MaxOverTime),
        of().prop_map(MetricFunction::SumOverTime),
        of().prop_map(MetricFunction::AvgOverTime),
        of().prop_map(MetricFunction::HistogramOverTime),
        (of(), vec(0.0..=1.0, 1..4)).prop_map(|(of, at)| MetricFunction::QuantileOverTime(of, at)),
    ];
    let parts = (pipeline(), function, vec(attribute(), 0..4), series_stages());
    let leaf = parts.prop_map(|(pipeline, function, by, then)| MetricExpr::Aggregate {
        pipeline,
        function,
        by,
        then,
        place: Place::default(),
    });
    leaf.prop_recursive(2, 4, 2, |inner| {
        use BinaryOp::{Add, Div, Mul, Sub};
        let op = || pick(&[Add, Sub, Mul, Div]);
        let scalar = || float().prop_map(MetricExpr::Scalar);
        let sides = prop_oneof![
            (inner.clone(), inner.clone()),
            (inner.clone(), scalar()),
            (scalar(), inner),
        ];
        (op(), sides, series_stages()).prop_map(|(op, (left, right), then)| MetricExpr::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
            then,
        })
    })
}

fn query() -> impl Strategy<Value = Query> {
    let compare = (filter(), 1..=1000_i64, pick(&[(0, 0), (1, 2)]), pipeline()).prop_map(
        |(selection, top, (start_ns, end_ns), pipeline)| MetricExpr::Aggregate {
            pipeline,
            function: MetricFunction::Compare { selection, top, start_ns, end_ns },
            by: Vec::new(),
            then: Vec::new(),
            place: Place::default(),
        },
    );
    let root = prop_oneof![
        3 => pipeline().prop_map(Root::Search),
        3 => metric().prop_map(Root::Metric),
        1 => compare.prop_map(Root::Metric),
    ];
    let value = prop_oneof![
        (0..i64::MAX).prop_map(Static::Int),
        Just(Static::Int(i64::MIN)),
        any::<bool>().prop_map(Static::Bool),
        text().prop_map(Static::Text),
    ];
    let hint = ("[a-z]_[a-z]{1,4}", value);
    let hints =
        vec(hint.prop_map(|(name, value)| Hint { name, value, place: Place::default() }), 0..3);
    (root, hints).prop_map(|(root, hints)| Query { root, hints })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(query in query()) {
        let printed = query.to_string();
        prop_assert_eq!(parse(&printed), Ok(query), "{}", printed);
    }

    #[test]
    fn no_text_panics(text in ".{0,40}", tags in "[ -~\\n]{0,40}") {
        let _ = (parse(&text), lenient(&text), from_tags(&tags, Some(&text), Some("1s")));
    }

    #[test]
    fn no_tokens_panic(tokens in vec(select(TOKENS.to_vec()), 0..24)) {
        let text = tokens.join(" ");
        if let Ok(query) = parse(&text) {
            let printed = query.to_string();
            if !printed.contains("0.0 / 0.0") {
                prop_assert_eq!(parse(&printed).unwrap(), query, "{}", printed);
            }
        }
        let _ = lenient(&text);
        // Cut anywhere, as an editor sees it.
        for (at, _) in text.char_indices() {
            let _ = lenient(&text[..at]);
        }
    }

    /// Incomplete or not, what is known of a query is one itself.
    #[test]
    fn what_is_known_reads_back(filter in filter(), cut in 0..200_usize) {
        let text = format!("{{ {filter} }}");
        let cut = text.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(text.len());
        if let Some(known) = lenient(&text[..cut]) {
            let query = parse(&format!("{{ {known} }}"));
            prop_assert!(query.is_ok(), "{}: {:?}", known, query);
        }
    }
}

const TOKENS: [&str; 48] = [
    "{",
    "}",
    "{}",
    "{ .a }",
    "(",
    ")",
    "|",
    ",",
    ".a",
    "span.b",
    "parent.span.c",
    "parent",
    "name",
    "trace:id",
    "duration",
    "status",
    "1",
    "2.5",
    "3s",
    "-",
    "+",
    "*",
    "/",
    "%",
    "^",
    "=",
    "!=",
    "=~",
    ">",
    ">>",
    "!~",
    "&>",
    "&&",
    "||",
    "!",
    "nil",
    "true",
    "error",
    "\"x\"",
    "count()",
    "max(.a)",
    "by(.a)",
    "coalesce()",
    "select(.a)",
    "rate()",
    "topk(2)",
    "compare({})",
    "with(a=1)",
];
