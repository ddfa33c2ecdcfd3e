//! Which stream each row of a block is of.

use std::ops::Range;
use std::sync::OnceLock;

use hashbrown::HashMap;
use watchkeep_model::Result;
use watchkeep_model::column::DictColumn;

use crate::block::numbers::{self, ANY_U32, Numbers};
use crate::block::sections::{BlockSource, Head, Writer, corrupt};
use crate::block::texts::{self, PackedSpans, Spans, once};

/// Writes which stream each row is of, as runs of rows.
pub(super) fn write(column: &DictColumn, rows: &[u32], out: &mut Writer) -> Result<()> {
    let (values, keys) = column.parts();
    let mut local: HashMap<u32, u32> = HashMap::new();
    let (mut labels, mut runs): (Vec<&str>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
    for row in rows {
        let key = keys[*row as usize];
        let key = *local.entry(key).or_insert_with(|| {
            labels.push(values.get(key as usize));
            labels.len() as u32 - 1
        });
        match runs.last_mut() {
            Some((last, len)) if *last == key => *len += 1,
            _ => runs.push((key, 1)),
        }
    }
    out.size(labels.len());
    texts::write_spans(&labels, out)?;
    out.size(runs.len());
    numbers::write_u32(&runs.iter().map(|(key, _)| *key).collect::<Vec<_>>(), out)?;
    numbers::write_u32(&runs.iter().map(|(_, len)| *len).collect::<Vec<_>>(), out)
}

/// The position of a stream's labels, and consecutive rows of that stream.
pub(super) type Run = (u32, Range<usize>);

/// The streams of a block at rest.
#[derive(Debug)]
pub(super) struct Streams {
    rows: usize,
    count: usize,
    labels: PackedSpans,
    runs: usize,
    keys: Numbers,
    lengths: Numbers,
    read: OnceLock<(Spans, Vec<Run>)>,
}

impl Streams {
    pub(super) fn parse(head: &mut Head<'_>, rows: usize) -> Result<Self> {
        let bounded = |size: usize| {
            if size > rows { Err(corrupt("it has more streams than rows")) } else { Ok(size) }
        };
        let count = bounded(head.size()?)?;
        let labels = PackedSpans::parse(head, count)?;
        let runs = bounded(head.size()?)?;
        let keys = Numbers::parse(head, runs)?;
        let lengths = Numbers::parse(head, runs)?;
        Ok(Self { rows, count, labels, runs, keys, lengths, read: OnceLock::new() })
    }

    /// Labels, and runs of rows with the position of their labels.
    pub(super) fn read(&self, source: &dyn BlockSource) -> Result<&(Spans, Vec<Run>)> {
        once(&self.read, || {
            let keys = self.keys.read_u32(source, self.count)?;
            let lengths = self.lengths.read_u32(source, ANY_U32)?;
            let mut runs = Vec::with_capacity(self.runs);
            let mut start = 0_usize;
            for (key, len) in keys.into_iter().zip(lengths) {
                let end = start + len as usize;
                runs.push((key, start..end));
                start = end;
            }
            if start != self.rows {
                return Err(corrupt("its streams have another number of rows"));
            }
            Ok((self.labels.read(source)?, runs))
        })
    }
}
