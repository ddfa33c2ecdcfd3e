//! What queries mean, and what is said about those that mean nothing.

use watchkeep_model::MatchOp;

use super::*;
use crate::ast::{
    AggregateOp, At, BinaryOp, Cardinality, Duration, DurationExprKind, Extension, ValueType,
    VectorSelector,
};

fn kind(query: &str) -> ExprKind {
    parse(query).unwrap_or_else(|failure| panic!("{query}: {failure}")).kind
}

fn selector(query: &str) -> VectorSelector {
    match kind(query) {
        ExprKind::VectorSelector(selector) => *selector,
        ExprKind::MatrixSelector(matrix) => matrix.selector,
        other => panic!("{query}: {other:?}"),
    }
}

fn check_errors(cases: &[(&str, &str)]) {
    for (query, expect) in cases {
        match parse(query) {
            Err(failure) => assert_eq!(failure.display(query), *expect, "{query}"),
            Ok(expr) => panic!("{query} is read as {expr:?}"),
        }
    }
}

#[test]
fn numbers_and_durations_are_scalars() {
    let cases = [
        ("1_000", 1000.0, false),
        ("0x1F", 31.0, false),
        ("010", 8.0, false),
        ("-.5", -0.5, false),
        ("+1e3", 1000.0, false),
        ("-inf", f64::NEG_INFINITY, false),
        ("1h30m", 5400.0, true),
        ("-5ms", -0.005, true),
    ];
    for (query, value, is_duration) in cases {
        assert_eq!(kind(query), ExprKind::Number { value, is_duration }, "{query}");
    }
}

#[test]
fn operators_bind_as_documented() {
    // Each with its parentheses written out.
    let cases = [
        ("a or b and c unless d", "a or ((b and c) unless d)"),
        ("a == b + c * d ^ e", "a == (b + (c * (d ^ e)))"),
        ("a - b - c", "(a - b) - c"),
        ("a ^ b ^ c", "a ^ (b ^ c)"),
        ("a atan2 b % c / d", "((a atan2 b) % c) / d"),
        ("a </ b >/ c", "(a </ b) >/ c"),
        ("-a ^ b", "-(a ^ b)"),
        ("-a * b", "(-a) * b"),
        ("2 ^ -a * b", "(2 ^ (-a)) * b"),
        ("-a offset 1m ^ b", "-((a offset 1m) ^ b)"),
        ("a offset 5m * 2", "(a offset 5m) * 2"),
        ("a offset -step() + b", "(a offset (-step())) + b"),
        ("a < bool b or c", "(a < bool b) or c"),
    ];
    for (query, explicit) in cases {
        let bare = |query: &str| parse(query).unwrap().to_string().replace(['(', ')'], "");
        assert_eq!(bare(query), bare(explicit));
        let shape = |query: &str| {
            let mut shape = Vec::new();
            parse(query).unwrap().walk(&mut |expr| match &expr.kind {
                ExprKind::Paren(_) => {}
                ExprKind::Binary(binary) => shape.push(binary.op.symbol().to_owned()),
                ExprKind::Unary { .. } => shape.push("sign".to_owned()),
                _ => shape.push("operand".to_owned()),
            });
            shape
        };
        assert_eq!(shape(query), shape(explicit), "{query}");
    }
}

#[test]
fn words_of_the_language_may_name_metrics_and_labels() {
    let metrics = [
        "sum",
        "by",
        "offset",
        "start",
        "step",
        "fill",
        "fill_left",
        "and",
        "without",
        "anchored",
        "max_of",
        "Limitk",
        "job:rate:5m",
        ":",
    ];
    for name in metrics {
        assert_eq!(selector(name).name.as_deref(), Some(name));
        assert_eq!(selector(&format!("{name}{{a='b'}}")).name.as_deref(), Some(name));
    }
    let query = "sum by (on, by, bool, group_left, fill, end, avg, \"x.y\", a,) (m)";
    let ExprKind::Aggregate(aggregate) = kind(query) else { panic!("{query}") };
    let labels = ["on", "by", "bool", "group_left", "fill", "end", "avg", "x.y", "a"];
    assert_eq!(aggregate.grouping, labels);
    assert!(matches!(kind("fill + fill"), ExprKind::Binary(_)));
    assert!(matches!(kind("and and and"), ExprKind::Binary(_)));
}

#[test]
fn selectors_take_names_in_quotes() {
    let selector = selector(r#"{"http.requests", "host.name"=~"a.*", x!='y', `z`!~"q",}"#);
    assert_eq!(selector.name, None);
    let matchers: Vec<_> =
        selector.matchers.iter().map(|m| (m.label(), m.op(), m.value())).collect();
    let expect = [
        ("__name__", MatchOp::Equal, "http.requests"),
        ("host.name", MatchOp::Regex, "a.*"),
        ("x", MatchOp::NotEqual, "y"),
        ("z", MatchOp::NotRegex, "q"),
    ];
    assert_eq!(matchers, expect);
}

#[test]
fn shifts_and_extensions_stand_in_any_order() {
    let shifted = selector("m{a='b'}[5m] @ 1.5 offset -1h anchored");
    assert_eq!(shifted.shift.at, Some(At::Millis(1500)));
    assert_eq!(shifted.shift.offset, Some(Duration::Millis(-3_600_000)));
    assert_eq!(shifted.extension, Extension::Anchored);
    assert_eq!(shifted.span, Span { start: 0, end: 8 });
    assert_eq!(selector("m offset 5m @ end()").shift.at, Some(At::End));
    assert_eq!(selector("m smoothed @ -5m").shift.at, Some(At::Millis(-300_000)));
    assert_eq!(selector("m offset 0s").shift.offset, None);
    assert_eq!(parse("m[5m] offset 1m").unwrap().span, Span { start: 0, end: 15 });
}

#[test]
fn durations_may_be_expressions() {
    let range = |query: &str| match kind(query) {
        ExprKind::MatrixSelector(matrix) => matrix.range,
        other => panic!("{query}: {other:?}"),
    };
    assert_eq!(range("m[300]"), Duration::Millis(300_000));
    assert_eq!(range("m[1.0005]"), Duration::Millis(1000));
    for query in [
        "m[5m*2]",
        "m[step()]",
        "m[ (5m) ]",
        "m[-5m+1h]",
        "m[max_of(step(), 5m) ^ 2 % 7]",
        "m[RANGE()]",
    ] {
        assert!(matches!(range(query), Duration::Expr(_)), "{query}");
    }
    let ExprKind::Subquery(subquery) = kind("(a + b)[1h - 5m : step() * 2] offset -(1h / 2)")
    else {
        panic!("no subquery")
    };
    assert_eq!(subquery.range.to_string(), "1h - 5m");
    assert_eq!(subquery.step.unwrap().to_string(), "step() * 2");
    let Some(Duration::Expr(offset)) = subquery.shift.offset else { panic!("no offset") };
    assert_eq!(offset.to_string(), "-(1h / 2)");
    assert!(matches!(offset.kind, DurationExprKind::Unary { negative: true, .. }));
}

#[test]
fn matching_says_how_series_pair() {
    let binary = |query: &str| match kind(query) {
        ExprKind::Binary(binary) => *binary,
        other => panic!("{query}: {other:?}"),
    };
    let pair = binary("a / on (x, y) group_left (z) fill_right (-1) fill_left (5m) b");
    assert_eq!(pair.op, BinaryOp::Div);
    let matching = pair.matching.unwrap();
    assert_eq!(matching.cardinality, Cardinality::ManyToOne);
    assert!(matching.is_on);
    assert_eq!(
        (matching.labels, matching.include),
        (vec!["x".into(), "y".into()], vec!["z".into()])
    );
    assert_eq!((matching.fill_left, matching.fill_right), (Some(300.0), Some(-1.0)));
    let one = binary("a == bool ignoring (x) fill (0) b");
    assert!(one.return_bool);
    assert_eq!(one.matching.unwrap().fill_left, Some(0.0));
    let set = binary("a and b").matching.unwrap();
    assert_eq!(set.cardinality, Cardinality::ManyToMany);
    assert_eq!(binary("a + 1").matching, None);
    assert_eq!(binary("1 + on () a").matching, None);
}

#[test]
fn aggregations_take_their_labels_before_or_behind() {
    for query in ["topk by (l) (3, m)", "TOPK(3, m) BY (l)", "# c\ntopk(3, m)by(l)"] {
        let ExprKind::Aggregate(aggregate) = kind(query) else { panic!("{query}") };
        assert_eq!(aggregate.op, AggregateOp::Topk);
        assert_eq!(aggregate.param.unwrap().value_type(), ValueType::Scalar);
        assert_eq!((aggregate.grouping, aggregate.without), (vec!["l".to_owned()], false));
    }
}

#[test]
fn errors_of_single_characters_say_where() {
    check_errors(&[
        ("", "unknown position: parse error: no expression found in input"),
        ("  ", "1:1: parse error: no expression found in input"),
        ("a\n+ }", "2:3: parse error: unexpected character: '}'"),
        ("(a", "1:3: parse error: unclosed left parenthesis"),
        ("a)", "1:3: parse error: unexpected right parenthesis ')'"),
        ("a[5m", "1:5: parse error: unclosed left bracket"),
        ("a[", "1:3: parse error: unexpected end of input in duration expression"),
        ("a]", "1:2: parse error: unexpected right bracket ']'"),
        ("a[5m[", "1:5: parse error: unexpected left bracket '['"),
        ("a{", "1:3: parse error: unexpected end of input inside braces"),
        ("a{b='c'", "1:8: parse error: unexpected end of input inside braces"),
        ("a{{", "1:3: parse error: unexpected left brace '{'"),
        ("a{b!c}", "1:4: parse error: unexpected character after '!' inside braces: 'c'"),
        ("a{1}", "1:3: parse error: unexpected character inside braces: '1'"),
        ("a =~ b", "1:3: parse error: unexpected character after '=': '~'"),
        ("a ! b", "1:3: parse error: unexpected character after '!': ' '"),
        ("!", "1:1: parse error: unexpected character after '!': '\u{fffd}'"),
        ("é", "1:1: parse error: unexpected character: 'é'"),
        ("5mm", "1:1: parse error: bad number or duration syntax: \"5mm\""),
        ("1__0", "1:1: parse error: bad number or duration syntax: \"1__\""),
        ("1e", "1:1: parse error: bad number or duration syntax: \"1e\""),
        ("a[5m:5m:5m]", "1:8: parse error: unexpected colon ':'"),
        ("a[:5m]", "1:4: parse error: unexpected colon before duration in duration expression"),
        ("a[5m x]", "1:6: parse error: unexpected character: 'x', expected ':'"),
        ("a[x]", "1:3: parse error: unexpected character in duration expression: 'x'"),
        ("\"a", "1:1: parse error: unterminated quoted string"),
        ("`a", "1:1: parse error: unterminated raw string"),
        (r#""\q""#, "1:1: parse error: unknown escape sequence U+0071 'q'"),
        (r#""\x4g""#, "1:1: parse error: illegal character U+0067 'g' in escape sequence"),
        (r#""\ud800""#, "1:1: parse error: escape sequence is an invalid Unicode code point"),
        ("\"\\", "1:1: parse error: escape sequence not terminated"),
        ("\"\u{fffd}\"", "1:1: parse error: invalid UTF-8 rune"),
    ]);
}

#[test]
fn errors_of_form_say_what_was_expected() {
    check_errors(&[
        ("a b", "1:3: parse error: unexpected identifier \"b\""),
        ("a b:c", "1:3: parse error: unexpected metric identifier \"b:c\""),
        ("1 2", "1:3: parse error: unexpected number \"2\""),
        ("a \"0123456789\"", "1:3: parse error: unexpected string \"\\\"012345678\"..."),
        ("+", "1:2: parse error: unexpected end of input"),
        ("* a", "1:1: parse error: unexpected <op:*>"),
        (
            "a + on b",
            "1:8: parse error: unexpected identifier \"b\" in grouping opts, expected \"(\"",
        ),
        ("a + group_left b", "1:5: parse error: unexpected <group_left>"),
        ("a + fill(b) c", "1:10: parse error: unexpected identifier \"b\""),
        ("sum(a b)", "1:7: parse error: unexpected identifier \"b\" in aggregation"),
        ("sum by (a) b", "1:12: parse error: unexpected identifier \"b\" in aggregation"),
        ("sum a", "1:5: parse error: unexpected identifier \"a\""),
        (
            "sum(a) by (==)",
            "1:12: parse error: unexpected <op:==> in grouping opts, expected label",
        ),
        (
            "sum(a) by (b c)",
            "1:14: parse error: unexpected identifier \"c\" in grouping opts, expected \",\" or \")\"",
        ),
        ("sum(a) by (\"\")", "1:12: parse error: invalid label name for grouping: \"\""),
        ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
        (
            "topk(a)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, \
             expected 2, got 1",
        ),
    ]);
}

#[test]
fn errors_of_form_in_calls_and_braces_say_what_was_expected() {
    check_errors(&[
        ("nope(a)", "1:1: parse error: unknown function with name \"nope\""),
        ("abs(a,)", "1:6: parse error: trailing commas not allowed in function call args"),
        ("a:b(c)", "1:4: parse error: unexpected \"(\""),
        (
            "a{,}",
            "1:3: parse error: unexpected \",\" in label matching, expected identifier or \"}\"",
        ),
        (
            "a{b}",
            "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator",
        ),
        (
            "a{b=c}",
            "1:5: parse error: unexpected identifier \"c\" in label matching, expected string",
        ),
        (
            "a{b='c' d}",
            "1:9: parse error: unexpected identifier \"d\" in label matching, expected \",\" or \"}\"",
        ),
        ("a{b=~'('}", "1:3: parse error: error parsing regexp: missing closing ): `(`"),
        ("a @ b", "1:5: parse error: unexpected identifier \"b\" in @, expected timestamp"),
        ("a @ start)", "1:11: parse error: unexpected right parenthesis ')'"),
        (
            "a offset b",
            "1:10: parse error: unexpected identifier \"b\" in offset, expected number, duration, \
             step(), or range()",
        ),
        (
            "a[]",
            "1:3: parse error: unexpected \"]\" in subquery or range selector, expected number, \
             duration, step(), or range()",
        ),
        ("a[5m)]", "1:6: parse error: unexpected right parenthesis ')'"),
        (
            "a[5m 5m]",
            "1:6: parse error: unexpected duration \"5m\" in subquery or range, expected \":\" or \
             \"]\"",
        ),
        (
            "a[5m:+]",
            "1:7: parse error: unexpected \"]\" in subquery selector, expected number, duration, \
             step(), range(), or \"]\"",
        ),
        (
            "a[5m:5m 5m]",
            "1:9: parse error: unexpected duration \"5m\" in subquery selector, expected \"]\"",
        ),
    ]);
}

#[test]
fn errors_of_shifts_and_durations_are_found() {
    check_errors(&[
        ("a[0]", "1:3: parse error: duration must be greater than 0"),
        ("a[5m:-1]", "1:6: parse error: duration must be greater than 0"),
        ("a[5m/0]", "1:5: parse error: division by zero"),
        ("a offset (5m % 0)", "1:14: parse error: modulo by zero"),
        ("a[1e10]", "1:3: parse error: duration out of range"),
        ("a[300y]", "1:3: parse error: duration out of range"),
        ("a offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"),
        ("a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
        ("a @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
        (
            "a @ 1e19",
            "1:1: parse error: timestamp out of bounds for @ modifier: 10000000000000000000.000000",
        ),
        (
            "1 offset 5m",
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or \
             range vector selector or a subquery",
        ),
        (
            "sum(a) @ 1",
            "1:1: parse error: @ modifier must be preceded by an instant vector selector or range \
             vector selector or a subquery",
        ),
        ("sum(a)[5m]", "1:7: parse error: ranges only allowed for vector selectors"),
        ("a offset 5m[5m]", "1:12: parse error: no offset modifiers allowed before range"),
        ("a @ 1[5m]", "1:6: parse error: no @ modifiers allowed before range"),
        (
            "a anchored smoothed",
            "1:1: parse error: anchored and smoothed modifiers cannot be used together",
        ),
        ("a[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"),
        ("sum(a) smoothed", "1:1: parse error: smoothed modifier not implemented"),
    ]);
}

#[test]
fn errors_of_type_are_found() {
    check_errors(&[
        (
            "rate(a)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got \
             instant vector",
        ),
        (
            "sum(1)",
            "1:5: parse error: expected type instant vector in aggregation expression, got scalar",
        ),
        (
            "topk(\"a\", b)",
            "1:6: parse error: expected type scalar in aggregation parameter, got string",
        ),
        ("abs()", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 0"),
        (
            "1 + label_join(a)",
            "1:5: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1",
        ),
        (
            "hour(a, b)",
            "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2",
        ),
        (
            "-\"a\"",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
        ),
        (
            "a + b[5m]",
            "1:5: parse error: binary expression must contain only scalar and instant vector types",
        ),
        ("1  ==  1", "1:4: parse error: comparisons between scalars must use BOOL modifier"),
        ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
        (
            "a and 1",
            "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
        ),
        ("a + on (b) 1", "1:1: parse error: vector matching only allowed between instant vectors"),
        (
            "a + fill (0) 1",
            "1:1: parse error: filling in missing series only allowed between instant vectors",
        ),
        (
            "a or fill (0) b",
            "1:1: parse error: filling in missing series not allowed for set operators",
        ),
        ("a or on (b) group_left c", "1:1: parse error: no grouping allowed for \"or\" operation"),
        (
            "a * on (b) group_left (b) c",
            "1:3: parse error: label \"b\" must not occur in ON and GROUP clause at once",
        ),
    ]);
}

#[test]
fn errors_of_selectors_and_strings_are_found() {
    check_errors(&[
        (
            "1[5m:]",
            "1:1: parse error: subquery is only allowed on instant vector, got scalar instead",
        ),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        (
            "abs({a=~'.*'})",
            "1:5: parse error: vector selector must contain at least one non-empty matcher",
        ),
        ("a{__name__='b'}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""),
        (
            "info(a, b)",
            "1:9: parse error: expected label selectors only, got vector selector instead",
        ),
        ("info(a, sum(b))", "1:9: parse error: expected label selectors only"),
        (
            "abs(\"\\xff\")",
            "1:5: parse error: expected type instant vector in call to function \"abs\", got string",
        ),
        ("\"\\xff\"", "1:1: parse error: string \"\\xff\" is not valid UTF-8"),
        ("count_values(\"\\xff\", a)", "invalid label name \"\\xff\""),
        ("a{b=\"\\xff\"}", "1:5: parse error: string \"\\xff\" is not valid UTF-8"),
    ]);
    assert_eq!(parse("info(a, {b=~'.*'})").unwrap().value_type(), ValueType::Vector);
}

#[test]
fn series_are_asked_for_with_a_selector_alone() {
    let matchers = parse_selector("up{job=~'a|b'}").unwrap();
    let shown: Vec<_> = matchers.iter().map(|matcher| format!("{matcher:?}")).collect();
    assert_eq!(shown, ["job=~\"a|b\"", "__name__=\"up\""]);
    assert_eq!(parse_selector("{a=''}").unwrap().len(), 1);
    let cases = [
        ("", "unknown position: parse error: unexpected end of input"),
        ("up[5m]", "1:3: parse error: unexpected \"[\""),
        ("up offset 5m", "1:4: parse error: unexpected <offset>"),
        ("rate(up)", "1:5: parse error: unexpected \"(\""),
        ("1", "1:1: parse error: unexpected number \"1\""),
    ];
    for (query, expect) in cases {
        assert_eq!(parse_selector(query).unwrap_err().display(query), expect, "{query}");
    }
}

#[test]
fn places_are_lines_and_columns_of_bytes() {
    assert_eq!(position("", 0), (1, 1));
    assert_eq!(position("ab", 1), (1, 2));
    assert_eq!(position("ä\nb", 3), (2, 1));
    assert_eq!(position("a\n\nb", 3), (3, 1));
    assert_eq!(position("ab", 9), (1, 3));
}

/// Queries with something repeated inside itself, and with something in a row.
fn repeated(inside: usize, row: usize) -> [(String, &'static str); 11] {
    const NESTS: &str = "expression nests deeper than 100 levels";
    const ROW: &str = "expression has more than 250 operators in a row or inside another";
    let around = |start: &str, middle: &str, end: &str| {
        format!("{}{middle}{}", start.repeat(inside), end.repeat(inside))
    };
    [
        (around("(", "a", ")"), NESTS),
        (around("abs(", "a", ")"), NESTS),
        (around("sum by (l) (", "a", ")"), NESTS),
        (around("-", "a", ""), NESTS),
        (around("a ^ ", "a", ""), NESTS),
        (format!("a[{}]", around("(", "1", ")")), NESTS),
        (format!("a[{}]", around("-", "1", "")), NESTS),
        (format!("a[{}]", around("max_of(1, ", "1", ")")), NESTS),
        (format!("a offset {}", around("-", "1", "")), NESTS),
        (format!("a{}", " + a".repeat(row)), ROW),
        (format!("a[1{}]", " + 1".repeat(row)), ROW),
    ]
}

#[test]
fn queries_nest_to_a_limit() {
    let (inside, row) = (NESTING_MAX as usize, DEPTH_MAX as usize);
    for (query, _) in repeated(inside - 2, row - 2) {
        let expr = parse(&query).unwrap_or_else(|failure| panic!("{query}: {failure}"));
        assert_eq!(expr.clone(), expr);
        assert!(!crate::pretty(&expr).is_empty() && !format!("{expr:?}").is_empty());
    }
    for (query, expect) in repeated(inside + 2, row + 2) {
        assert_eq!(parse(&query).unwrap_err().message, expect, "{query}");
    }
    let long = format!("\"{}\"", "a".repeat(QUERY_BYTES_MAX));
    assert!(parse(&long).unwrap_err().message.contains("longer than"));
}
