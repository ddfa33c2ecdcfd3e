//! The tailer on real files, without a store: what is read, and what is read again after a crash.

use std::path::Path;
use std::time::{Duration, Instant};

use prometheus::Registry;
use regex::bytes::Regex;

use super::frame::Framing;
use super::patterns::Patterns;
use super::positions::Positions;
use super::split::Splitting;
use super::tailer::{Bounds, ReadRange, Source, Tailer};
use crate::sources::config::{LineFormat, StartAt};
use crate::sources::metrics::SourceMetrics;
use crate::sources::pipeline::Pipeline;
use crate::sources::record::Maker;

const WAIT: Duration = Duration::from_secs(5);

fn source(pattern: &Path, first_line: Option<&str>, start_at: StartAt) -> Source {
    let first_line = first_line.map(|text| Regex::new(text).unwrap());
    Source {
        patterns: Patterns::new(&[pattern.to_str().unwrap().to_owned()], &[]).unwrap(),
        start_at,
        splitting: Splitting { framing: Framing::None, first_line, lines_max: 100 },
        wait_max: WAIT,
        maker: Maker {
            format: LineFormat::Text,
            framing: Framing::None,
            labels: std::collections::BTreeMap::new(),
            pipeline: Pipeline::default(),
            line_bytes_max: 100,
        },
    }
}

fn tailer_of(source: Source, positions: Positions) -> Tailer {
    let bounds =
        Bounds { files_max: 10, round_bytes_max: 1000, file_bytes_max: 32, rotated_wait: WAIT };
    let metrics = SourceMetrics::register(&Registry::new()).unwrap();
    Tailer::new(vec![source], bounds, metrics, positions)
}

fn tailer(pattern: &Path, positions: Positions) -> Tailer {
    tailer_of(source(pattern, None, StartAt::Beginning), positions)
}

/// Reads and stores until nothing comes.
fn drain(tailer: &mut Tailer, now: Instant) -> String {
    let mut all = String::new();
    for _ in 0..100 {
        tailer.scan(now);
        let round = tailer.read(now);
        for record in round.ranges.iter().flat_map(ReadRange::records) {
            all += &String::from_utf8_lossy(record).replace('\n', "|");
        }
        tailer.commit(&round);
    }
    all
}

#[test]
fn files_are_read_on_through_rotation_copies_and_truncation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let now = Instant::now();
    for pattern in ["a.log", "a.log*"] {
        for file in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        let mut tailer = tailer(&folder.path().join(pattern), Positions::new(1));
        std::fs::write(&path, "1\n2\nhal").unwrap();
        assert_eq!(drain(&mut tailer, now), "1|2|");
        // Two rotations between two looks.
        std::fs::write(&path, "1\n2\nhalf\n").unwrap();
        std::fs::rename(&path, folder.path().join("a.log.2")).unwrap();
        std::fs::write(folder.path().join("a.log.1"), "3\n").unwrap();
        std::fs::write(&path, "4\n").unwrap();
        let mut got: Vec<_> = drain(&mut tailer, now).split('|').map(str::to_owned).collect();
        got.sort();
        assert_eq!(got, ["", "3", "4", "half"], "{pattern}");
        // A copy, which holds more than was read, and a truncation.
        std::fs::write(&path, "4\n5\n").unwrap();
        std::fs::rename(folder.path().join("a.log.1"), folder.path().join("a.log.3")).unwrap();
        std::fs::copy(&path, folder.path().join("a.log.1")).unwrap();
        std::fs::write(&path, "6\n").unwrap();
        let mut got: Vec<_> = drain(&mut tailer, now).split('|').map(str::to_owned).collect();
        got.sort();
        assert_eq!(got, ["", "5", "6"], "{pattern}");
        // Compressed ones were read before.
        std::fs::write(folder.path().join("a.log.4.gz"), "x\n").unwrap();
        assert_eq!(drain(&mut tailer, now + WAIT), "", "{pattern}");
    }
}

#[test]
fn a_round_that_may_be_stored_is_read_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let now = Instant::now();
    std::fs::write(&path, "1\n2\n").unwrap();
    let mut first = tailer(&path, Positions::new(1));
    first.scan(now);
    let round = first.read(now);
    let saved = first.begin(&round);
    let token = saved.token();
    // It is killed here; more is written, and the file is renamed.
    std::fs::write(&path, "1\n2\n3\n").unwrap();
    std::fs::rename(&path, folder.path().join("renamed")).unwrap();
    let mut second = tailer(&path, saved.clone());
    let again = second.pending().unwrap();
    let records: Vec<_> = again.ranges.iter().flat_map(ReadRange::records).collect();
    assert_eq!(records, [b"1\n", b"2\n"]);
    assert_eq!(second.positions().token(), token);
    second.commit(&again);
    assert!(second.pending().is_none());
    assert_eq!(drain(&mut second, now), "3|");
    // Where it holds something else by now, that is new.
    std::fs::write(&path, "other\n").unwrap();
    std::fs::remove_file(folder.path().join("renamed")).unwrap();
    let mut third = tailer(&path, saved);
    assert!(third.pending().unwrap().ranges.is_empty());
    assert_eq!(drain(&mut third, now), "other|");
}

#[test]
fn a_line_that_is_too_long_is_read_in_part_and_the_next_one_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    std::fs::write(&path, format!("{}\nnext\n", "x".repeat(100))).unwrap();
    let mut tailer = tailer(&path, Positions::new(1));
    let got = drain(&mut tailer, Instant::now());
    assert_eq!(got, format!("{}next|", "x".repeat(32)));
}

#[test]
fn the_last_message_of_several_lines_waits_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    std::fs::write(&path, "1 a\n b\n2 c\n d\n").unwrap();
    let source = source(&path, Some(r"^\d"), StartAt::Beginning);
    let mut tailer = tailer_of(source, Positions::new(1));
    let now = Instant::now();
    assert_eq!(drain(&mut tailer, now), "1 a| b|");
    assert_eq!(drain(&mut tailer, now + WAIT), "2 c| d|");
}

#[test]
fn reading_begins_at_the_end_only_of_what_was_there_at_the_first_look() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("*.log");
    let now = Instant::now();
    std::fs::write(folder.path().join("a.log"), "old\n").unwrap();
    let mut tailer = tailer_of(source(&pattern, None, StartAt::End), Positions::new(1));
    assert_eq!(drain(&mut tailer, now), "");
    std::fs::write(folder.path().join("b.log"), "new\n").unwrap();
    assert_eq!(drain(&mut tailer, now), "new|");
    let mut again = tailer_of(source(&pattern, None, StartAt::End), tailer.positions());
    std::fs::write(folder.path().join("c.log"), "newer\n").unwrap();
    assert_eq!(drain(&mut again, now), "newer|");
}
