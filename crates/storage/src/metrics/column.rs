//! Columns of whole numbers as differences, bit-packed in blocks over their minimum (frame of
//! reference). Used for timestamps everywhere and for values in memory. Decoding trusts nothing:
//! a count or width that the bytes do not bear out gives `None`.

use watchkeep_model::labels::{read_varint, write_varint};

/// Differences that share one minimum and width.
const BLOCK: usize = 128;
/// Columns of up to so many numbers are encoded without allocating.
const SHORT: usize = 32;

pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends a column. The reader must be told how many numbers there are.
pub(crate) fn encode(values: &[i64], out: &mut Vec<u8>) {
    let Some((first, _)) = values.split_first() else { return };
    if values.len() <= SHORT {
        let (mut once, mut twice) = ([0; SHORT], [0; SHORT]);
        let once = differences(values, &mut once);
        let twice = differences(once, &mut twice);
        encode_either(*first, once, twice, out);
    } else {
        let (mut once, mut twice) = (vec![0; values.len()], vec![0; values.len()]);
        let once = differences(values, &mut once);
        let twice = differences(once, &mut twice);
        encode_either(*first, once, twice, out);
    }
}

fn differences<'a>(values: &[i64], out: &'a mut [i64]) -> &'a [i64] {
    let later = values.get(1..).unwrap_or_default();
    for ((difference, later), earlier) in out.iter_mut().zip(later).zip(values) {
        *difference = later.wrapping_sub(*earlier);
    }
    &out[..later.len()]
}

fn encode_either(first: i64, once: &[i64], twice: &[i64], out: &mut Vec<u8>) {
    if packed_bits(twice) < packed_bits(once) {
        out.push(2);
        write_varint(out, zigzag(first));
        write_varint(out, zigzag(once[0]));
        encode_blocks(twice, out);
    } else {
        out.push(1);
        write_varint(out, zigzag(first));
        encode_blocks(once, out);
    }
}

/// Takes a column of `count` numbers off the front and appends them to `out`.
pub(crate) fn decode(rest: &mut &[u8], count: usize, out: &mut Vec<i64>) -> Option<()> {
    if count == 0 {
        return Some(());
    }
    let (order, after) = rest.split_first()?;
    *rest = after;
    let mut last = unzigzag(read_varint(rest)?);
    out.push(last);
    match order {
        1 => decode_blocks(rest, count - 1, |difference| {
            last = last.wrapping_add(difference);
            out.push(last);
        }),
        2 if count > 1 => {
            let mut step = unzigzag(read_varint(rest)?);
            last = last.wrapping_add(step);
            out.push(last);
            decode_blocks(rest, count - 2, |difference| {
                step = step.wrapping_add(difference);
                last = last.wrapping_add(step);
                out.push(last);
            })
        }
        _ => None,
    }
}

fn bounds(block: &[i64]) -> (i64, u32) {
    let min = block.iter().copied().min().unwrap_or(0);
    let max = block.iter().copied().max().unwrap_or(0);
    let range = max.wrapping_sub(min) as u64;
    (min, u64::BITS - range.leading_zeros())
}

fn packed_bits(values: &[i64]) -> usize {
    values.chunks(BLOCK).map(|block| 16 + block.len() * bounds(block).1 as usize).sum()
}

fn encode_blocks(values: &[i64], out: &mut Vec<u8>) {
    for block in values.chunks(BLOCK) {
        let (min, width) = bounds(block);
        write_varint(out, zigzag(min));
        out.push(width as u8);
        if width == 0 {
            continue;
        }
        let (mut bits, mut held) = (0_u128, 0_u32);
        for value in block {
            bits |= u128::from(value.wrapping_sub(min) as u64) << held;
            held += width;
            if held >= 64 {
                out.extend_from_slice(&(bits as u64).to_le_bytes());
                bits >>= 64;
                held -= 64;
            }
        }
        out.extend_from_slice(&(bits as u64).to_le_bytes()[..held.div_ceil(8) as usize]);
    }
}

fn decode_blocks(rest: &mut &[u8], mut count: usize, mut see: impl FnMut(i64)) -> Option<()> {
    while count > 0 {
        let len = count.min(BLOCK);
        let min = unzigzag(read_varint(rest)?);
        let (width, after) = rest.split_first()?;
        let width = usize::from(*width);
        if width > 64 {
            return None;
        }
        let (packed, after) = after.split_at_checked((len * width).div_ceil(8))?;
        *rest = after;
        if width == 0 {
            (0..len).for_each(|_| see(min));
        } else {
            let mask = u64::MAX >> (64 - width);
            for position in 0..len {
                see(min.wrapping_add((bits_at(packed, position * width) & mask) as i64));
            }
        }
        count -= len;
    }
    Some(())
}

/// The 64 bits that start at a bit position; bits past the end are zero.
fn bits_at(packed: &[u8], bit: usize) -> u64 {
    let (byte, shift) = (bit / 8, bit % 8);
    let tail = &packed[byte..];
    let low = if let Some(word) = tail.first_chunk::<8>() {
        u64::from_le_bytes(*word)
    } else {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        u64::from_le_bytes(word)
    };
    if shift == 0 {
        return low;
    }
    let high = tail.get(8).copied().unwrap_or(0);
    low >> shift | u64::from(high) << (64 - shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[i64]) -> usize {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        let (mut rest, mut back) = (&bytes[..], Vec::new());
        decode(&mut rest, values.len(), &mut back).unwrap();
        assert_eq!((&back[..], rest.len()), (values, 0));
        bytes.len()
    }

    #[test]
    fn regular_times_take_a_few_bytes() {
        let times: Vec<i64> = (0..480).map(|i| 1_700_000_000_000 + i * 15_000).collect();
        assert!(round_trip(&times) < 24);
    }

    proptest! {
        #[test]
        fn any_column_round_trips(values: Vec<i64>) {
            round_trip(&values);
        }

        #[test]
        fn columns_of_like_numbers_round_trip(
            start: i64, steps in prop::collection::vec(-300_i64..300, 0..400),
        ) {
            let values: Vec<i64> = steps.iter().scan(start, |at, step| {
                *at = at.wrapping_add(*step);
                Some(*at)
            }).collect();
            round_trip(&values);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, count in 0_usize..9000) {
            let _any_outcome = decode(&mut &bytes[..], count, &mut Vec::new());
        }
    }
}
