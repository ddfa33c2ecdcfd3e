//! A way in for the benches, which see only what is public. Nothing else may use it.

use std::sync::Arc;

use bytes::Bytes;
use watchkeep_model::{LogColumns, Result};

use super::block::{self, EncodedBlock};
use crate::block::RowSet;
use crate::seam::{LogField, LogParts, LogTest};

/// A block of log records, written.
#[derive(Debug)]
pub struct Block(EncodedBlock);

impl Block {
    /// Encodes all rows, at most 8192.
    pub fn encode(columns: &LogColumns) -> Result<Self> {
        let rows: Vec<_> = (0..columns.time_ns.len() as u32).map(|row| (0, row)).collect();
        block::encode(&[columns], &rows, 7).map(Self)
    }

    /// Bytes, those of the head among them, and bytes of the Bloom filter.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.0.bytes.len(), self.0.head_bytes, self.0.bloom.len())
    }

    /// Opens it; nothing is decoded yet.
    pub fn open(&self) -> Result<OpenBlock> {
        let source = Arc::new(Bytes::copy_from_slice(&self.0.bytes));
        block::Block::open(source, self.0.head_bytes).map(OpenBlock)
    }
}

/// A block that is being read.
#[derive(Debug)]
pub struct OpenBlock(block::Block);

impl OpenBlock {
    /// Sum of the times, so that they are read.
    pub fn times(&self) -> Result<i64> {
        Ok(self.0.times()?.iter().fold(0, |sum, time| sum ^ time))
    }

    /// Bytes of all bodies.
    pub fn body_bytes(&self) -> Result<u64> {
        let bytes = self.0.body_bytes(&RowSet::all(self.0.len()))?;
        Ok(bytes.into_iter().map(u64::from).sum())
    }

    /// How many rows the test is true of, and of how many it is unknown.
    pub fn test(&self, test: &LogTest) -> Result<(usize, usize)> {
        let decision = self.0.test(test, &RowSet::all(self.0.len()))?;
        Ok((decision.yes.count(), decision.unknown.count()))
    }

    /// How many texts a field has in the rows of which the test is true.
    pub fn group(&self, test: &LogTest, field: &LogField) -> Result<usize> {
        let decision = self.0.test(test, &RowSet::all(self.0.len()))?;
        Ok(self.0.field_keys(field, &decision.yes)?.texts.len())
    }

    /// The newest rows of which the test is true, at most so many.
    pub fn newest(&self, test: &LogTest, count: usize, parts: LogParts) -> Result<LogColumns> {
        let yes = self.0.test(test, &RowSet::all(self.0.len()))?.yes;
        let which: Vec<u32> = yes.iter().map(|row| row as u32).collect();
        self.0.rows(&which[which.len().saturating_sub(count)..], parts)
    }
}
