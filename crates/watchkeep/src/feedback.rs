//! `watchkeep feedback`: ask a running server for what people think of answers, and print tables for
//! people, or what the server answered for programs.

use std::fmt::Write as _;

use serde_json::Value;
use watchkeep_engine::humane::HumaneDuration;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Clock as _, Result, SystemClock};

use crate::cli::{FeedbackCommand, FeedbackListArguments, FeedbackSummaryArguments};
use crate::traces::{get, instant, number, tame};

const PATH: &str = "/api/watchkeep/v1/feedback";
/// Characters of a comment in a table.
const COMMENT_CHARS: usize = 60;
/// Groups of a summary that are shown.
const GROUPS: usize = 50;

/// Runs one of the commands.
pub(crate) fn run(command: &FeedbackCommand) -> Result<()> {
    match command {
        FeedbackCommand::List(arguments) => run_list(arguments),
        FeedbackCommand::Summary(arguments) => run_summary(arguments),
    }
}

fn form(since: HumaneDuration, rest: &[(&str, Option<&str>)]) -> Result<String> {
    let end_ns = SystemClock.now_ns();
    let start_ns = end_ns.saturating_sub(i64::try_from(since.0.as_nanos()).unwrap_or(i64::MAX));
    let (start, end) = (start_ns.max(0).to_string(), end_ns.to_string());
    let mut pairs = vec![("start", &*start), ("end", &*end)];
    pairs.extend(rest.iter().filter_map(|(key, value)| Some((*key, (*value)?))));
    serde_html_form::to_string(&pairs).context(|| "cannot write the query".into())
}

fn run_list(arguments: &FeedbackListArguments) -> Result<()> {
    let limit = arguments.limit.to_string();
    let rating_max = arguments.rating_max.map(|rating| rating.to_string());
    let rest = [
        ("agent", arguments.agent.as_deref()),
        ("user", arguments.user.as_deref()),
        ("rating_max", rating_max.as_deref()),
        ("limit", Some(&*limit)),
    ];
    let form = form(arguments.since, &rest)?;
    let answer = get(&arguments.server, &format!("{PATH}?{form}"))?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    crate::print(&list(&answer))
}

fn run_summary(arguments: &FeedbackSummaryArguments) -> Result<()> {
    let rest = [
        ("agent", arguments.agent.as_deref()),
        ("user", arguments.user.as_deref()),
        ("by", arguments.by.as_deref()),
    ];
    let form = form(arguments.since, &rest)?;
    let answer = get(&arguments.server, &format!("{PATH}/summary?{form}"))?;
    if arguments.json {
        return crate::print(&format!("{answer:#}\n"));
    }
    crate::print(&summary(&answer))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What somebody thought, in a few characters.
fn judgement(one: &Value) -> String {
    match text(one, "kind") {
        "thumbs" if one["score"].as_f64() == Some(1.0) => "up".to_owned(),
        "thumbs" => "down".to_owned(),
        "category" => text(one, "category").to_owned(),
        _ => one["score"].as_f64().map(|score| score.to_string()).unwrap_or_default(),
    }
}

fn list(answer: &Value) -> String {
    let mut out = String::new();
    let rows = answer["feedback"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return "no feedback\n".to_owned();
    }
    for one in rows {
        let comment: String = text(one, "comment").chars().take(COMMENT_CHARS).collect();
        // Writing to a string can not fail.
        let _infallible = writeln!(
            out,
            "{}  {:<12} {:>5}  {:<16} {:<16} {}",
            instant(number(&one["time"])),
            tame(text(one, "name")),
            tame(&judgement(one)),
            tame(text(one, "agent")),
            tame(text(one, "user")),
            tame(&comment),
        );
    }
    if answer["next_cursor"].is_string() {
        out.push_str("there is more; ask for it with --limit\n");
    }
    out
}

fn average(value: &Value) -> String {
    value["average_rating"].as_f64().map_or_else(|| "-".to_owned(), |mean| format!("{mean:.2}"))
}

fn summary(answer: &Value) -> String {
    let mut out = String::new();
    let count = |value: &Value, key: &str| value[key].as_u64().unwrap_or_default();
    let _infallible = writeln!(
        out,
        "{} pieces of feedback, {} rated, average {}, {} low, {} with a comment",
        count(answer, "total_feedback"),
        count(answer, "rated"),
        average(answer),
        count(answer, "low_ratings"),
        count(answer, "comments"),
    );
    for stars in (1..=5).rev() {
        let rated = count(&answer["rating_distribution"], &format!("{stars}_star"));
        let share = rated as f64 / count(answer, "rated").max(1) as f64;
        let bar = "#".repeat((share * 40.0).round() as usize);
        let _infallible = writeln!(out, "{stars} {bar:<40} {rated}");
    }
    let groups = answer["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    for group in groups.iter().take(GROUPS) {
        let key = match text(group, "key") {
            "" => "(not known)".to_owned(),
            key => tame(key),
        };
        let _infallible = writeln!(
            out,
            "{key:<32} {:>6}  average {:>5}  low {}",
            count(group, "total_feedback"),
            average(group),
            count(group, "low_ratings"),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_show_what_was_thought_and_nothing_that_a_terminal_obeys() {
        let answer = json!({"feedback": [
            {"time": "0", "name": "thumbs", "kind": "thumbs", "score": 0.0, "agent": "shop",
             "user": "u", "comment": "no\u{1b}[31m"},
            {"time": "0", "name": "rating", "kind": "rating", "score": 4.0},
        ], "next_cursor": "1.x"});
        let shown = list(&answer);
        assert!(shown.contains("down") && shown.contains('4') && shown.contains("there is more"));
        assert!(!shown.contains('\u{1b}'));
        assert_eq!(list(&json!({"feedback": []})), "no feedback\n");
    }

    #[test]
    fn a_summary_draws_stars_and_names_groups() {
        let answer = json!({
            "total_feedback": 2, "rated": 2, "average_rating": 3.5, "low_ratings": 1,
            "rating_distribution": {"5_star": 1, "2_star": 1},
            "groups": [{"key": "", "total_feedback": 2, "average_rating": null}],
        });
        let shown = summary(&answer);
        assert!(shown.contains("average 3.50") && shown.contains("(not known)"));
        assert!(shown.contains(&format!("5 {} {} 1", "#".repeat(20), " ".repeat(19))), "{shown}");
    }
}
