//! Values that an attribute or intrinsic has on spans.

use std::collections::BTreeSet;

use watchkeep_model::span_query::{ABSENT, FieldColumn, SpanRows, SpanTest};
use watchkeep_model::{SpanScope, SpansRequest, TenantId, TimeRange};
use watchkeep_traceql::ast::{Attribute, FieldExpr, Intrinsic, Kind, Name, Place, Status};
use watchkeep_traceql::eval::expr::rows::Rows;
use watchkeep_traceql::eval::expr::scalar::Scalar;
use watchkeep_traceql::eval::expr::{Elements, Expr};
use watchkeep_traceql::eval::{Budget, EvalError};
use watchkeep_traceql::plan::{Fields, tests};
use watchkeep_traceql::source::SpanSource;

use super::source::StoreSource;
use super::{QueryError, Work};
use crate::engine::Engine;

/// Asks for the values of a name.
#[derive(Debug, Clone)]
pub struct TagValuesQuery {
    /// Which name.
    pub name: Name,
    /// Only values on spans that fulfil this.
    pub filter: Option<FieldExpr>,
    /// On spans that start in this range.
    pub range: TimeRange,
    /// How many at most.
    pub limit: usize,
}

/// A value and its type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagValue {
    /// As TraceQL names types: `string`, `int`, `float`, `bool`, `duration`, `keyword`.
    pub kind: &'static str,
    /// As TraceQL writes it, without quotes.
    pub text: String,
}

/// The values of a name, sorted.
#[derive(Debug, Clone, Default)]
pub struct TagValues {
    /// Each once.
    pub values: Vec<TagValue>,
    /// Whether there may be more than the limits let through.
    pub cut: bool,
}

impl Engine {
    /// Values that a name has on spans, within `traces.tag_values_max` and
    /// `traces.tag_values_bytes_max`.
    pub async fn span_tag_values(
        &self,
        tenant: &TenantId,
        query: TagValuesQuery,
    ) -> Result<TagValues, QueryError> {
        if let Some(values) = fixed_values(&query.name) {
            return Ok(TagValues { values, cut: false });
        }
        let values_max = query.limit.min(self.traces.tag_values_max);
        let bytes_max = self.traces.tag_values_bytes_max.bytes();
        self.span_work(tenant, move |work| find(work, &query, values_max, bytes_max)).await
    }
}

/// What a name can be at all, where that is known without looking. Ids and durations are as many as
/// spans: none are told.
fn fixed_values(name: &Name) -> Option<Vec<TagValue>> {
    let keyword = |name: &str| TagValue { kind: "keyword", text: name.to_owned() };
    let Name::Intrinsic(intrinsic) = name else { return None };
    match intrinsic {
        Intrinsic::Status => {
            let all = [Status::Ok, Status::Error, Status::Unset];
            Some(all.map(|status| keyword(status.name())).to_vec())
        }
        Intrinsic::Kind => {
            let all = [
                Kind::Client,
                Kind::Server,
                Kind::Producer,
                Kind::Consumer,
                Kind::Internal,
                Kind::Unspecified,
            ];
            Some(all.map(|kind| keyword(kind.name())).to_vec())
        }
        Intrinsic::Name
        | Intrinsic::StatusMessage
        | Intrinsic::RootName
        | Intrinsic::RootService
        | Intrinsic::EventName
        | Intrinsic::InstrumentationName
        | Intrinsic::InstrumentationVersion => None,
        _ => Some(Vec::new()),
    }
}

/// The names to look at: a name without a scope may be of the resource, the span or the
/// instrumentation, and each is told.
fn attributes_of(name: &Name) -> Vec<Attribute> {
    let plain = |name: Name| Attribute { name, of_parent: false, place: Place::default() };
    match name {
        Name::Key(SpanScope::Any, key) => {
            [SpanScope::Resource, SpanScope::Span, SpanScope::Instrumentation]
                .map(|scope| plain(Name::Key(scope, key.clone())))
                .to_vec()
        }
        other => vec![plain(other.clone())],
    }
}

fn find(
    work: &Work,
    query: &TagValuesQuery,
    values_max: usize,
    bytes_max: usize,
) -> Result<TagValues, QueryError> {
    work.budgeted(|source, budget| {
        let mut found = Found { values: BTreeSet::new(), bytes: 0, values_max, bytes_max };
        let mut cut = false;
        for attribute in attributes_of(&query.name) {
            if !of_one(source, budget, &attribute, query, &mut found)? {
                cut = true;
                break;
            }
        }
        Ok(TagValues { values: found.values.into_iter().collect(), cut })
    })
}

/// Collects the values of one name; false when there is no more room.
fn of_one(
    source: &StoreSource,
    budget: &Budget<'_>,
    attribute: &Attribute,
    query: &TagValuesQuery,
    found: &mut Found,
) -> Result<bool, EvalError> {
    let mut fields = Fields::new();
    let value = Expr::of_attribute(attribute, &mut fields)?;
    let filter = match &query.filter {
        Some(filter) => Some(Expr::new(filter, Elements::Same, &mut fields)?),
        None => None,
    };
    let mut all: Vec<SpanTest> = query.filter.iter().map(tests::span_test).collect();
    all.extend(exists(&attribute.name));
    let test = SpanTest::And(all);
    let rows = if fields.need_traces() {
        SpanRows::Traces(watchkeep_model::TraceTest::AnySpan(test))
    } else {
        SpanRows::Spans(test)
    };
    let fields_asked = fields.as_slice().to_vec();
    let request = SpansRequest { range: query.range, rows, fields: fields_asked, wanted: None };
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
        let rows = Rows::new(&batch, &fields);
        let mask = filter.as_ref().map(|filter| filter.mask(&rows));
        if !found.take(&value, &rows, mask.as_deref()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// That a span has an attribute of its own: those without are not looked at.
fn exists(name: &Name) -> Option<SpanTest> {
    match name {
        Name::Key(scope, key) => {
            let field = watchkeep_model::SpanField::Attribute(*scope, key.clone());
            Some(SpanTest::Exists(field))
        }
        Name::Intrinsic(_) => None,
    }
}

struct Found {
    values: BTreeSet<TagValue>,
    bytes: usize,
    values_max: usize,
    bytes_max: usize,
}

impl Found {
    /// Takes the values of the rows that the mask lets through; false when there is no more room.
    #[expect(clippy::indexing_slicing, reason = "masks are as long as their batch")]
    fn take(&mut self, value: &Expr, rows: &Rows<'_>, mask: Option<&[bool]>) -> bool {
        let wanted = |row: &usize| mask.is_none_or(|mask| mask[*row]);
        let rows_wanted = (0..rows.len()).filter(wanted);
        match value.column(rows) {
            Some(FieldColumn::Repeated { ends, values }) => {
                for row in rows_wanted {
                    let from = if row == 0 { 0 } else { ends[row - 1] as usize };
                    for element in from..ends[row] as usize {
                        if !self.add(element_of(values, element)) {
                            return false;
                        }
                    }
                }
                true
            }
            // The usual case: a text is looked at once a batch, not once a span.
            Some(FieldColumn::Text { keys, values }) => {
                let mut seen = vec![false; values.len()];
                for row in rows_wanted {
                    let key = keys[row];
                    if key == ABSENT {
                        if !self.add(value.value(rows, row)) {
                            return false;
                        }
                    } else if !std::mem::replace(&mut seen[key as usize], true)
                        && !self.add(Scalar::Text(values.get(key as usize)))
                    {
                        return false;
                    }
                }
                true
            }
            _ => {
                for row in rows_wanted {
                    if !self.add(value.value(rows, row)) {
                        return false;
                    }
                }
                true
            }
        }
    }

    /// Adds a value; false when there is no more room for it.
    fn add(&mut self, value: Scalar<'_>) -> bool {
        if let Scalar::List(items) = value {
            return items.iter().all(|item| self.add(Scalar::of_value(item)));
        }
        let Some(value) = tag_value(value) else { return true };
        if self.values.contains(&value) {
            return true;
        }
        let bytes = value.kind.len() + value.text.len();
        if self.values.len() >= self.values_max || self.bytes + bytes > self.bytes_max {
            return false;
        }
        self.bytes += bytes;
        self.values.insert(value);
        true
    }
}

/// A value of a repeated column.
#[expect(clippy::indexing_slicing, reason = "ends of a column lie within its values")]
fn element_of(values: &FieldColumn, element: usize) -> Scalar<'_> {
    let there = |present: &Option<Vec<bool>>| present.as_ref().is_none_or(|all| all[element]);
    match values {
        FieldColumn::Int { values, present } if there(present) => Scalar::Int(values[element]),
        FieldColumn::Double { values, present } if there(present) => Scalar::Float(values[element]),
        FieldColumn::Bool { values, present } if there(present) => Scalar::Bool(values[element]),
        FieldColumn::Text { keys, values } if keys[element] != ABSENT => {
            Scalar::Text(values.get(keys[element] as usize))
        }
        FieldColumn::Values(values) => Scalar::of_value(&values[element]),
        _ => Scalar::Nil,
    }
}

/// The value as it is told; none where there is nothing to tell.
fn tag_value(value: Scalar<'_>) -> Option<TagValue> {
    let (kind, text) = match value {
        Scalar::Text(text) => ("string", text.to_owned()),
        Scalar::Int(value) => ("int", value.to_string()),
        Scalar::Float(value) => ("float", float_text(value)),
        Scalar::Bool(value) => ("bool", value.to_string()),
        Scalar::Duration(value) => ("duration", value.to_string()),
        Scalar::Nil | Scalar::Status(_) | Scalar::Kind(_) | Scalar::List(_) => return None,
    };
    Some(TagValue { kind, text })
}

/// A float so that it can be told from an integer.
fn float_text(value: f64) -> String {
    let mut text = watchkeep_promql::number::Shortest(value).to_string();
    if !text.contains(['e', '.']) && value.is_finite() {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod unit_tests {
    use super::*;
    use watchkeep_model::Value;

    #[test]
    fn floats_are_written_as_floats() {
        for (value, expect) in [(0.0, "0.0"), (0.7, "0.7"), (1.0, "1.0"), (1e21, "1e+21")] {
            assert_eq!(float_text(value), expect);
        }
        let values = [Value::Int(1), Value::Int(2)];
        assert_eq!(tag_value(Scalar::List(&values)), None);
    }
}
