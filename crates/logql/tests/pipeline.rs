//! What stages do to lines, from a table.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use watchkeep_logql::parse_log;
use watchkeep_logql::pipeline::{Category, Pipeline, PipelineOptions, Processed};
use watchkeep_model::Labels;

/// A record and the stages that it is put through.
#[derive(Default)]
struct Setting {
    stages: String,
    stream: Vec<(String, String)>,
    metadata: Vec<(String, String)>,
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |word: &str| {
        let (name, value) = word.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    text.split_whitespace().map(pair).collect()
}

fn unescaped(text: &str) -> String {
    text.replace('␛', "\u{1b}").replace('⏎', "\n")
}

impl Setting {
    fn outcome(&self, line: &str) -> Vec<String> {
        let log = parse_log(&format!("{{app=\"a\"}} {}", self.stages)).unwrap();
        let pipeline = Pipeline::new(&log.stages, PipelineOptions::default()).unwrap();
        let mut runner = pipeline.runner();
        let stream = Labels::from_pairs(self.stream.iter().map(|(name, value)| (name, value)));
        let mut outcomes = (0..2).map(|_| {
            // The second time finds what was kept from the first.
            let metadata =
                self.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            runner
                .process(&stream, metadata, 1_748_859_600_000_000_000, line)
                .map_or_else(|| vec!["x".to_owned()], |done| shown(&done, line))
        });
        let (first, second) = (outcomes.next().unwrap(), outcomes.next().unwrap());
        assert_eq!(first, second, "a line is told from the one before: {line}");
        first
    }
}

fn shown(done: &Processed<'_>, line: &str) -> Vec<String> {
    let mut labels = Vec::new();
    done.labels.for_each(|category, name, value| {
        let letter = match category {
            Category::Stream if (name, value) == ("app", "a") => return,
            Category::Stream => 's',
            Category::Metadata => 'm',
            Category::Parsed => 'p',
        };
        labels.push(format!(" {letter}:{name}={value:?}"));
    });
    labels.sort();
    let mut outcome = vec![format!("={}", labels.concat())];
    if done.line != line {
        outcome.push(format!("> {}", done.line));
    }
    outcome
}

#[test]
fn stages_do_what_the_table_says() {
    let mut setting = Setting::default();
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut lines = include_str!("data/pipeline.txt").lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with(['|', '!']) {
            setting.stages =
                line.strip_prefix("|!").map_or_else(|| line.to_owned(), |rest| format!("!{rest}"));
        } else if let Some(labels) = line.strip_prefix('~') {
            let (stream, metadata) = labels.split_once(';').unwrap_or((labels, ""));
            (setting.stream, setting.metadata) = (pairs(stream), pairs(metadata));
        } else if let Some(input) = line.strip_prefix("< ") {
            let mut expect = Vec::new();
            while let Some(outcome) = lines.next_if(|next| next.starts_with(['x', '=', '>'])) {
                expect.push(unescaped(outcome.trim_end()));
            }
            count += 1;
            let mut got = setting.outcome(&unescaped(input));
            for line in &mut got {
                *line = line.trim_end().to_owned();
            }
            if got != expect {
                let (got, expect) = (got.join("\n"), expect.join("\n"));
                wrong.push(format!(
                    "{}\n< {input}\n{got}\n  instead of\n{expect}\n",
                    setting.stages
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 100, "only {count} lines were found");
}
