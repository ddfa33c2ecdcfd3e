//! Queries made at random: what is printed reads back as the same tree, and no text breaks the
//! parser.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use watchkeep_logql::ast::*;
use watchkeep_logql::{Expr, LogExpr, MetricExpr, parse, parse_log, parse_selector, pretty};
use watchkeep_model::{MatchOp, Matcher};

fn pick<T: Clone + std::fmt::Debug + 'static>(from: &[T]) -> impl Strategy<Value = T> + use<T> {
    select(from.to_vec())
}

fn name() -> impl Strategy<Value = String> {
    pick(&["app", "env", "rate", "sum", "ip", "bytes", "__error__", "größe", "a1"])
        .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        pick(&["", "\n\t\"\\", "`", "a b", "\u{0}\u{7f}"]).prop_map(str::to_owned)
    ]
}

fn regex() -> impl Strategy<Value = String> {
    pick(&["a.*", "a|b", "", "\\d+`", "(?i)x", ".+", "a\\.b"]).prop_map(str::to_owned)
}

fn ip() -> impl Strategy<Value = String> {
    pick(&["10.0.0.1", "10.0.0.0/8", "::1", "1.1.1.1-1.1.1.9"]).prop_map(str::to_owned)
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let plain = (name(), pick(&[MatchOp::Equal, MatchOp::NotEqual]), text());
    let regex = (name(), pick(&[MatchOp::Regex, MatchOp::NotRegex]), regex());
    prop_oneof![
        plain.prop_map(|(name, op, text)| Matcher::new(name, op, text).unwrap()),
        regex.prop_map(|(name, op, text)| Matcher::new(name, op, text).unwrap()),
    ]
}

fn line_filter() -> impl Strategy<Value = LineFilter> {
    let operand = |op: LineOp| match op {
        LineOp::Contains | LineOp::NotContains => prop_oneof![
            3 => text().prop_map(LineOperand::Text),
            1 => ip().prop_map(LineOperand::Ip),
        ]
        .boxed(),
        LineOp::Matches | LineOp::NotMatches => regex().prop_map(LineOperand::Text).boxed(),
        _ => pick(&["<_> a", "a <_> b", "a"])
            .prop_map(|text| LineOperand::Text(text.to_owned()))
            .boxed(),
    };
    let ops = [
        LineOp::Contains,
        LineOp::NotContains,
        LineOp::Matches,
        LineOp::NotMatches,
        LineOp::PatternMatches,
        LineOp::PatternNotMatches,
    ];
    pick(&ops).prop_flat_map(move |op| {
        let most = if op.is_negative() { 1 } else { 3 };
        vec(operand(op), 1..=most).prop_map(move |operands| LineFilter { op, operands })
    })
}

fn compare() -> impl Strategy<Value = Compare> {
    use Compare::{Eq, Ge, Gt, Le, Lt, Ne};
    pick(&[Eq, Ne, Gt, Ge, Lt, Le])
}

fn label_filter() -> impl Strategy<Value = LabelFilter> {
    let numbers = [0.5, -2.0, 1e3, 1e-7, 0.0];
    let sizes = [0, 5, 999, 1_500, 2_000_000, 30_000_000_000];
    let leaf = prop_oneof![
        matcher().prop_map(LabelFilter::Text),
        (name(), compare(), pick(&numbers)).prop_map(|(a, b, c)| LabelFilter::Number(a, b, c)),
        (name(), compare(), any::<i64>()).prop_map(|(a, b, c)| LabelFilter::Duration(a, b, c)),
        (name(), compare(), pick(&sizes)).prop_map(|(a, b, c)| LabelFilter::Bytes(a, b, c)),
        (name(), pick(&[Compare::Eq, Compare::Ne]), ip())
            .prop_map(|(a, b, c)| LabelFilter::Ip(a, b, c)),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        let inner = inner.prop_map(Box::new);
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| LabelFilter::And(a, b)),
            (inner.clone(), inner).prop_map(|(a, b)| LabelFilter::Or(a, b)),
        ]
    })
}

fn extractions(least: usize) -> impl Strategy<Value = Vec<Extraction>> {
    let expression = pick(&["a", "b.c[0]", "[\"d e\"]"]);
    let one = (name(), expression)
        .prop_map(|(label, expression)| Extraction { label, expression: expression.to_owned() });
    vec(one, least..3)
}

fn keys(least: usize) -> impl Strategy<Value = Vec<Extraction>> {
    let one = (name(), pick(&["a", "b"]))
        .prop_map(|(label, key)| Extraction { label, expression: key.to_owned() });
    vec(one, least..3)
}

fn stage() -> impl Strategy<Value = Stage> {
    let names = || {
        let one = prop_oneof![
            name().prop_map(NameOrMatcher::Name),
            matcher().prop_map(NameOrMatcher::Matcher)
        ];
        vec(one, 1..3)
    };
    let value = prop_oneof![
        name().prop_map(LabelFormatValue::Rename),
        pick(&["{{.a}}", "x y", ""]).prop_map(|text| LabelFormatValue::Template(text.to_owned())),
    ];
    let format = (pick(&["x", "y", "count"]), value)
        .prop_map(|(label, value)| vec![LabelFormat { label: label.to_owned(), value }]);
    prop_oneof![
        3 => line_filter().prop_map(Stage::LineFilter),
        3 => label_filter().prop_map(Stage::LabelFilter),
        1 => extractions(0).prop_map(Stage::Json),
        1 => (any::<bool>(), any::<bool>(), keys(0))
            .prop_map(|(strict, keep_empty, fields)| Stage::Logfmt { strict, keep_empty, fields }),
        1 => pick(&["(?P<a>\\w+)", "x(?P<b>.)`"]).prop_map(|text| Stage::Regexp(text.to_owned())),
        1 => pick(&["<a> <_>", "[<b>] \"<c>\""]).prop_map(|text| Stage::Pattern(text.to_owned())),
        1 => pick(&[Stage::Unpack, Stage::Decolorize]),
        1 => pick(&["{{.a}}", "\n"]).prop_map(|text| Stage::LineFormat(text.to_owned())),
        1 => format.prop_map(Stage::LabelFormat),
        1 => names().prop_map(Stage::Drop),
        1 => names().prop_map(Stage::Keep),
    ]
}

fn log() -> impl Strategy<Value = LogExpr> {
    let stage = stage().prop_map(|stage| StageExpr { stage, span: Span::default() });
    (vec(matcher(), 0..3), vec(stage, 0..5)).prop_map(|(mut matchers, mut stages)| {
        matchers.push(Matcher::equal("always", "there"));
        // Behind `drop a` the language has no way to write `!= "b"`.
        let mut behind_name = false;
        stages.retain(|StageExpr { stage, .. }| {
            let ambiguous = match stage {
                Stage::LineFilter(filter) => {
                    matches!(filter.op, LineOp::NotContains | LineOp::NotMatches)
                }
                _ => false,
            };
            let keep = !(behind_name && ambiguous);
            if keep {
                behind_name = match stage {
                    Stage::Drop(names) | Stage::Keep(names) => {
                        matches!(names.last(), Some(NameOrMatcher::Name(_)))
                    }
                    _ => false,
                };
            }
            keep
        });
        LogExpr { matchers, stages, span: Span::default() }
    })
}

fn grouping() -> impl Strategy<Value = Grouping> {
    (any::<bool>(), vec(name(), 0..3)).prop_map(|(without, labels)| Grouping { without, labels })
}

fn range() -> impl Strategy<Value = MetricKind> {
    let conversions = [
        Conversion::Float,
        Conversion::Bytes,
        Conversion::Duration { seconds: false },
        Conversion::Duration { seconds: true },
    ];
    let unwrap = (name(), pick(&conversions), vec(label_filter(), 0..3)).prop_map(
        |(label, conversion, filters)| Unwrap { label, conversion, filters, span: Span::default() },
    );
    let offset = prop_oneof![2 => Just(0), 1 => any::<i64>(), 1 => Just(3_600_000_000_000)];
    let range_ms = prop_oneof![Just(300_000), 0..i64::MAX / 1_000_000];
    let parts = (pick(&RangeOp::ALL), log(), unwrap, any::<bool>(), range_ms, offset);
    (parts, option::of(grouping())).prop_map(|(parts, grouping)| {
        let (op, log, unwrap, wants_unwrap, range_ms, offset_ns) = parts;
        let has_unwrap = op.takes_unwrap() && (wants_unwrap || !op.takes_lines());
        let unwrap = has_unwrap.then_some(unwrap);
        let range = LogRange { log, unwrap, range_ns: range_ms * 1_000_000, offset_ns };
        MetricKind::Range {
            op,
            parameter: (op == RangeOp::QuantileOverTime).then_some(0.95),
            range: Box::new(range),
            grouping: grouping.filter(|_| op.takes_grouping()),
        }
    })
}

fn matching() -> impl Strategy<Value = Matching> {
    use Cardinality::{ManyToOne, OneToMany, OneToOne};
    let parts = (any::<bool>(), any::<bool>(), vec(name(), 0..3), vec(name(), 0..3));
    (parts, pick(&[OneToOne, ManyToOne, OneToMany])).prop_map(|(parts, cardinality)| {
        let (return_bool, on, labels, mut include) = parts;
        if cardinality == OneToOne {
            include.clear();
        }
        Matching { return_bool, on, labels, cardinality, include }
    })
}

fn is_number(expr: &MetricExpr) -> bool {
    matches!(expr.kind, MetricKind::Number(_))
}

fn metric() -> impl Strategy<Value = MetricExpr> {
    let expr = |kind| MetricExpr { kind, span: Span::default() };
    let number = any::<f64>()
        .prop_filter_map("finite", |value| value.is_finite().then_some(MetricKind::Number(value)));
    let vector = (0..1000_u32).prop_map(|value| MetricKind::Vector(f64::from(value) / 8.0));
    let leaf = prop_oneof![3 => range(), 1 => vector, 1 => number].prop_map(expr);
    leaf.prop_recursive(4, 16, 2, move |inner| {
        let inner = inner.prop_map(Box::new);
        let aggregation = (pick(&VectorOp::ALL), inner.clone(), option::of(grouping()), 1..9_i64);
        let aggregation = aggregation.prop_map(|(op, inner, grouping, parameter)| {
            let plain = matches!(op, VectorOp::Sort | VectorOp::SortDesc | VectorOp::ApproxTopK);
            let grouping = grouping
                .filter(|grouping| !plain && (grouping.without || !grouping.labels.is_empty()));
            let parameter = op.takes_parameter().then_some(parameter);
            MetricKind::Aggregation { op, parameter, inner, grouping }
        });
        let ops = [
            BinaryOp::Or,
            BinaryOp::And,
            BinaryOp::Unless,
            BinaryOp::Add,
            BinaryOp::Sub,
            BinaryOp::Mul,
            BinaryOp::Mod,
            BinaryOp::Pow,
            BinaryOp::Ne,
            BinaryOp::Gt,
        ];
        let binary = (pick(&ops), inner.clone(), inner.clone(), matching()).prop_filter_map(
            "numbers are folded",
            |(op, left, right, matching)| {
                let numbers = usize::from(is_number(&left)) + usize::from(is_number(&right));
                let most = usize::from(!op.is_set_operator());
                (numbers <= most).then_some(MetricKind::Binary { op, left, right, matching })
            },
        );
        let replace = (inner, text(), text(), text(), regex()).prop_map(
            |(inner, destination, replacement, source, pattern)| MetricKind::LabelReplace {
                inner,
                destination,
                replacement,
                source,
                pattern,
            },
        );
        prop_oneof![aggregation, binary, replace].prop_map(expr)
    })
}

fn query() -> impl Strategy<Value = Expr> {
    prop_oneof![log().prop_map(Expr::Log), metric().prop_map(Expr::Metric)]
}

/// The tree as text, without places.
fn tree(expr: &Expr) -> String {
    let text = format!("{expr:?}");
    let mut parts = text.split("Span {");
    let mut tree = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        tree.push_str(part.split_once('}').map_or(part, |(_, behind)| behind));
    }
    // Whether a zero has a sign makes no difference.
    tree.replace("-0.0)", "0.0)")
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same_tree(query in query()) {
        for text in [query.to_string(), pretty(&query)] {
            match parse(&text) {
                Ok(again) => prop_assert_eq!(tree(&again), tree(&query), "{}", text),
                Err(error) => return Err(TestCaseError::fail(format!("{text}\n{error}"))),
            }
        }
    }

    #[test]
    fn no_text_breaks_the_parser(text in ".{0,60}") {
        let _ = (parse(&text), parse_log(&text), parse_selector(&text));
    }

    #[test]
    fn no_mixture_of_tokens_breaks_the_parser(
        tokens in vec(pick(&[
            "{", "}", "(", ")", "[5m]", "[", ",", "a", "=", "\"x\"", "`y`", "|", "|=", "!=", "!~",
            "json", "logfmt", "--strict", "unwrap", "rate", "sum", "by", "on", "5", "5s", "5KB",
            "-", "offset", "or", "and", "ip", "topk", "label_replace", "vector", "#", "\n", "bool",
            "group_left", "{a=\"b\"}", "rate({a=\"b\"}[5m])", "drop", "label_format", "1e", "0x",
        ]), 0..20),
    ) {
        let text = tokens.join(" ");
        if let Ok(expr) = parse(&text) {
            let printed = expr.to_string();
            if !printed.contains("NaN") && !printed.contains("Inf") {
                prop_assert_eq!(parse(&printed).map(|again| again.to_string()), Ok(printed));
            }
        }
    }
}
