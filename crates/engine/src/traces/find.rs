//! Finding traces by one span that fulfils all of several conditions: what the searches of Jaeger and
//! Zipkin are. The store leaves out what it can; here the rest is decided on the columns that come.

use std::collections::HashMap;

use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{
    CompareOp, FieldColumn, Pattern, SpanBatch, SpanField, SpanLiteral, SpanRows, SpanTest,
    SpansRequest, TenantId, TimeRange, TraceId, TraceTest, Value,
};
use watchkeep_traceql::eval::EvalError;
use watchkeep_traceql::source::SpanSource as _;

use super::{QueryError, Work};
use crate::engine::Engine;

/// What a field must be.
#[derive(Clone)]
pub enum FieldIs {
    /// The text form is this one; numbers are compared as numbers.
    Text(String),
    /// The text form matches.
    Like(Pattern),
    /// A whole number.
    Int(i64),
    /// It is there.
    There,
}

/// What people search for may be prompts, so it is not printed.
impl std::fmt::Debug for FieldIs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(…)",
            Self::Like(_) => "Like(…)",
            Self::Int(_) => "Int(…)",
            Self::There => "There",
        })
    }
}

/// What must begin in the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// The span that fulfils the conditions.
    Span,
    /// The trace.
    Trace,
}

/// Asks for traces with a span that fulfils all conditions.
#[derive(Debug, Clone)]
pub struct SpanSearch {
    /// When.
    pub range: TimeRange,
    /// What begins then.
    pub begins: Begins,
    /// Of each of these at least one must hold of the span.
    pub conditions: Vec<Vec<(SpanField, FieldIs)>>,
    /// The span's least duration, nanoseconds.
    pub duration_ns_min: Option<i64>,
    /// The span's greatest duration, nanoseconds.
    pub duration_ns_max: Option<i64>,
    /// How many traces at most; at most `traces.search_traces_max`.
    pub limit: usize,
}

impl Engine {
    /// Ids of traces, newest start first.
    pub async fn find_traces(
        &self,
        tenant: &TenantId,
        search: SpanSearch,
    ) -> Result<Vec<TraceId>, QueryError> {
        let (limit, limit_max) = (search.limit, self.traces.search_traces_max);
        if limit > limit_max {
            return Err(QueryError::Invalid(format!(
                "limit {limit} exceeds max limit {limit_max} (traces.search_traces_max)"
            )));
        }
        self.span_work(tenant, move |work| find(work, &search)).await
    }
}

fn find(work: &Work, search: &SpanSearch) -> Result<Vec<TraceId>, QueryError> {
    let mut fields = vec![SpanField::Start, SpanField::Duration];
    let named = search.conditions.iter().flatten().map(|(field, _)| field);
    for field in named {
        if !fields.contains(field) {
            fields.push(field.clone());
        }
    }
    let request = SpansRequest {
        range: search.range,
        rows: SpanRows::Traces(TraceTest::AnySpan(test_of(search))),
        fields: fields.clone(),
        wanted: Some(search.limit),
    };
    let mut found = Vec::new();
    let mut spans = 0;
    if search.limit == 0 {
        return Ok(found);
    }
    for batch in work.source.spans(request)? {
        let batch = batch?;
        spans += batch.rows as u64;
        if spans > work.spans_max {
            return Err(EvalError::TooManySpans(work.spans_max).into());
        }
        if let Some(why) = work.interrupted() {
            return Err(why.into());
        }
        see(&batch, &fields, search, &mut found);
        if found.len() >= search.limit {
            found.truncate(search.limit);
            break;
        }
    }
    Ok(found)
}

/// What the store may leave spans out by.
fn test_of(search: &SpanSearch) -> SpanTest {
    let compare = |field: &SpanField, op, value| SpanTest::Compare {
        field: field.clone(),
        op,
        value: SpanLiteral::Int(value),
    };
    let mut all: Vec<SpanTest> = Vec::new();
    for any in &search.conditions {
        let any = any.iter().map(|(field, is)| match is {
            FieldIs::Text(text) => SpanTest::Compare {
                field: field.clone(),
                op: CompareOp::Eq,
                value: SpanLiteral::Text(text.clone()),
            },
            FieldIs::Like(pattern) => {
                SpanTest::Matches { field: field.clone(), pattern: pattern.clone() }
            }
            FieldIs::Int(value) => compare(field, CompareOp::Eq, *value),
            FieldIs::There => SpanTest::Exists(field.clone()),
        });
        all.push(SpanTest::Or(any.collect()));
    }
    if let Some(min) = search.duration_ns_min {
        all.push(compare(&SpanField::Duration, CompareOp::Ge, min));
    }
    if let Some(max) = search.duration_ns_max {
        all.push(compare(&SpanField::Duration, CompareOp::Le, max));
    }
    if search.begins == Begins::Span {
        all.push(compare(&SpanField::Start, CompareOp::Ge, search.range.start_ns));
        all.push(compare(&SpanField::Start, CompareOp::Lt, search.range.end_ns));
    }
    SpanTest::And(all)
}

/// Adds the traces of a batch that have such a span.
fn see(batch: &SpanBatch, fields: &[SpanField], search: &SpanSearch, found: &mut Vec<TraceId>) {
    let columns: HashMap<&SpanField, &FieldColumn> =
        fields.iter().zip(batch.columns.iter()).collect();
    let number = |field: &SpanField, row: usize| match columns.get(field) {
        Some(FieldColumn::Int { values, .. }) => values.get(row).copied().unwrap_or(0),
        _ => 0,
    };
    let fulfils = |row: usize| {
        let (start, duration) = (number(&SpanField::Start, row), number(&SpanField::Duration, row));
        let in_time = search.begins == Begins::Trace || search.range.contains(start);
        in_time
            && search.duration_ns_min.is_none_or(|min| duration >= min)
            && search.duration_ns_max.is_none_or(|max| duration <= max)
            && search.conditions.iter().all(|any| {
                any.iter().any(|(field, is)| {
                    columns.get(field).is_some_and(|column| holds(column, row, is))
                })
            })
    };
    let mut first = 0;
    for trace in &batch.traces {
        let mut rows = first..trace.rows_end as usize;
        first = trace.rows_end as usize;
        let in_time = search.begins == Begins::Span || search.range.contains(trace.start_ns);
        if in_time && rows.any(fulfils) {
            found.push(trace.id);
        }
    }
}

/// Whether a row's value, or one of them, is as wanted.
fn holds(column: &FieldColumn, row: usize, is: &FieldIs) -> bool {
    let is_there =
        |present: &Option<Vec<bool>>| present.as_ref().is_none_or(|present| present[row]);
    match column {
        FieldColumn::Absent => false,
        FieldColumn::Int { values, present } => is_there(present) && int_is(values[row], is),
        FieldColumn::Double { values, present } => {
            is_there(present) && value_is(&Value::Double(values[row]), is)
        }
        FieldColumn::Bool { values, present } => {
            is_there(present) && value_is(&Value::Bool(values[row]), is)
        }
        FieldColumn::Text { keys, values } => {
            keys[row] != ABSENT && text_is(values.get(keys[row] as usize), is)
        }
        FieldColumn::Values(values) => value_is(&values[row], is),
        FieldColumn::Repeated { ends, values } => {
            let first = row.checked_sub(1).map_or(0, |before| ends[before]);
            (first..ends[row]).any(|at| holds(values, at as usize, is))
        }
    }
}

fn text_is(text: &str, is: &FieldIs) -> bool {
    match is {
        FieldIs::Text(wanted) => text == wanted,
        FieldIs::Like(pattern) => pattern.is_match(text),
        FieldIs::Int(_) => false,
        FieldIs::There => true,
    }
}

fn int_is(value: i64, is: &FieldIs) -> bool {
    match is {
        FieldIs::Text(text) => text.parse() == Ok(value),
        FieldIs::Like(pattern) => pattern.is_match(&value.to_string()),
        FieldIs::Int(wanted) => value == *wanted,
        FieldIs::There => true,
    }
}

fn value_is(value: &Value, is: &FieldIs) -> bool {
    match (value, is) {
        (Value::Empty, _) => false,
        (Value::Int(value), is) => int_is(*value, is),
        (Value::Double(value), FieldIs::Text(text)) => text.parse() == Ok(*value),
        (_, FieldIs::There) => true,
        (_, FieldIs::Int(_)) => false,
        (value, is) => {
            let mut text = String::new();
            value.write_text(&mut text);
            text_is(&text, is)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeep_model::Utf8Column;

    #[test]
    fn values_are_compared_by_their_text_and_numbers_as_numbers() {
        let text = |text: &str| FieldIs::Text(text.to_owned());
        let mut values = Utf8Column::default();
        values.push("shop");
        let texts = FieldColumn::Text { keys: vec![0, ABSENT], values };
        let ints = FieldColumn::Int { values: vec![200, 0], present: Some(vec![true, false]) };
        let mixed = FieldColumn::Values(vec![Value::Double(1.0), Value::Empty]);
        let bools = FieldColumn::Bool { values: vec![true, false], present: None };
        let ends = vec![1, 1];
        let repeated = FieldColumn::Repeated { ends, values: Box::new(texts.clone()) };
        let any_case = FieldIs::Like(Pattern::anchored("(?i:SHOP)").unwrap());
        for (column, is, expect) in [
            (&texts, text("shop"), [true, false]),
            (&texts, any_case, [true, false]),
            (&texts, FieldIs::There, [true, false]),
            (&texts, text(""), [false, false]),
            (&ints, text("200"), [true, false]),
            (&ints, text("2"), [false, false]),
            (&ints, FieldIs::Int(200), [true, false]),
            (&ints, FieldIs::There, [true, false]),
            (&mixed, text("1"), [true, false]),
            (&mixed, FieldIs::There, [true, false]),
            (&bools, text("true"), [true, false]),
            (&bools, FieldIs::There, [true, true]),
            (&repeated, text("shop"), [true, false]),
        ] {
            assert_eq!([0, 1].map(|row| holds(column, row, &is)), expect, "{column:?} {is:?}");
        }
    }
}
