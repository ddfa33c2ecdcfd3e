//! Which blocks of a part hold a trace: a hash table of buckets, each read when it is asked for.

use watchkeep_model::labels::{read_varint, write_varint};
use watchkeep_model::{Error, Result, TraceId};

/// Traces of a bucket, about.
const PER_BUCKET: usize = 256;
/// The most buckets that are made; with more traces they only grow.
const BUCKETS_MAX: usize = 1 << 24;

/// Where a bucket is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) at: u64,
    pub(super) bytes: u32,
    pub(super) checksum: u32,
}

/// The bytes of all buckets, of traces and the numbers of the blocks that hold them.
pub(super) fn encode(traces: impl Iterator<Item = (TraceId, u32)>) -> (Vec<u8>, Vec<Bucket>) {
    let mut places: Vec<(u32, u32)> = traces.map(|(id, block)| (trace_hash(id), block)).collect();
    places.sort_unstable();
    places.dedup();
    let count = places.len().div_ceil(PER_BUCKET).min(BUCKETS_MAX);
    let (mut bytes, mut buckets) = (Vec::new(), Vec::with_capacity(count));
    let mut places = places.into_iter().peekable();
    for bucket in 0..count {
        let (at, mut last) = (bytes.len(), 0);
        while let Some((hash, block)) =
            places.next_if(|(hash, _)| bucket_of(*hash, count) == bucket)
        {
            write_varint(&mut bytes, u64::from(hash - last));
            write_varint(&mut bytes, u64::from(block));
            last = hash;
        }
        let checksum = crc32c::crc32c(&bytes[at..]);
        buckets.push(Bucket { at: at as u64, bytes: (bytes.len() - at) as u32, checksum });
    }
    (bytes, buckets)
}

/// The bucket that a trace is in, if there are any.
pub(super) fn find(id: TraceId, buckets: &[Bucket]) -> Option<&Bucket> {
    buckets.get(bucket_of(trace_hash(id), buckets.len()))
}

/// The numbers of the blocks, out of `below`, that a bucket names for a trace: seldom also one that
/// does not hold it.
pub(super) fn blocks(id: TraceId, bucket: &[u8], below: usize) -> Result<Vec<u32>> {
    let (wanted, mut blocks) = (trace_hash(id), Vec::new());
    for_each(bucket, below, |hash, block| {
        if hash == wanted {
            blocks.push(block);
        }
    })?;
    Ok(blocks)
}

/// All traces of a part, to look for many.
#[derive(Debug)]
pub(crate) struct TracePlaces {
    /// Hashes and numbers of blocks, in order.
    places: Vec<(u32, u32)>,
}

impl TracePlaces {
    /// Reads all buckets, which lie end to end.
    pub(super) fn decode(bytes: &[u8], buckets: &[Bucket], below: usize) -> Result<Self> {
        let mut places = Vec::new();
        for bucket in buckets {
            let at = bucket.at as usize;
            let of_bucket = bytes.get(at..at.saturating_add(bucket.bytes as usize));
            let of_bucket =
                of_bucket.filter(|of_bucket| crc32c::crc32c(of_bucket) == bucket.checksum);
            for_each(of_bucket.ok_or_else(damaged)?, below, |hash, block| {
                places.push((hash, block));
            })?;
        }
        Ok(Self { places })
    }

    /// Hashes of traces (see [`trace_hash`]) and the numbers of blocks that hold them, in order.
    pub(crate) fn entries(&self) -> &[(u32, u32)] {
        &self.places
    }

    /// As [`blocks`].
    pub(crate) fn find(&self, id: TraceId) -> Vec<u32> {
        let wanted = trace_hash(id);
        let from = self.places.partition_point(|(hash, _)| *hash < wanted);
        let of_trace = self.places[from..].iter().take_while(|(hash, _)| *hash == wanted);
        of_trace.map(|(_, block)| *block).collect()
    }
}

fn damaged() -> Error {
    Error::corrupt("a table of traces makes no sense")
}

/// Shows the hash and the block, out of `below`, of each entry of a bucket.
fn for_each(mut bucket: &[u8], below: usize, mut see: impl FnMut(u32, u32)) -> Result<()> {
    let mut last = 0_u32;
    while !bucket.is_empty() {
        let distance = read_varint(&mut bucket).and_then(|number| u32::try_from(number).ok());
        let block = read_varint(&mut bucket).and_then(|number| u32::try_from(number).ok());
        let (distance, block) = distance.zip(block).ok_or_else(damaged)?;
        last = last.checked_add(distance).ok_or_else(damaged)?;
        if block as usize >= below {
            return Err(damaged());
        }
        see(last, block);
    }
    Ok(())
}

/// Buckets follow each other by hash.
fn bucket_of(hash: u32, count: usize) -> usize {
    ((u64::from(hash) * count as u64) >> 32) as usize
}

/// Part of the format: it must not change. Ids may have a time or zeros in front.
pub(crate) fn trace_hash(id: TraceId) -> u32 {
    const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];
    let (halves, _) = id.0.as_chunks::<8>();
    let [left, right] = [halves[0], halves[1]].map(u64::from_le_bytes);
    let product = u128::from(left ^ FACTORS[0]) * u128::from(right ^ FACTORS[1]);
    let mixed = ((product >> 64) as u64 ^ product as u64).wrapping_mul(FACTORS[0]);
    (mixed >> 32) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_trace_is_found(ids in prop::collection::vec((any::<u64>(), 0_u32..50), 0..900)) {
            let traces = || ids.iter().map(|(id, block)| {
                let mut bytes = [0; 16];
                bytes[8..].copy_from_slice(&id.to_be_bytes());
                (TraceId(bytes), *block)
            });
            let (bytes, buckets) = encode(traces());
            for (id, block) in traces() {
                let bucket = find(id, &buckets).unwrap();
                let of_bucket = &bytes[bucket.at as usize..][..bucket.bytes as usize];
                prop_assert!(blocks(id, of_bucket, 50).unwrap().contains(&block));
                let all = TracePlaces::decode(&bytes, &buckets, 50).unwrap();
                prop_assert_eq!(all.find(id), blocks(id, of_bucket, 50).unwrap());
            }
            let widest = buckets.iter().map(|bucket| bucket.bytes).max().unwrap_or(0);
            prop_assert!(widest as usize <= PER_BUCKET * 2 * 7, "{}", widest);
        }

        #[test]
        fn damaged_buckets_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _any_outcome = blocks(TraceId([1; 16]), &bytes, 3);
        }
    }
}
