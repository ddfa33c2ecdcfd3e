//! Reading a block.

use std::ops::Range;
use std::sync::Arc;

use watchkeep_model::column::{ColumnMut, Table};
use watchkeep_model::{LogColumns, Result};

use super::body::Bodies;
use super::streams::Streams;
use super::{MAGIC, ROWS_MAX};
use crate::block::attributes::Attributes;
use crate::block::numbers::Numbers;
use crate::block::sections::{BlockSource, Head, corrupt, read_head};
use crate::block::table::{Column, fill_default};
use crate::block::texts_read::{Reader, Times};
use crate::seam::LogParts;

/// A block that is being read. What was decoded once is kept.
#[derive(Debug)]
pub(crate) struct Block {
    source: Arc<dyn BlockSource>,
    pub(super) rows: usize,
    times: Times,
    streams: Streams,
    pub(super) bodies: Bodies,
    pub(super) attributes: Attributes,
    others: Vec<(String, Column)>,
}

/// Consecutive rows of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamRun<'a> {
    /// The stream's labels, as column `stream` holds them.
    pub(crate) labels: &'a str,
    pub(crate) rows: Range<usize>,
}

impl Block {
    /// Reads and checks the head.
    pub(crate) fn open(source: Arc<dyn BlockSource>, head_bytes: usize) -> Result<Self> {
        let head = read_head(&*source, head_bytes, MAGIC)?;
        let mut head = Head::new(&head);
        let rows = head.size()?;
        if !(1..=ROWS_MAX).contains(&rows) {
            return Err(corrupt("its number of rows is out of range"));
        }
        let times = Times::new(Numbers::parse(&mut head, rows)?);
        let streams = Streams::parse(&mut head, rows)?;
        let bodies = Bodies::parse(&mut head, rows)?;
        let attributes = Attributes::parse(&mut head, rows)?;
        let others = head.count()?;
        let others = (0..others)
            .map(|_| Ok((head.text()?.to_owned(), Column::parse(&mut head, rows)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { source, rows, times, streams, bodies, attributes, others })
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Column `time_ns`.
    pub(crate) fn times(&self) -> Result<&[i64]> {
        self.times.read(&*self.source)
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { source: &*self.source, times: &self.times }
    }

    /// Its streams, in the order of the rows.
    pub(crate) fn streams(&self) -> Result<impl Iterator<Item = StreamRun<'_>>> {
        let (labels, runs) = self.streams.read(&*self.source)?;
        Ok(runs
            .iter()
            .map(|(key, rows)| StreamRun { labels: labels.get(*key as usize), rows: rows.clone() }))
    }

    /// The columns of some rows, in their order; with [`LogParts::Lines`] only `stream`, `time_ns`
    /// and `body`, the others being empty. Panics where a row is out of range, like a slice.
    pub(crate) fn rows(&self, which: &[u32], parts: LogParts) -> Result<LogColumns> {
        let lines = |name: &str| matches!(name, "stream" | "time_ns" | "body");
        self.columns(which, &|name| parts == LogParts::All || lines(name))
    }

    /// Some columns of some rows, in their order, the others being empty. Panics where a row is out
    /// of range, like a slice.
    pub(crate) fn columns(
        &self,
        which: &[u32],
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<LogColumns> {
        let mut columns = LogColumns::default();
        let times = self.times()?;
        columns.visit_mut(&mut |name, column| match (name, column) {
            _ if !wanted(name) => Ok(()),
            ("time_ns", ColumnMut::I64(into)) => {
                into.extend(which.iter().map(|row| times[*row as usize]));
                Ok(())
            }
            ("stream", ColumnMut::Dict(into)) => self.fill_streams(which, into),
            ("body", ColumnMut::Utf8(into)) => which.iter().try_for_each(|row| {
                let mut read = Ok(());
                into.push_with(|text| {
                    read = self.bodies.append(self.reader(), *row as usize, text);
                });
                read
            }),
            ("attributes", ColumnMut::Attributes(into)) => which
                .iter()
                .try_for_each(|row| self.attributes.append(self.reader(), *row as usize, into)),
            (name, column) => {
                if let Some(stored) = self.other(name) {
                    return stored.fill(self.reader(), which, column);
                }
                fill_default(which.len(), column);
                Ok(())
            }
        })?;
        Ok(columns)
    }

    fn fill_streams(
        &self,
        which: &[u32],
        into: &mut watchkeep_model::column::DictColumn,
    ) -> Result<()> {
        let (labels, runs) = self.streams.read(&*self.source)?;
        let keys: Vec<u32> = labels.iter().map(|labels| into.intern(labels)).collect();
        for row in which {
            let at = runs.partition_point(|(_, rows)| rows.end <= *row as usize);
            into.push_key(keys[runs[at].0 as usize]);
        }
        Ok(())
    }

    /// The other column of this name, if it holds anything.
    pub(super) fn other(&self, name: &str) -> Option<&Column> {
        self.others.iter().find(|(other, _)| other == name).map(|(_, column)| column)
    }
}
