//! Which buckets a histogram has: changes that keep what it says.

use super::buckets::{Indexed, coarsening, coarser_index};
use super::validate::check_spans;
use super::{BucketSpan, NativeHistogram};

/// Gathers rising bucket indexes into runs.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    spans: Vec<BucketSpan>,
    /// The index after the last one.
    end: i64,
}

impl Runs {
    /// Adds the bucket with this index, which is above those before.
    pub fn push(&mut self, index: i64) {
        match self.spans.last_mut() {
            Some(span) if index == self.end => span.length += 1,
            _ => {
                let gap = (index - self.end).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
                self.spans.push(BucketSpan { offset: gap as i32, length: 1 });
            }
        }
        self.end = index + 1;
    }

    /// The index added last.
    pub fn last(&self) -> Option<i64> {
        (!self.spans.is_empty()).then(|| self.end - 1)
    }

    /// The runs.
    pub fn into_spans(self) -> Vec<BucketSpan> {
        self.spans
    }
}

impl NativeHistogram {
    /// Drops empty buckets and joins runs, except that up to `empty_max` empty buckets between two
    /// populated ones are kept (or written out) as part of one run.
    pub fn compact(&mut self, empty_max: usize) {
        compact_side(&mut self.positive_spans, &mut self.positive_counts, None, empty_max);
        compact_side(&mut self.negative_spans, &mut self.negative_counts, None, empty_max);
    }

    /// Merges buckets until the histogram has this coarser exponential schema; one that is as coarse
    /// already is left as it is. Custom buckets, a target that is no exponential schema and runs
    /// that do not fit the counts are errors, in the words of Prometheus.
    pub fn reduce_resolution(&mut self, schema: i32) -> Result<(), String> {
        if self.uses_custom_buckets() {
            return Err("cannot reduce resolution when there are custom buckets".into());
        }
        if !(Self::RESERVED_SCHEMA_MIN..=Self::RESERVED_SCHEMA_MAX).contains(&schema) {
            return Err(format!(
                "cannot reduce resolution from schema {} to {schema}",
                self.schema
            ));
        }
        if schema < self.schema {
            check_spans(&self.positive_spans, self.positive_counts.len())?;
            check_spans(&self.negative_spans, self.negative_counts.len())?;
            let bits = coarsening(self.schema, schema);
            reduce_side(&mut self.positive_spans, &mut self.positive_counts, bits);
            reduce_side(&mut self.negative_spans, &mut self.negative_counts, bits);
            self.schema = schema;
        }
        Ok(())
    }

    /// Brings a reserved schema with finer buckets down to the finest one that is kept, as every
    /// receiver must before it validates. Other schemas stay as they are.
    pub fn reduce_to_supported(&mut self) -> Result<(), String> {
        if (Self::SCHEMA_MAX + 1..=Self::RESERVED_SCHEMA_MAX).contains(&self.schema) {
            self.reduce_resolution(Self::SCHEMA_MAX)?;
        }
        Ok(())
    }

    /// Whether any number of it is infinite.
    pub fn has_overflow(&self) -> bool {
        [self.zero_count, self.count, self.sum]
            .iter()
            .chain(&self.positive_counts)
            .chain(&self.negative_counts)
            .chain(&self.custom_values)
            .any(|value| value.is_infinite())
    }

    /// Bytes of memory as Prometheus counts them for its limit of samples: 168 and the elements.
    pub fn size_bytes(&self) -> usize {
        168 + 8
            * (self.positive_spans.len()
                + self.negative_spans.len()
                + self.positive_counts.len()
                + self.negative_counts.len()
                + self.custom_values.len())
    }

    /// Whether both hold the same data: the same layout and, bit for bit, the same numbers. The
    /// hints and whether counts may be fractional are no part of that.
    pub fn same_data(&self, other: &Self) -> bool {
        let same_bits = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let mut sides = [(self.positive(), other.positive()), (self.negative(), other.negative())];
        self.schema == other.schema
            && same_bits(self.count, other.count)
            && same_bits(self.sum, other.sum)
            && (!self.uses_custom_buckets() || self.custom_values == other.custom_values)
            && self.zero_threshold == other.zero_threshold
            && same_bits(self.zero_count, other.zero_count)
            && sides.iter_mut().all(|(mine, theirs)| {
                mine.map(|(index, count)| (index, count.to_bits()))
                    .eq(theirs.map(|(index, count)| (index, count.to_bits())))
            })
    }
}

/// [`NativeHistogram::compact`] of one side. A bucket with a count in `companions` (one a bucket,
/// if there) is not empty.
pub fn compact_side(
    spans: &mut Vec<BucketSpan>,
    counts: &mut Vec<f64>,
    companions: Option<&mut Vec<f64>>,
    empty_max: usize,
) {
    let is_compact = !counts.contains(&0.0)
        && spans.iter().all(|span| span.length > 0)
        && spans.iter().skip(1).all(|span| i64::from(span.offset) > empty_max as i64);
    if is_compact {
        return;
    }
    let filled = std::mem::take(counts);
    let mut empty = Vec::new();
    let companions = companions.unwrap_or(&mut empty);
    let beside = std::mem::take(companions);
    let mut runs = Runs::default();
    counts.reserve(filled.len());
    for (at, (index, count)) in Indexed::new(spans, &filled).enumerate() {
        let companion = beside.get(at).copied();
        if count == 0.0 && companion.is_none_or(|value| value == 0.0) {
            continue;
        }
        let gap = runs.last().map_or(0, |last| index - last - 1);
        if gap > 0 && gap <= empty_max as i64 {
            for between in index - gap..index {
                runs.push(between);
                counts.push(0.0);
                companions.extend(companion.map(|_| 0.0));
            }
        }
        runs.push(index);
        counts.push(count);
        companions.extend(companion);
    }
    *spans = runs.into_spans();
}

/// Merges the buckets of a side into ones that are coarser by this many bits.
fn reduce_side(spans: &mut Vec<BucketSpan>, counts: &mut Vec<f64>, bits: u32) {
    let mut runs = Runs::default();
    let (mut read, mut written) = (0, 0);
    let mut index = 0_i64;
    'sides: for span in spans.iter() {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.get(read).copied() else { break 'sides };
            let target = coarser_index(index, bits);
            if runs.last() == Some(target) {
                counts[written - 1] += count;
            } else {
                runs.push(target);
                counts[written] = count;
                written += 1;
            }
            index += 1;
            read += 1;
        }
    }
    counts.truncate(written);
    *spans = runs.into_spans();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::histogram::{ResetHint, validate};

    fn histogram(spans: &[(i32, u32)], counts: &[f64]) -> NativeHistogram {
        NativeHistogram {
            schema: 3,
            zero_threshold: 0.001,
            zero_count: 0.0,
            count: counts.iter().sum(),
            sum: 1.0,
            is_float: false,
            reset_hint: ResetHint::Unknown,
            positive_spans: spans
                .iter()
                .map(|(offset, length)| BucketSpan { offset: *offset, length: *length })
                .collect(),
            positive_counts: counts.to_vec(),
            negative_spans: Vec::new(),
            negative_counts: Vec::new(),
            custom_values: Vec::new(),
        }
    }

    /// Runs (offset, length) and counts.
    type Side<'a> = (&'a [(i32, u32)], &'a [f64]);

    #[test]
    fn compaction_drops_empty_buckets_and_joins_runs() {
        let cases: [(usize, Side<'_>, Side<'_>); 8] = [
            (0, (&[], &[]), (&[], &[])),
            (0, (&[(3, 0), (2, 0)], &[]), (&[], &[])),
            (0, (&[(-2, 1), (0, 2)], &[1.0, 2.0, 3.0]), (&[(-2, 3)], &[1.0, 2.0, 3.0])),
            (0, (&[(-2, 3)], &[0.0, 2.0, 0.0]), (&[(-1, 1)], &[2.0])),
            (0, (&[(1, 3)], &[1.0, 0.0, 2.0]), (&[(1, 1), (1, 1)], &[1.0, 2.0])),
            (1, (&[(1, 3)], &[1.0, 0.0, 2.0]), (&[(1, 3)], &[1.0, 0.0, 2.0])),
            (2, (&[(1, 2), (1, 1)], &[1.0, 0.0, 2.0]), (&[(1, 4)], &[1.0, 0.0, 0.0, 2.0])),
            (2, (&[(1, 1), (3, 1)], &[1.0, 2.0]), (&[(1, 1), (3, 1)], &[1.0, 2.0])),
        ];
        for (empty_max, (spans, counts), expected) in cases {
            let mut compacted = histogram(spans, counts);
            compacted.compact(empty_max);
            assert_eq!(compacted, histogram(expected.0, expected.1), "{empty_max} {spans:?}");
        }
    }

    #[test]
    fn equality_looks_at_layout_and_bits() {
        let base = histogram(&[(0, 1), (0, 2)], &[1.0, 2.0, 3.0]);
        assert!(base.same_data(&histogram(&[(-1, 0), (1, 3)], &[1.0, 2.0, 3.0])));
        assert!(!base.same_data(&histogram(&[(1, 3)], &[1.0, 2.0, 3.0])));
        assert!(!base.same_data(&histogram(&[(0, 3)], &[1.0, 2.5, 2.5])));
        let mut nan = base.clone();
        nan.sum = f64::NAN;
        assert!(nan.same_data(&nan) && !nan.same_data(&base));
        let mut hint = base.clone();
        (hint.reset_hint, hint.is_float) = (ResetHint::Gauge, true);
        assert!(hint.same_data(&base));
    }

    #[test]
    fn reserved_schemas_are_brought_down_to_the_finest_supported_one() {
        let mut fine = histogram(&[(1, 4), (4, 1)], &[1.0, 2.0, 4.0, 8.0, 16.0]);
        fine.schema = 10;
        fine.reduce_to_supported().unwrap();
        let mut expected = histogram(&[(1, 1), (1, 1)], &[15.0, 16.0]);
        expected.schema = 8;
        assert_eq!(fine, expected);
        fine.reduce_to_supported().unwrap();
        assert_eq!(fine, expected);
    }

    #[test]
    fn what_cannot_be_reduced_is_told() {
        let mut custom = histogram(&[], &[]);
        custom.schema = NativeHistogram::CUSTOM_BUCKETS;
        assert_eq!(
            custom.reduce_resolution(0).unwrap_err(),
            "cannot reduce resolution when there are custom buckets"
        );
        let mut short = histogram(&[(0, 2)], &[1.0]);
        assert_eq!(
            short.reduce_resolution(0).unwrap_err(),
            "spans need 2 buckets, have 1 buckets: histogram spans specify different number of \
             buckets than provided"
        );
        assert!(histogram(&[], &[]).reduce_resolution(NativeHistogram::CUSTOM_BUCKETS).is_err());
    }

    #[test]
    fn size_is_that_of_the_reference_implementation() {
        assert_eq!(histogram(&[], &[]).size_bytes(), 168);
        assert_eq!(histogram(&[(0, 2)], &[1.0, 2.0]).size_bytes(), 168 + 8 + 16);
    }

    proptest! {
        #[test]
        fn reduction_keeps_counts_where_their_values_are(
            runs in prop::collection::vec((0_i32..6, 0_u32..5), 0..6), first in -40_i32..40,
            counts in prop::collection::vec(0_u16..50, 30), schema in -4_i32..3, empty_max in 0_usize..4,
        ) {
            let mut spans: Vec<_> = runs;
            spans.insert(0, (first, 1));
            let buckets: u32 = spans.iter().map(|(_, length)| length).sum();
            let counts: Vec<_> =
                counts.into_iter().map(f64::from).take(buckets as usize).collect();
            let fine = histogram(&spans, &counts);
            prop_assert_eq!(validate(&fine), Ok(()));
            let mut coarse = fine.clone();
            coarse.reduce_resolution(schema).unwrap();
            prop_assert_eq!(validate(&coarse), Ok(()));
            for bucket in coarse.buckets() {
                let inside = fine.buckets()
                    .filter(|inner| bucket.lower <= inner.lower && inner.upper <= bucket.upper)
                    .map(|inner| inner.count).sum::<f64>();
                prop_assert_eq!(bucket.count, inside);
            }
            let mut back: Vec<_> = coarse.places_back().collect();
            back.reverse();
            prop_assert_eq!(back, coarse.places().collect::<Vec<_>>());
            let populated = |h: &NativeHistogram| -> Vec<_> {
                h.positive().filter(|(_, count)| *count != 0.0).collect()
            };
            let mut compacted = fine.clone();
            compacted.compact(empty_max);
            prop_assert_eq!(populated(&compacted), populated(&fine));
            prop_assert_eq!(validate(&compacted), Ok(()));
            prop_assert!(compacted.positive_spans.iter().skip(1)
                .all(|span| span.offset as usize > empty_max && span.length > 0));
        }
    }
}
