//! The store as LogQL's source of records: what it can decide is asked of it, the rest is shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::runtime::Handle;
use watchkeep_logql::source::{self, BatchIter, Count, Counted, Counts, LogSource, Select};
use watchkeep_model::column::Table as _;
use watchkeep_model::{ErrorKind, Labels, LogColumns, Result, TenantId, TimeRange};
use watchkeep_storage::Store;
use watchkeep_storage::seam::{
    Bucket, LogCountFrame, LogCountRequest, LogParts, LogsRequest, Order, StreamsRequest,
};

use super::config::LokiConfig;
use super::plan;
use super::rows::RowReader;

/// Bytes of records that the store could not decide about which are kept while it counts the others.
/// Where there are more, nothing is won by counting.
const UNDECIDED_BYTES_MAX: usize = 32 << 20;

/// The records of one tenant, pulled on the thread that evaluates.
pub(super) struct StoreSource {
    pub(super) store: Arc<dyn Store>,
    pub(super) tenant: TenantId,
    pub(super) runtime: Handle,
    pub(super) config: Arc<LokiConfig>,
    /// Groups, all steps together, that the store may count.
    pub(super) groups_max: usize,
}

/// Names of the labels of streams.
struct LabelNames {
    in_all: BTreeSet<String>,
    in_some: BTreeSet<String>,
}

impl StoreSource {
    fn range(select: &Select<'_>) -> TimeRange {
        TimeRange { start_ns: select.start_ns, end_ns: select.end_ns }
    }

    fn label_names(&self, select: &Select<'_>) -> Result<LabelNames> {
        let matchers = select.log.matchers.clone();
        let request = StreamsRequest { matchers, range: Self::range(select) };
        let streams = self.runtime.block_on(self.store.log_streams(&self.tenant, request))?;
        let mut names: Option<LabelNames> = None;
        for stream in streams {
            let of_stream: BTreeSet<&str> = stream.labels.iter().map(|(name, _)| name).collect();
            match &mut names {
                None => {
                    let all: BTreeSet<String> =
                        of_stream.iter().map(|name| (*name).to_owned()).collect();
                    names = Some(LabelNames { in_all: all.clone(), in_some: all });
                }
                Some(names) => {
                    names.in_all.retain(|name| of_stream.contains(&**name));
                    for name in of_stream {
                        if !names.in_some.contains(name) {
                            names.in_some.insert(name.to_owned());
                        }
                    }
                }
            }
        }
        let none = || LabelNames { in_all: BTreeSet::new(), in_some: BTreeSet::new() };
        Ok(names.unwrap_or_else(none))
    }
}

impl LogSource for StoreSource {
    fn select(&self, select: &Select<'_>) -> Result<BatchIter<'_>> {
        let names =
            if plan::asks_for_labels(select.log) { Some(self.label_names(select)?) } else { None };
        let request = LogsRequest {
            matchers: select.log.matchers.clone(),
            range: Self::range(select),
            test: plan::test(select.log, names.as_ref().map(|names| &names.in_some)),
            parts: LogParts::All,
            order: match select.order {
                source::Order::OldestFirst => Some(Order::OldestFirst),
                source::Order::NewestFirst => Some(Order::NewestFirst),
                source::Order::Any => None,
            },
            wanted: select.wanted,
        };
        let cursor = self.runtime.block_on(self.store.logs(&self.tenant, request))?;
        let mut reader = RowReader::new(Arc::clone(&self.config));
        Ok(Box::new(cursor.map(move |rows| Ok(reader.batch(rows?.rows)))))
    }

    fn count(&self, count: &Count<'_>) -> Result<Option<Counts<'_>>> {
        if count.by.is_none() {
            return Ok(None);
        }
        let select = &count.select;
        let names = self.label_names(select)?;
        let planned = plan::count(select.log, count.by, &names.in_all, &names.in_some);
        let Some(plan) = planned else { return Ok(None) };
        let request = LogCountRequest {
            matchers: select.log.matchers.clone(),
            range: Self::range(select),
            test: plan.test,
            bucket: Bucket { origin_ns: select.start_ns, step_ns: count.step_ns },
            by_labels: Some(plan.by_labels),
            by_fields: plan.by_fields.iter().map(|(_, field)| field.clone()).collect(),
            bytes: count.bytes,
            parts: LogParts::All,
            groups_max: self.groups_max,
        };
        let counting = self.runtime.block_on(self.store.count_logs(&self.tenant, request));
        let mut counted = Vec::new();
        let mut undecided: Vec<LogColumns> = Vec::new();
        let mut undecided_bytes = 0;
        for frame in counting? {
            match frame {
                Ok(LogCountFrame::Counts(counts)) => {
                    for one in counts {
                        let fields = plan.by_fields.iter().zip(&one.fields);
                        let labels = fields.fold(one.labels, |labels, ((name, _), text)| {
                            if text.is_empty() { labels } else { Arc::new(labels.with(name, text)) }
                        });
                        counted.push(group(labels, one.step, one.rows, one.bytes));
                    }
                }
                Ok(LogCountFrame::Undecided(rows)) => {
                    undecided_bytes += rows.rows.byte_len();
                    if undecided_bytes > UNDECIDED_BYTES_MAX {
                        return Ok(None);
                    }
                    undecided.push(rows.rows);
                }
                // Groups that LogQL would put together are no fault of the query.
                Err(error) if matches!(error.kind(), ErrorKind::LimitExceeded { .. }) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        let mut reader = RowReader::new(Arc::clone(&self.config));
        let rest = undecided.into_iter().map(move |rows| Ok(reader.batch(rows)));
        Ok(Some(Counts { counted, rest: Box::new(rest) }))
    }
}

fn group(labels: Arc<Labels>, step: i64, rows: u64, bytes: u64) -> Counted {
    Counted { labels, step: step.max(0).unsigned_abs(), rows, bytes }
}
