//! Templates as Go's documentation of `text/template` and `fmt` says that they behave: the cases of
//! `data/*.txt`, the limits, and that no text does harm.

use std::any::Any;
use std::sync::Arc;

use proptest::prelude::*;
use watchkeep_gotemplate::{
    Data, Function, Functions, MissingKey, NESTING_DEPTH_MAX, OUTPUT_BYTES_MAX, Object, Options,
    Template, Type, Value,
};

/// A list with methods, as the alerts of a notification are.
#[derive(Debug)]
struct Alerts(Vec<(&'static str, bool)>);

impl Object for Alerts {
    fn type_name(&self) -> &'static str {
        "main.Alerts"
    }

    fn field(&self, name: &str) -> Option<Value> {
        (name == "Count").then(|| Value::Int(self.0.len() as i64))
    }

    fn call(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        match (name, args) {
            ("Firing", []) => {
                let firing = self.0.iter().copied().filter(|alert| alert.1).collect();
                Some(Ok(Value::Object(Arc::new(Self(firing)))))
            }
            ("Named", [name]) => {
                let found = self.0.iter().any(|alert| Some(alert.0) == name.as_str());
                Some(Ok(Value::Bool(found)))
            }
            ("Broken", []) => Some(Err("it broke".to_owned())),
            _ => None,
        }
    }

    fn text(&self) -> String {
        format!("{} alerts", self.0.len())
    }

    fn underlying(&self) -> Value {
        Value::list(self.0.iter().map(|alert| Value::from(alert.0)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn data() -> Value {
    let alerts = Alerts(vec![("up", true), ("slow", false), ("full", true)]);
    Value::map([
        ("Alerts", Value::Object(Arc::new(alerts))),
        ("Empty", Value::list([])),
        ("False", Value::Bool(false)),
        ("Float", Value::Float(2.5)),
        ("Int", Value::Int(-42)),
        ("Labels", Value::string_map([("b", "2"), ("a", "1"), ("c", "3")])),
        ("List", Value::list([Value::Int(3), Value::from("x"), Value::Nil, Value::Float(1e21)])),
        ("Map", Value::map([("inner", Value::map([("deep", Value::from("found"))]))])),
        ("Null", Value::Nil),
        ("Text", Value::from("héllo <b> \"q\" & 'x'")),
        ("True", Value::Bool(true)),
    ])
}

fn functions() -> Functions {
    let mut functions = Functions::new();
    functions.add(
        "join",
        Function::new([Type::String], |args| {
            let texts: Vec<_> = args[1..].iter().filter_map(Value::as_str).collect();
            Ok(Value::from(texts.join(args[0].as_str().unwrap_or_default())))
        })
        .with_rest(Type::String),
    );
    functions.add(
        "double",
        Function::new([Type::Float], |args| match args {
            [Value::Float(number)] => Ok(Value::Float(number * 2.0)),
            _ => Err("no float".to_owned()),
        }),
    );
    functions.add("fail", Function::new([], |_| Err("as asked".to_owned())));
    functions.add("long", Function::new([], |_| Ok(Value::Int64(7))));
    functions.add("flag", Function::new([Type::Bool], |args| Ok(args[0].clone())));
    functions
}

fn render_with(text: &str, options: &Options) -> String {
    let template = match Template::parse(text, &functions(), options) {
        Ok(template) => template,
        Err(error) => return format!("?? {error}"),
    };
    let mut out = String::new();
    match template.execute(&data(), &mut out) {
        Ok(()) => format!("=> {out}"),
        Err(error) => format!("!! {error}"),
    }
}

fn check(table: &str, least: usize, options: &Options) {
    let mut lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut cases = 0;
    let mut wrong = Vec::new();
    while let (Some(template), Some(expected)) = (lines.next(), lines.next()) {
        cases += 1;
        let got = render_with(&template.replace('␤', "\n"), options).replace('\n', "␤");
        if got != expected {
            wrong.push(format!("{template}\n  expected {expected}\n  got      {got}"));
        }
    }
    assert!(cases >= least, "only {cases} cases were read");
    assert!(wrong.is_empty(), "{} of {cases} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn templates_write_what_the_table_says() {
    check(include_str!("data/templates.txt"), 80, &Options::named("t"));
}

#[test]
fn formats_write_what_the_table_says() {
    check(include_str!("data/printf.txt"), 40, &Options::named("t"));
}

#[test]
fn what_is_no_template_is_refused_with_the_words_of_the_table() {
    check(include_str!("data/refused.txt"), 30, &Options::named("t"));
}

#[test]
fn a_missing_key_is_what_the_options_say() {
    let cases = [
        (
            MissingKey::Default,
            "{{ .x }}|{{ .Labels.x }}|{{ .x.y }}",
            "=> <no value>|<no value>|<no value>",
        ),
        (MissingKey::Zero, "{{ .x }}|{{ .Labels.x }}|", "=> <no value>||"),
        (
            MissingKey::Zero,
            "{{ .x.y }}",
            "!! template: t:1:5: executing \"t\" at <.x.y>: nil pointer evaluating interface {}.y",
        ),
        (
            MissingKey::Error,
            "{{ .Labels.x }}",
            "!! template: t:1:10: executing \"t\" at <.Labels.x>: map has no entry for key \"x\"",
        ),
    ];
    for (missing_key, text, expected) in cases {
        let options = Options { missing_key, ..Options::named("t") };
        assert_eq!(render_with(text, &options), expected, "{text}");
    }
}

#[test]
fn other_delimiters_are_read() {
    let delimiters = Some(("<<".to_owned(), ">>".to_owned()));
    let options = Options { delimiters, ..Options::named("t") };
    assert_eq!(render_with("{{x}} << .Int ->> y", &options), "=> {{x}} -42y");
}

#[test]
fn texts_included_later_define_templates_for_the_first() {
    let functions = functions();
    let mut template = Template::parse(
        "{{ template \"a\" .Int }}{{ template \"file\" }}",
        &functions,
        &Options::named("t"),
    )
    .unwrap();
    let other = "{{ define \"a\" }}a{{ . }}{{ end }}own";
    template.include(other, &functions, &Options::named("file")).unwrap();
    let mut out = String::new();
    template.execute(&data(), &mut out).unwrap();
    assert_eq!(out, "a-42own");
}

#[test]
fn an_error_in_a_template_of_another_text_names_its_place() {
    let functions = functions();
    let mut template =
        Template::parse("{{ template \"a\" . }}", &functions, &Options::named("t")).unwrap();
    let other = "one\n{{ define \"a\" }}\n  {{ fail }}{{ end }}";
    template.include(other, &functions, &Options::named("file")).unwrap();
    let error = template.execute(&data(), &mut String::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: file:3:5: executing \"a\" at <fail>: error calling fail: as asked"
    );
}

/// Data that is no value.
struct Fields;

impl Data for Fields {
    fn get(&self, name: &str) -> Option<Value> {
        (name == "a").then(|| Value::Int(1))
    }

    fn missing(&self) -> Value {
        Value::from("nothing")
    }

    fn to_value(&self) -> Value {
        Value::map([("a", Value::Int(1))])
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, String> {
        Ok(Value::from(format!("{name}/{}", args.len())))
    }
}

#[test]
fn data_answers_for_its_fields_and_functions() {
    let mut functions = functions();
    functions.add("here", Function::of_data([Type::Any]));
    let options = Options { missing_key: MissingKey::Zero, ..Options::named("t") };
    let text = "{{ .a }} {{ $.b }} {{ here 1 }} {{ . }} {{ range $k, $v := . }}{{ $k }}{{ $v }}\
                {{ end }} {{ len . }} {{ with . }}{{ .a }}{{ end }} {{ and . .a }}";
    let template = Template::parse(text, &functions, &options).unwrap();
    let mut out = String::new();
    template.execute_data(&Fields, &mut out).unwrap();
    assert_eq!(out, "1 nothing here/1 map[a:1] a1 1 1 1");
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| {
        let parentheses = format!("{{{{ {}1{} }}}}", "(".repeat(depth), ")".repeat(depth));
        let blocks = format!("{}x{}", "{{ if 1 }}".repeat(depth), "{{ end }}".repeat(depth));
        [parentheses, blocks].map(|text| render_with(&text, &Options::named("t")))
    };
    assert_eq!(nested(NESTING_DEPTH_MAX / 2 - 1), ["=> 1", "=> x"]);
    for refused in nested(NESTING_DEPTH_MAX * 100) {
        assert!(refused.contains("nested deeper than 64 levels"), "{refused}");
    }
}

#[test]
fn templates_that_invoke_themselves_come_to_an_end() {
    let deep =
        "{{ if 1 }}".repeat(30) + "{{ template \"a\" (((((1))))) }}" + &"{{ end }}".repeat(30);
    for body in ["{{ template \"a\" . }}", &deep] {
        let text = format!("{{{{ define \"a\" }}}}{body}{{{{ end }}}}{{{{ template \"a\" }}}}");
        let answer = render_with(&text, &Options::named("t"));
        assert!(answer.contains("exceeded maximum template depth (192)"), "{answer}");
    }
}

#[test]
fn steps_and_output_have_limits() {
    let options = Options::named("t");
    let cases = [
        ("{{ range 2000000 }}{{ end }}", "more than 1000000 steps"),
        ("{{ range 900 }}{{ range 900 }}{{ range 900 }}{{ end }}{{ end }}{{ end }}", "steps"),
        (
            "{{ $x := \"xxxxxxxx\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
            "is longer than 4194304",
        ),
        ("{{ range 900000 }}0123456789{{ end }}", "output is longer than 4194304 bytes"),
        ("{{ printf \"%999999d%999999d%999999d%999999d%999999d\" 1 2 3 4 5 }}", "longer than"),
    ];
    for (text, expected) in cases {
        let answer = render_with(text, &options);
        assert!(answer.contains(expected), "{text}: {answer}");
    }
    assert_eq!(OUTPUT_BYTES_MAX, 4_194_304);
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    let text = "x".repeat(watchkeep_gotemplate::TEMPLATE_BYTES_MAX + 1);
    let error = Template::parse(&text, &functions(), &Options::named("t")).unwrap_err();
    assert_eq!(error.to_string(), "template: t:1: text of 1048577 bytes is longer than 1048576");
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "[ -~\\n{}é]{0,80}") {
        let answer = render_with(&text, &Options::named("t"));
        // What has no delimiter is written as it is.
        if !text.contains("{{") {
            prop_assert_eq!(answer, format!("=> {text}"));
        }
    }

    #[test]
    fn any_words_of_the_language_are_executed_or_refused(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{{- ", " -}}", " | ", ".Text", ".List", ".Alerts.Firing", "$x", " := ",
                " = ", ", $y := ", "if ", "else ", "with ", "range ", "end", "break", "continue",
                "define \"a\"", "template \"a\" ", "block \"b\" ", "(", ")", "index ", "slice ",
                "printf ", "\"%[2]*.3q %x\" ", "-1 ", "1e9 ", "'c' ", "nil", "and ", "not ", "eq ",
                "lt ", ".", "/* c */", "join \",\" ", "text", "len ",
            ]),
            0..30,
        )
    ) {
        render_with(&words.concat(), &Options::named("t"));
    }

    #[test]
    fn any_format_is_written(format in "[ -~]{0,12}", number: i64, float: f64, text in "\\PC{0,5}") {
        let args = [Value::Int(number), Value::Float(float), Value::from(text), Value::Nil];
        let _ = watchkeep_gotemplate::printf::sprintf(&format, &args);
        let _ = watchkeep_gotemplate::printf::sprintf(&format!("%{format}"), &args);
    }

    #[test]
    fn what_is_quoted_can_be_read_back(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
        let quoted = watchkeep_gotemplate::number::quote(&text);
        prop_assert_eq!(watchkeep_gotemplate::number::unquote(&quoted), Some(text));
    }

    #[test]
    fn floats_are_written_so_that_they_can_be_read_back(float: f64) {
        let text = watchkeep_gotemplate::number::format_float(float);
        let again = watchkeep_gotemplate::number::parse_float(&text);
        prop_assert!(again == Some(float) || float.is_nan(), "{float:?} {text}");
    }
}
