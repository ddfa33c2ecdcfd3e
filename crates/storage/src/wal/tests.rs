//! Behaviour of the log across stops, torn writes and damage.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

type Records = Vec<(u64, Vec<u8>)>;

const CONFIG: WalConfig =
    WalConfig { segment_bytes: 4096, queue_bytes_max: 1 << 20, rest: Duration::from_hours(1) };

fn open(folder: &Path, from: u64) -> (Wal, Records) {
    let (records, found) = read(folder, from).unwrap();
    (Wal::start(folder, CONFIG, found).unwrap(), records)
}

fn read(folder: &Path, from: u64) -> watchkeep_model::Result<(Records, Recovered)> {
    let mut records = Vec::new();
    let found = replay(
        folder,
        from,
        &mut |sequence, payload| {
            records.push((sequence, payload.to_vec()));
            Ok(())
        },
        &mut |_, _| {},
    )?;
    Ok((records, found))
}

fn payload(number: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (number * 31 + at) as u8).collect()
}

fn append(wal: &Wal, payload: Vec<u8>) -> u64 {
    futures::executor::block_on(wal.append(payload)).unwrap()
}

fn newest_segment(folder: &Path) -> std::path::PathBuf {
    segment::list(folder).unwrap().segments.pop().unwrap().1
}

#[test]
fn records_come_back_in_order_over_segments_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..4_u64 {
        let (wal, records) = open(folder.path(), 1);
        assert_eq!(records, expected);
        for number in 0..10 {
            let bytes = payload(round * 10 + number, 100 + number as usize * 150);
            let sequence = append(&wal, bytes.clone());
            expected.push((sequence, bytes));
        }
    }
    let (records, _) = read(folder.path(), 25).unwrap();
    assert_eq!(records, expected[24..], "replay starts where it is told to");
}

#[test]
fn a_record_larger_than_a_segment_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _) = open(folder.path(), 1);
    for number in 0..3 {
        append(&wal, payload(number, 10_000));
    }
    drop(wal);
    assert_eq!(read(folder.path(), 1).unwrap().0[2].1, payload(2, 10_000));
}

#[test]
fn released_segments_are_reused_and_their_old_records_do_not_return() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _) = open(folder.path(), 1);
    let mut last = 0;
    for number in 0..200 {
        last = append(&wal, payload(number, 300));
        wal.release(last.saturating_sub(3));
    }
    assert!(wal.stats().segments <= 3, "{:?}", wal.stats());
    drop(wal);
    let (records, _) = read(folder.path(), last - 2).unwrap();
    let sequences: Vec<u64> = records.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, [last - 2, last - 1, last]);
}

/// Files of the log that end in this, whatever their names are now.
fn inodes(folder: &Path, kind: &str) -> BTreeSet<u64> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names = names.filter(|path| path.extension().is_some_and(|it| it == kind));
    names.filter_map(|path| Some(fs::metadata(path).ok()?.ino())).collect()
}

#[test]
fn segments_that_become_free_at_once_are_reused_until_nothing_is_written() {
    for (rest, spares) in [(CONFIG.rest, 8), (Duration::ZERO, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let (_, found) = read(folder.path(), 1).unwrap();
        let wal = Wal::start(folder.path(), WalConfig { rest, ..CONFIG }, found).unwrap();
        let last = (0..9).map(|number| append(&wal, payload(number, 3000))).last().unwrap();
        let settled = || {
            inodes(folder.path(), "wal").len() == 1
                && inodes(folder.path(), "spare").len() <= spares
        };
        let all = || &inodes(folder.path(), "wal") | &inodes(folder.path(), "spare");
        wal.release(last);
        while !settled() {
            std::thread::yield_now();
        }
        let before = all();
        assert_eq!(before.len(), 1 + spares, "{rest:?}");
        append(&wal, payload(9, 3000));
        assert!(inodes(folder.path(), "wal").is_subset(&before), "{rest:?}");
    }
}

#[test]
fn a_log_that_nobody_needs_leaves_next_to_nothing_when_it_closes() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _) = open(folder.path(), 1);
    let mut last = 0;
    for number in 0..100 {
        last = append(&wal, payload(number, 300));
        wal.release(last.saturating_sub(1));
    }
    wal.release(last);
    drop(wal);
    let left: u64 = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(left, segment::SEGMENT_HEADER_BYTES as u64);
    let (wal, records) = open(folder.path(), last + 1);
    assert_eq!((records.len(), append(&wal, payload(1, 10))), (0, last + 1));
    drop(wal);
    assert_eq!(read(folder.path(), last + 1).unwrap().0.len(), 1, "what is needed stays");
}

#[test]
fn a_full_queue_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let (_, found) = read(folder.path(), 1).unwrap();
    let config = WalConfig { queue_bytes_max: 10, ..CONFIG };
    let wal = Wal::start(folder.path(), config, found).unwrap();
    let outcomes = futures::executor::block_on(futures::future::join_all(
        (0..64).map(|number| wal.append(payload(number, 8))),
    ));
    assert!(outcomes[0].is_ok());
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).count();
    assert!(refused > 0, "64 records of 8 bytes do not fit into 10 bytes at once");
    drop(wal);
    assert_eq!(read(folder.path(), 1).unwrap().0.len(), 64 - refused);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Cutting or overwriting the tail inside the last group loses that group and nothing else;
    /// writing goes on, and the next start finds all.
    #[test]
    fn a_torn_tail_is_cut(
        sizes in prop::collection::vec(1_usize..700, 1..12), cut: u16, garbage: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (wal, _) = open(folder.path(), 1);
        let mut ends = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            append(&wal, payload(number as u64, *size));
        }
        drop(wal);
        let (_, found) = read(folder.path(), 1).unwrap();
        ends.extend(found.segments.iter().map(|segment| (segment.path.clone(), segment.end)));
        let (path, end) = ends.pop().unwrap();
        // The last group: its header, one record with its length, and padding.
        let body = 4 + sizes.last().unwrap();
        let start = end - (32 + body).next_multiple_of(8) as u64;
        prop_assume!(start >= 64);
        let mut bytes = fs::read(&path).unwrap();
        let at = start as usize + usize::from(cut) % (32 + body);
        if garbage {
            bytes[at] ^= 0x55;
        } else {
            bytes.truncate(at);
        }
        fs::write(&path, &bytes).unwrap();

        let kept = sizes.len() - 1;
        let (wal, records) = open(folder.path(), 1);
        prop_assert_eq!(records.len(), kept);
        let sequence = append(&wal, payload(99, 50));
        prop_assert_eq!(sequence, kept as u64 + 1);
        drop(wal);
        prop_assert_eq!(read(folder.path(), 1).unwrap().0.len(), kept + 1);
    }

    /// Damage to any byte before the last group is noticed.
    #[test]
    fn damage_in_the_middle_is_an_error_that_names_the_file(
        sizes in prop::collection::vec(1_usize..200, 3..8), at: u32,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (wal, _) = open(folder.path(), 1);
        for (number, size) in sizes.iter().enumerate() {
            append(&wal, payload(number as u64, *size));
        }
        drop(wal);
        let path = newest_segment(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        let first_groups: usize = sizes[..sizes.len() - 1].iter()
            .map(|size| (32 + 4 + size).next_multiple_of(8)).sum();
        let at = 64 + at as usize % first_groups;
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        match read(folder.path(), 1) {
            Ok((records, _)) => {
                // Only padding between groups carries nothing.
                prop_assert_eq!(records.len(), sizes.len());
            }
            Err(error) => prop_assert!(
                error.message().contains(path.to_str().unwrap()), "{}", error.message()
            ),
        }
    }
}
