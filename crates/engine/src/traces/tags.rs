//! Names of attributes that spans have.

use watchkeep_model::span_query::{FieldColumn, SpanRows};
use watchkeep_model::{SpanField, SpanKey, SpanScope, SpansRequest, TenantId, TimeRange, Value};
use watchkeep_traceql::ast::FieldExpr;
use watchkeep_traceql::eval::EvalError;
use watchkeep_traceql::eval::expr::rows::Rows;
use watchkeep_traceql::eval::expr::{Elements, Expr};
use watchkeep_traceql::plan::{Fields, tests};
use watchkeep_traceql::source::SpanSource;

use super::{QueryError, Work};
use crate::engine::Engine;

/// Names that are looked for in one pass over spans.
const KEYS_PER_PASS: usize = 64;

/// Asks for names of attributes.
#[derive(Debug, Clone)]
pub struct TagsQuery {
    /// Of this scope alone; of all without one.
    pub scope: Option<SpanScope>,
    /// Only those of spans that fulfil this.
    pub filter: Option<FieldExpr>,
    /// Of spans that start in this range.
    pub range: TimeRange,
}

impl Engine {
    /// Attributes that spans have, sorted by scope and name. Without a filter they come from indexes,
    /// and some may belong to spans beside the range.
    pub async fn span_tags(
        &self,
        tenant: &TenantId,
        query: TagsQuery,
    ) -> Result<Vec<SpanKey>, QueryError> {
        self.span_work(tenant, move |work| {
            let source = &work.source;
            let listing = source.store.span_keys(&source.tenant, query.range);
            let mut keys = source.runtime.block_on(listing)?;
            if let Some(scope) = query.scope {
                keys.retain(|key| key.scope == scope);
            }
            match &query.filter {
                None => Ok(keys),
                Some(filter) => on_matching_spans(work, filter, query.range, &keys),
            }
        })
        .await
    }
}

/// Keeps the names that a span which fulfils the filter has.
fn on_matching_spans(
    work: &Work,
    filter: &FieldExpr,
    range: TimeRange,
    keys: &[SpanKey],
) -> Result<Vec<SpanKey>, QueryError> {
    let mut kept = Vec::new();
    for keys in keys.chunks(KEYS_PER_PASS) {
        let present = present_in(work, filter, range, keys)?;
        let found = keys.iter().zip(present).filter(|(_, present)| *present);
        kept.extend(found.map(|(key, _)| key.clone()));
    }
    Ok(kept)
}

/// Which of the names a span that fulfils the filter has.
#[expect(clippy::indexing_slicing, reason = "places are those of the fields asked for")]
fn present_in(
    work: &Work,
    filter: &FieldExpr,
    range: TimeRange,
    keys: &[SpanKey],
) -> Result<Vec<bool>, QueryError> {
    work.budgeted(|source, budget| {
        let mut fields = Fields::new();
        let places: Vec<usize> = keys
            .iter()
            .map(|key| fields.place(&SpanField::Attribute(key.scope, key.key.clone())))
            .collect();
        let expr = Expr::new(filter, Elements::Same, &mut fields)?;
        let test = tests::span_test(filter);
        let rows = if fields.need_traces() {
            SpanRows::Traces(watchkeep_model::TraceTest::AnySpan(test))
        } else {
            SpanRows::Spans(test)
        };
        let request =
            SpansRequest { range, rows, fields: fields.as_slice().to_vec(), wanted: None };
        let mut present = vec![false; keys.len()];
        let mut looked_at = 0_u64;
        for batch in source.spans(request)? {
            if let Some(error) = (budget.interrupt)() {
                return Err(error);
            }
            let batch = batch?;
            looked_at += batch.rows as u64;
            if looked_at > budget.spans_max {
                return Err(EvalError::TooManySpans(budget.spans_max));
            }
            let mask = expr.mask(&Rows::new(&batch, &fields));
            for (present, place) in present.iter_mut().zip(&places) {
                *present = *present || is_present(&batch.columns[*place], &mask);
            }
            if present.iter().all(|present| *present) {
                break;
            }
        }
        Ok(present)
    })
}

/// Whether a row that the mask lets through has a value.
#[expect(clippy::indexing_slicing, reason = "masks are as long as their batch")]
fn is_present(column: &FieldColumn, mask: &[bool]) -> bool {
    let any = |there: &dyn Fn(usize) -> bool| {
        mask.iter().enumerate().any(|(row, wanted)| *wanted && there(row))
    };
    match column {
        FieldColumn::Absent => false,
        FieldColumn::Int { present, .. }
        | FieldColumn::Double { present, .. }
        | FieldColumn::Bool { present, .. } => match present {
            None => mask.contains(&true),
            Some(present) => any(&|row| present[row]),
        },
        FieldColumn::Text { keys, .. } => {
            any(&|row| keys[row] != watchkeep_model::span_query::ABSENT)
        }
        FieldColumn::Values(values) => any(&|row| values[row] != Value::Empty),
        FieldColumn::Repeated { ends, values } => {
            let mut wanted = vec![false; values_len(values)];
            let mut from = 0;
            for (row, end) in ends.iter().map(|end| *end as usize).enumerate() {
                wanted[from..end].fill(mask[row]);
                from = end;
            }
            is_present(values, &wanted)
        }
    }
}

fn values_len(column: &FieldColumn) -> usize {
    match column {
        FieldColumn::Absent | FieldColumn::Repeated { .. } => 0,
        FieldColumn::Int { values, .. } => values.len(),
        FieldColumn::Double { values, .. } => values.len(),
        FieldColumn::Bool { values, .. } => values.len(),
        FieldColumn::Text { keys, .. } => keys.len(),
        FieldColumn::Values(values) => values.len(),
    }
}
