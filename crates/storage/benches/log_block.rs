//! What a block of log records costs: bytes a line, encoding, and each kind of question. The lines
//! are those of services that log JSON: of 24 streams at 400 lines a second together, blocks of one
//! stream each, and of a stream with plain text.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

use std::fmt::Write as _;
use std::sync::OnceLock;

use divan::counter::{BytesCount, ItemsCount};
use watchkeep_model::LogColumns;
use watchkeep_storage::logs::bench::Block;
use watchkeep_storage::seam::{CompareOp, FieldTest, LogField, LogParts, LogTest};

const ROWS: usize = 8192;

fn main() {
    for (name, lines) in [("json", json()), ("plain", plain())] {
        let block = &lines.block;
        let (bytes, head, bloom) = block.sizes();
        let per_line = |bytes: usize| bytes as f64 / ROWS as f64;
        println!(
            "{name}: {:.1} bytes a line; block {:.2} (head {head} bytes), bloom {:.2}",
            per_line(lines.bytes),
            per_line(bytes),
            per_line(bloom),
        );
    }
    divan::main();
}

/// Numbers that look random (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        ((self.roll() >> 32) as usize * end) >> 32
    }

    fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A rank of which the first are much more frequent.
    fn rank(&mut self, end: usize) -> usize {
        ((end as f64).powf(self.unit()) as usize).min(end) - 1
    }

    /// A duration in milliseconds, with a long tail.
    fn duration_ms(&mut self) -> u64 {
        let normal = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        (180.0 * (1.5 * normal).exp()) as u64
    }
}

struct Lines {
    columns: LogColumns,
    block: Block,
    bytes: usize,
}

fn words() -> Vec<String> {
    const STARTS: [&str; 14] =
        ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "st", "tr"];
    const ENDS: [&str; 8] = ["a", "e", "i", "o", "u", "ar", "en", "os"];
    let mut dice = Dice(5);
    (0..3000)
        .map(|rank| {
            let syllables = 2 + usize::from(rank > 40) + usize::from(rank > 900);
            let syllable = |dice: &mut Dice| [STARTS[dice.below(14)], ENDS[dice.below(8)]].concat();
            (0..syllables).map(|_| syllable(&mut dice)).collect()
        })
        .collect()
}

fn sentence(dice: &mut Dice, words: &[String], message: &mut String) {
    let len = message.len() + 20 + dice.below(90);
    for position in 0.. {
        if message.len() >= len {
            break;
        }
        message.push_str(match position {
            0 => "",
            _ if position % 12 == 0 => ". ",
            _ => " ",
        });
        message.push_str(&words[dice.rank(words.len())]);
    }
}

fn message(dice: &mut Dice, words: &[String], level: &str, ms: u64) -> String {
    let mut text = String::new();
    let number = dice.below(9000);
    let _infallible = match (level, dice.below(6)) {
        ("error", 0 | 1) => {
            write!(text, "call of model m-{} failed: deadline exceeded after {ms} ms", number % 8)
        }
        ("error", _) => write!(text, "upstream m-{} answered 500: ", number % 8),
        ("warn", _) => write!(text, "rate limit near for m-{}, {number} tokens left, ", number % 8),
        ("debug", _) => write!(text, "cache lookup key={:08x} hit=true ", dice.roll() as u32),
        (_, 0) => write!(text, "step {} planned, next is {} ", number % 20, words[number % 3000]),
        (_, 1) => {
            write!(text, "m-{} answered, {number} input tokens, {ms} output tokens, ", number % 8)
        }
        (_, 2) => {
            write!(text, "tool {} finished in {ms} ms with {number} rows, ", words[number % 3000])
        }
        _ => write!(text, "request handled: "),
    };
    if !text.contains("deadline") {
        sentence(dice, words, &mut text);
    }
    text
}

fn make(line: impl Fn(&mut Dice, &[String], i64, &str) -> String) -> Lines {
    let (mut dice, words, mut columns) = (Dice(9), words(), LogColumns::default());
    // Whole seconds of 2025, since times are formatted by hand below.
    let mut time_ns = 1_735_689_600_000_000_000_i64;
    let mut requests: Vec<String> = (0..400).map(|_| request(&mut dice)).collect();
    let mut bytes = 0;
    while columns.time_ns.len() < ROWS {
        time_ns += (dice.unit() * 4.8e6) as i64;
        let of = dice.below(400);
        if dice.below(8) == 0 {
            requests[of] = request(&mut dice);
        }
        if dice.below(24) != 0 {
            continue;
        }
        let text = line(&mut dice, &words, time_ns, &requests[of]);
        bytes += text.len();
        columns.time_ns.push(time_ns);
        columns.observed_ns.push(0);
        columns.severity_number.push(0);
        columns.level.push(3);
        columns.stream.push("{app=\"agents\", pod=\"planner-1\", service=\"planner\"}");
        columns.service.push("planner");
        columns.body.push(&text);
        columns.body_kind.push(b's');
        columns.attributes.end_row();
        columns.dropped_attributes.push(0);
        columns.trace_id.push([0; 16]);
        columns.span_id.push([0; 8]);
        columns.flags.push(0);
        for dict in [
            &mut columns.severity_text,
            &mut columns.resource,
            &mut columns.scope_name,
            &mut columns.scope_version,
            &mut columns.scope_attributes,
            &mut columns.schema_url,
            &mut columns.event_name,
        ] {
            dict.push("");
        }
    }
    let block = Block::encode(&columns).unwrap();
    Lines { columns, block, bytes }
}

fn request(dice: &mut Dice) -> String {
    format!(
        "req-{:016x}\",\"user_id\":\"u-{:05}\",\"agent\":\"agent-{:02}",
        dice.roll(),
        dice.rank(5000),
        dice.rank(50)
    )
}

fn json() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        make(|dice, words, time_ns, request| {
            let level = ["debug", "info", "info", "info", "info", "info", "info", "info", "warn"];
            let level = if dice.below(33) == 0 { "error" } else { level[dice.below(9)] };
            let ms = dice.duration_ms();
            let status = if level == "error" { 500 } else { 200 };
            let message = message(dice, words, level, ms);
            let (second, milli) = (time_ns / 1_000_000_000 - 1_735_689_600, time_ns / 1_000_000);
            format!(
                "{{\"timestamp\":\"2025-01-01T{:02}:{:02}:{:02}.{:03}Z\",\"level\":\"{level}\",\
                 \"service\":\"planner\",\"request_id\":\"{request}\",\
                 \"duration_ms\":{ms},\"status\":{status},\"message\":\"{message}\"}}",
                second / 3600,
                second / 60 % 60,
                second % 60,
                milli % 1000,
            )
        })
    })
}

fn plain() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        make(|dice, words, _, _| {
            let ms = dice.duration_ms();
            let message = message(dice, words, "info", ms);
            format!("level=info component=planner took={ms}ms msg=\"{message}\"")
        })
    })
}

fn field(name: &str) -> LogField {
    LogField { path: vec![name.into()], shadowed_by: name.into(), flattened: false }
}

fn contains(needle: &str) -> LogTest {
    LogTest::Contains(needle.into())
}

#[divan::bench]
fn encode_json(bencher: divan::Bencher<'_, '_>) {
    let lines = json();
    bencher.counter(BytesCount::new(lines.bytes)).bench(|| Block::encode(&lines.columns).unwrap());
}

#[divan::bench]
fn encode_plain(bencher: divan::Bencher<'_, '_>) {
    let lines = plain();
    bencher.counter(BytesCount::new(lines.bytes)).bench(|| Block::encode(&lines.columns).unwrap());
}

fn question<T>(
    bencher: divan::Bencher<'_, '_>,
    lines: &Lines,
    ask: impl Fn(&watchkeep_storage::logs::bench::OpenBlock) -> T + Sync,
) {
    bencher.counter(ItemsCount::new(ROWS)).bench(|| ask(&lines.block.open().unwrap()));
}

#[divan::bench]
fn times(bencher: divan::Bencher<'_, '_>) {
    question(bencher, json(), |block| block.times().unwrap());
}

#[divan::bench]
fn body_bytes(bencher: divan::Bencher<'_, '_>) {
    question(bencher, json(), |block| block.body_bytes().unwrap());
}

#[divan::bench]
fn number_of_a_field(bencher: divan::Bencher<'_, '_>) {
    let test = FieldTest::Number(CompareOp::Gt, 5000.0);
    let test = LogTest::Field { field: field("duration_ms"), test };
    question(bencher, json(), |block| block.test(&test).unwrap());
}

#[divan::bench]
fn word_by_level(bencher: divan::Bencher<'_, '_>) {
    question(bencher, json(), |block| block.group(&contains("deadline"), &field("level")).unwrap());
}

#[divan::bench]
fn word_in_plain_lines(bencher: divan::Bencher<'_, '_>) {
    question(bencher, plain(), |block| block.test(&contains("planned")).unwrap());
}

#[divan::bench]
fn field_as_text(bencher: divan::Bencher<'_, '_>) {
    question(bencher, json(), |block| block.test(&contains("\"level\":\"error\"")).unwrap());
}

#[divan::bench]
fn request_that_is_not_there(bencher: divan::Bencher<'_, '_>) {
    question(bencher, json(), |block| block.test(&contains("req-0123456789abcdef")).unwrap());
}

#[divan::bench]
fn newest_100_of_all_rows(bencher: divan::Bencher<'_, '_>) {
    let all = LogTest::And(Vec::new());
    question(bencher, json(), |block| block.newest(&all, 100, LogParts::All).unwrap());
}

#[divan::bench]
fn newest_4_errors(bencher: divan::Bencher<'_, '_>) {
    let test = contains("\"level\":\"error\"");
    question(bencher, json(), |block| block.newest(&test, 4, LogParts::All).unwrap());
}

#[divan::bench]
fn all_rows(bencher: divan::Bencher<'_, '_>) {
    let all = LogTest::And(Vec::new());
    question(bencher, json(), |block| block.newest(&all, ROWS, LogParts::All).unwrap());
}
