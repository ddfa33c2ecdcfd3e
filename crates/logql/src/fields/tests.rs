//! Fields of a few records.

use super::*;

type Pairs<'p> = &'p [(&'p str, &'p str)];

/// A record: metadata, what the query parsed, and the line.
type Record<'r> = (Pairs<'r>, Pairs<'r>, &'r str);

fn labels() -> Labels {
    Labels::from_pairs([("app", "web"), ("level", "none")])
}

fn rows<'r>(stream: &'r Labels, records: &'r [Record<'r>]) -> impl Iterator<Item = FieldRow<'r>> {
    let row =
        move |(metadata, parsed, line): &Record<'r>| FieldRow { stream, metadata, parsed, line };
    records.iter().map(row)
}

/// Each field as `name type cardinality parsers path`.
fn fields(records: &[Record<'_>], limit: usize) -> Vec<String> {
    let stream = labels();
    let fields = detect_fields(rows(&stream, records), limit).unwrap();
    let text = |field: DetectedField| {
        let DetectedField { label, field_type, cardinality, parsers, json_path } = field;
        let (parsers, path) = (parsers.join(","), json_path.join("/"));
        format!("{label} {} {cardinality} {parsers} {path}", field_type.name()).trim().to_owned()
    };
    fields.into_iter().map(text).collect()
}

#[test]
fn fields_are_found_in_metadata_json_logfmt_and_what_the_query_parsed() {
    let records: &[Record<'_>] = &[
        (&[("trace", "a1")], &[], r#"{"level":"info","user":{"id":7,"na me":"x"},"list":[1]}"#),
        (&[("trace", "b2")], &[], r#"{"level":"warn","user":{"id":8}, "9":true}"#),
        (&[], &[("made", "1.5"), ("__error__", "x")], "took=250ms size=5KB level=info empty="),
        (&[("trace", "b2")], &[], "nothing to see here"),
    ];
    let expect = [
        "_9 boolean 1 json 9",
        "level_extracted string 2 json,logfmt level",
        "made float 1 logfmt",
        "size bytes 1 logfmt",
        "took duration 1 logfmt",
        "trace string 2",
        "user_id int 2 json user/id",
        "user_na_me string 1 json user/na me",
    ];
    assert_eq!(fields(records, 100), expect);
    // Those that come first are kept.
    assert_eq!(fields(records, 1), ["trace string 2"]);
    assert_eq!(fields(records, 0), [""; 0]);
}

#[test]
fn what_the_query_parsed_and_the_line_holds_is_one_field() {
    // The query's own parser found a label of the metadata in its way.
    let records: &[Record<'_>] = &[(
        &[("trace", "t")],
        &[("trace_extracted", "u"), ("level", "info")],
        r#"{"trace":"u","level":"info"}"#,
    )];
    let expect =
        ["level string 1 json level", "trace string 2 json trace", "trace_extracted string 1 json"];
    assert_eq!(fields(records, 100), expect);
}

#[test]
fn most_records_decide_about_the_type() {
    let cases = [
        (["1", "2", "3.5"], "int"),
        (["1", "2.5", "3.5"], "float"),
        (["1", "x", "2.5"], "string"),
        (["true", "f", "False"], "boolean"),
        (["1s", "2h3m", "5"], "duration"),
        (["1 MB", "2KiB", "300b"], "bytes"),
        (["-", "", "10.0.0.1"], "string"),
        (["1e3", "NaN", "+Inf"], "float"),
    ];
    for (values, expect) in cases {
        let metadata = values.map(|value| [("field", value)]);
        let records: Vec<Record<'_>> =
            metadata.iter().map(|metadata| (&metadata[..], &[][..], "x y z")).collect();
        let found = fields(&records, 10);
        assert_eq!(found[0].split(' ').nth(1), Some(expect), "{values:?}");
    }
}

#[test]
fn values_are_listed_in_order_up_to_a_limit() {
    let records: &[Record<'_>] = &[
        (&[("f", "meta")], &[], r#"{"f":"b"}"#),
        (&[], &[("f", "own")], "f=a g=x"),
        (&[], &[], "f=5120B"),
        (&[], &[], "f=1024"),
        (&[], &[], r#"{"f":"b"}"#),
    ];
    let stream = labels();
    let values = |limit| detect_values(rows(&stream, records), "f", limit).unwrap();
    assert_eq!(values(100), ["1024", "5.1kB", "a", "b", "meta", "own"]);
    assert_eq!(values(3), ["a", "b", "meta", "own"]);
    assert_eq!(values(0), [""; 0]);
    let none = detect_values(rows(&stream, records), "absent", 9).unwrap();
    assert_eq!(none, [""; 0]);
}
