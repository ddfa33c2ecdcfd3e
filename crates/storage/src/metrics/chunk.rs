//! Compressed runs of samples in memory. A buffer holds chunks end to end, in the order in which
//! they were sealed; inside a chunk times rise. These bytes never reach a disk.

use watchkeep_model::labels::{read_varint, write_varint};

use super::column::{decode, encode, unzigzag, zigzag};
use super::data::{Floats, Range};
use super::values::{
    Form, Shape, apply_exceptions, power_of, read_exceptions, shape, write_exceptions,
};

const CONSTANT: u8 = 0;
const DECIMALS: u8 = 1;
const RAW: u8 = 2;
const HAS_EXCEPTIONS: u8 = 0x80;

/// Seals samples of rising times as one chunk at the end of `out`.
pub(super) fn seal(samples: &Floats, out: &mut Vec<u8>) {
    let (Some(first), Some(last)) = (samples.times_ms.first(), samples.times_ms.last()) else {
        return;
    };
    let times: Vec<i64> = samples.times_ms.iter().map(|time| time.wrapping_sub(*first)).collect();
    let mut body = Vec::with_capacity(samples.len() * 2 + 16);
    encode(&times, &mut body);
    encode_values(&shape(&samples.values), &samples.values, &mut body);
    // Where no sample has a start timestamp, the body ends here.
    encode(&samples.starts_ms, &mut body);
    let mut head = Vec::with_capacity(16);
    write_varint(&mut head, samples.len() as u64);
    write_varint(&mut head, zigzag(*first));
    write_varint(&mut head, last.wrapping_sub(*first) as u64);
    write_varint(&mut head, body.len() as u64);
    let more = head.len() + body.len();
    if out.capacity() - out.len() < more {
        // Doubling would leave a third of the memory unused.
        out.reserve_exact(more + out.len() / 8);
    }
    out.extend_from_slice(&head);
    out.extend_from_slice(&body);
}

fn encode_values(shape: &Shape, values: &[f64], body: &mut Vec<u8>) {
    let flag = if shape.exceptions.is_empty() { 0 } else { HAS_EXCEPTIONS };
    match &shape.form {
        Form::Constant(bits) => {
            body.push(CONSTANT | flag);
            body.extend_from_slice(&bits.to_le_bytes());
        }
        Form::Decimals { exponent, numbers } => {
            body.push(DECIMALS | flag);
            body.push(*exponent);
            encode(numbers, body);
        }
        Form::Floats(_) | Form::Bits(_) => {
            body.push(RAW);
            for value in values {
                body.extend_from_slice(&value.to_le_bytes());
            }
            return;
        }
    }
    if flag != 0 {
        write_exceptions(&shape.exceptions, body);
    }
}

/// One chunk, not decoded yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'a> {
    count: usize,
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    body: &'a [u8],
}

/// The chunks of a buffer, in order.
pub(super) fn chunks(mut rest: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(
        move || {
            if rest.is_empty() { None } else { Some(next(&mut rest).expect(OWN_BYTES)) }
        },
    )
}

const OWN_BYTES: &str = "chunks in memory are read as they were written";

fn next<'a>(rest: &mut &'a [u8]) -> Option<Chunk<'a>> {
    let count = usize::try_from(read_varint(rest)?).ok()?;
    let min_ms = unzigzag(read_varint(rest)?);
    let max_ms = min_ms.wrapping_add(read_varint(rest)? as i64);
    let len = usize::try_from(read_varint(rest)?).ok()?;
    let (body, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(Chunk { count, min_ms, max_ms, body })
}

impl Chunk<'_> {
    /// Appends the samples in the range to `out`.
    pub(super) fn read(&self, range: Range, out: &mut Floats) {
        let (times, mut rest) = self.times().expect(OWN_BYTES);
        let values = self.values(&mut rest).expect(OWN_BYTES);
        let mut starts = Vec::new();
        if !rest.is_empty() {
            decode(&mut rest, self.count, &mut starts).expect(OWN_BYTES);
        }
        let cut = range.cut(&times);
        let starts = if starts.is_empty() { &[] } else { &starts[cut.clone()] };
        out.extend(&times[cut.clone()], &values[cut], starts);
    }

    /// Whether there is a sample in the range.
    pub(super) fn touches(&self, range: Range) -> bool {
        range.overlaps(self.min_ms, self.max_ms)
            && (range.contains(self.min_ms)
                || range.contains(self.max_ms)
                || !range.cut(&self.times().expect(OWN_BYTES).0).is_empty())
    }

    fn times(&self) -> Option<(Vec<i64>, &[u8])> {
        let (mut rest, mut times) = (self.body, Vec::with_capacity(self.count));
        decode(&mut rest, self.count, &mut times)?;
        for time in &mut times {
            *time = time.wrapping_add(self.min_ms);
        }
        Some((times, rest))
    }

    fn values(&self, rest: &mut &[u8]) -> Option<Vec<f64>> {
        let (form, after) = rest.split_first()?;
        *rest = after;
        let mut values = match form & !HAS_EXCEPTIONS {
            CONSTANT => vec![double(rest)?; self.count],
            DECIMALS => {
                let (exponent, after) = rest.split_first()?;
                *rest = after;
                let power = power_of(*exponent)?;
                let mut numbers = Vec::with_capacity(self.count);
                decode(rest, self.count, &mut numbers)?;
                numbers.into_iter().map(|number| number as f64 / power).collect()
            }
            RAW => (0..self.count).map(|_| double(rest)).collect::<Option<Vec<f64>>>()?,
            _ => return None,
        };
        if form & HAS_EXCEPTIONS != 0 {
            apply_exceptions(&read_exceptions(rest)?, &mut values)?;
        }
        Some(values)
    }
}

fn double(rest: &mut &[u8]) -> Option<f64> {
    let (bytes, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(f64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Rows = Vec<(i64, u64, i64)>;

    fn rows(samples: &Floats) -> Rows {
        (0..samples.len())
            .map(|at| (samples.times_ms[at], samples.values[at].to_bits(), samples.start_ms(at)))
            .collect()
    }

    fn run() -> impl Strategy<Value = Floats> {
        let starts =
            prop_oneof![Just(None), Just(Some(None)), any::<i64>().prop_map(|at| Some(Some(at)))];
        let rows = prop::collection::btree_map(any::<i64>(), (any::<u64>(), any::<i64>()), 1..40);
        (rows, starts).prop_map(|(rows, starts)| {
            let mut floats = Floats::default();
            for (time, (bits, own)) in rows {
                // No starts, one for all, or one each.
                let start = starts.map(|fixed| [fixed.unwrap_or(own)]);
                floats.extend(
                    &[time],
                    &[f64::from_bits(bits)],
                    start.as_ref().map_or(&[], |s| &s[..]),
                );
            }
            floats
        })
    }

    proptest! {
        #[test]
        fn chunks_round_trip_bit_by_bit(
            runs in prop::collection::vec(run(), 0..4), range: (i64, i64),
        ) {
            let range = Range { start_ms: range.0, end_ms: range.1 };
            let mut buffer = Vec::new();
            for run in &runs {
                seal(run, &mut buffer);
            }
            prop_assert_eq!(chunks(&buffer).count(), runs.len());
            for (run, chunk) in runs.iter().zip(chunks(&buffer)) {
                let mut all = Floats::default();
                chunk.read(Range::ALL, &mut all);
                prop_assert_eq!(rows(&all), rows(run));
                prop_assert_eq!(all.starts_ms.is_empty(), run.starts_ms.is_empty());
                let mut some = Floats::default();
                chunk.read(range, &mut some);
                let mut want = rows(run);
                want.retain(|(at, ..)| range.contains(*at));
                prop_assert_eq!(rows(&some), &want[..]);
                prop_assert_eq!(chunk.touches(range), !want.is_empty());
            }
        }
    }
}
