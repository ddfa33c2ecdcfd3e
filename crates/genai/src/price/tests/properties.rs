//! What holds for every table and every step.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A row with any of its prices there or not; what is above a threshold costs no less.
fn row() -> impl Strategy<Value = serde_json::Value> {
    let fields = vec((any::<bool>(), 0.0..1e-4_f64, 1.0..3.0_f64), 11);
    fields.prop_map(|fields| {
        let names = [
            "input_cost_per_token",
            "output_cost_per_token",
            "cache_read_input_token_cost",
            "cache_creation_input_token_cost",
            "cache_creation_input_token_cost_above_1hr",
            "input_cost_per_audio_token",
            "input_cost_per_image_token",
            "output_cost_per_reasoning_token",
            "output_cost_per_audio_token",
            "output_cost_per_image_token",
            "input_cost_per_token_flex",
        ];
        let mut row = serde_json::Map::new();
        for (at, (name, (there, usd, more))) in names.iter().zip(fields).enumerate() {
            if there || at < 2 {
                row.insert((*name).to_owned(), usd.into());
                if more > 2.0 && at < 10 {
                    row.insert(format!("{name}_above_10k_tokens"), (usd * more).into());
                }
            }
        }
        serde_json::Value::Object(row)
    })
}

fn tokens() -> impl Strategy<Value = Vec<(Bucket, u64)>> {
    vec(0_u64..4_000, 10).prop_map(|counts| Bucket::ALL.into_iter().zip(counts).collect())
}

fn priced(row: &serde_json::Value, tokens: &[(Bucket, u64)], class: &str) -> Cost {
    let book = book(&serde_json::json!({ "m": row }).to_string());
    let step = Step { service_tier: class.to_owned(), ..step("openai", "m", tokens) };
    book.cost(&step, 0)
}

proptest! {
    #[test]
    fn lines_have_each_token_once_and_sum_up_to_the_cost(row in row(), tokens in tokens()) {
        for class in ["", "flex"] {
            let cost = priced(&row, &tokens, class);
            let sum: f64 = cost.lines.iter().map(|line| line.usd).sum();
            prop_assert!(near(sum, cost.usd));
            let mut again = Usage::default();
            for line in &cost.lines {
                prop_assert_eq!(again.get(line.bucket), 0, "{:?} has two lines", line.bucket);
                again.add(line.bucket, line.tokens);
                prop_assert!(near(line.usd, line.tokens as f64 * line.usd_per_token.unwrap()));
            }
            prop_assert_eq!(again, usage(&tokens));
        }
    }

    #[test]
    fn splitting_tokens_over_steps_keeps_the_cost_within_a_tier(
        row in row(),
        parts in vec(tokens(), 1..4),
    ) {
        // So few that all together stay below the threshold.
        let few = |part: Vec<(Bucket, u64)>| -> Vec<_> {
            part.into_iter().map(|(bucket, count)| (bucket, count / 8)).collect()
        };
        let parts: Vec<_> = parts.into_iter().map(few).collect();
        let whole = priced(&row, &parts.concat(), "");
        let parts: Vec<Cost> = parts.iter().map(|part| priced(&row, part, "")).collect();
        prop_assert!(near(parts.iter().map(|part| part.usd).sum(), whole.usd));
    }

    #[test]
    fn more_tokens_never_cost_less(row in row(), tokens in tokens(), more in tokens()) {
        let fewer = priced(&row, &tokens, "");
        let all = [tokens, more].concat();
        prop_assert!(priced(&row, &all, "").usd >= fewer.usd * (1.0 - 1e-12));
    }

    #[test]
    fn any_text_may_be_a_table_a_model_or_a_provider(text in ".{0,200}", provider in ".{0,40}", model in ".{0,80}") {
        let _no_panic = PriceTable::read("t", &text);
        let book = PriceBook::default();
        let found = book.find(&provider, &model, 0);
        prop_assert_eq!(found.is_some(), book.find(&provider, &model, 0).is_some());
        let _no_panic = book.nearest(&model, 3);
    }

    #[test]
    fn names_made_of_known_bits_find_nothing_that_is_not_within_them(
        bits in vec(prop::sample::select(vec![
            "azure/", "openai/", "us.", "anthropic.", "models/", "claude-sonnet-4", "gpt-4o", "-mini",
            "-20250514", "-2024-08-06", "@20250514", "-latest", ":free", "-v1:0", "groq/", "x",
        ]), 1..7),
        provider in prop::sample::select(vec!["", "openai", "groq", "aws.bedrock", "azure", "acme"]),
    ) {
        let model = bits.concat();
        if let Some(found) = PriceBook::default().find(provider, &model, 0) {
            let key = found.row.key.rsplit('/').next().unwrap_or_default();
            prop_assert!(model.replace('@', "-").contains(key), "{} for {}", found.row.key, model);
        }
    }
}
