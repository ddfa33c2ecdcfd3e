//! Numbers of log records by stream, step of time and fields.

use std::collections::VecDeque;
use std::ops::Range;

use watchkeep_model::{Error, ErrorKind, Result};

use super::block::FieldKeys;
use super::groups::{Combined, Groups, Run, Tally};
use super::piece::{Loaded, Piece, RowStreams, Snapshot};
use super::select::Selector;
use crate::block::Need;
use crate::block::RowSet;
use crate::seam::{Bucket, LogCountCursor, LogCountFrame, LogCountRequest, LogRows, LogTest};

/// Rows handed out at once, at most.
const BATCH_ROWS: usize = 4096;

/// Counts records as the cursor is advanced.
pub(crate) fn count(snapshot: &Snapshot, request: LogCountRequest) -> Result<LogCountCursor> {
    if request.bucket.step_ns <= 0 {
        return Err(Error::invalid("the step of a count must be more than 0"));
    }
    let mut selector = Selector::new(request.matchers.clone());
    Ok(Box::new(Counter {
        need: Need::of(&request.test),
        pieces: snapshot.selected(request.range, &mut selector)?.into(),
        selector,
        groups: Groups::new(request.by_labels.clone()),
        undecided: VecDeque::new(),
        done: false,
        request,
    }))
}

struct Counter {
    request: LogCountRequest,
    need: Need,
    selector: Selector,
    pieces: VecDeque<(u64, Piece)>,
    groups: Groups,
    undecided: VecDeque<LogRows>,
    done: bool,
}

impl Iterator for Counter {
    type Item = Result<LogCountFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(rows) = self.undecided.pop_front() {
                return Some(Ok(LogCountFrame::Undecided(rows)));
            }
            if self.done {
                return None;
            }
            let Some((_, piece)) = self.pieces.pop_front() else {
                self.done = true;
                let counts = std::mem::take(&mut self.groups).into_counts();
                return (!counts.is_empty()).then_some(Ok(LogCountFrame::Counts(counts)));
            };
            if let Err(error) = self.add(&piece) {
                self.done = true;
                return Some(Err(error));
            }
        }
    }
}

/// The step that an instant lies in.
fn step_of(bucket: Bucket, time_ns: i64) -> i64 {
    time_ns.saturating_sub(bucket.origin_ns).div_euclid(bucket.step_ns)
}

impl Counter {
    fn add(&mut self, piece: &Piece) -> Result<()> {
        if self.add_indexed(piece)? || !piece.may_hold(&self.need)? {
            return self.check_groups();
        }
        let loaded = piece.load()?;
        let streams = loaded.streams(&mut self.selector)?;
        let candidates = loaded.candidates(self.request.range, &streams)?;
        if candidates.is_empty() {
            return Ok(());
        }
        let (mut yes, mut undecided) = if is_always_true(&self.request.test) {
            let none = RowSet::none(loaded.len());
            (candidates, none)
        } else {
            let decision = loaded.test(&self.request.test, &candidates)?;
            (decision.yes, decision.unknown)
        };
        let mut fields = Vec::with_capacity(self.request.by_fields.len());
        for field in &self.request.by_fields {
            let keys = loaded.field_keys(field, &yes)?;
            let unknown = RowSet::of(loaded.len(), |row| {
                keys.keys[row] == FieldKeys::UNKNOWN && yes.contains(row)
            });
            yes.remove(&unknown);
            undecided.add(&unknown);
            fields.push(keys);
        }
        self.count_rows(&loaded, &streams, &yes, &fields)?;
        self.leave(&loaded, &undecided)?;
        self.check_groups()
    }

    /// Counts by the index alone, where every stream of a block that is wanted lies in the range
    /// and in one step; false where that can not be done.
    fn add_indexed(&mut self, piece: &Piece) -> Result<bool> {
        let LogCountRequest { range, bucket, .. } = self.request;
        if !is_always_true(&self.request.test) || !self.request.by_fields.is_empty() {
            return Ok(false);
        }
        let Some((entry, names)) = piece.indexed()? else { return Ok(false) };
        let mut wanted = Vec::new();
        for stream in &entry.streams {
            let name = &names[stream.stream as usize];
            if !self.selector.accepts(name) || !range.overlaps_closed(stream.min_ns, stream.max_ns)
            {
                continue;
            }
            let step = step_of(bucket, stream.min_ns);
            let is_whole = range.contains(stream.min_ns)
                && range.contains(stream.max_ns)
                && step == step_of(bucket, stream.max_ns);
            if !is_whole {
                return Ok(false);
            }
            let tally = Tally { rows: u64::from(stream.rows), bytes: stream.body_bytes };
            wanted.push((name, step, tally));
        }
        for (name, step, tally) in wanted {
            let labels = self.groups.labels_of(&name.labels);
            self.groups.add(labels, &[], step, tally);
        }
        Ok(true)
    }

    fn count_rows(
        &mut self,
        loaded: &Loaded,
        streams: &RowStreams,
        rows: &RowSet,
        fields: &[FieldKeys],
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if fields.is_empty()
            && !self.request.bytes
            && let Some(runs) = streams.runs()
        {
            return self.count_runs(loaded, streams, runs, rows);
        }
        let times = loaded.times()?;
        let bytes = if self.request.bytes { loaded.body_bytes(rows)? } else { Vec::new() };
        let mut sizes = bytes.into_iter();
        let combined = Combined::of(fields, rows);
        let bucket = self.request.bucket;
        // Neighbours are mostly of one stream and step: their tallies are kept at hand.
        let mut run = Run::new(combined.len());
        for (row, stream) in streams.of(rows.iter()) {
            let time_ns = times[row];
            if !run.covers(stream, time_ns) {
                self.end_run(&mut run, streams, &combined, fields);
                let step = step_of(bucket, time_ns);
                let from_ns = bucket.origin_ns.saturating_add(step.saturating_mul(bucket.step_ns));
                let to_ns = from_ns.saturating_add(bucket.step_ns - 1);
                // A step at an end of time may be cut off: then each row is looked at alone.
                run.begin(stream, step, (from_ns.min(time_ns), to_ns.max(time_ns)));
            }
            run.add(combined.of_row(row), u64::from(sizes.next().unwrap_or_default()));
        }
        self.end_run(&mut run, streams, &combined, fields);
        Ok(())
    }

    /// Counts rows that are ordered by time within their streams, step by step.
    fn count_runs(
        &mut self,
        loaded: &Loaded,
        streams: &RowStreams,
        runs: &[(Range<usize>, u32)],
        rows: &RowSet,
    ) -> Result<()> {
        let bucket = self.request.bucket;
        for (run, stream) in runs {
            let Some(name) = &streams.names[*stream as usize] else { continue };
            if rows.count_in(run.clone()) == 0 {
                continue;
            }
            let labels = self.groups.labels_of(&name.labels);
            let times = loaded.times()?;
            let mut from = run.start;
            while from < run.end {
                let step = step_of(bucket, times[from]);
                let rest = &times[from + 1..run.end];
                let to = from + 1 + rest.partition_point(|time| step_of(bucket, *time) == step);
                let counted = rows.count_in(from..to) as u64;
                if counted > 0 {
                    self.groups.add(labels, &[], step, Tally { rows: counted, bytes: 0 });
                }
                from = to;
            }
        }
        Ok(())
    }

    fn end_run(
        &mut self,
        run: &mut Run,
        streams: &RowStreams,
        combined: &Combined,
        fields: &[FieldKeys],
    ) {
        let Some((stream, step)) = run.of else { return };
        let Some(name) = &streams.names[stream as usize] else { return };
        let labels = self.groups.labels_of(&name.labels);
        for (combination, tally) in run.take() {
            let texts = combined.texts(combination, fields);
            self.groups.add(labels, &texts, step, tally);
        }
    }

    /// Leaves rows to the caller.
    fn leave(&mut self, loaded: &Loaded, rows: &RowSet) -> Result<()> {
        let rows: Vec<u32> = rows.iter().map(|row| row as u32).collect();
        for rows in rows.chunks(BATCH_ROWS) {
            let rows = loaded.take(rows, self.request.parts)?;
            self.undecided.push_back(LogRows { rows });
        }
        Ok(())
    }

    fn check_groups(&self) -> Result<()> {
        if self.groups.len() <= self.request.groups_max {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::LimitExceeded { key: "limits.query_groups_max" },
            format!("the answer has more than {} groups", self.request.groups_max),
        ))
    }
}

/// Whether a test holds of every record, whatever it is.
fn is_always_true(test: &LogTest) -> bool {
    match test {
        LogTest::And(all) => all.iter().all(is_always_true),
        LogTest::Contains(needle) => needle.is_empty(),
        _ => false,
    }
}
