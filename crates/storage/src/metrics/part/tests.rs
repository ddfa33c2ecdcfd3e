//! Parts as files: damage is found, and files of every version that was ever written stay readable.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use watchkeep_model::metrics::STALE_NAN_BITS;
use watchkeep_model::{ErrorKind, Labels, MetricColumns, Result, SeriesSamples};

use super::entry::{Entries, decode_exemplars, decode_metadata};
use super::frame::{FILE_NAME, Fields};
use super::group::Group;
use super::{Directory, FrameCache, Part, PartFigures, read_posting};
use crate::metrics::tests::{
    everything, histogram_of, labels_of, pairs, push_exemplar, push_float, push_histogram,
    push_metadata, read, view_of,
};
use crate::metrics::{Head, View};
use crate::seam::{Matcher, SamplesRequest, SeriesRequest};

/// Something of every kind: each form of values, shared and own times, histograms, exemplars.
fn specimen() -> MetricColumns {
    let mut batch = MetricColumns::default();
    for at in 0..150_i64 {
        let time_ms = 1_700_000_000_000 + at * 15_000;
        push_float(&mut batch, 0, time_ms, 42.0);
        push_float(&mut batch, 1, time_ms, (at * at) as f64 / 1e6);
        push_float(&mut batch, 2, time_ms + at % 3, ((at + 1) as f64).sqrt());
        let odd = if at % 2 == 0 { STALE_NAN_BITS } else { 0x7ff8_0000_dead_0000 + at as u64 };
        push_float(&mut batch, 3, time_ms, f64::from_bits(odd));
        let end = if at == 149 { f64::from_bits(STALE_NAN_BITS) } else { -0.5 * at as f64 };
        push_float(&mut batch, 5, time_ms, end);
    }
    for at in 0..20_i64 {
        push_histogram(&mut batch, 4, 1_700_000_000_000 + at * 60_000, at as u32 * 11);
    }
    for (at, start_ms) in batch.floats.start_ms.iter_mut().enumerate().filter(|(at, _)| at % 5 == 1)
    {
        *start_ms = 1_699_999_999_000 + (at as i64 / 400) * 60_000;
    }
    batch.histograms.start_ms.fill(1_699_999_990_000);
    push_exemplar(&mut batch, 1, 1_700_000_003_000, 0.25);
    push_metadata(&mut batch, "metric_1", "what a call cost");
    batch
}

fn open(directory: &Path) -> Result<Part> {
    Part::open(directory, &FrameCache::new("metrics", 1 << 20))
}

fn write_specimen(directory: &Path) -> PartFigures {
    let head = Head::new();
    head.append(&specimen());
    head.freeze().write_part(directory, (i64::MIN, i64::MAX), true).unwrap()
}

/// Asks for all there is; a value is compared by its bits.
fn read_all(directory: &Path) -> Result<Vec<String>> {
    let part = open(directory)?;
    let view = view_of(&[part], &Head::new());
    let request = SamplesRequest { series: everything(), samples_max: usize::MAX };
    let mut lines = Vec::new();
    for series in view.samples(request) {
        let series = series?;
        let floats = pairs(&series);
        let floats = floats.iter().map(|(at, value)| format!("{at}={:x}", value.to_bits()));
        let starts = &series.floats.starts_ms;
        lines.push(format!("{:?} {}", series.labels, floats.collect::<Vec<_>>().join(" ")));
        lines.push(format!("{starts:?}"));
        lines.extend(series.histograms.iter().map(|one| format!("{one:?}")));
    }
    lines.extend(view.exemplars(&everything())?.iter().map(|row| format!("{row:?}")));
    lines.extend(view.metadata()?.iter().map(|row| format!("{row:?}")));
    let matchers = vec![Matcher::equal("job", "job-1")];
    let request = SeriesRequest { matchers, ..everything() };
    lines.extend(view.series(&request)?.iter().map(|labels| format!("{labels:?}")));
    Ok(lines)
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/metrics/v2")
}

#[test]
fn the_golden_part_of_version_2_stays_readable() {
    let directory = golden();
    if std::env::var_os("WATCHKEEP_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&directory).unwrap();
        if directory.join(FILE_NAME).try_exists().unwrap() {
            std::fs::remove_file(directory.join(FILE_NAME)).unwrap();
        }
        write_specimen(&directory);
    }
    let part = open(&directory).unwrap();
    part.verify().unwrap();
    let figures = part.figures();
    assert_eq!((figures.series, figures.samples), (6, 770));
    assert_eq!((figures.min_ms, figures.max_ms), (1_700_000_000_000, 1_700_002_235_002));

    let fresh = tempfile::tempdir().unwrap();
    write_specimen(fresh.path());
    assert_eq!(read_all(&directory).unwrap(), read_all(fresh.path()).unwrap());
    let series = read(&view_of(&[part], &Head::new()), everything());
    assert_eq!(series[4].labels, labels_of(4));
    assert_eq!(*series[4].histograms[19].histogram, histogram_of(209));
    assert_eq!(series[5].floats.values[149].to_bits(), STALE_NAN_BITS);
    assert_eq!(series[4].histograms[19].start_ms, 1_699_999_990_000);
    let starts = series[1].floats.starts_ms.as_deref().unwrap();
    assert_eq!((starts[0], starts[149]), (1_699_999_999_000, 1_700_000_059_000));
    assert_eq!(series[0].floats.starts_ms, None);
    assert_eq!(pairs(&series[1])[3], (1_700_000_045_000, 0.000_009));
}

#[test]
fn every_damaged_byte_is_found_and_read_as_an_error_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    write_specimen(directory.path());
    let path = directory.path().join(FILE_NAME);
    let sound = std::fs::read(&path).unwrap();
    let answer = read_all(directory.path()).unwrap();
    for position in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[position] ^= 1 << (position % 8);
        std::fs::write(&path, &bytes).unwrap();
        let error = open(directory.path()).and_then(|part| part.verify()).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Corrupt, "byte {position}: {}", error.report());
        assert!(error.message().contains("at offset"), "{}", error.message());
        match read_all(directory.path()) {
            Ok(lines) => assert_eq!(lines, answer, "byte {position}"),
            Err(error) => assert_eq!(error.kind(), &ErrorKind::Corrupt, "byte {position}"),
        }
    }
}

#[test]
fn a_cut_file_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    write_specimen(directory.path());
    let path = directory.path().join(FILE_NAME);
    let sound = std::fs::read(&path).unwrap();
    for len in (0..sound.len()).step_by(7) {
        std::fs::write(&path, &sound[..len]).unwrap();
        let error = open(directory.path()).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Corrupt, "cut to {len}");
    }
}

/// Enough series for several frames of series and postings, full groups, and Roaring sets.
fn crowd() -> MetricColumns {
    let mut batch = MetricColumns::default();
    for series in 0..1500_u32 {
        let labels = Labels::from_pairs([
            ("__name__", format!("crowd_{}", series % 3)),
            ("id", format!("{series}-{}", "x".repeat(60))),
        ]);
        batch.series.labels.push(labels.as_bytes());
        batch.series.delta.push(0);
        for at in 0..i64::from(3 + series % 5) {
            batch.floats.series.push(series);
            batch.floats.time_ms.push(at * 15_000 + i64::from(series % 7));
            batch.floats.start_ms.push(0);
            batch.floats.value.push(match series % 4 {
                0 => f64::from(series).sqrt() * at as f64,
                1 => (at * i64::from(series)) as f64,
                2 => (at * i64::from(series)) as f64 / 1000.0,
                _ => f64::NAN.copysign(at as f64 - 1.5),
            });
        }
    }
    batch
}

#[test]
fn many_series_read_the_same_from_memory_and_from_a_part() {
    let head = Head::new();
    head.append(&crowd());
    let directory = tempfile::tempdir().unwrap();
    head.freeze().write_part(directory.path(), (i64::MIN, i64::MAX), true).unwrap();
    head.append(&crowd());
    let part = open(directory.path()).unwrap();
    assert!(part.0.directory.blocks.len() > 10 && part.0.directory.names["id"].len() > 2);

    let (memory, disk) = (view_of(&[], &head), view_of(&[part], &Head::new()));
    let mut asked = vec![Vec::new(), vec![Matcher::equal("__name__", "crowd_1")]];
    for series in [0, 1, 127, 128, 700, 1499] {
        asked.push(vec![Matcher::equal("id", format!("{series}-{}", "x".repeat(60)))]);
    }
    asked.push(vec![Matcher::equal("id", "~ after all")]);
    asked.push(vec![Matcher::equal("id", " before all")]);
    let counts = [1500, 500, 1, 1, 1, 1, 1, 1, 0, 0];
    for (matchers, count) in asked.into_iter().zip(counts) {
        let request = SeriesRequest { matchers, ..everything() };
        let (found, same) = (read(&memory, request.clone()), read(&disk, request.clone()));
        assert_eq!((found.len(), same.len()), (count, count), "{request:?}");
        for (one, other) in found.iter().zip(&same) {
            assert_eq!(one.labels, other.labels);
            let bits = |series: &SeriesSamples| {
                let floats = pairs(series);
                floats.iter().map(|(at, value)| (*at, value.to_bits())).collect::<Vec<_>>()
            };
            assert_eq!(bits(one), bits(other));
        }
    }
}

#[test]
fn like_series_share_their_times() {
    let write = |shift: i64| {
        let directory = tempfile::tempdir().unwrap();
        let mut batch = MetricColumns::default();
        for at in 0..480_i64 {
            // No two steps alike, so that a column of times costs something.
            let time_ms = at * 15_000 + at * at * 7919 % 4001;
            for series in 0..20 {
                push_float(&mut batch, series, time_ms + shift * i64::from(series), 1.0);
            }
        }
        let head = Head::new();
        head.append(&batch);
        head.freeze().write_part(directory.path(), (i64::MIN, i64::MAX), true).unwrap().bytes
    };
    let (shared, own) = (write(0), write(1));
    assert!(shared * 5 < own, "{shared} bytes shared, {own} bytes apart");
}

#[test]
fn equal_times_are_handed_out_as_one_column() {
    let batch = |from: i64| {
        let mut batch = MetricColumns::default();
        for at in from..from + 100 {
            (0..6).for_each(|series| push_float(&mut batch, series, at * 15_000, at as f64));
        }
        batch
    };
    let head = Head::new();
    head.append(&batch(0));
    let directory = tempfile::tempdir().unwrap();
    head.freeze().write_part(directory.path(), (i64::MIN, i64::MAX), true).unwrap();
    let part = open(directory.path()).unwrap();
    let is_shared = |view: &View, request: SeriesRequest, samples: usize| {
        let all = read(view, request);
        assert_eq!((all.len(), all[0].floats.len()), (6, samples));
        let first = &all[0].floats.times_ms;
        assert!(all.iter().all(|one| Arc::ptr_eq(&one.floats.times_ms, first)));
    };
    let some = SeriesRequest { start_ms: 30_000, end_ms: 60_000, ..everything() };
    let view = view_of(std::slice::from_ref(&part), &Head::new());
    is_shared(&view, everything(), 100);
    is_shared(&view, some.clone(), 3);
    head.append(&batch(90));
    let joined = view_of(&[part], &head);
    is_shared(&joined, everything(), 190);
    is_shared(&joined, some, 3);
}

proptest! {
    /// Checksums keep damage out; what passes them is believed no more for that.
    #[test]
    fn no_payload_panics(bytes: Vec<u8>) {
        let _directory = Directory::parse(&bytes);
        let _entry = Entries::decode(&mut Fields { rest: &bytes }, 3);
        let _exemplars = decode_exemplars(&bytes);
        let _metadata = decode_metadata(&bytes);
        let _posting = read_posting(&mut Fields { rest: &bytes });
        let _group = Group::parse(bytes.clone());
    }
}
