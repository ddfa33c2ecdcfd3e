//! Where rows that are ordered by trace are cut into blocks.

use std::ops::Range;

use crate::traces::block::ROWS_MAX;

/// Bytes of rows after which a block ends, whatever the number of rows.
const BYTES_MAX: u64 = 8 << 20;

/// The ranges of rows that become blocks. `traces` are the numbers of rows of each trace in order,
/// `bytes` is the size of a row. A trace is cut only where it is larger than a block.
pub(crate) fn cut(traces: &[u32], bytes: impl Fn(usize) -> u64) -> Vec<Range<usize>> {
    let (mut blocks, mut from, mut at, mut held) = (Vec::new(), 0, 0, 0);
    for rows in traces {
        let trace = at..at + *rows as usize;
        let of_trace: u64 = trace.clone().map(&bytes).sum();
        let fits = trace.end - from <= ROWS_MAX && held + of_trace <= BYTES_MAX;
        if !fits && from < trace.start {
            blocks.push(from..trace.start);
            (from, held) = (trace.start, 0);
        }
        if trace.len() > ROWS_MAX || of_trace > BYTES_MAX {
            let mut of_block = 0;
            for row in trace.clone() {
                let of_row = bytes(row);
                if row > from && (row - from == ROWS_MAX || of_block + of_row > BYTES_MAX) {
                    blocks.push(from..row);
                    (from, of_block) = (row, 0);
                }
                of_block += of_row;
            }
            held = of_block;
        } else {
            held += of_trace;
        }
        at = trace.end;
    }
    if from < at {
        blocks.push(from..at);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_end_between_traces() {
        let small = |_| 100;
        assert_eq!(cut(&[5, 3], small).first(), Some(&(0..8)));
        assert_eq!(cut(&[8000, 192, 1], small), [0..8192, 8192..8193]);
        assert_eq!(cut(&[8000, 200], small), [0..8000, 8000..8200]);
        assert_eq!(cut(&[10, 8193, 5], small), [0..10, 10..8202, 8202..8208]);
        assert_eq!(cut(&[2, 2, 2], |_| 3 << 20), [0..2, 2..4, 4..6], "few large rows");
        assert_eq!(cut(&[3], |_| 5 << 20), [0..1, 1..2, 2..3], "a large trace");
        assert_eq!(cut(&[], small).len(), 0);
    }

    proptest! {
        #[test]
        fn blocks_hold_every_row_once(
            traces in prop::collection::vec(1_u32..10_000, 0..20), large in 0_usize..5000,
        ) {
            let rows: usize = traces.iter().map(|rows| *rows as usize).sum();
            let blocks = cut(&traces, |row| if row % 5001 == large { 9 << 20 } else { 10 });
            prop_assert_eq!(blocks.iter().map(Range::len).sum::<usize>(), rows);
            prop_assert!(blocks.iter().all(|block| (1..=ROWS_MAX).contains(&block.len())));
            prop_assert!(blocks.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }
}
