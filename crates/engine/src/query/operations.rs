//! What services do: figures of their operations, and who calls whom.

use std::collections::BTreeMap;
use std::time::Instant;

use hashbrown::HashMap;
use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{
    CompareOp, Error, ErrorKind, FieldColumn, Operation, Result, ServiceCalls, SpanBatch,
    SpanField, SpanLiteral, SpanRows, SpanTest, SpansRequest, TenantId, TimeRange, Utf8Column,
};

use crate::engine::Engine;

/// OTLP's number of the status error.
pub(crate) const STATUS_ERROR: i64 = 2;

/// Operations that one answer holds at most.
const OPERATIONS_MAX: usize = 10_000;

/// What is told of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationFigures {
    /// Which.
    pub operation: Operation,
    /// Its spans.
    pub spans: u64,
    /// Those of them with status error.
    pub errors: u64,
    /// Quantiles of its durations.
    pub durations: DurationFigures,
}

/// Quantiles of durations, nanoseconds, each at most 1.1 % beside the true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationFigures {
    /// Half of the spans took at most so long.
    pub p50: i64,
    /// 95 % of them.
    pub p95: i64,
    /// 99 % of them.
    pub p99: i64,
    /// The longest, exact.
    pub max: i64,
}

/// What a service did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpans {
    /// Its name.
    pub name: String,
    /// Its spans.
    pub spans: u64,
    /// Those of them with status error.
    pub errors: u64,
}

/// Services, and who calls whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceMap {
    /// By name.
    pub services: Vec<ServiceSpans>,
    /// By the names.
    pub calls: Vec<ServiceCalls>,
}

/// Durations by size: each power of two is cut into 64 buckets, which bounds the error of a quantile
/// to half a bucket.
#[derive(Debug, Default)]
struct Durations {
    buckets: BTreeMap<u16, u64>,
    max: i64,
}

impl Durations {
    const PER_DOUBLING: f64 = 64.0;

    fn add(&mut self, duration_ns: i64) {
        let bucket = ((duration_ns.max(1) as f64).log2() * Self::PER_DOUBLING) as u16;
        *self.buckets.entry(bucket).or_default() += 1;
        self.max = self.max.max(duration_ns);
    }

    /// The duration that a share of all is at most as long as.
    fn quantile(&self, share: f64) -> i64 {
        let count: u64 = self.buckets.values().sum();
        let rank = (share * count as f64).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                let middle = (f64::from(*bucket) + 0.5) / Self::PER_DOUBLING;
                return (middle.exp2() as i64).min(self.max);
            }
        }
        self.max
    }

    fn figures(&self) -> DurationFigures {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| self.quantile(share));
        DurationFigures { p50, p95, p99, max: self.max }
    }
}

#[derive(Debug, Default)]
struct Figures {
    spans: u64,
    errors: u64,
    durations: Durations,
}

impl Engine {
    /// Figures of the operations of a service, or of all, over spans that start in the range; by
    /// falling number of spans, then by name.
    pub async fn operation_figures(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        service: Option<String>,
    ) -> Result<Vec<OperationFigures>> {
        let test = service.map_or(SpanTest::ALL, |service| SpanTest::Compare {
            field: SpanField::Service,
            op: CompareOp::Eq,
            value: SpanLiteral::Text(service),
        });
        let fields = vec![
            SpanField::Service,
            SpanField::StatusCode,
            SpanField::Name,
            SpanField::Kind,
            SpanField::Duration,
        ];
        let found = self
            .fold_spans(tenant, range, (test, fields), Found::default(), |found, batch| {
                let mut groups = Groups::of(batch, true)?;
                for row in 0..batch.rows {
                    let figures = groups.count(found, batch, row)?;
                    let duration_ns = int(&batch.columns[4], row).unwrap_or(0);
                    figures.durations.add(duration_ns);
                }
                Ok(())
            })
            .await?;
        let told = |(operation, figures): (Operation, Figures)| OperationFigures {
            operation,
            spans: figures.spans,
            errors: figures.errors,
            durations: figures.durations.figures(),
        };
        let mut operations: Vec<OperationFigures> =
            found.operations.into_iter().map(told).collect();
        operations
            .sort_by(|a, b| b.spans.cmp(&a.spans).then_with(|| a.operation.cmp(&b.operation)));
        Ok(operations)
    }

    /// Services with spans that start in the range, and their calls.
    pub async fn service_map(&self, tenant: &TenantId, range: TimeRange) -> Result<ServiceMap> {
        let fields = vec![SpanField::Service, SpanField::StatusCode];
        let found = self
            .fold_spans(tenant, range, (SpanTest::ALL, fields), Found::default(), |found, batch| {
                let mut groups = Groups::of(batch, false)?;
                for row in 0..batch.rows {
                    groups.count(found, batch, row)?;
                }
                Ok(())
            })
            .await?;
        let mut services: Vec<ServiceSpans> = found
            .operations
            .into_iter()
            .map(|(operation, Figures { spans, errors, .. })| ServiceSpans {
                name: operation.service,
                spans,
                errors,
            })
            .collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        let calls = self.service_calls(tenant, range).await?;
        Ok(ServiceMap { services, calls })
    }

    /// All operations that spans held now have, sorted; from an index, whatever their age.
    pub async fn operations(&self, tenant: &TenantId) -> Result<Vec<Operation>> {
        self.query(async { self.store()?.operations(tenant).await }).await
    }

    /// Calls between services by spans that start in the range, sorted by the names.
    pub async fn service_calls(
        &self,
        tenant: &TenantId,
        range: TimeRange,
    ) -> Result<Vec<ServiceCalls>> {
        self.query(async { self.store()?.service_calls(tenant, range).await }).await
    }

    /// Goes through the spans of a range where blocking is allowed.
    pub(crate) async fn fold_spans<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        range: TimeRange,
        (test, fields): (SpanTest, Vec<SpanField>),
        mut found: T,
        mut see: impl FnMut(&mut T, &SpanBatch) -> Result<()> + Send + 'static,
    ) -> Result<T> {
        let deadline = Instant::now() + self.limits.query_timeout.0;
        self.query(async {
            let request = SpansRequest { range, rows: SpanRows::Spans(test), fields, wanted: None };
            let cursor = self.store()?.spans(tenant, request).await?;
            let reading = tokio::task::spawn_blocking(move || {
                for batch in cursor {
                    // Who asked has been told so already.
                    if Instant::now() >= deadline {
                        return Err(Error::new(ErrorKind::Timeout, "reading spans took too long"));
                    }
                    see(&mut found, &batch?)?;
                }
                Ok(found)
            });
            reading
                .await
                .map_err(|error| Error::internal("reading spans panicked").with_source(error))?
        })
        .await
    }
}

/// Operations met so far.
#[derive(Debug, Default)]
struct Found {
    operations: Vec<(Operation, Figures)>,
    places: HashMap<Operation, usize>,
}

impl Found {
    fn place(&mut self, operation: Operation) -> Result<usize> {
        if let Some(place) = self.places.get(&operation) {
            return Ok(*place);
        }
        let place = self.operations.len();
        if place >= OPERATIONS_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded { key: "limits.query_rows_max" },
                format!(
                    "more than {OPERATIONS_MAX} operations; ask for one service or a shorter range"
                ),
            ));
        }
        self.places.insert(operation.clone(), place);
        self.operations.push((operation, Figures::default()));
        Ok(place)
    }
}

/// The columns of a batch that tell operations apart: service, status and, where wanted, name and
/// kind.
struct Groups<'a> {
    services: Texts<'a>,
    names: Option<Texts<'a>>,
    /// Places of the operations of this batch by keys of service and name, and kind.
    known: HashMap<(u32, u32, u8), usize>,
}

impl<'a> Groups<'a> {
    fn of(batch: &'a SpanBatch, by_name: bool) -> Result<Self> {
        let names = if by_name { Some(Texts::of(&batch.columns[2])?) } else { None };
        let services = Texts::of(&batch.columns[0])?;
        Ok(Self { services, names, known: HashMap::new() })
    }

    /// Counts a row, and gives the figures of its operation.
    fn count<'f>(
        &mut self,
        found: &'f mut Found,
        batch: &SpanBatch,
        row: usize,
    ) -> Result<&'f mut Figures> {
        let name = self.names.as_ref();
        let kind = name.map_or(0, |_| int(&batch.columns[3], row).unwrap_or(0) as u8);
        let key = (self.services.key(row), name.map_or(0, |names| names.key(row)), kind);
        let place = if let Some(place) = self.known.get(&key) {
            *place
        } else {
            let place = found.place(Operation {
                service: self.services.text(row).to_owned(),
                name: name.map_or("", |names| names.text(row)).to_owned(),
                kind,
            })?;
            self.known.insert(key, place);
            place
        };
        let figures = &mut found.operations[place].1;
        figures.spans += 1;
        figures.errors += u64::from(int(&batch.columns[1], row) == Some(STATUS_ERROR));
        Ok(figures)
    }
}

/// A column of texts.
struct Texts<'a> {
    column: Option<(&'a [u32], &'a Utf8Column)>,
}

impl<'a> Texts<'a> {
    fn of(column: &'a FieldColumn) -> Result<Self> {
        match column {
            FieldColumn::Text { keys, values } => Ok(Self { column: Some((keys, values)) }),
            FieldColumn::Absent => Ok(Self { column: None }),
            other => Err(Error::internal(format!("a column of texts came as {other:?}"))),
        }
    }

    fn key(&self, row: usize) -> u32 {
        self.column.map_or(ABSENT, |(keys, _)| keys[row])
    }

    fn text(&self, row: usize) -> &'a str {
        let key = self.key(row);
        match self.column {
            Some((_, values)) if key != ABSENT => values.get(key as usize),
            _ => "",
        }
    }
}

/// A whole number of a row, if it is there.
pub(crate) fn int(column: &FieldColumn, row: usize) -> Option<i64> {
    match column {
        FieldColumn::Int { values, present } => {
            let is_there = present.as_ref().is_none_or(|present| present[row]);
            is_there.then(|| values[row])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_a_hundredth_of_the_true_one() {
        let mut durations = Durations::default();
        for step in 1..=10_000_i64 {
            durations.add(step * 7_919);
        }
        let figures = durations.figures();
        for (found, share) in [(figures.p50, 0.5), (figures.p95, 0.95), (figures.p99, 0.99)] {
            let exact = share * 10_000.0 * 7_919.0;
            assert!((found as f64 / exact - 1.0).abs() < 0.011, "{share}: {found} is not {exact}");
        }
        assert_eq!(figures.max, 79_190_000);
        let mut zero = Durations::default();
        zero.add(0);
        assert_eq!((zero.figures().p50, zero.figures().max), (0, 0));
    }
}
