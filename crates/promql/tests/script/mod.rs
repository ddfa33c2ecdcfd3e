//! Test scripts in Prometheus' language (promql/promqltest/README.md there): data that is loaded,
//! queries, and what they must answer.

pub(crate) mod check;
pub(crate) mod memory;
pub(crate) mod values;

use values::{Point, duration_ms, number, series_line, unquote};

/// A line of a script that can not be understood.
#[derive(Debug)]
pub(crate) struct ScriptError(pub String);

pub(crate) type Result<T> = std::result::Result<T, ScriptError>;

pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(ScriptError(message.into()))
}

/// A series of a load or an answer: its labels and what each step has.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) points: Vec<Point>,
    /// Start times relative to the samples, milliseconds.
    pub(crate) starts: Vec<Option<i64>>,
}

#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) step_ms: i64,
    pub(crate) with_nhcb: bool,
    pub(crate) series: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    Fail,
    Warn,
    NoWarn,
    Info,
    NoInfo,
    Ordered,
}

/// How a text has to match.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    Any,
    Exactly(String),
    Regex(String),
}

#[derive(Debug, Default)]
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) is_range: bool,
    /// When an instant query is evaluated.
    pub(crate) at_ms: i64,
    /// The steps of a range query, or the times of an expected range vector.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) expects: Vec<(Expect, Text)>,
    pub(crate) scalar: Option<f64>,
    pub(crate) string: Option<String>,
    pub(crate) is_range_vector: bool,
    pub(crate) series: Vec<Line>,
}

impl Eval {
    pub(crate) fn expects(&self, kind: Expect) -> bool {
        self.expects.iter().any(|(other, _)| *other == kind)
    }
}

#[derive(Debug)]
pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Eval),
}

/// The commands of a script.
pub(crate) fn parse(text: &str) -> Result<Vec<Command>> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .map(|line| if line.starts_with('#') { "" } else { line })
        .collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let word = line.split_whitespace().next().unwrap_or("");
        at += 1;
        let block_end = (at..lines.len()).find(|i| lines[*i].is_empty()).unwrap_or(lines.len());
        match word {
            "" => {}
            "clear" => commands.push(Command::Clear),
            "load" | "load_with_nhcb" => {
                let load = parse_load(line, &lines[at..block_end])
                    .map_err(|error| ScriptError(format!("line {at}: {}", error.0)))?;
                commands.push(Command::Load(load));
                at = block_end;
            }
            word if word.starts_with("eval") => {
                let eval = parse_eval(at, line, &lines[at..block_end])
                    .map_err(|error| ScriptError(format!("line {at}: {}", error.0)))?;
                commands.push(Command::Eval(eval));
                at = block_end;
            }
            _ => return fail(format!("line {at}: unknown command {line:?}")),
        }
    }
    Ok(commands)
}

fn parse_load(head: &str, lines: &[&str]) -> Result<Load> {
    let (word, step) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    let mut load =
        Load { step_ms: duration_ms(step)?, with_nhcb: word == "load_with_nhcb", series: vec![] };
    let mut starts = Vec::new();
    for line in lines {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if name.ends_with("@st") {
            starts = values::start_times(rest)?;
        } else {
            let (labels, points) = series_line(line)?;
            load.series.push(Line { labels, points, starts: std::mem::take(&mut starts) });
        }
    }
    Ok(load)
}

fn parse_eval(line: usize, head: &str, lines: &[&str]) -> Result<Eval> {
    let mut eval = Eval { line, ..Eval::default() };
    let (word, rest) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    match word.strip_prefix("eval_") {
        None => {}
        Some("fail") => eval.expects.push((Expect::Fail, Text::Any)),
        Some("warn") => eval.expects.push((Expect::Warn, Text::Any)),
        Some("info") => eval.expects.push((Expect::Info, Text::Any)),
        Some("ordered") => eval.expects.push((Expect::Ordered, Text::Any)),
        Some(_) => return fail("unknown kind of eval"),
    }
    let mut words = Words(rest.trim());
    match words.next() {
        "instant" => {
            words.expect("at")?;
            eval.start_ms = duration_ms(words.next())?;
            (eval.end_ms, eval.at_ms) = (eval.start_ms, eval.start_ms);
        }
        "range" => {
            eval.is_range = true;
            words.expect("from")?;
            eval.start_ms = duration_ms(words.next())?;
            words.expect("to")?;
            eval.end_ms = duration_ms(words.next())?;
            words.expect("step")?;
            eval.step_ms = duration_ms(words.next())?;
        }
        other => return fail(format!("unknown eval {other:?}")),
    }
    words.0.clone_into(&mut eval.query);
    for line in lines {
        if let Some(text) = line.strip_prefix("expected_fail_message") {
            eval.expects.push((Expect::Fail, Text::Exactly(text.trim().to_owned())));
        } else if let Some(text) = line.strip_prefix("expected_fail_regexp") {
            eval.expects.push((Expect::Fail, Text::Regex(text.trim().to_owned())));
        } else if let Some(rest) = line.strip_prefix("expect range vector") {
            let mut words = Words(rest.trim());
            words.expect("from")?;
            eval.start_ms = duration_ms(words.next())?;
            words.expect("to")?;
            eval.end_ms = duration_ms(words.next())?;
            words.expect("step")?;
            eval.step_ms = duration_ms(words.next())?;
            eval.is_range_vector = true;
        } else if let Some(text) = line.strip_prefix("expect string") {
            eval.string = Some(unquote(text.trim())?);
        } else if let Some(rest) = line.strip_prefix("expect ") {
            eval.expects.push(parse_expect(rest.trim())?);
        } else if let Ok(value) = number(line) {
            eval.scalar = Some(value);
        } else {
            let (labels, points) = series_line(line)?;
            eval.series.push(Line { labels, points, starts: Vec::new() });
        }
    }
    Ok(eval)
}

fn parse_expect(text: &str) -> Result<(Expect, Text)> {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let kind = match kind {
        "fail" => Expect::Fail,
        "warn" => Expect::Warn,
        "no_warn" => Expect::NoWarn,
        "info" => Expect::Info,
        "no_info" => Expect::NoInfo,
        "ordered" => Expect::Ordered,
        other => return fail(format!("unknown expectation {other:?}")),
    };
    let rest = rest.trim();
    let text = if let Some(text) = rest.strip_prefix("msg:") {
        Text::Exactly(text.trim().to_owned())
    } else if let Some(text) = rest.strip_prefix("regex:") {
        Text::Regex(text.trim().to_owned())
    } else {
        Text::Any
    };
    Ok((kind, text))
}

/// The words of a line, one after the other; what is left is the rest of the line.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> &'a str {
        let (word, rest) = self.0.split_once(char::is_whitespace).unwrap_or((self.0, ""));
        self.0 = rest.trim_start();
        word
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        match self.next() {
            found if found == word => Ok(()),
            found => fail(format!("want {word:?}, got {found:?}")),
        }
    }
}
