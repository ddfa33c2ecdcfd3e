//! Where rows that are ordered by stream and time are cut into blocks.

use std::ops::Range;

use crate::logs::block::ROWS_MAX;

/// A stream with more rows than this has blocks of its own, so that a merge can take them over as
/// they are.
pub(crate) const ROWS_OWN: usize = 1024;
/// Bytes of rows after which a block ends, whatever the number of rows.
const BYTES_MAX: u64 = 8 << 20;

/// The ranges of rows that become blocks. `streams` are the numbers of rows of each stream in
/// order, `bytes` is the size of a row.
pub(crate) fn cut(streams: &[usize], bytes: impl Fn(usize) -> u64) -> Vec<Range<usize>> {
    let mut cut = Cut { blocks: Vec::new(), bytes };
    let (mut from, mut at) = (0, 0);
    for rows in streams {
        if *rows > ROWS_OWN {
            cut.range(from..at);
            // Blocks of like size, rather than full ones and a small one.
            let pieces = rows.div_ceil(ROWS_MAX);
            for piece in 0..pieces {
                cut.range(at + rows * piece / pieces..at + rows * (piece + 1) / pieces);
            }
            from = at + rows;
        }
        at += rows;
        if at - from > ROWS_OWN {
            cut.range(from..at);
            from = at;
        }
    }
    cut.range(from..at);
    cut.blocks
}

struct Cut<F> {
    blocks: Vec<Range<usize>>,
    bytes: F,
}

impl<F: Fn(usize) -> u64> Cut<F> {
    fn range(&mut self, range: Range<usize>) {
        let (mut from, mut bytes) = (range.start, 0);
        for row in range.clone() {
            bytes += (self.bytes)(row);
            if bytes > BYTES_MAX && row > from {
                self.blocks.push(from..row);
                (from, bytes) = (row, (self.bytes)(row));
            }
        }
        if from < range.end {
            self.blocks.push(from..range.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn large_streams_have_their_own_blocks_of_like_size() {
        let small = |_| 100;
        assert_eq!(cut(&[5, 1025, 3], small), [0..5, 5..1030, 1030..1033]);
        assert_eq!(cut(&[600, 500, 10], small), [0..1100, 1100..1110]);
        assert_eq!(cut(&[8193], small), [0..4096, 4096..8193]);
        assert_eq!(cut(&[3], |_| 5 << 20), [0..1, 1..2, 2..3], "few large rows");
        assert_eq!(cut(&[], small).len(), 0);
    }

    proptest! {
        #[test]
        fn blocks_hold_every_row_once(
            streams in prop::collection::vec(1_usize..20_000, 0..20), large in 0_usize..5000,
        ) {
            let rows: usize = streams.iter().sum();
            let blocks = cut(&streams, |row| if row % 5001 == large { 9 << 20 } else { 10 });
            prop_assert_eq!(blocks.iter().map(Range::len).sum::<usize>(), rows);
            prop_assert!(blocks.iter().all(|block| (1..=ROWS_MAX).contains(&block.len())));
            prop_assert!(blocks.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }
}
