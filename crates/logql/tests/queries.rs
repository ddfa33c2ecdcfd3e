//! Queries with the form in which they are printed, or with the error that refuses them.

use watchkeep_logql::parser::{DEPTH_MAX, QUERY_BYTES_MAX};
use watchkeep_logql::{parse, parse_any_selector, parse_log, parse_selector};

#[test]
fn queries_are_printed_or_refused_as_recorded() {
    let lines = include_str!("data/queries.txt").lines();
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with('#')).collect();
    let mut wrong = Vec::new();
    let mut count = 0;
    for pair in lines.windows(2) {
        let query = pair[0].replace('⏎', "\n");
        let (expect, fails) = match (pair[1].strip_prefix("=> "), pair[1].strip_prefix("!! ")) {
            (Some(printed), _) => (printed, false),
            (_, Some(error)) => (error, true),
            _ => continue,
        };
        count += 1;
        let got = match parse(&query) {
            Ok(expr) if fails => format!("=> {expr}"),
            Ok(expr) => expr.to_string(),
            Err(error) if fails => error.to_string(),
            Err(error) => format!("!! {error}"),
        };
        if got != expect {
            wrong.push(format!("{query}\n  expected {expect}\n  got      {got}"));
        }
        if !fails {
            let again = parse(expect).map(|expr| expr.to_string());
            if again.as_deref() != Ok(expect) && expect != "NaN" {
                wrong.push(format!("{expect}\n  is not printed as itself: {again:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 130, "only {count} queries were found");
}

#[test]
fn other_ways_in_accept_less() {
    assert_eq!(parse_log(r#"{a="b"} |= "c""#).unwrap().stages.len(), 1);
    let error = parse_log(r#"rate({a="b"}[5m])"#).unwrap_err();
    assert_eq!(error.to_string(), "only log selector is supported");
    assert_eq!(parse_selector(r#"{a="b", c!="d"}"#).unwrap().len(), 2);
    for anything in ["{}", r#"{a=~".*"}"#] {
        assert!(parse_selector(anything).is_err());
        assert!(parse_any_selector(anything).is_ok());
    }
    let error = parse_selector(r#"{a="b"} |= "c""#).unwrap_err();
    assert_eq!(error.to_string(), "only label matchers are supported");
}

#[test]
fn size_and_depth_are_bounded() {
    let long = format!(r#"{{a="{}"}}"#, "b".repeat(QUERY_BYTES_MAX));
    let error = parse(&long).unwrap_err().to_string();
    assert!(error.starts_with("parse error : input size too long ("), "{error}");

    let nested = |depth: usize| {
        let (open, close) = ("sum(".repeat(depth), ")".repeat(depth));
        format!(r#"{open}rate({{a="b"}}[5m]){close}"#)
    };
    let many = DEPTH_MAX as usize + 1;
    assert!(parse(&nested(many / 2)).unwrap().to_string().starts_with("sum(sum("));
    let chain = |op: &str| vec!["vector(1)"; many + 1].join(op);
    let filters = format!(r#"{{a="b"}} | {}"#, vec!["c=1"; many + 2].join(" or "));
    let parens = format!(r#"{{a="b"}} | {}c=1{}"#, "(".repeat(many), ")".repeat(many));
    let ranges = format!(r#"rate({}{{a="b"}}[5m]{})"#, "(".repeat(many), ")".repeat(many));
    for query in
        [nested(many), chain(" + "), chain(" ^ "), filters, parens, ranges, "(".repeat(100_000)]
    {
        let error = parse(&query).unwrap_err().to_string();
        assert!(error.contains("nests deeper than"), "{error}");
    }
}
