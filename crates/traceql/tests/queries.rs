//! Queries with the form in which they are printed, or with the error that refuses them; unfinished
//! queries with what is known of them; tags with the query that they are.

use watchkeep_traceql::{
    DEPTH_MAX, NESTING_MAX, QUERY_BYTES_MAX, TAGS_MAX, TagsError, from_tags, lenient, parse,
    parse_attribute,
};

/// Pairs of lines of a file, of which the second begins with `=> ` or `!! `.
fn pairs(file: &str) -> Vec<(String, &str)> {
    let lines: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
    let answers = |line: &str| line.starts_with("=> ") || line.starts_with("!! ");
    let windows = lines.windows(2).filter(|pair| answers(pair[1]));
    windows.map(|pair| (pair[0].replace('⏎', "\n"), pair[1])).collect()
}

#[test]
fn queries_are_printed_or_refused_as_recorded() {
    let pairs = pairs(include_str!("data/queries.txt"));
    let mut wrong = Vec::new();
    for (query, expect) in &pairs {
        let got = match parse(query) {
            Ok(query) => format!("=> {query}"),
            Err(error) => format!("!! {error}"),
        };
        if got != *expect {
            wrong.push(format!("{query}\n  expected {expect}\n  got      {got}"));
        }
        if let Some(printed) = expect.strip_prefix("=> ") {
            let again = parse(printed).map(|query| query.to_string());
            if again.as_deref() != Ok(printed) {
                wrong.push(format!("{printed}\n  is not printed as itself: {again:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), pairs.len(), wrong.join("\n"));
    assert!(pairs.len() > 270, "only {} queries were found", pairs.len());
}

#[test]
fn unfinished_queries_tell_what_they_compare() {
    let pairs = pairs(include_str!("data/lenient.txt"));
    let mut wrong = Vec::new();
    for (query, expect) in &pairs {
        let got = lenient(query).map_or("=> anything".to_owned(), |expr| format!("=> {expr}"));
        if got != *expect {
            wrong.push(format!("{query}\n  expected {expect}\n  got      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), pairs.len(), wrong.join("\n"));
    assert!(pairs.len() > 40, "only {} queries were found", pairs.len());
}

#[test]
fn errors_tell_what_of_the_text_is_wrong() {
    for (query, wrong) in [
        ("{ .a = } && {}", "}"),
        ("{ .a = nosuch }", "nosuch"),
        ("{ .a &&& .b }", "&"),
        ("{ name = 1 && .b = 2 }", "name = 1"),
        ("{ .größe = 1 && .a =~ \"(\" }", ".a =~ \"(\""),
        ("{} | by(parent.a)", "parent.a"),
        ("{} | rate() | topk(0)", "rate()"),
        ("{ .a = 1 ", ""),
    ] {
        let place = parse(query).unwrap_err().place;
        assert_eq!(&query[place.start..place.end], wrong, "{query}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let long = format!("{{ .a = \"{}\" }}", "b".repeat(QUERY_BYTES_MAX));
    let error = parse(&long).unwrap_err().to_string();
    assert!(error.starts_with("TraceQL expression exceeds the maximum size of 131072"), "{error}");

    let nested = |open: &str, middle: &str, close: &str, depth: usize| {
        format!("{}{middle}{}", open.repeat(depth), close.repeat(depth))
    };
    let least = NESTING_MAX as usize - 2;
    for (begin, open, middle, close, end) in [
        ("{", "(", ".a", ")", "}"),
        ("{", "!", ".a", "", "}"),
        ("{", ".a ^ ", "1", "", " = 1 }"),
        ("", "(", "{}", ")", ""),
        ("count() > ", "(", "1", ")", ""),
        ("count() > ", "-", "1", "", ""),
        ("", "(", "{} | rate()", ")", ""),
        ("", "(", "{}", " | {})", ""),
    ] {
        let at = |depth| format!("{begin}{}{end}", nested(open, middle, close, depth));
        assert!(parse(&at(least)).is_ok(), "{open} {least} times: {:?}", parse(&at(least)));
        for depth in [NESTING_MAX as usize + 1, 10_000] {
            let error = parse(&at(depth)).unwrap_err().to_string();
            assert!(error.contains("nests deeper"), "{open}: {error}");
        }
    }

    let least = DEPTH_MAX as usize - 10;
    for (first, more) in [("{}", " && {}"), ("({} | rate())", " + 1")] {
        let at = |length| format!("{first}{}", more.repeat(length));
        assert!(parse(&at(least)).is_ok(), "{more}: {:?}", parse(&at(least)));
        let error = parse(&at(DEPTH_MAX as usize)).unwrap_err().to_string();
        assert!(error.contains("more than 500 operators in a row"), "{more}: {error}");
    }
    let chain = |length| format!("{{ .a{} }}", " && .a".repeat(length));
    let query = parse(&chain(least)).unwrap();
    assert_eq!(parse(&query.to_string()).as_ref(), Ok(&query));
    let stages = format!("{{}}{}", " | count() > 1".repeat(5_000));
    assert!(parse(&stages).is_ok());
    assert!(parse(&chain(20_000)).is_err());
    assert_eq!(lenient(&chain(20_000)), None);
}

#[test]
fn names_are_read_alone() {
    for (text, expect) in [
        ("duration", Some("duration")),
        ("span:name", Some("name")),
        (".a", Some(".a")),
        ("span.http.method", Some("span.http.method")),
        ("resource.\"a b\"", Some("resource.\"a b\"")),
        ("parent.span.a", Some("parent.span.a")),
        ("service.name", None),
        ("span.a = 1", None),
        ("span.", None),
        ("1", None),
        ("", None),
    ] {
        let got = parse_attribute(text).ok().map(|attribute| attribute.to_string());
        assert_eq!(got.as_deref(), expect, "{text}");
    }
}

#[test]
fn tags_become_queries() {
    for (tags, min, max, expect) in [
        ("", None, None, "{ true }"),
        ("region=eu", None, None, "{ .region = `eu` }"),
        ("a=\"b c\"\nd=", None, None, "{ .a = `b c` } && { .d = `` }"),
        ("a=\"q\\\"\\n\"", None, None, "{ .a = `q\"\n` }"),
        ("service.name=a+b", None, None, r"{ .service.name =~ `.*a\+b.*` }"),
        (
            "name=x root.name=y root.service.name=z",
            None,
            None,
            "{ name =~ `.*x.*` } && { rootName =~ `.*y.*` } && { rootServiceName =~ `.*z.*` }",
        ),
        ("status.code=error", None, None, "{ status = error }"),
        ("status.code=bad", None, None, "{ false }"),
        (
            "n=5 f=.5 b=true",
            None,
            None,
            "{ (.n = `5`) || (.n = 5) } && { (.f = `.5`) || (.f = 0.5) } && { (.b = `true`) || (.b = true) }",
        ),
        ("", Some("10ms"), None, "{ traceDuration >= 10ms }"),
        ("", None, Some("1.5s"), "{ traceDuration <= 1.5s }"),
        ("", Some("1500us"), Some("1m"), "{ (traceDuration >= 1ms) && (traceDuration <= 1m0s) }"),
        ("a=b", Some("0s"), Some("2s"), "{ .a = `b` } && { traceDuration <= 2s }"),
    ] {
        let query = from_tags(tags, min, max).unwrap();
        assert_eq!(query.to_string(), expect, "{tags}");
        assert_eq!(parse(expect).unwrap(), query, "{tags}");
    }
}

#[test]
fn tags_are_refused_with_tempos_words() {
    let many: Vec<String> = (0..=TAGS_MAX).map(|tag| format!("t{tag}=1")).collect();
    let many = many.join(" ");
    for (tags, min, max, expect) in [
        ("a=1 a=2", None, None, "invalid tags: tag a has been set twice"),
        ("a=1 =2", None, None, "invalid tags: unexpected '=' at pos 5"),
        ("a=b=c", None, None, "invalid tags: unexpected '=' at pos 4"),
        ("\"a\"=b", None, None, "invalid tags: unexpected '\"' at pos 1"),
        ("a=\"b", None, None, "invalid tags: unterminated quoted value at pos 5"),
        ("a=\"\\q\"", None, None, "invalid tags: invalid quoted value at pos 7"),
        ("", Some("10"), None, "invalid minDuration: time: missing unit in duration \"10\""),
        ("", None, Some("x"), "invalid maxDuration: time: invalid duration \"x\""),
        ("", Some("-1s"), None, "invalid minDuration: must not be negative"),
        ("", Some("2s"), Some("1s"), "invalid maxDuration: must be greater than minDuration"),
        (many.as_str(), None, None, "invalid tags: more than 100 tags"),
    ] {
        assert_eq!(from_tags(tags, min, max).unwrap_err().to_string(), expect, "{tags}");
    }
    assert_eq!(from_tags(&many, None, None), Err(TagsError::TooMany));
}
