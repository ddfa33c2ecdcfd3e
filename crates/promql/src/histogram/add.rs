//! Adds and subtracts histograms.

use watchkeep_model::NativeHistogram;
use watchkeep_model::histogram::bounds::exponential_bound;
use watchkeep_model::histogram::buckets::{Indexed, coarsening, coarser_index};
use watchkeep_model::histogram::layout::Runs;
use watchkeep_model::histogram::{BucketSpan, ResetHint};

use super::{custom, kahan, zero};

/// An exponential histogram cannot be combined with one of custom buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas"
)]
pub struct MixedSchemas;

/// What is to be remarked about a sum or difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Combined {
    /// One operand said that its counts began anew, the other that they did not.
    pub reset_collision: bool,
    /// The custom bounds differed and were cut down to those that both have.
    pub bounds_reconciled: bool,
}

impl Combined {
    /// Takes over the remarks about a further step.
    pub fn extend(&mut self, other: Self) {
        self.reset_collision |= other.reset_collision;
        self.bounds_reconciled |= other.bounds_reconciled;
    }
}

/// Adds `other` to `total`: to the coarser schema, the wider zero bucket, or the custom bounds that
/// both have. The sum may have empty buckets. On an error nothing has changed.
pub fn add(total: &mut NativeHistogram, other: &NativeHistogram) -> Result<Combined, MixedSchemas> {
    combine(total, other, 1.0, None)
}

/// Subtracts `other` from `total`, like [`add`]. The reset hint is that of a sum; whoever subtracts
/// for a user marks the difference as a gauge.
pub fn subtract(
    total: &mut NativeHistogram,
    other: &NativeHistogram,
) -> Result<Combined, MixedSchemas> {
    combine(total, other, -1.0, None)
}

/// A sum of histograms that carries along what rounding lost.
#[derive(Debug, Clone)]
pub struct HistogramSum {
    total: NativeHistogram,
    lost: Option<Lost>,
}

/// What rounding took from the numbers of a histogram, bucket by bucket in its layout.
#[derive(Debug, Clone, Default)]
pub(super) struct Lost {
    pub(super) zero_count: f64,
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) positive: Vec<f64>,
    pub(super) negative: Vec<f64>,
}

impl HistogramSum {
    /// The sum of one histogram.
    pub fn new(first: NativeHistogram) -> Self {
        Self { total: first, lost: None }
    }

    /// Adds a histogram, as [`add`] does. On an error nothing has changed.
    pub fn add(&mut self, other: &NativeHistogram) -> Result<Combined, MixedSchemas> {
        if self.total.uses_custom_buckets() != other.uses_custom_buckets() {
            return Err(MixedSchemas);
        }
        let total = &self.total;
        let lost = self.lost.get_or_insert_with(|| Lost {
            positive: vec![0.0; total.positive_counts.len()],
            negative: vec![0.0; total.negative_counts.len()],
            ..Lost::default()
        });
        combine(&mut self.total, other, 1.0, Some(lost))
    }

    /// The sum so far as rounded.
    pub(super) fn rounded(&self) -> &NativeHistogram {
        &self.total
    }

    /// Changes every number of the sum.
    pub(super) fn map(&mut self, change: impl Fn(f64) -> f64) {
        super::statistics::map_numbers(&mut self.total, &change);
        if let Some(lost) = &mut self.lost {
            let single = [&mut lost.zero_count, &mut lost.count, &mut lost.sum];
            for value in single.into_iter().chain(&mut lost.positive).chain(&mut lost.negative) {
                *value = change(*value);
            }
        }
    }

    /// The sum, not compacted.
    pub fn finish(self) -> NativeHistogram {
        let Self { mut total, lost } = self;
        if let Some(lost) = lost {
            total.zero_count += lost.zero_count;
            total.count += lost.count;
            total.sum += lost.sum;
            for (counts, lost) in [
                (&mut total.positive_counts, lost.positive),
                (&mut total.negative_counts, lost.negative),
            ] {
                counts.iter_mut().zip(lost).for_each(|(count, lost)| *count += lost);
            }
        }
        total
    }
}

fn combine(
    total: &mut NativeHistogram,
    other: &NativeHistogram,
    sign: f64,
    mut lost: Option<&mut Lost>,
) -> Result<Combined, MixedSchemas> {
    if total.uses_custom_buckets() != other.uses_custom_buckets() {
        return Err(MixedSchemas);
    }
    let reset_collision = combine_hints(total, other.reset_hint);
    total.is_float |= other.is_float || sign < 0.0;
    if let Some(lost) = lost.as_deref_mut() {
        kahan::add(other.count, &mut total.count, &mut lost.count);
        kahan::add(other.sum, &mut total.sum, &mut lost.sum);
    } else {
        total.count += sign * other.count;
        total.sum += sign * other.sum;
    }
    if total.uses_custom_buckets() {
        if total.custom_values == other.custom_values {
            merge_sides(total, other, 0, sign, lost);
            return Ok(Combined { reset_collision, bounds_reconciled: false });
        }
        custom::combine(total, other, sign, lost.map(|lost| &mut lost.positive));
        return Ok(Combined { reset_collision, bounds_reconciled: true });
    }
    let [other_zero, other_lost] = zero::reconcile(total, other, lost.as_deref_mut());
    if let Some(lost) = lost.as_deref_mut() {
        kahan::add(other_zero, &mut total.zero_count, &mut lost.zero_count);
        kahan::add(other_lost, &mut total.zero_count, &mut lost.zero_count);
    } else {
        total.zero_count += sign * other_zero;
    }
    if other.schema < total.schema {
        let bits = coarsening(total.schema, other.schema);
        coarsen(total, bits, lost.as_deref_mut());
        total.schema = other.schema;
    }
    merge_sides(total, other, coarsening(other.schema, total.schema), sign, lost);
    Ok(Combined { reset_collision, bounds_reconciled: false })
}

/// Sets the hint of a sum; tells whether the hints contradict each other. A gauge makes a gauge,
/// what is not known makes the sum not known.
fn combine_hints(total: &mut NativeHistogram, other: ResetHint) -> bool {
    let (hint, collision) = match (total.reset_hint, other) {
        (mine, theirs) if mine == theirs => (mine, false),
        (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => (ResetHint::Gauge, false),
        (ResetHint::Unknown, _) | (_, ResetHint::Unknown) => (ResetHint::Unknown, false),
        _ => (ResetHint::Unknown, true),
    };
    total.reset_hint = hint;
    collision
}

/// Merges the buckets of a total, and what they lost, into ones coarser by this many bits.
fn coarsen(total: &mut NativeHistogram, bits: u32, lost: Option<&mut Lost>) {
    let (positive, negative) =
        lost.map_or((None, None), |lost| (Some(&mut lost.positive), Some(&mut lost.negative)));
    for (spans, counts, lost) in [
        (&mut total.positive_spans, &mut total.positive_counts, positive),
        (&mut total.negative_spans, &mut total.negative_counts, negative),
    ] {
        let carried = lost.as_deref().map(Vec::as_slice);
        let mine = Addend { spans, counts, lost: carried, sign: 1.0, skipped: 0 };
        let coarse = coarse_side(mine.buckets(), bits, carried.is_some());
        (*spans, *counts) = (coarse.spans, coarse.counts);
        if let (Some(lost), Some(coarse_lost)) = (lost, coarse.lost) {
            *lost = coarse_lost;
        }
    }
}

/// The buckets of one side.
struct Side {
    spans: Vec<BucketSpan>,
    counts: Vec<f64>,
    lost: Option<Vec<f64>>,
}

/// Merges buckets (index, count, lost part) into ones coarser by this many bits; if `carries`, with
/// compensated sums.
fn coarse_side(buckets: impl Iterator<Item = (i64, f64, f64)>, bits: u32, carries: bool) -> Side {
    let mut runs = Runs::default();
    let mut counts: Vec<f64> = Vec::new();
    let mut losses: Vec<f64> = Vec::new();
    for (index, count, lost) in buckets {
        let target = coarser_index(index, bits);
        match counts.last_mut() {
            Some(sum) if runs.last() == Some(target) => {
                let sum_lost = if carries { losses.last_mut() } else { None };
                add_count(sum, sum_lost, count, lost);
            }
            _ => {
                runs.push(target);
                counts.push(count);
                if carries {
                    losses.push(lost);
                }
            }
        }
    }
    Side { spans: runs.into_spans(), counts, lost: carries.then_some(losses) }
}

/// Adds the buckets of `other`, which are finer by this many bits, outside the zero bucket.
fn merge_sides(
    total: &mut NativeHistogram,
    other: &NativeHistogram,
    bits: u32,
    sign: f64,
    lost: Option<&mut Lost>,
) {
    let threshold = total.zero_threshold;
    let has_zero = !total.uses_custom_buckets() && threshold > 0.0;
    let (positive_lost, negative_lost) =
        lost.map_or((None, None), |lost| (Some(&mut lost.positive), Some(&mut lost.negative)));
    for (spans, counts, lost, other_spans, other_counts) in [
        (
            &mut total.positive_spans,
            &mut total.positive_counts,
            positive_lost,
            &other.positive_spans,
            &other.positive_counts,
        ),
        (
            &mut total.negative_spans,
            &mut total.negative_counts,
            negative_lost,
            &other.negative_spans,
            &other.negative_counts,
        ),
    ] {
        if other_counts.is_empty() {
            continue;
        }
        // What is inside the zero bucket has been taken into it. It is left out before buckets are
        // merged: a coarser one may reach out of the zero bucket.
        let is_inside = |index| has_zero && exponential_bound(index, other.schema) <= threshold;
        let skipped = Indexed::new(other_spans, other_counts)
            .take_while(|(index, _)| is_inside(*index))
            .count();
        let plain =
            Addend { spans: other_spans, counts: other_counts, lost: None, sign: 1.0, skipped };
        if bits == 0 {
            merge_side(spans, counts, lost, &Addend { sign, ..plain });
        } else {
            let coarse = coarse_side(plain.buckets(), bits, lost.is_some());
            let addend = Addend {
                spans: &coarse.spans,
                counts: &coarse.counts,
                lost: coarse.lost.as_deref(),
                sign,
                skipped: 0,
            };
            merge_side(spans, counts, lost, &addend);
        }
    }
}

/// The buckets of one side of the histogram that is added.
struct Addend<'a> {
    spans: &'a [BucketSpan],
    counts: &'a [f64],
    lost: Option<&'a [f64]>,
    sign: f64,
    /// The first buckets that are left out.
    skipped: usize,
}

impl Addend<'_> {
    /// Index, signed count and what it lost.
    fn buckets(&self) -> impl Iterator<Item = (i64, f64, f64)> {
        let all = Indexed::new(self.spans, self.counts).enumerate();
        all.skip(self.skipped).map(|(at, (index, count))| {
            let lost = self.lost.and_then(|lost| lost.get(at)).copied().unwrap_or(0.0);
            (index, self.sign * count, self.sign * lost)
        })
    }
}

/// Adds an addend. In place where it has no bucket that is
/// missing here, else in one pass over both.
fn merge_side(
    spans: &mut Vec<BucketSpan>,
    counts: &mut Vec<f64>,
    lost: Option<&mut Vec<f64>>,
    addend: &Addend<'_>,
) {
    if addend.skipped == 0 && spans == addend.spans && counts.len() == addend.counts.len() {
        add_same_layout(counts, lost, addend);
        return;
    }
    let mut locator = Locator::new(spans);
    let fits = |at: Option<usize>| at.is_some_and(|at| at < counts.len());
    if addend.buckets().all(|(index, ..)| fits(locator.find(index))) {
        add_in_place(spans, counts, lost, addend);
    } else {
        add_in_new_layout(spans, counts, lost, addend);
    }
}

fn add_same_layout(counts: &mut [f64], lost: Option<&mut Vec<f64>>, addend: &Addend<'_>) {
    let sums = counts.iter_mut().zip(addend.counts);
    let Some(lost) = lost else {
        sums.for_each(|(sum, count)| *sum += addend.sign * count);
        return;
    };
    for (at, ((sum, count), sum_lost)) in sums.zip(lost).enumerate() {
        let count_lost = addend.lost.and_then(|lost| lost.get(at)).copied().unwrap_or(0.0);
        add_count(sum, Some(sum_lost), addend.sign * count, addend.sign * count_lost);
    }
}

fn add_in_place(
    spans: &[BucketSpan],
    counts: &mut [f64],
    lost: Option<&mut Vec<f64>>,
    addend: &Addend<'_>,
) {
    let mut locator = Locator::new(spans);
    let mut losses = lost.map(Vec::as_mut_slice);
    for (index, count, lost) in addend.buckets() {
        let Some(at) = locator.find(index) else { continue };
        let sum_lost = losses.as_deref_mut().and_then(|losses| losses.get_mut(at));
        if let Some(sum) = counts.get_mut(at) {
            add_count(sum, sum_lost, count, lost);
        }
    }
}

fn add_in_new_layout(
    spans: &mut Vec<BucketSpan>,
    counts: &mut Vec<f64>,
    lost: Option<&mut Vec<f64>>,
    addend: &Addend<'_>,
) {
    let carries = lost.is_some();
    let mut nothing = Vec::new();
    let losses = lost.unwrap_or(&mut nothing);
    let mut runs = Runs::default();
    let mut sums = Vec::with_capacity(counts.len() + addend.counts.len() - addend.skipped);
    let mut sums_lost = Vec::with_capacity(if carries { sums.capacity() } else { 0 });
    let mut push = |index, count, lost| {
        runs.push(index);
        sums.push(count);
        if carries {
            sums_lost.push(lost);
        }
    };
    let mut theirs = addend.buckets().peekable();
    for (at, (index, mut sum)) in Indexed::new(spans, counts).enumerate() {
        while let Some((other, count, lost)) = theirs.next_if(|(other, ..)| *other < index) {
            push(other, count, lost);
        }
        let mut sum_lost = losses.get(at).copied().unwrap_or(0.0);
        if let Some((_, count, lost)) = theirs.next_if(|(other, ..)| *other == index) {
            add_count(&mut sum, carries.then_some(&mut sum_lost), count, lost);
        }
        push(index, sum, sum_lost);
    }
    theirs.for_each(|(index, count, lost)| push(index, count, lost));
    *spans = runs.into_spans();
    *counts = sums;
    *losses = sums_lost;
}

fn add_count(sum: &mut f64, sum_lost: Option<&mut f64>, count: f64, lost: f64) {
    let Some(sum_lost) = sum_lost else {
        *sum += count;
        return;
    };
    kahan::add(count, sum, sum_lost);
    if lost != 0.0 {
        kahan::add(lost, sum, sum_lost);
    }
}

/// Finds the positions of buckets by rising index.
struct Locator<'a> {
    spans: &'a [BucketSpan],
    /// The run that was looked at last: index and position of its first bucket, and its length.
    first: i64,
    position: usize,
    length: u32,
}

impl<'a> Locator<'a> {
    fn new(spans: &'a [BucketSpan]) -> Self {
        Self { spans, first: 0, position: 0, length: 0 }
    }

    fn find(&mut self, index: i64) -> Option<usize> {
        loop {
            let into = index - self.first;
            if into < i64::from(self.length) {
                return usize::try_from(into).ok().map(|into| self.position + into);
            }
            let (span, rest) = self.spans.split_first()?;
            self.first += i64::from(self.length) + i64::from(span.offset);
            self.position += self.length as usize;
            (self.length, self.spans) = (span.length, rest);
        }
    }
}
