//! The index of a part: where its blocks are and when, and the names that its spans have.

use std::collections::BTreeSet;

use watchkeep_model::labels::write_varint;
use watchkeep_model::{Operation, Result, SpanKey, SpanScope};

use super::places::Bucket;
use crate::metrics::column::zigzag;
use crate::part_file::{IndexReader, pack_index, unpack_index, write_text};

const MAGIC: [u8; 8] = *b"WKSPNIX\x01";
/// Operations that the index of a part names; it counts the others.
pub(super) const OPERATIONS_MAX: usize = 20_000;
/// Likewise attributes.
pub(super) const KEYS_MAX: usize = 20_000;
/// Pairs of services that the index names for a block; it counts the others.
pub(super) const PAIRS_PER_BLOCK_MAX: usize = 1_000;

/// What the file `index` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) blocks: Vec<BlockEntry>,
    /// Services that call or are called, by the numbers in the entries of blocks.
    pub(super) services: Vec<String>,
    pub(super) names: PartNames,
    pub(super) buckets: Vec<Bucket>,
}

/// Names that the spans of a part have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartNames {
    pub(crate) operations: BTreeSet<Operation>,
    pub(crate) keys: BTreeSet<SpanKey>,
    /// Operations, attributes, and pairs of services that were too many to be named, each counted
    /// once or more.
    pub(crate) left_out: u64,
}

/// A block as the index knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    pub(super) at: u64,
    pub(super) bytes: u32,
    pub(super) head_bytes: u32,
    pub(super) checksum: u32,
    pub(super) bloom_at: u64,
    pub(super) bloom_bytes: u32,
    pub(super) bloom_checksum: u32,
    pub(super) salt: u64,
    pub(crate) rows: u32,
    /// Earliest and latest start of a span, nanoseconds since the epoch.
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    /// Latest end of a span.
    pub(crate) end_ns: i64,
    /// Latest start of a trace, as far as it is in the block; the earliest is `min_ns`.
    pub(crate) last_trace_ns: i64,
    /// Whether the parent of a span is not in the block.
    pub(crate) has_strays: bool,
    /// Calls between services.
    pub(crate) calls: Vec<BlockCalls>,
}

/// Calls within a block; the services are numbers in the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockCalls {
    pub(crate) caller: u32,
    pub(crate) callee: u32,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
}

/// Scopes of attributes by their numbers.
const SCOPES: [SpanScope; 5] = [
    SpanScope::Span,
    SpanScope::Resource,
    SpanScope::Event,
    SpanScope::Link,
    SpanScope::Instrumentation,
];

impl Index {
    /// The file's bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        write_varint(&mut body, self.services.len() as u64);
        self.services.iter().for_each(|service| write_text(&mut body, service));
        write_varint(&mut body, self.blocks.len() as u64);
        self.blocks.iter().for_each(|block| block.encode(&mut body));
        write_varint(&mut body, self.names.operations.len() as u64);
        for operation in &self.names.operations {
            write_text(&mut body, &operation.service);
            write_text(&mut body, &operation.name);
            body.push(operation.kind);
        }
        write_varint(&mut body, self.names.keys.len() as u64);
        for key in &self.names.keys {
            let scope = SCOPES.iter().position(|scope| *scope == key.scope).unwrap_or(0);
            body.push(scope as u8);
            write_text(&mut body, &key.key);
        }
        write_varint(&mut body, self.names.left_out);
        write_varint(&mut body, self.buckets.len() as u64);
        for bucket in &self.buckets {
            write_varint(&mut body, u64::from(bucket.bytes));
            write_varint(&mut body, u64::from(bucket.checksum));
        }
        pack_index(MAGIC, &body)
    }

    /// Reads what [`Index::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        unpack_index(MAGIC, bytes, index)
    }
}

impl BlockEntry {
    /// Bytes of the block.
    pub(crate) fn bytes(&self) -> u32 {
        self.bytes
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for number in [
            self.at,
            u64::from(self.bytes),
            u64::from(self.head_bytes),
            u64::from(self.checksum),
            self.bloom_at,
            u64::from(self.bloom_bytes),
            u64::from(self.bloom_checksum),
            self.salt,
            u64::from(self.rows),
            zigzag(self.min_ns),
            zigzag(self.max_ns.wrapping_sub(self.min_ns)),
            zigzag(self.end_ns.wrapping_sub(self.min_ns)),
            zigzag(self.last_trace_ns.wrapping_sub(self.min_ns)),
            u64::from(self.has_strays),
            self.calls.len() as u64,
        ] {
            write_varint(out, number);
        }
        for calls in &self.calls {
            let services = [calls.caller, calls.callee].map(u64::from);
            for number in services.into_iter().chain([calls.calls, calls.errors]) {
                write_varint(out, number);
            }
        }
    }
}

fn index(reader: &mut IndexReader<'_>) -> Option<Index> {
    let services = reader.list(|reader| reader.text().map(str::to_owned))?;
    let blocks = reader.list(block)?;
    let known = |service: u32| (service as usize) < services.len();
    let calls = || blocks.iter().flat_map(|block: &BlockEntry| &block.calls);
    if !calls().all(|calls| known(calls.caller) && known(calls.callee)) {
        return None;
    }
    let operations = reader.list(|reader| {
        let (service, name) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        Some(Operation { service, name, kind: reader.byte()? })
    })?;
    let keys = reader.list(|reader| {
        let scope = *SCOPES.get(usize::from(reader.byte()?))?;
        Some(SpanKey { scope, key: reader.text()?.to_owned() })
    })?;
    let left_out = reader.number()?;
    let mut at = 0_u64;
    let buckets = reader.list(|reader| {
        let bucket = Bucket { at, bytes: reader.small()?, checksum: reader.small()? };
        at += u64::from(bucket.bytes);
        Some(bucket)
    })?;
    let names = PartNames {
        operations: operations.into_iter().collect(),
        keys: keys.into_iter().collect(),
        left_out,
    };
    Some(Index { blocks, services, names, buckets })
}

fn block(reader: &mut IndexReader<'_>) -> Option<BlockEntry> {
    let (at, bytes, head_bytes, checksum) =
        (reader.number()?, reader.small()?, reader.small()?, reader.small()?);
    let (bloom_at, bloom_bytes, bloom_checksum) =
        (reader.number()?, reader.small()?, reader.small()?);
    let (salt, rows) = (reader.number()?, reader.small()?);
    let min_ns = reader.signed()?;
    let max_ns = min_ns.wrapping_add(reader.signed()?);
    let end_ns = min_ns.wrapping_add(reader.signed()?);
    let last_trace_ns = min_ns.wrapping_add(reader.signed()?);
    let has_strays = reader.number()? == 1;
    let calls = reader.list(|reader| {
        Some(BlockCalls {
            caller: reader.small()?,
            callee: reader.small()?,
            calls: reader.number()?,
            errors: reader.number()?,
        })
    })?;
    Some(BlockEntry {
        at,
        bytes,
        head_bytes,
        checksum,
        bloom_at,
        bloom_bytes,
        bloom_checksum,
        salt,
        rows,
        min_ns,
        max_ns,
        end_ns,
        last_trace_ns,
        has_strays,
        calls,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn specimen() -> Index {
        let calls = vec![BlockCalls { caller: 0, callee: 1, calls: 70, errors: 3 }];
        let block = BlockEntry {
            at: 9,
            bytes: 1000,
            head_bytes: 300,
            checksum: 0xffff_ffff,
            bloom_at: 5,
            bloom_bytes: 64,
            bloom_checksum: 1,
            salt: 77 << 20,
            rows: 8192,
            min_ns: 1_790_000_000_000_000_000,
            max_ns: 1_790_000_009_000_000_000,
            end_ns: i64::MAX,
            last_trace_ns: 1_790_000_008_000_000_000,
            has_strays: true,
            calls,
        };
        let operation = Operation { service: "gateway".into(), name: "GET /".into(), kind: 2 };
        let key = |scope| SpanKey { scope, key: "k".into() };
        let names =
            PartNames { operations: [operation].into(), keys: SCOPES.map(key).into(), left_out: 5 };
        let buckets = vec![
            Bucket { at: 0, bytes: 900, checksum: 12 },
            Bucket { at: 900, bytes: 7, checksum: u32::MAX },
        ];
        let services = vec!["gateway".to_owned(), "model".to_owned()];
        Index { blocks: vec![block.clone(), block], services, names, buckets }
    }

    #[test]
    fn an_index_comes_back() {
        let bytes = specimen().encode().unwrap();
        assert!(Index::decode(&bytes).unwrap() == specimen());
    }

    proptest! {
        #[test]
        fn damage_is_noticed(at in any::<prop::sample::Index>(), with in 1_u8..) {
            let mut bytes = specimen().encode().unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= with;
            prop_assert!(Index::decode(&bytes).is_err());
        }
    }
}
