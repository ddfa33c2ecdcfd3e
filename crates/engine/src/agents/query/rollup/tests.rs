//! The cache of chunks.

use std::sync::Arc;

use watchkeep_model::{TenantId, TimeRange};

use super::cache::{Chunk, Record, Rollups};
use super::{Detail, RunChunk, StepChunk};

const HOUR_NS: i64 = 3_600_000_000_000;

fn hour(number: i64) -> TimeRange {
    TimeRange { start_ns: number * HOUR_NS, end_ns: (number + 1) * HOUR_NS }
}

fn keep(rollups: &Rollups, range: TimeRange) {
    keep_of(rollups, Detail::Plain, range);
}

fn keep_of(rollups: &Rollups, detail: Detail, range: TimeRange) {
    let tenant = TenantId::default();
    let reading = rollups.reading(&tenant, range);
    let of = (&tenant, Record::Steps(detail), range);
    rollups.keep(&reading, of, Chunk::Steps(Arc::new(StepChunk::default())));
}

#[test]
fn a_chunk_stays_until_something_is_written_into_it() {
    let (rollups, tenant) = (Rollups::new(1 << 20), TenantId::default());
    keep(&rollups, hour(1));
    keep(&rollups, hour(2));
    rollups.forget(&tenant, "step", [HOUR_NS * 2 - 1, HOUR_NS * 5].into_iter());
    assert!(rollups.get(&tenant, Record::Steps(Detail::Plain), hour(1)).is_none());
    assert!(rollups.get(&tenant, Record::Steps(Detail::Plain), hour(2)).is_some());
    rollups.forget(&tenant, "event", [HOUR_NS * 2].into_iter());
    rollups.forget(&TenantId::new("other").unwrap(), "step", [HOUR_NS * 2].into_iter());
    assert!(
        rollups.get(&tenant, Record::Steps(Detail::Plain), hour(2)).is_some(),
        "of another kind or tenant"
    );
}

#[test]
fn what_is_written_while_a_chunk_is_read_keeps_it_out() {
    let (rollups, tenant) = (Rollups::new(1 << 20), TenantId::default());
    let reading = rollups.reading(&tenant, hour(1));
    rollups.forget(&tenant, "run", [HOUR_NS].into_iter());
    let of = (&tenant, Record::Runs, hour(1));
    rollups.keep(&reading, of, Chunk::Runs(Arc::new(RunChunk::default())));
    assert_eq!(rollups.len(), 0);
    drop(reading);
    keep(&rollups, hour(1));
    assert_eq!(rollups.len(), 1);
}

#[test]
fn pieces_that_no_clock_has_are_not_kept_and_bytes_are_bounded() {
    let rollups = Rollups::new(400);
    keep(&rollups, TimeRange { start_ns: 1, end_ns: HOUR_NS });
    assert_eq!(rollups.len(), 0);
    (0..100).for_each(|number| keep(&rollups, hour(number)));
    assert!((1..10).contains(&rollups.len()), "{} are held", rollups.len());
    let newest = rollups.get(&TenantId::default(), Record::Steps(Detail::Plain), hour(99));
    assert!(newest.is_some(), "the oldest went");
}

#[test]
fn sums_by_user_do_not_push_out_the_others() {
    let (rollups, tenant) = (Rollups::new(1_000), TenantId::default());
    (0..3).for_each(|number| keep(&rollups, hour(number)));
    let plain = rollups.len();
    (0..100).for_each(|number| keep_of(&rollups, Detail::People, hour(number)));
    let held = |number| rollups.get(&tenant, Record::Steps(Detail::Plain), hour(number)).is_some();
    assert_eq!((0..3).filter(|number| held(*number)).count(), plain);
    assert!(rollups.get(&tenant, Record::Steps(Detail::People), hour(99)).is_some());
}
