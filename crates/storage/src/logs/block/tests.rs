//! Whole blocks: what is written comes back, and tests are decided as the lines would be.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::value::RawValue;
use watchkeep_model::column::Table;
use watchkeep_model::{LogColumns, Pattern, Result, Value};

use super::*;
use crate::block::bloom::{may_have, may_have_fragment};
use crate::block::fragments::for_each_fragment;
use crate::block::{RowSet, sections};
use crate::seam::{CompareOp, FieldTest, LogField, LogParts, LogTest};

/// Columns of some lines, in streams of seven.
fn columns(lines: &[String]) -> LogColumns {
    let mut columns = LogColumns::default();
    for (row, line) in lines.iter().enumerate() {
        columns.time_ns.push(1_700_000_000_000_000_000 + row as i64 * 57_123_456);
        columns.observed_ns.push(if row % 3 == 0 { 0 } else { 1_700_000_000_000_000_000 });
        columns.severity_number.push((row % 5) as u8);
        columns.level.push(3);
        columns.stream.push(&format!("{{app=\"a\", pod=\"{}\"}}", row / 7));
        columns.service.push("a");
        columns.body.push(line);
        columns.body_kind.push(b's');
        let (text, number) = (Value::String(format!("req-{row}")), Value::Int(row as i64));
        let entries = [("id", &text), ("n", &number), ("n", &number)];
        columns.attributes.push_row(entries.into_iter().take(row % 4));
        columns.dropped_attributes.push(0);
        columns.trace_id.push([(row / 2) as u8; 16]);
        columns.span_id.push([0; 8]);
        columns.flags.push(u32::MAX - row as u32);
        for dict in [
            &mut columns.severity_text,
            &mut columns.resource,
            &mut columns.scope_name,
            &mut columns.scope_version,
            &mut columns.scope_attributes,
            &mut columns.schema_url,
            &mut columns.event_name,
        ] {
            dict.push(if row % 2 == 0 { "{\"x\":1}" } else { "" });
        }
    }
    columns.check().unwrap();
    columns
}

fn encoded(columns: &LogColumns) -> EncodedBlock {
    let rows: Vec<_> = (0..columns.len() as u32).map(|row| (0, row)).collect();
    encode(&[columns], &rows, 7).unwrap()
}

fn open(block: &EncodedBlock) -> Result<Block> {
    Block::open(Arc::new(Bytes::copy_from_slice(&block.bytes)), block.head_bytes)
}

fn check_round_trip(lines: &[String]) {
    let columns = columns(lines);
    let block = open(&encoded(&columns)).unwrap();
    let all: Vec<u32> = (0..columns.len() as u32).collect();
    let back = block.rows(&all, LogParts::All).unwrap();
    for (row, line) in lines.iter().enumerate() {
        assert_eq!(back.body.get(row), line, "row {row}");
    }
    assert!(back == columns, "the columns differ");
    let odd = RowSet::of(lines.len(), |row| row % 2 == 1);
    let lengths: Vec<u32> = lines.iter().skip(1).step_by(2).map(|line| line.len() as u32).collect();
    assert_eq!(block.body_bytes(&odd).unwrap(), lengths);
    let some: Vec<u32> = all.iter().rev().step_by(3).copied().collect();
    let back = block.rows(&some, LogParts::Lines).unwrap();
    for (at, row) in some.iter().enumerate() {
        assert_eq!(back.body.get(at), lines[*row as usize]);
        assert_eq!(back.stream.get(at), columns.stream.get(*row as usize));
        assert_eq!(back.time_ns[at], columns.time_ns[*row as usize]);
    }
}

/// A value as JSON writes it, often like those of other lines.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "(0|[1-9][0-9]{0,5})".prop_map(|number| number),
        "-?(0|[1-9][0-9]{0,2})\\.[0-9]{1,3}",
        Just("123456789012345678901234567890e-7".to_owned()),
        "(true|false|null)",
        "\"(error|info|warn)\"",
        "\"req-[0-9a-f]{16}\"",
        "\"2023-11-14T22:13:2[0-3]\\.[0-9]{3}Z\"",
        "\"(a|the|error|of 7|key=ab12cd34|in 1234 ms|\u{e9}|,  |: |\\\\n|\\\\u00e9|\\\\\"| ){0,6}\"",
        "\\[(1|\"x\"|\\{\"a\":2\\})?\\]",
        Just("{\"level\":\"deep\",\"n\":5}".to_owned()),
        Just("{}".to_owned()),
    ]
}

fn object() -> impl Strategy<Value = String> {
    let key = "(level|n|msg|time|a\\\\u0062|ab|level)";
    let space = "( |)";
    let member = (key, space, value()).prop_map(|(k, s, v)| format!("\"{k}\":{s}{v}"));
    (prop::collection::vec(member, 0..5), space)
        .prop_map(|(members, space)| format!("{{{}}}{space}", members.join(",")))
}

/// A line: an object, or something else, or an object that is damaged.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => object(),
        1 => "\\PC{0,30}",
        1 => (object(), any::<prop::sample::Index>()).prop_map(|(object, at)| {
            object.chars().take(at.index(object.chars().count())).collect()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_lines_come_back(lines in prop::collection::vec("\\PC{0,60}", 1..40)) {
        check_round_trip(&lines);
    }

    #[test]
    fn damaged_bytes_give_errors(
        lines in prop::collection::vec("\\PC{0,20}", 1..90),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let mut block = encoded(&columns(&lines));
        for (at, with) in flips {
            let at = at.index(block.bytes.len());
            block.bytes[at] ^= with;
        }
        let all: Vec<u32> = (0..lines.len() as u32).collect();
        let read = open(&block).and_then(|block| block.rows(&all, LogParts::All));
        prop_assert!(read.is_err());
    }
}

/// Whether a test holds for a line; `None` where that is not for a block to say.
fn holds(test: &LogTest, line: &str) -> Option<bool> {
    match test {
        LogTest::And(tests) => {
            let all: Vec<_> = tests.iter().map(|test| holds(test, line)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else {
                all.into_iter().find(Option::is_none).unwrap_or(Some(true))
            }
        }
        LogTest::Or(tests) => {
            let all: Vec<_> = tests.iter().map(|test| holds(test, line)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else {
                all.into_iter().find(Option::is_none).unwrap_or(Some(false))
            }
        }
        LogTest::Not(test) => holds(test, line).map(|holds| !holds),
        LogTest::Contains(needle) => Some(line.contains(needle.as_str())),
        LogTest::Matches(pattern) => Some(pattern.is_match(line)),
        LogTest::Field { field, test } => {
            let (number, text) = field_of(line, field)?;
            Some(match test {
                FieldTest::Equal(wanted) => &text == wanted,
                FieldTest::Matches(pattern) => pattern.is_match(&text),
                FieldTest::Number(..) if number && text.is_empty() => false,
                FieldTest::Number(op, than) => {
                    let number: f64 = text.parse().ok().filter(|_| number)?;
                    match op {
                        CompareOp::Gt => number > *than,
                        CompareOp::Eq => number == *than,
                        _ => unreachable!("not tried"),
                    }
                }
            })
        }
        LogTest::Words(_) | LogTest::Unknown => None,
    }
}

/// An object with all its keys, those that it has twice too.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Whether a field is a number, and its text; `None` where it is not known.
fn field_of(line: &str, field: &LogField) -> Option<(bool, String)> {
    let mut object = line.to_owned();
    for (depth, key) in field.path.iter().enumerate() {
        let members: Members = serde_json::from_str(&object).ok()?;
        let found: Vec<_> = members.0.iter().filter(|(name, _)| name == key).collect();
        match found[..] {
            // No text, and so none that a number is missing in.
            [] => return Some((true, String::new())),
            [(_, value)] if depth + 1 < field.path.len() => object = value.get().to_owned(),
            [(_, value)] => {
                return match value.get().as_bytes()[0] {
                    b'{' | b'[' | b'n' => None,
                    b'"' => Some((false, serde_json::from_str(value.get()).ok()?)),
                    b't' | b'f' => Some((false, value.get().to_owned())),
                    _ => Some((true, value.get().to_owned())),
                };
            }
            _ => return None,
        }
    }
    None
}

/// Asks a block, of all rows and of some.
fn check_test(block: &Block, test: &LogTest, lines: &[String]) {
    for step in [1, 3] {
        let candidates = RowSet::of(lines.len(), |row| row % step == 0);
        let decision = block.test(test, &candidates).unwrap();
        for (row, line) in lines.iter().enumerate() {
            let told = match (decision.yes.contains(row), decision.unknown.contains(row)) {
                (yes, false) => Some(yes),
                (false, true) => None,
                (true, true) => panic!("row {row} is true and unknown"),
            };
            let expect = if row % step == 0 { holds(test, line) } else { Some(false) };
            assert_eq!(told, expect, "{test:?} of {line}");
        }
    }
}

fn fields() -> [LogField; 5] {
    [&["level"][..], &["n"], &["ab"], &["msg", "level"], &["msg"]].map(|path| LogField {
        path: path.iter().map(|key| (*key).to_owned()).collect(),
        shadowed_by: "other".to_owned(),
        flattened: false,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lines_like_json_come_back(lines in prop::collection::vec(line(), 1..120)) {
        check_round_trip(&lines);
    }

    #[test]
    fn a_block_decides_as_the_lines_do(
        lines in prop::collection::vec(line(), 1..120),
        from in any::<prop::sample::Index>(),
        cut in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let block = open(&encoded(&columns(&lines))).unwrap();
        let line: Vec<char> = lines[from.index(lines.len())].chars().collect();
        let start = cut.0.index(line.len() + 1);
        let end = start + cut.1.index(line.len() + 1 - start);
        let needle: String = line[start..end].iter().collect();
        for needle in [&needle, "error", "\"level\":\"error\"", "rror\"", "34 ms", "1", "ab12cd", "e of 7"] {
            check_test(&block, &LogTest::Contains(needle.to_owned()), &lines);
        }
        for field in fields() {
            for test in [
                FieldTest::Equal("error".into()),
                FieldTest::Equal(String::new()),
                FieldTest::Equal("\u{e9}".into()),
                FieldTest::Matches(Pattern::anchored("(e.*|1.*)").unwrap()),
                FieldTest::Number(CompareOp::Gt, 7.5),
                FieldTest::Number(CompareOp::Eq, 5.0),
            ] {
                check_test(&block, &LogTest::Field { field: field.clone(), test }, &lines);
            }
            let keys = block.field_keys(&field, &RowSet::all(lines.len())).unwrap();
            for (row, line) in lines.iter().enumerate() {
                let text = keys.texts.get(keys.keys[row] as usize).cloned();
                prop_assert_eq!(text, field_of(line, &field).map(|(_, text)| text), "{}", line);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_bytes_behind_right_checksums_do_not_panic(
        lines in prop::collection::vec(line(), 1..100),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..6),
        in_head: bool,
    ) {
        let mut block = encoded(&columns(&lines));
        let end = if in_head { block.head_bytes } else { block.bytes.len() };
        for (at, with) in flips {
            let at = at.index(end);
            block.bytes[at] ^= with;
        }
        sections::UNCHECKED.set(true);
        let _any_outcome = open(&block).map(|block| {
            let rows = RowSet::all(block.len());
            let all: Vec<u32> = (0..block.len() as u32).collect();
            let _any_outcome = block.rows(&all, LogParts::All);
            let _any_outcome = block.body_bytes(&rows);
            for needle in ["error", "e of 7", "1"] {
                let _any_outcome = block.test(&LogTest::Contains(needle.into()), &rows);
            }
            for field in fields() {
                let _any_outcome = block.field_keys(&field, &rows);
                let test = FieldTest::Number(CompareOp::Gt, 7.5);
                let _any_outcome = block.test(&LogTest::Field { field, test }, &rows);
            }
        });
        sections::UNCHECKED.set(false);
    }
}

#[test]
fn tests_are_joined_by_the_logic_of_three_values() {
    let lines: Vec<String> = (0..300)
        .map(|n| if n % 3 == 0 { format!("line {n} of many") } else { format!("{{\"n\":{n}}}") })
        .collect();
    let block = open(&encoded(&columns(&lines))).unwrap();
    let contains = |needle: &str| LogTest::Contains(needle.into());
    let field = || LogTest::Field {
        field: fields()[1].clone(),
        test: FieldTest::Number(CompareOp::Gt, 150.0),
    };
    let cases = [
        contains("line 1"),
        contains("zzz"),
        LogTest::Not(Box::new(contains("7 of"))),
        LogTest::And(vec![contains("line"), contains("9"), contains("29")]),
        LogTest::Or(vec![contains("11 "), contains("22 ")]),
        LogTest::Matches(Pattern::unanchored("line .5 ").unwrap()),
        LogTest::And(Vec::new()),
        LogTest::Or(Vec::new()),
        LogTest::And(vec![field(), contains("7")]),
        LogTest::And(vec![contains("7"), field()]),
        LogTest::Or(vec![field(), contains("7")]),
        LogTest::Or(vec![contains("7"), field()]),
        LogTest::Not(Box::new(field())),
        LogTest::And(vec![field(), LogTest::Unknown, contains("2")]),
    ];
    for test in cases {
        check_test(&block, &test, &lines);
    }
}

#[test]
fn a_field_is_unknown_where_an_attribute_hides_it() {
    let lines = vec!["{\"level\":\"x\"}".to_owned(); 8];
    let mut columns = columns(&lines);
    columns.resource = watchkeep_model::column::DictColumn::default();
    columns.attributes = watchkeep_model::attributes::AttributesColumn::default();
    for row in 0..8 {
        columns.resource.push(if row < 2 { "{\"my.level\":1}" } else { "{\"b\":1}" });
        if row >= 6 {
            columns.attributes.push_row([("my/level", &Value::Int(1))]);
        } else {
            columns.attributes.end_row();
        }
    }
    let block = open(&encoded(&columns)).unwrap();
    let field =
        LogField { path: vec!["level".into()], shadowed_by: "my_level".into(), flattened: false };
    let test = LogTest::Field { field, test: FieldTest::Equal("x".into()) };
    let decision = block.test(&test, &RowSet::all(8)).unwrap();
    assert_eq!(decision.yes.iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(decision.unknown.iter().collect::<Vec<_>>(), [0, 1, 6, 7]);
}

#[test]
fn lines_of_more_shapes_than_are_kept_apart_come_back() {
    let lines: Vec<String> =
        (0..1500).map(|n| format!("{{\"key{n}\":{n},\"level\":\"x\"}}")).collect();
    check_round_trip(&lines);
}

#[test]
fn every_word_of_a_record_is_in_the_filter() {
    let lines: Vec<String> = (0..400_u64)
        .map(|n| {
            let time = format!("2023-11-14T22:13:2{}.{:03}Z", n % 9, n);
            format!("{{\"time\":\"{time}\",\"n\":{n},\"f\":{n}.25,\"id\":\"r-{n:08x}\",\"request\":\"req-{:016x}\",\"big\":{},\"trace\":\"{:032x}\",\"msg\":\"took {n} ms of word{n} key={n:08x} of req-{:016x}\"}}",
                n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64),
                n + 9_007_199_254_740_993,
                u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_9e37_79b9_7f4a_7c15),
                n.wrapping_mul(0xbf58_476d_1ce4_e5b9),
            )
        })
        .collect();
    let columns = columns(&lines);
    let block = encoded(&columns);
    let all = columns.attributes.parts().2.iter().chain(columns.body.iter());
    for word in all.flat_map(crate::seam::words) {
        assert!(may_have(&block.bloom, 7, word), "{word}");
        for_each_fragment(word.as_bytes(), |fragment| {
            assert!(may_have_fragment(&block.bloom, 7, fragment), "a part of {word}");
        });
    }
    assert!(may_have(&block.bloom, 7, &"03".repeat(16)), "a trace id");
    assert!(!may_have(&block.bloom, 7, "0123456789abcdef"));
}

#[test]
fn a_rare_word_is_found_in_whichever_page_it_is() {
    let line = |row: usize| {
        let mut line = format!("the agent plans a step and calls a tool of kind {}", row % 17);
        if row.is_multiple_of(61) {
            line = format!("{line} then it saw zebra{row} twice");
        }
        // Once in a phrase of its own, and once alone.
        if row == 700 || row == 3100 {
            line += " solitary";
        }
        line
    };
    let lines: Vec<String> = (0..3_500).map(line).collect();
    let block = open(&encoded(&columns(&lines))).unwrap();
    for needle in
        ["zebra", "zebra1830", "zebra18", "solitary", "saw zebra", "tool solitary", "aardvark"]
    {
        let test = LogTest::Contains(needle.to_owned());
        check_test(&block, &test, &lines);
    }
}
