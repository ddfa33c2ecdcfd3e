//! Queries made at random: what is printed reads back as the same tree, and no text breaks the
//! parser.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use proptest::prelude::*;
use watchkeep_promql::{Expr, parse, parse_selector, pretty};

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

fn duration() -> impl Strategy<Value = String> {
    let leaf = pick(&["5m", "1h30m", "300", "0.5", "1y", "2w", "100ms", "step()", "RANGE()"]);
    leaf.prop_recursive(3, 8, 2, |inner| {
        let op = pick(&["+", "-", "*", "/", "%", "^"]);
        prop_oneof![
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("+ {a}")),
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op}{b}")),
            (pick(&["max_of", "min_of"]), inner.clone(), inner)
                .prop_map(|(name, a, b)| format!("{name}({a}, {b})")),
        ]
    })
}

/// What may stand behind a selector or subquery.
fn shift() -> impl Strategy<Value = String> {
    let offset = duration().prop_flat_map(|d| {
        let forms = [format!(" offset {d}"), format!(" offset -{d}"), format!(" offset ({d})")];
        prop::sample::select(forms.to_vec())
    });
    let at = pick(&[" @ 1.5", " @ -5m", " @ start()", " @ end()"]);
    let none = || Just(String::new());
    (prop_oneof![2 => none(), 1 => at], prop_oneof![2 => none(), 1 => offset])
        .prop_map(|(at, offset)| at + &offset)
}

fn series() -> impl Strategy<Value = String> {
    let name = pick(&["m", "a:b", "sum", "offset", "fill", "by"]);
    let matcher = prop_oneof![
        pick(&["l=\"x\"", "l!='y'", "l=~`a|b.*`", "\"u.v\"!~\"z\"", "on=\"\\n\\\"\\u00e9\""]),
        Just("__name__=~\"m.*\"".to_owned()),
    ];
    let matchers = prop::collection::vec(matcher, 0..3).prop_map(|all| all.join(","));
    prop_oneof![
        name.clone(),
        (name, matchers).prop_filter_map("one name", |(name, matchers)| {
            (!matchers.contains("__name__")).then(|| format!("{name}{{{matchers}}}"))
        }),
        Just("{\"http.requests\", l=\"x\"}".to_owned()),
    ]
}

fn labels() -> impl Strategy<Value = String> {
    pick(&["()", "(l)", "(l, \"u.v\")", "(on, by,)"])
}

fn matching() -> impl Strategy<Value = String> {
    let on = (pick(&["on", "ignoring"]), labels(), pick(&["", "group_left", "group_right (x)"]))
        .prop_map(|(on, labels, group)| format!("{on} {labels} {group}"));
    let fill = pick(&["", "fill (0)", "fill_left(-1.5)", "fill_right (5m) fill_left (1e-05)"]);
    (prop_oneof![Just(String::new()), on], fill).prop_map(|(on, fill)| format!("{on} {fill}"))
}

fn scalar() -> impl Strategy<Value = String> {
    let number = pick(&["1", "-2.5", "0x1f", "1e30", "5m", "-1h", "Inf", "1_000", "0.00001"]);
    prop_oneof![number, pick(&["time()", "pi()", "start()", "step()", "max_of(1, 2)"])]
}

fn vector() -> impl Strategy<Value = String> {
    let leaf = (series(), pick(&["", " anchored", " smoothed"]), shift())
        .prop_map(|(series, extension, shift)| format!("{series}{extension}{shift}"));
    leaf.prop_recursive(4, 16, 2, |inner| {
        let range = (series(), duration(), pick(&["", " anchored", " smoothed"]), shift())
            .prop_map(|(series, range, extension, shift)| {
                format!("{series}[{range}]{extension}{shift}")
            });
        let subquery = (inner.clone(), duration(), prop::option::of(duration()), shift()).prop_map(
            |(inner, range, step, shift)| {
                format!("({inner})[{range}:{}]{shift}", step.unwrap_or_default())
            },
        );
        let op = pick(&["+", "-", "*", "/", "%", "^", "atan2", "</", ">/", "==", "!= bool", "<"]);
        let aggregate = pick(&["sum", "avg", "count", "group", "topk", "quantile", "limitk"]);
        prop_oneof![
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("abs({a})")),
            inner.clone().prop_map(|a| format!("label_join({a}, 'x', \"\\t\", `l`)")),
            (inner.clone(), op.clone(), matching(), inner.clone())
                .prop_map(|(a, op, matching, b)| format!("{a} {op} {matching} {b}")),
            (inner.clone(), op, scalar()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (inner.clone(), pick(&["and", "or", "unless"]), inner.clone())
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (aggregate, pick(&["by", "without"]), labels(), inner.clone(), any::<bool>()).prop_map(
                |(op, by, labels, a, first)| {
                    let param =
                        if op.len() > 4 && op != "count" && op != "group" { "2, " } else { "" };
                    let param = if op == "topk" { "3, " } else { param };
                    if first {
                        format!("{op} {by} {labels} ({param}{a})")
                    } else {
                        format!("{op}({param}{a}) {by} {labels}")
                    }
                }
            ),
            (pick(&["rate", "max_over_time"]), prop_oneof![range, subquery])
                .prop_map(|(name, range)| format!("{name}({range})")),
        ]
    })
}

/// The tree without the places.
fn tree(expr: &Expr) -> String {
    let text = format!("{expr:?}");
    let mut parts = text.split("Span { ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('}').map_or("", |(_, behind)| behind));
    }
    out
}

/// Whether the printed form can say what the tree does: it is exact to a millisecond.
fn is_printable(expr: &Expr) -> bool {
    !expr.to_string().contains("0s")
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(query in vector()) {
        // Some of what the parts are joined to is refused, such as a division by zero.
        if let Ok(expr) = parse(&query)
            && is_printable(&expr)
        {
            let printed = expr.to_string();
            let again = parse(&printed);
            prop_assert!(again.is_ok(), "{} printed as {}: {:?}", query, printed, again);
            let again = again.unwrap();
            prop_assert_eq!(tree(&again), tree(&expr), "{} printed as {}", query, printed);
            let lines = pretty(&expr);
            prop_assert_eq!(tree(&parse(&lines).unwrap()), tree(&expr), "{}", lines);
        }
    }

    #[test]
    fn no_text_breaks_the_parser(query in "\\PC*") {
        let _may_fail = (parse(&query), parse_selector(&query));
    }

    #[test]
    fn no_text_of_the_language_breaks_the_parser(
        query in "[a-c0-9(){}\\[\\]:@\"'`\\\\<>=!~+*/%^,. \n#-]{0,40}",
    ) {
        if let Err(failure) = parse(&query) {
            prop_assert!(!failure.display(&query).is_empty());
        }
    }

    #[test]
    fn no_change_of_a_query_breaks_the_parser(
        query in vector(),
        at in any::<prop::sample::Index>(),
        end in any::<prop::sample::Index>(),
        with in pick(&["", "(", ")", "{", "}", "[", "]", " offset ", " @ ", ",", "\"", "é", "-", "by"]),
    ) {
        let chars: Vec<char> = query.chars().collect();
        let (at, end) = (at.index(chars.len() + 1), end.index(chars.len() + 1));
        let start: String = chars[..at.min(end)].iter().collect();
        let rest: String = chars[at.max(end)..].iter().collect();
        for changed in [format!("{start}{with}{rest}"), format!("{start}{with}{query}")] {
            match parse(&changed) {
                Ok(expr) => {
                    prop_assert!(expr.span.end as usize <= changed.len());
                    let _printed = (expr.to_string(), pretty(&expr));
                }
                Err(failure) => prop_assert!(!failure.display(&changed).is_empty()),
            }
        }
    }
}

#[test]
fn most_queries_made_at_random_are_read() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let count = 400;
    let read = (0..count)
        .filter(|_| {
            let query = vector().new_tree(&mut runner).unwrap().current();
            parse(&query).is_ok_and(|expr| is_printable(&expr))
        })
        .count();
    assert!(read * 2 > count, "only {read} of {count} queries say anything about printing");
}
