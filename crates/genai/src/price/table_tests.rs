//! What is read of tables, and what is said about those that are wrong.

use super::*;

#[test]
fn a_file_as_upstream_writes_it_is_taken_and_lines_are_told() {
    let text = r#"{
  "sample_spec": {"code_interpreter_cost_per_session": 0.0, "mode": "one of: chat, embedding"},
  "m-1": {
    "input_cost_per_token": 1e-06, "max_tokens": 4096, "supports_vision": true,
    "search_context_cost_per_query": {"search_context_size_low": 0.01},
    "output_cost_per_token": "2e-6", "litellm_provider": "openai", "mode": "chat"
  },
  "dall-e": {"output_cost_per_image": 0.04, "tiered_pricing": [{"max_results_range": [0, 25]}]},
  "qwen": {"tiered_pricing": [
    {"range": [0, 32000], "input_cost_per_token": 1e-6}, {"range": [32000, 1e6], "input_cost_per_token": 2e-6}
  ]}
}"#;
    let table = PriceTable::read("file.json", text).unwrap();
    assert_eq!(table.problems, []);
    let keys: Vec<_> = table.rows().iter().map(|row| (&*row.key, row.line.unwrap())).collect();
    assert_eq!(keys, [("m-1", 3), ("dall-e", 8), ("qwen", 9)]);
    let row = &table.of_key("m-1")[0];
    assert_eq!(row.rates.iter().map(|rate| rate.usd).collect::<Vec<_>>(), [1e-6, 2e-6]);
    assert!(table.of_key("dall-e")[0].rates.is_empty());
    let tiers: Vec<_> = table.of_key("qwen")[0].rates.iter().map(|r| (r.above, r.usd)).collect();
    assert_eq!(tiers, [(0, 1e-6), (32_000, 2e-6)]);
}

#[test]
fn a_wrong_row_is_left_out_and_told_of_with_line_key_and_field() {
    let text = "{\n\"good\": {\"input_cost_per_token\": 1e-6},\n\
        \"dear\": {\"input_cost_per_token\": 2.5},\n\
        \"below\": {\"output_cost_per_token\": -1},\n\
        \"words\": {\"output_cost_per_token\": \"much\"},\n\
        \"list\": [{\"input_cost_per_token\": 1e-6}, 7],\n\
        \"day\": {\"effective_from\": \"yesterday\"},\n\
        \"turned\": {\"effective_from\": \"2026-02-01\", \"effective_to\": \"2026-01-01\"},\n\
        \"re\": {\"pattern\": \"(\"}\n}";
    let table = PriceTable::read("file.json", text).unwrap();
    let told: Vec<String> = table.problems.iter().map(ToString::to_string).collect();
    let expected = [
        ("line 3: dear: input_cost_per_token", "USD"),
        ("line 4: below: output_cost_per_token", "-1"),
        ("line 5: words: output_cost_per_token", "much"),
        ("line 6: list: ", "object"),
        ("line 7: day: effective_from", "yesterday"),
        ("line 8: turned: effective_from", "before"),
        ("line 9: re: pattern", "regular"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (message, (start, part)) in told.iter().zip(expected) {
        assert!(message.starts_with(start) && message.contains(part), "{message}");
    }
    let keys: Vec<_> = table.rows().iter().map(|row| &*row.key).collect();
    assert_eq!(keys, ["good", "list"]);
    for (text, part) in [("{\n\"a\": {\n", "line 3"), ("[]", "line 1"), ("{\"a\": {}} x", "line 1")]
    {
        let error = PriceTable::read("file.json", text).unwrap_err();
        assert!(error.message().contains(part), "{error}");
        assert!(error.message().contains("file.json"), "{error}");
    }
}

#[test]
fn rows_that_are_set_by_hand_must_be_understood_whole() {
    let check = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        PriceTable::of_rows("overrides", [("m", &value)]).map(|table| table.rows().len())
    };
    assert_eq!(check(r#"{"input_cost_per_token": 1e-6, "note": "contract 7"}"#).unwrap(), 1);
    assert_eq!(check(r#"[{"input_cost_per_token": 1e-6, "effective_to": "2026-01-01"}, {"input_cost_per_token": 2e-6, "effective_from": "2026-01-01"}]"#).unwrap(), 2);
    for (text, part) in [
        (r#"{"input_cost_per_tokn": 1e-6}"#, "input_cost_per_tokn"),
        (r#"{"mode": "chat"}"#, "there is no price"),
        (r#"{"input_cost_per_token": 3}"#, "from 0 to 1"),
        ("7", "object"),
    ] {
        let error = check(text).unwrap_err();
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn of_rows_with_one_key_the_latest_that_has_begun_comes_first() {
    let text = r#"{"m": [
        {"input_cost_per_token": 1e-6},
        {"input_cost_per_token": 3e-6, "effective_from": "2026-03-01T12:00:00Z"},
        {"input_cost_per_token": 2e-6, "effective_from": "2026-01-01", "effective_to": "2026-06-01"}
    ], "M": {"input_cost_per_token": 4e-6}}"#;
    let table = PriceTable::read("file.json", text).unwrap();
    let order: Vec<f64> = table.of_key("m").iter().map(|row| row.rates[0].usd).collect();
    assert_eq!(order, [3e-6, 2e-6, 4e-6, 1e-6]);
}

#[test]
fn the_built_in_table_is_whole_and_its_figures_agree_with_each_other() {
    let table = PriceTable::read("built-in", BUILT_IN).unwrap();
    assert_eq!(table.problems, []);
    assert!(table.rows().len() > 300);
    assert!(table.as_of.parse::<jiff::civil::Date>().is_ok(), "{}", table.as_of);
    for row in table.rows() {
        assert!(
            !row.rates.is_empty() && !row.provider.is_empty() && !row.mode.is_empty(),
            "{}",
            row.key
        );
        assert_eq!(
            table.of_key(&row.key.to_ascii_lowercase()).len(),
            1,
            "{} stands twice",
            row.key
        );
        let rate =
            |field: &str| row.rates.iter().find(|rate| &*rate.field == field).map(|rate| rate.usd);
        for held in &row.rates {
            let plain = |suffix: &str| held.field.strip_suffix(suffix).and_then(rate);
            let above =
                held.field.split_once("_above_2").or_else(|| held.field.split_once("_above_1"));
            for (other, is_right) in [
                (plain("_flex"), held.usd <= plain("_flex").unwrap_or(1.0)),
                (plain("_batches"), held.usd <= plain("_batches").unwrap_or(1.0)),
                (plain("_priority"), held.usd >= plain("_priority").unwrap_or(0.0)),
                (
                    above.and_then(|(base, _)| rate(base)),
                    !held.class.is_empty()
                        || held.usd >= above.and_then(|(base, _)| rate(base)).unwrap_or(0.0),
                ),
            ] {
                assert!(other.is_none() || is_right, "{}: {} {}", row.key, held.field, held.usd);
            }
        }
        let (input, cached) = (rate("input_cost_per_token"), rate("cache_read_input_token_cost"));
        assert!(cached.unwrap_or(0.0) <= input.unwrap_or(1.0), "{}: cached is dearer", row.key);
    }
}
