//! Summaries of traces: made from batches of spans, merged where a trace is spread over several
//! pieces, and kept beside the spans of each part so that a list opens no spans.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int64Array, ListArray,
    PrimitiveArray, RecordBatch, StringArray, TimestampNanosecondArray, UInt8Array, UInt32Array,
};
use hashbrown::HashMap;
use watchkeep_model::{Error, Result, SpanId, TraceId};

use super::part::Place;
use crate::schema::{column, dictionary_strings};
use crate::seam::{ServiceCount, TraceSummary};

/// OTLP's status code for errors.
const STATUS_ERROR: u8 = 2;

/// A summary under construction.
#[derive(Debug)]
struct PartialSummary {
    trace_id: TraceId,
    start_ns: i64,
    end_ns: i64,
    /// Whether a root was seen, and the start of the span that names the trace: a root before any
    /// other span, then the earlier one.
    named_by: (bool, i64),
    root_service: String,
    root_name: String,
    services: BTreeMap<String, (u32, u32)>,
}

impl PartialSummary {
    /// The finished summary.
    fn finish(self) -> TraceSummary {
        let mut services: Vec<ServiceCount> = self
            .services
            .into_iter()
            .map(|(name, (spans, errors))| ServiceCount { name, spans, errors })
            .collect();
        services.sort_by_key(|service| std::cmp::Reverse(service.spans));
        TraceSummary {
            trace_id: self.trace_id,
            start_ns: self.start_ns,
            end_ns: self.end_ns,
            has_root: self.named_by.0,
            root_service: self.root_service,
            root_name: self.root_name,
            spans: services.iter().map(|service| service.spans).sum(),
            errors: services.iter().map(|service| service.errors).sum(),
            services,
        }
    }
}

/// Whether a span names its trace better than another: `(is a root, start)`.
fn names_better(candidate: (bool, i64), incumbent: (bool, i64)) -> bool {
    candidate.0 && !incumbent.0 || candidate.0 == incumbent.0 && candidate.1 < incumbent.1
}

/// The columns of a batch of spans that a summary looks at.
struct SpanView<'a> {
    trace_ids: &'a FixedSizeBinaryArray,
    parents: &'a FixedSizeBinaryArray,
    starts: &'a TimestampNanosecondArray,
    durations: &'a Int64Array,
    statuses: &'a UInt8Array,
    names: &'a StringArray,
    services: &'a [u32],
    service_names: &'a StringArray,
}

impl<'a> SpanView<'a> {
    fn of(spans: &'a RecordBatch) -> Result<Self> {
        let services: &DictionaryArray<UInt32Type> = column(spans, "service")?;
        Ok(Self {
            trace_ids: column(spans, "trace_id")?,
            parents: column(spans, "parent_span_id")?,
            starts: column(spans, "start_ns")?,
            durations: column(spans, "duration_ns")?,
            statuses: column(spans, "status_code")?,
            names: column(spans, "name")?,
            services: services.keys().values(),
            service_names: dictionary_strings(services)?,
        })
    }

    fn add(&self, row: usize, traces: &mut HashMap<TraceId, PartialSummary>) -> Result<()> {
        let trace_id = TraceId(id(self.trace_ids.value(row))?);
        let start_ns = self.starts.value(row);
        let end_ns = start_ns.saturating_add(self.durations.value(row).max(0));
        let is_root = self.parents.value(row) == SpanId::NONE.0;
        let service = self.service_names.value(self.services[row] as usize);
        let trace = traces.entry(trace_id).or_insert_with(|| PartialSummary {
            trace_id,
            start_ns,
            end_ns,
            named_by: (false, i64::MAX),
            root_service: String::new(),
            root_name: String::new(),
            services: BTreeMap::new(),
        });
        trace.start_ns = trace.start_ns.min(start_ns);
        trace.end_ns = trace.end_ns.max(end_ns);
        if names_better((is_root, start_ns), trace.named_by) || trace.services.is_empty() {
            trace.named_by = (is_root, start_ns);
            service.clone_into(&mut trace.root_service);
            self.names.value(row).clone_into(&mut trace.root_name);
        }
        let counts = match trace.services.get_mut(service) {
            Some(counts) => counts,
            None => trace.services.entry(service.to_owned()).or_default(),
        };
        counts.0 += 1;
        counts.1 += u32::from(self.statuses.value(row) == STATUS_ERROR);
        Ok(())
    }
}

/// Summarises the traces of the spans at some places of some batches, by rising start.
pub(crate) fn summarize(batches: &[&RecordBatch], places: &[Place]) -> Result<Vec<TraceSummary>> {
    let views: Vec<SpanView<'_>> =
        batches.iter().map(|batch| SpanView::of(batch)).collect::<Result<_>>()?;
    let mut traces = HashMap::new();
    for (batch, row) in places {
        views[*batch].add(*row, &mut traces)?;
    }
    let mut summaries: Vec<TraceSummary> =
        traces.into_values().map(PartialSummary::finish).collect();
    summaries.sort_unstable_by_key(TraceSummary::cursor);
    Ok(summaries)
}

/// Joins what two pieces know of one trace.
pub(crate) fn merge(mut left: TraceSummary, mut right: TraceSummary) -> TraceSummary {
    if names_better((right.has_root, right.start_ns), (left.has_root, left.start_ns)) {
        std::mem::swap(&mut left, &mut right);
    }
    let mut services: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for service in left.services.into_iter().chain(right.services) {
        let counts = services.entry(service.name).or_default();
        counts.0 += service.spans;
        counts.1 += service.errors;
    }
    PartialSummary {
        trace_id: left.trace_id,
        start_ns: left.start_ns.min(right.start_ns),
        end_ns: left.end_ns.max(right.end_ns),
        named_by: (left.has_root, left.start_ns),
        root_service: left.root_service,
        root_name: left.root_name,
        services,
    }
    .finish()
}

/// Reads an id of fixed width.
pub(crate) fn id<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| Error::corrupt("an id has the wrong width"))
}

/// Summaries as the rows of `traces.parquet` (drawn in `docs/formats/spans.md`).
pub(crate) fn to_batch(summaries: &[TraceSummary]) -> Result<RecordBatch> {
    let text = |get: fn(&TraceSummary) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(summaries.iter().map(get)))
    };
    let instants = |get: fn(&TraceSummary) -> i64| -> ArrayRef {
        let values = TimestampNanosecondArray::from_iter_values(summaries.iter().map(get));
        Arc::new(values.with_timezone("UTC"))
    };
    let ids = FixedSizeBinaryArray::try_from_iter(summaries.iter().map(|s| s.trace_id.0));
    let mut names = ListBuilder::new(StringBuilder::new());
    let mut spans = ListBuilder::new(UInt32Builder::new());
    let mut errors = ListBuilder::new(UInt32Builder::new());
    for summary in summaries {
        for service in &summary.services {
            names.values().append_value(&service.name);
            spans.values().append_value(service.spans);
            errors.values().append_value(service.errors);
        }
        names.append(true);
        spans.append(true);
        errors.append(true);
    }
    let has_root: BooleanArray = summaries.iter().map(|s| Some(s.has_root)).collect();
    let trace_id: ArrayRef = Arc::new(
        ids.map_err(|error| Error::internal("cannot collect trace ids").with_source(error))?,
    );
    RecordBatch::try_from_iter([
        ("trace_id", trace_id),
        ("start_ns", instants(|s| s.start_ns)),
        ("end_ns", instants(|s| s.end_ns)),
        ("has_root", Arc::new(has_root)),
        ("root_service", text(|s| &s.root_service)),
        ("root_name", text(|s| &s.root_name)),
        ("services", Arc::new(names.finish())),
        ("service_spans", Arc::new(spans.finish())),
        ("service_errors", Arc::new(errors.finish())),
    ])
    .map_err(|error| Error::internal("cannot assemble trace summaries").with_source(error))
}

/// Reads rows that [`to_batch`] made.
pub(crate) fn from_batch(batch: &RecordBatch) -> Result<Vec<TraceSummary>> {
    type Instants = PrimitiveArray<TimestampNanosecondType>;
    let trace_ids: &FixedSizeBinaryArray = column(batch, "trace_id")?;
    let starts: &Instants = column(batch, "start_ns")?;
    let ends: &Instants = column(batch, "end_ns")?;
    let has_root: &BooleanArray = column(batch, "has_root")?;
    let root_services: &StringArray = column(batch, "root_service")?;
    let root_names: &StringArray = column(batch, "root_name")?;
    let services: &ListArray = column(batch, "services")?;
    let spans: &ListArray = column(batch, "service_spans")?;
    let errors: &ListArray = column(batch, "service_errors")?;
    let mut summaries = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let (names, spans, errors) = (services.value(row), spans.value(row), errors.value(row));
        let (names, spans, errors): (&StringArray, &UInt32Array, &UInt32Array) =
            (names.as_string(), spans.as_primitive(), errors.as_primitive());
        if spans.len() != names.len() || errors.len() != names.len() {
            return Err(Error::corrupt("a trace summary's lists differ in length"));
        }
        let services: Vec<ServiceCount> = (0..names.len())
            .map(|at| ServiceCount {
                name: names.value(at).to_owned(),
                spans: spans.value(at),
                errors: errors.value(at),
            })
            .collect();
        summaries.push(TraceSummary {
            trace_id: TraceId(id(trace_ids.value(row))?),
            start_ns: starts.value(row),
            end_ns: ends.value(row),
            has_root: has_root.value(row),
            root_service: root_services.value(row).to_owned(),
            root_name: root_names.value(row).to_owned(),
            spans: services.iter().map(|service| service.spans).sum(),
            errors: services.iter().map(|service| service.errors).sum(),
            services,
        });
    }
    Ok(summaries)
}
