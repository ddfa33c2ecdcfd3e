//! A source of log records that keeps them in memory and does nothing cleverly.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchkeep_logql::ast::Grouping;
use watchkeep_logql::pipeline::{LabelSet, Pipeline, PipelineOptions};
use watchkeep_logql::source::{
    BatchIter, Count, Counted, Counts, LogBatch, LogSource, Order, Select,
};
use watchkeep_model::{Labels, Result};

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) stream: Arc<Labels>,
    pub(crate) time_ns: i64,
    pub(crate) line: String,
    pub(crate) metadata: Vec<(String, String)>,
}

/// How a source counts: which records it decides about.
type Decides = Box<dyn Fn(&Record) -> bool>;

#[derive(Default)]
pub(crate) struct MemorySource {
    pub(crate) records: Vec<Record>,
    /// Rows of a batch; 0 for all.
    pub(crate) batch_rows: usize,
    pub(crate) counts: Option<Decides>,
}

impl MemorySource {
    fn selected(&self, select: &Select<'_>) -> Vec<&Record> {
        let mut records: Vec<&Record> = self
            .records
            .iter()
            .filter(|record| select.start_ns <= record.time_ns && record.time_ns < select.end_ns)
            .filter(|record| select.log.matchers.iter().all(|m| m.matches(&record.stream)))
            .collect();
        match select.order {
            Order::OldestFirst => records.sort_by_key(|record| record.time_ns),
            Order::NewestFirst => {
                records.reverse();
                records.sort_by_key(|record| std::cmp::Reverse(record.time_ns));
            }
            Order::Any => {}
        }
        records
    }

    fn batches<'r>(&self, records: &[&'r Record]) -> BatchIter<'r> {
        let rows = if self.batch_rows == 0 { records.len().max(1) } else { self.batch_rows };
        let batches: Vec<_> = records.chunks(rows).map(|rows| Ok(batch(rows))).collect();
        Box::new(batches.into_iter())
    }
}

fn batch(records: &[&Record]) -> LogBatch {
    let mut batch = LogBatch { metadata_ends: vec![0], ..LogBatch::default() };
    for record in records {
        let known = batch.streams.iter().position(|stream| *stream == record.stream);
        let stream = known.unwrap_or_else(|| {
            batch.streams.push(Arc::clone(&record.stream));
            batch.streams.len() - 1
        });
        batch.stream.push(stream as u32);
        batch.time_ns.push(record.time_ns);
        batch.lines.push(&record.line);
        for (name, value) in &record.metadata {
            batch.metadata_names.push(name);
            batch.metadata_values.push(value);
        }
        batch.metadata_ends.push(batch.metadata_names.len() as u32);
    }
    batch
}

impl LogSource for MemorySource {
    fn select(&self, select: &Select<'_>) -> Result<BatchIter<'_>> {
        Ok(self.batches(&self.selected(select)))
    }

    fn count(&self, count: &Count<'_>) -> Result<Option<Counts<'_>>> {
        let Some(decides) = &self.counts else { return Ok(None) };
        let needed = count.by.map(<[String]>::to_vec);
        let options = PipelineOptions { needed, ..PipelineOptions::default() };
        let pipeline = Pipeline::new(&count.select.log.stages, options).unwrap();
        let mut runner = pipeline.runner();
        let mut counted: BTreeMap<(Labels, u64), (u64, u64)> = BTreeMap::new();
        let mut rest = Vec::new();
        for record in self.selected(&count.select) {
            if !decides(record) {
                rest.push(record);
                continue;
            }
            let metadata = record.metadata.iter().map(|(name, value)| (&**name, &**value));
            let done = runner.process(&record.stream, metadata, record.time_ns, &record.line);
            let Some(done) = done else { continue };
            let mut labels = Vec::new();
            match count.by {
                Some(by) => {
                    let grouping = Grouping { without: false, labels: by.to_vec() };
                    done.labels.write_grouped(&grouping, &mut labels);
                }
                None => done.labels.write_labels(&mut labels),
            }
            let labels = LabelSet::from_written(&labels);
            if done.labels.has_error() || labels.iter().any(|(_, value)| value.is_empty()) {
                rest.push(record);
                continue;
            }
            let labels = labels.to_labels();
            let step = (record.time_ns - count.select.start_ns) / count.step_ns;
            let entry = counted.entry((labels, step as u64)).or_default();
            entry.0 += 1;
            entry.1 += done.line.len() as u64;
        }
        let counted = counted
            .into_iter()
            .map(|((labels, step), (rows, bytes))| Counted {
                labels: Arc::new(labels),
                step,
                rows,
                bytes,
            })
            .collect();
        Ok(Some(Counts { counted, rest: self.batches(&rest) }))
    }
}
