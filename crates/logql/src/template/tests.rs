//! Tests of templates: the cases of `testdata/templates.txt`, and what a table cannot say.

use std::cell::Cell;

use proptest::prelude::*;

use super::{LineTemplate, TemplateInput};

/// The record that the cases are executed on.
struct Sample {
    /// How often all labels were asked for.
    asked_for_all: Cell<usize>,
}

const LABELS: [(&str, &str); 22] = [
    ("__error__", "JSONParserErr"),
    ("app", "gateway"),
    ("bad", "12abc"),
    ("big", "9223372036854775807"),
    ("date", "2024-02-29T23:30:15.25+02:00"),
    ("day", "2021-11-02"),
    ("dur", "1h2m3.5s"),
    ("empty", ""),
    ("json", r#"{"queries":[{"q":"a"},{"q":"b"}],"n":55,"f":1.5,"none":null,"t":true}"#),
    ("level", "error"),
    ("lines", "one\ntwo"),
    ("neg", "-7"),
    ("num", "12"),
    ("octal", "010"),
    ("path", "/v1/models/"),
    ("pi", "3.14159"),
    ("query", "a b&c=d/é"),
    ("size", "2.9MB"),
    ("status", "503"),
    ("ts", "1748865598"),
    ("uni", "héllo wörld"),
    ("user", "Erin Doe"),
];

impl TemplateInput for Sample {
    fn label(&self, name: &str) -> Option<&str> {
        LABELS.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }

    fn labels(&self) -> Vec<(&str, &str)> {
        self.asked_for_all.set(self.asked_for_all.get() + 1);
        LABELS.to_vec()
    }

    fn line(&self) -> &'static str {
        r#"level=error msg="upstream gone" n=3"#
    }

    fn time_ns(&self) -> i64 {
        1_748_865_598_900_455_448
    }

    fn now_ns(&self) -> i64 {
        1_748_865_600_000_000_000
    }
}

fn sample() -> Sample {
    Sample { asked_for_all: Cell::new(0) }
}

fn render(text: &str) -> String {
    let mut out = String::new();
    match LineTemplate::parse(text) {
        Ok(template) => match template.execute(&sample(), &mut out) {
            Ok(()) => format!("=> {out}"),
            Err(error) => format!("!! {error}"),
        },
        Err(error) => format!("?? {error}"),
    }
}

#[test]
fn templates_write_what_the_table_says() {
    let table = include_str!("testdata/templates.txt");
    let mut lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut cases = 0;
    let mut wrong = Vec::new();
    while let (Some(template), Some(expected)) = (lines.next(), lines.next()) {
        cases += 1;
        let got = render(&template.replace('␤', "\n")).replace('\n', "␤");
        if got != expected {
            wrong.push(format!("{template}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(cases > 100, "only {cases} cases were read");
    assert!(wrong.is_empty(), "{} of {cases} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_error_leaves_the_output_as_it_was() {
    let template = LineTemplate::parse("{{ .app }}{{ div 1 0 }}").unwrap();
    let mut out = String::from("before");
    let error = template.execute(&sample(), &mut out).unwrap_err();
    assert_eq!(
        error,
        "template: line:1:13: executing \"line\" at <div 1 0>: error calling div: runtime error: \
         integer divide by zero"
    );
    assert_eq!(out, "before");
}

#[test]
fn templates_of_labels_say_so_in_their_errors() {
    let error = LineTemplate::parse_label("{{ nosuch }}").unwrap_err();
    assert_eq!(error, "template: label:1: function \"nosuch\" not defined");
}

#[test]
fn the_labels_that_a_template_reads_are_known() {
    let cases: [(&str, Option<&[&str]>); 12] = [
        ("text", Some(&[])),
        ("{{.b}} {{.a | ToUpper}} {{.b}}", Some(&["a", "b"])),
        ("{{ if .a }}{{ .b }}{{ else }}{{ .c }}{{ end }}", Some(&["a", "b", "c"])),
        ("{{ with $x := .a }}{{ $x }}{{ . }}{{ end }}", Some(&["a"])),
        ("{{ range fromJson .a }}{{ .q }}{{ $.b }}{{ end }}", Some(&["a", "b"])),
        ("{{ printf \"%s\" (index (fromJson .a) 0).x }}", Some(&["a"])),
        ("{{ __line__ }}", Some(&[])),
        ("{{ range $k, $v := . }}{{ $k }}{{ end }}", None),
        ("{{ . }}", None),
        ("{{ index $ \"a\" }}", None),
        ("{{ define \"x\" }}{{ .a }}{{ end }}{{ template \"x\" . }}", None),
        ("{{ define \"x\" }}{{ .a }}{{ end }}{{ template \"x\" .b }}", Some(&["b"])),
    ];
    for (text, expected) in cases {
        let template = LineTemplate::parse(text).unwrap();
        let labels: Option<Vec<&str>> =
            template.labels_used().map(|labels| labels.iter().map(String::as_str).collect());
        assert_eq!(labels.as_deref(), expected, "{text}");
    }
}

#[test]
fn a_template_of_some_labels_never_asks_for_all() {
    let input = sample();
    let template =
        LineTemplate::parse("{{ .app }} {{ .level | upper }} {{ if .nosuch }}x{{ end }}").unwrap();
    let mut out = String::new();
    template.execute(&input, &mut out).unwrap();
    assert_eq!((out.as_str(), input.asked_for_all.get()), ("gateway ERROR ", 0));
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,60}") {
        if let Ok(template) = LineTemplate::parse(&text) {
            let _ = template.execute(&sample(), &mut String::new());
        }
    }

    #[test]
    fn any_words_of_the_language_are_executed_or_refused(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{{ ", " }}", " | ", ".app", ".json", "$x", " := ", "if ", "range ",
                "else", "end", "(", ")", "fromJson ", "substr ", "trunc ", "repeat ", "printf ",
                "\"%[1]*d\" ", "-1 ", "9999999 ", "1e300 ", "divf ", "mulf ", "round ", "date ",
                "now ", "toDate ", "index ", "with ", ".", "alignLeft ", "text", "regexReplaceAll ",
            ]),
            0..24,
        )
    ) {
        if let Ok(template) = LineTemplate::parse(&words.concat()) {
            let _ = template.execute(&sample(), &mut String::new());
        }
    }

    #[test]
    fn a_function_takes_any_text(
        function in prop::sample::select(vec![
            "title", "bytes", "duration", "unixToTime", "b64dec", "b64enc", "urldecode", "urlencode",
            "fromJson", "toDate \"2006-01-02 15:04:05.000 MST\"", "substr 1 3", "trunc -2", "int",
            "float64", "addf 1", "alignRight 3", "html", "js", "count \"a*\"",
            "toDateInZone \"Jan _2 2006 Z07:00\" \"Europe/Berlin\"", "round 2",
        ]),
        text in "\\PC{0,20}",
    ) {
        let quoted = watchkeep_gotemplate::number::quote(&text);
        if let Ok(template) = LineTemplate::parse(&format!("{{{{ {function} {quoted} }}}}")) {
            let _ = template.execute(&sample(), &mut String::new());
        }
    }
}
