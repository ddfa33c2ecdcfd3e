//! Log records: the way from columns to parts, and questions on them. The lines are those of a
//! service of agents, JSON of about 300 bytes in 24 streams; `LINES` in the environment says how
//! many, `DATA` names a directory that keeps them between runs.
//!
//! `cargo bench -p watchkeep-storage --bench logs`

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a bench may panic and says figures")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use tokio::runtime::Runtime;
use watchkeep_model::{
    Labels, LogColumns, Matcher, SystemClock, TenantId, TimeRange, ValueKind, stream,
};
use watchkeep_storage::embedded::{EmbeddedStore, StorageConfig};
use watchkeep_storage::seam::{
    Bucket, CompareOp, FieldTest, LogCountRequest, LogField, LogParts, LogTest, LogsRequest, Order,
    StreamsRequest,
};
use watchkeep_storage::{Batch, Store};

fn main() {
    divan::main();
}

const START_NS: i64 = 1_760_000_000_000_000_000;
/// Two hours.
const SPAN_NS: i64 = 7_200_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;
const SERVICES: [&str; 8] =
    ["planner", "gateway", "retriever", "memory", "tools", "router", "judge", "billing"];

static LINES: LazyLock<usize> = LazyLock::new(|| {
    std::env::var("LINES").ok().and_then(|lines| lines.parse().ok()).unwrap_or(300_000)
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A store at rest that holds all lines.
static STORE: LazyLock<(EmbeddedStore, tempfile::TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let data = std::env::var_os("DATA").map_or(folder.path().to_owned(), PathBuf::from);
    let store = if data.join("MANIFEST").try_exists().unwrap() { open(&data) } else { load(&data) };
    RUNTIME.block_on(async {
        store.flush().await.unwrap();
        let mut parts = 0;
        while parts != store.stats().logs.parts {
            parts = store.stats().logs.parts;
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        let stats = store.stats().logs;
        eprintln!(
            "{} parts, {} rows, {:.1} bytes a line",
            stats.parts,
            stats.rows_on_disk,
            stats.bytes_on_disk as f64 / stats.rows_on_disk as f64
        );
    });
    (store, folder)
});

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Small numbers are more likely.
    fn skewed(&mut self, end: u64) -> u64 {
        let (a, b) = (self.below(end), self.below(end));
        a * b / end
    }
}

/// Makes batches of about 1 MB.
struct Lines {
    random: Random,
    words: Vec<String>,
    requests: Vec<(u64, u64, u64)>,
    made: usize,
}

impl Lines {
    fn new() -> Self {
        let mut random = Random(7);
        let word = |random: &mut Random| -> String {
            let letters = 3 + random.below(8);
            (0..letters).map(|_| char::from(b'a' + random.skewed(26) as u8)).collect()
        };
        let words = (0..3000).map(|_| word(&mut random)).collect();
        Self { random, words, requests: Vec::new(), made: 0 }
    }

    fn line(&mut self, time_ns: i64, service: &str) -> String {
        while self.requests.len() < 400 {
            let request = (self.random.next(), self.random.skewed(5000), self.random.skewed(50));
            self.requests.push(request);
        }
        let at = self.random.below(400) as usize;
        let (id, user, agent) = self.requests[at];
        if self.random.below(8) == 0 {
            self.requests.swap_remove(at);
        }
        let level = match self.random.below(1000) {
            0..100 => "debug",
            100..900 => "info",
            900..970 => "warn",
            _ => "error",
        };
        let took = 20 + self.random.skewed(40) * self.random.skewed(600);
        let mut line = format!(
            "{{\"timestamp\":\"2025-10-09T{:02}:{:02}:{:02}.{:03}Z\",\"level\":\"{level}\",\
             \"service\":\"{service}\",\"request_id\":\"req-{id:016x}\",\"user_id\":\"u-{user:05}\",\
             \"agent\":\"agent-{agent:02}\",\"duration_ms\":{took},\"status\":200,\"message\":\"",
            time_ns / (60 * MINUTE_NS) % 24,
            time_ns / MINUTE_NS % 60,
            time_ns / 1_000_000_000 % 60,
            time_ns / 1_000_000 % 1000,
        );
        if self.random.below(60) == 0 {
            write!(line, "deadline close: {took} ms used").unwrap();
        } else {
            write!(line, "tool finished in {took} ms with {} rows, ", self.random.below(500))
                .unwrap();
            let end = line.len() + 20 + self.random.below(90) as usize;
            while line.len() < end {
                let word = self.random.skewed(3000) as usize;
                line.push_str(&self.words[word]);
                line.push(' ');
            }
        }
        line.push_str("\"}");
        line
    }

    fn batch(&mut self) -> Option<LogColumns> {
        if self.made >= *LINES {
            return None;
        }
        let mut streams: Vec<Vec<(i64, String)>> = vec![Vec::new(); 24];
        for _ in 0..3400 {
            let time_ns = START_NS + SPAN_NS / *LINES as i64 * self.made as i64;
            let of = self.random.below(24) as usize;
            let line = self.line(time_ns, SERVICES[of / 3]);
            streams[of].push((time_ns, line));
            self.made += 1;
        }
        let mut columns = LogColumns::default();
        for (of, rows) in streams.iter().enumerate() {
            let (service, pod) = (SERVICES[of / 3], format!("{}-{}", SERVICES[of / 3], of % 3));
            let labels = [("app", "agents"), ("pod", &pod), ("service", service)];
            let stream = columns.stream.intern(&stream::to_text(&Labels::from_pairs(labels)));
            for (time_ns, line) in rows {
                push(&mut columns, *time_ns, service, stream, line);
            }
        }
        Some(columns)
    }
}

fn push(columns: &mut LogColumns, time_ns: i64, service: &str, stream: u32, line: &str) {
    columns.time_ns.push(time_ns);
    columns.observed_ns.push(0);
    columns.severity_number.push(0);
    columns.severity_text.push("");
    columns.level.push(0);
    columns.stream.push_key(stream);
    columns.service.push(service);
    columns.resource.push("{}");
    columns.scope_name.push("");
    columns.scope_version.push("");
    columns.scope_attributes.push("");
    columns.schema_url.push("");
    columns.body.push(line);
    columns.body_kind.push(ValueKind::String as u8);
    columns.attributes.push_row([]);
    columns.dropped_attributes.push(0);
    columns.trace_id.push([0; 16]);
    columns.span_id.push([0; 8]);
    columns.flags.push(0);
    columns.event_name.push("");
}

/// Seconds of processor time of this process so far.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Likewise of this thread.
fn thread_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn open(folder: &Path) -> EmbeddedStore {
    let _in_runtime = RUNTIME.enter();
    let registry = prometheus::Registry::new();
    let config = StorageConfig::new(folder);
    EmbeddedStore::open(config, Arc::new(SystemClock), &registry, &mut |_| {}).unwrap()
}

fn load(folder: &Path) -> EmbeddedStore {
    let store = open(folder);
    let mut lines = Lines::new();
    let (mut bytes, mut making) = (0, 0.0);
    let before = cpu_seconds();
    RUNTIME.block_on(async {
        loop {
            let started = thread_seconds();
            let Some(batch) = lines.batch() else { break };
            making += thread_seconds() - started;
            bytes += batch.body.parts().1.len();
            store.append(&TenantId::default(), Batch::Logs(batch).into()).await.unwrap();
        }
        store.flush().await.unwrap();
    });
    let seconds = cpu_seconds() - before - making;
    eprintln!("{bytes} bytes in {seconds:.2} s of processor time");
    store
}

fn contains(needle: &str) -> LogTest {
    LogTest::Contains(needle.to_owned())
}

fn field(name: &str) -> LogField {
    LogField { path: vec![name.to_owned()], shadowed_by: name.to_owned(), flattened: false }
}

fn read(test: LogTest, matchers: Vec<Matcher>, wanted: usize) -> usize {
    let request = LogsRequest {
        matchers,
        range: TimeRange::ALL,
        test,
        parts: LogParts::All,
        order: Some(Order::NewestFirst),
        wanted: Some(wanted),
    };
    let cursor = RUNTIME.block_on(STORE.0.logs(&TenantId::default(), request)).unwrap();
    let mut rows = 0;
    for piece in cursor {
        rows += piece.unwrap().rows.time_ns.len();
        if rows >= wanted {
            break;
        }
    }
    rows
}

fn count(test: LogTest, by_labels: &[&str], by_fields: Vec<LogField>) -> usize {
    let request = LogCountRequest {
        matchers: vec![Matcher::equal("app", "agents")],
        range: TimeRange::ALL,
        test,
        bucket: Bucket { origin_ns: START_NS, step_ns: MINUTE_NS },
        by_labels: Some(by_labels.iter().map(|name| (*name).to_owned()).collect()),
        by_fields,
        bytes: false,
        parts: LogParts::Lines,
        groups_max: 1_000_000,
    };
    let cursor = RUNTIME.block_on(STORE.0.count_logs(&TenantId::default(), request)).unwrap();
    cursor.map(Result::unwrap).count()
}

#[divan::bench(sample_count = 1)]
fn ingest_to_parts(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    bencher.counter(BytesCount::new(*LINES * 280)).bench_local(|| load(folder.path()));
}

#[divan::bench(sample_count = 20)]
fn needle(bencher: Bencher<'_, '_>) {
    LazyLock::force(&STORE);
    bencher.bench_local(|| read(contains("req-0123456789abcdef"), Vec::new(), 1000));
}

#[divan::bench(sample_count = 20)]
fn newest_of_a_stream(bencher: Bencher<'_, '_>) {
    LazyLock::force(&STORE);
    let matchers = || vec![Matcher::equal("pod", "gateway-1")];
    bencher.bench_local(|| black_box(read(LogTest::And(Vec::new()), matchers(), 100)));
}

#[divan::bench(sample_count = 20)]
fn newest_errors(bencher: Bencher<'_, '_>) {
    LazyLock::force(&STORE);
    bencher.bench_local(|| black_box(read(contains("\"level\":\"error\""), Vec::new(), 100)));
}

#[divan::bench(sample_count = 10)]
fn count_by_minute(bencher: Bencher<'_, '_>) {
    LazyLock::force(&STORE);
    bencher.bench_local(|| black_box(count(LogTest::And(Vec::new()), &[], Vec::new())));
}

#[divan::bench(sample_count = 10)]
fn count_errors_by_minute(bencher: Bencher<'_, '_>) {
    LazyLock::force(&STORE);
    let test = || contains("\"level\":\"error\"");
    bencher.bench_local(|| black_box(count(test(), &["service"], Vec::new())));
}

#[divan::bench(sample_count = 10)]
fn count_slow_by_minute(bencher: Bencher<'_, '_>) {
    LazyLock::force(&STORE);
    let test = || LogTest::Field {
        field: field("duration_ms"),
        test: FieldTest::Number(CompareOp::Gt, 5000.0),
    };
    bencher.bench_local(|| black_box(count(test(), &["service"], Vec::new())));
}

#[divan::bench(sample_count = 5)]
fn count_word_by_level(bencher: Bencher<'_, '_>) {
    LazyLock::force(&STORE);
    let by_level = || vec![field("level")];
    bencher.bench_local(|| black_box(count(contains("deadline"), &[], by_level())));
}

#[divan::bench(sample_count = 20)]
fn streams(bencher: Bencher<'_, '_>) {
    LazyLock::force(&STORE);
    bencher.bench_local(|| {
        let request = StreamsRequest { matchers: Vec::new(), range: TimeRange::ALL };
        RUNTIME.block_on(STORE.0.log_streams(&TenantId::default(), request)).unwrap().len()
    });
}
