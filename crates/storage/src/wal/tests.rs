//! Behaviour of the log across stops, torn writes and damage.

use super::direct::{DIRECT_BYTES_MIN, Direct};
use super::segment::{GroupHeader, next_group};
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

/// Of segments that hold some large records.
const WIDE: WalConfig = WalConfig { segment_bytes: 1 << 20, queue_bytes_max: 64 << 20, ..CONFIG };
/// Of one segment that grows.
const ENDLESS: WalConfig = WalConfig { segment_bytes: 1 << 40, ..WIDE };

fn open(folder: &Path, from: u64) -> (Wal, Records) {
    open_with(folder, from, CONFIG)
}

fn open_with(folder: &Path, from: u64, config: WalConfig) -> (Wal, Records) {
    let (records, found) = read(folder, from).unwrap();
    (Wal::start(folder, config, found).unwrap(), records)
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

/// As the engine hands it over, or as one that stands where it can not be written directly.
fn encoded(bytes: &[u8], is_in_place: bool) -> Payload {
    let bytes_about = if is_in_place { bytes.len() } else { 0 };
    Payload::encode(bytes_about, |out| out.extend_from_slice(bytes))
}

fn append(wal: &Wal, payload: &[u8]) -> u64 {
    futures::executor::block_on(wal.append(encoded(payload, true))).unwrap()
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
            let sequence = append(&wal, &bytes);
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
        append(&wal, &payload(number, 10_000));
    }
    drop(wal);
    assert_eq!(read(folder.path(), 1).unwrap().0[2].1, payload(2, 10_000));
}

#[test]
fn released_segments_are_reused_and_their_old_records_do_not_return() {
    for (config, sizes, count) in [
        (CONFIG, [300, 300, 300], 200),
        (WIDE, [300, DIRECT_BYTES_MIN, DIRECT_BYTES_MIN + 5000], 60),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (wal, _) = open_with(folder.path(), 1, config);
        let mut last = 0;
        for number in 0..count {
            last = append(&wal, &payload(number, sizes[number as usize % 3]));
            wal.release(last.saturating_sub(3));
        }
        assert!(wal.stats().segments <= 3, "{:?}", wal.stats());
        drop(wal);
        let (records, _) = read(folder.path(), last - 2).unwrap();
        let sequences: Vec<u64> = records.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sequences, [last - 2, last - 1, last]);
    }
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
        let last = (0..9).map(|number| append(&wal, &payload(number, 3000))).last().unwrap();
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
        append(&wal, &payload(9, 3000));
        assert!(inodes(folder.path(), "wal").is_subset(&before), "{rest:?}");
    }
}

#[test]
fn a_log_that_nobody_needs_leaves_next_to_nothing_when_it_closes() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _) = open(folder.path(), 1);
    let mut last = 0;
    for number in 0..100 {
        last = append(&wal, &payload(number, 300));
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
    assert_eq!((records.len(), append(&wal, &payload(1, 10))), (0, last + 1));
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
        (0..64).map(|number| wal.append(encoded(&payload(number, 8), true))),
    ));
    assert!(outcomes[0].is_ok());
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).count();
    assert!(refused > 0, "64 records of 8 bytes do not fit into 10 bytes at once");
    drop(wal);
    assert_eq!(read(folder.path(), 1).unwrap().0.len(), 64 - refused);
}

/// Whether files in a folder can be opened for direct writes.
#[cfg(target_os = "linux")]
pub(crate) fn takes_direct_writes(folder: &Path) -> bool {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::DIRECT;
    let path = folder.join("probe");
    let probe = open(&path, flags, Mode::RUSR | Mode::WUSR);
    // One that is refused may have made the file, and may not.
    drop(fs::remove_file(&path));
    probe.is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn takes_direct_writes(_folder: &Path) -> bool {
    false
}

/// Where the groups of a segment start, and how many records they have.
fn groups(bytes: &[u8]) -> Vec<(u64, u32)> {
    let (mut found, mut at) = (Vec::new(), 64);
    while let Some(header) = bytes.get(at as usize..).and_then(|rest| rest.first_chunk()) {
        let Some(header) = GroupHeader::decode(header) else { break };
        found.push((at, header.records));
        at = next_group(at, header.body_bytes);
    }
    found
}

/// A log of a small record, a large one, a small one and a large one. Where the file system takes no
/// direct writes (tmpfs of some kernels) there is nothing in it to look at, and no folder.
fn small_and_large() -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let is_direct = takes_direct_writes(folder.path());
    let (wal, _) = open_with(folder.path(), 1, ENDLESS);
    for (number, size) in [100, DIRECT_BYTES_MIN, 100, DIRECT_BYTES_MIN].into_iter().enumerate() {
        append(&wal, &payload(number as u64, size));
    }
    assert_eq!(wal.stats().direct_records, if is_direct { 2 } else { 0 });
    drop(wal);
    assert_eq!(read(folder.path(), 1).unwrap().0.len(), 4);
    is_direct.then_some(folder)
}

#[test]
fn large_records_go_past_the_page_cache_in_blocks_with_fillers_before_them() {
    let Some(folder) = small_and_large() else { return };
    let bytes = fs::read(newest_segment(folder.path())).unwrap();
    let second = 4096 + (DIRECT_BYTES_MIN as u64 + 36).next_multiple_of(4096);
    let expected =
        [(64, 1), (64 + 136, 0), (4096, 1), (second, 1), (second + 136, 0), (second + 4096, 1)];
    assert_eq!(groups(&bytes), expected);
    assert!(bytes.len().is_multiple_of(4096));
}

#[test]
fn damage_beside_a_filler_is_an_error_if_anything_was_synced_behind_it() {
    let Some(folder) = small_and_large() else { return };
    let path = newest_segment(folder.path());
    let whole = fs::read(&path).unwrap();
    let starts: Vec<usize> = groups(&whole).into_iter().map(|(at, _)| at as usize).collect();
    // What is damaged, where the file ends, and how many records are found.
    let cases = [
        ("a record before a filler, and nothing behind that", starts[0], starts[2], None),
        ("a filler before more than one record", starts[1], whole.len(), None),
        ("a filler before the last record", starts[4], whole.len(), Some(3)),
        ("the last record", starts[5], whole.len(), Some(3)),
        ("a filler with nothing behind it", starts[4], starts[5], Some(3)),
    ];
    for (what, damaged, end, expected) in cases {
        for at in [damaged, damaged + 33] {
            let mut bytes = whole[..end].to_vec();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            let found = read(folder.path(), 1).ok().map(|(records, _)| records.len());
            assert_eq!(found, expected, "{what}");
        }
    }
}

#[test]
fn a_record_whose_filler_is_missing_does_not_return() {
    let Some(folder) = small_and_large() else { return };
    let path = newest_segment(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    let [.., (filler, 0), (last, 1)] = groups(&bytes)[..] else { panic!("there is a filler") };
    bytes[filler as usize..last as usize].fill(0);
    fs::write(&path, bytes).unwrap();
    let (wal, records) = open_with(folder.path(), 1, ENDLESS);
    assert_eq!(records.len(), 3);
    append(&wal, &payload(9, 100));
    drop(wal);
    let bytes = fs::read(&path).unwrap();
    assert!(bytes[last as usize..].iter().all(|byte| *byte == 0), "it was cleared");
    assert_eq!(read(folder.path(), 1).unwrap().0[3].1, payload(9, 100));
}

#[test]
fn records_that_can_not_be_written_directly_are_written_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (wal, _) = open_with(folder.path(), 1, WIDE);
    let bytes = payload(1, 2 * DIRECT_BYTES_MIN);
    let outgrown =
        Payload::encode(DIRECT_BYTES_MIN, |out| bytes.iter().for_each(|byte| out.push(*byte)));
    let small = encoded(&bytes[..DIRECT_BYTES_MIN - 1], true);
    for payload in [small, encoded(&bytes, false), outgrown] {
        futures::executor::block_on(wal.append(payload)).unwrap();
        // One that was moved may by chance lie as well as before.
        let stats = wal.stats();
        assert!(stats.direct_records == 0 || stats.last_sequence == 3, "{stats:?}");
    }
    drop(wal);
    let (records, _) = read(folder.path(), 1).unwrap();
    assert!(records[0].1 == bytes[..DIRECT_BYTES_MIN - 1]);
    assert!(records[1..].iter().all(|(_, record)| *record == bytes));
}

#[test]
fn a_file_system_that_refuses_direct_writes_gets_ordinary_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let file = fs::File::create(&path).unwrap();
    // One that can not be opened, and one whose write is refused: it is no whole block.
    for (number, name) in ["missing", "file"].into_iter().enumerate() {
        let mut direct = Direct::default();
        let (bytes, offset) = (payload(number as u64, 100), 3 + number as u64);
        direct.write(&file, &folder.path().join(name), &bytes, offset).unwrap();
        assert_eq!(fs::read(&path).unwrap()[offset as usize..], bytes);
        // Some take any write.
        assert_eq!(direct.is_open(), direct.groups == 1);
        direct.change_segment();
        assert_eq!(direct.is_open(), direct.groups == 1, "it is not tried again");
    }
}

/// Sizes about everything that matters: blocks, and what is large.
fn any_size() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 1_usize..700,
        1 => 3900_usize..4200,
        3 => DIRECT_BYTES_MIN - 50..DIRECT_BYTES_MIN + 9000,
    ]
}

fn expected(sizes: &[usize]) -> Records {
    let records = sizes.iter().enumerate();
    records.map(|(at, size)| (at as u64 + 1, payload(at as u64, *size))).collect()
}

/// A log in one segment of records that were acknowledged one by one, and where each ends.
fn acknowledged(folder: &Path, records: &Records) -> Vec<u64> {
    let (wal, _) = open_with(folder, 1, ENDLESS);
    let ends = records.iter().map(|(_, bytes)| {
        append(&wal, bytes);
        read(folder, u64::MAX).unwrap().1.segments[0].end
    });
    ends.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn small_and_large_records_come_back_in_order(
        rounds in prop::collection::vec(
            prop::collection::vec((any_size(), prop::bool::weighted(0.8)), 1..9), 1..4,
        ),
        at_once: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut expected: Records = Vec::new();
        for round in rounds {
            let (wal, records) = open_with(folder.path(), 1, WIDE);
            prop_assert!(records == expected);
            let first = expected.len() as u64 + 1;
            let added = round.iter().zip(first..);
            expected.extend(added.map(|((size, _), number)| (number, payload(number, *size))));
            let appends = expected[first as usize - 1..].iter().zip(&round);
            let appends = appends.map(|((_, bytes), (_, in_place))| wal.append(encoded(bytes, *in_place)));
            let sequences: Vec<u64> = if at_once {
                let outcomes = futures::executor::block_on(futures::future::join_all(appends));
                outcomes.into_iter().map(Result::unwrap).collect()
            } else {
                appends.map(|append| futures::executor::block_on(append).unwrap()).collect()
            };
            prop_assert!(sequences.into_iter().eq(first..=expected.len() as u64));
        }
        prop_assert!(read(folder.path(), 1).unwrap().0 == expected);
        for file in fs::read_dir(folder.path()).unwrap() {
            let bytes = file.unwrap().metadata().unwrap().len();
            prop_assert!(bytes <= WIDE.segment_bytes, "{bytes}");
        }
    }

    #[test]
    fn a_log_that_ends_at_any_byte_holds_all_that_ended_before(
        sizes in prop::collection::vec(any_size(), 1..7), cut: prop::sample::Index, zeroed: bool,
        next in any_size(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut expected = expected(&sizes);
        let ends = acknowledged(folder.path(), &expected);
        let path = newest_segment(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        let cut = 64 + cut.index(bytes.len() - 63);
        if zeroed {
            bytes[cut..].fill(0);
        } else {
            bytes.truncate(cut);
        }
        fs::write(&path, &bytes).unwrap();
        let (wal, records) = open_with(folder.path(), 1, ENDLESS);
        let kept = ends.iter().filter(|end| **end <= cut as u64).count();
        // Padding between groups carries nothing.
        prop_assert!((kept..=kept + 1).contains(&records.len()), "{} of {kept}", records.len());
        expected.truncate(records.len());
        prop_assert!(records == expected);
        let sequence = append(&wal, &payload(99, next));
        drop(wal);
        expected.push((sequence, payload(99, next)));
        prop_assert!(read(folder.path(), 1).unwrap().0 == expected);
    }

    /// Blocks of a write reach the disk in any order.
    #[test]
    fn a_last_write_of_which_anything_is_missing_takes_nothing_with_it(
        sizes in prop::collection::vec(any_size(), 1..5),
        missing in prop::collection::vec(
            (prop_oneof![0_usize..12, 0_usize..300], prop_oneof![1_usize..12, 1_usize..300]), 1..4,
        ),
        next in prop::collection::vec(any_size(), 1..3),
    ) {
        const SECTOR: usize = 512;
        let folder = tempfile::tempdir().unwrap();
        let mut expected = expected(&sizes);
        let ends = acknowledged(folder.path(), &expected);
        let path = newest_segment(folder.path());
        let mut bytes = fs::read(&path).unwrap();
        let before = sizes.len().checked_sub(2).map_or(64, |at| ends[at] as usize);
        for (from, sectors) in missing {
            // The sector that also holds the end of what was there before has that in any case.
            let from = (before / SECTOR + from) * SECTOR;
            let (from, to) = (from.max(before), (from + sectors * SECTOR).min(bytes.len()));
            if from < to {
                bytes[from..to].fill(0);
            }
        }
        fs::write(&path, &bytes).unwrap();
        let (_, found) = read(folder.path(), 1).unwrap();
        let kept = found.next_sequence as usize - 1;
        prop_assert!((sizes.len() - 1..=sizes.len()).contains(&kept));
        expected.truncate(kept);
        for size in next {
            let (wal, records) = open_with(folder.path(), 1, ENDLESS);
            prop_assert!(records == expected);
            let sequence = append(&wal, &payload(99, size));
            expected.push((sequence, payload(99, size)));
        }
        prop_assert!(read(folder.path(), 1).unwrap().0 == expected);
    }
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
            append(&wal, &payload(number as u64, *size));
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
        let sequence = append(&wal, &payload(99, 50));
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
            append(&wal, &payload(number as u64, *size));
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
