//! Lists of traces, and one trace with all its spans.

use watchkeep_model::{
    Error, ErrorKind, Result, SpanField, SpanId, SpanLiteral, SpanScope, SpanTest, TenantId,
    TimeRange, TraceId,
};
use watchkeep_storage::seam::{
    Field, Literal, Predicate, Scope, TraceCursor, TraceFilter, TraceSummary, TracesRequest,
};

use super::rows::{self, SpanRow};
use super::{AnswerBytes, CompareOp, for_each_batch};
use crate::engine::Engine;

/// Which traces to list. Service, name, status and attributes hold for one and the same span.
#[derive(Debug, Clone)]
pub struct TraceListFilter {
    /// Traces that started inside.
    pub range: TimeRange,
    /// The span's service.
    pub service: Option<String>,
    /// The span's name.
    pub name: Option<String>,
    /// The span's status, as OTLP numbers it.
    pub status_code: Option<u8>,
    /// Attributes on the span or else its resource, compared with their text form.
    pub attributes: Vec<(String, String)>,
    /// The whole trace's least duration.
    pub duration_ns_min: Option<i64>,
    /// The whole trace's greatest duration.
    pub duration_ns_max: Option<i64>,
}

/// A page of a list of traces.
#[derive(Debug)]
pub struct TracePage {
    /// Newest first.
    pub traces: Vec<TraceSummary>,
    /// Where the next page starts, if there is one.
    pub next: Option<TraceCursor>,
}

impl TraceListFilter {
    fn any_span(&self) -> SpanTest {
        let text = |text: &str| SpanLiteral::Text(text.to_owned());
        let mut all = Vec::new();
        if let Some(service) = &self.service {
            all.push(is(SpanField::Service, text(service)));
        }
        if let Some(name) = &self.name {
            all.push(is(SpanField::Name, text(name)));
        }
        if let Some(code) = self.status_code {
            all.push(is(SpanField::StatusCode, SpanLiteral::Int(i64::from(code))));
        }
        all.extend(self.attributes.iter().map(|(key, value)| has_text_form(key, value)));
        SpanTest::And(all)
    }
}

fn is(field: SpanField, value: SpanLiteral) -> SpanTest {
    SpanTest::Compare { field, op: CompareOp::Eq, value }
}

/// An attribute of the span or else its resource, of whichever type, written so.
fn has_text_form(key: &str, text: &str) -> SpanTest {
    let values = [
        Some(SpanLiteral::Text(text.to_owned())),
        text.parse().ok().map(SpanLiteral::Int),
        text.parse().ok().map(SpanLiteral::Double),
        text.parse().ok().map(SpanLiteral::Bool),
    ];
    let field = || SpanField::Attribute(SpanScope::Any, key.to_owned());
    SpanTest::Or(values.into_iter().flatten().map(|value| is(field(), value)).collect())
}

/// `attribute == value`, looked up on the record and else on its resource.
pub(super) fn attribute_is((key, value): &(String, String)) -> Predicate {
    Predicate::Compare {
        field: Field::Attribute(Scope::Any, key.clone()),
        op: CompareOp::Eq,
        value: Literal::Text(value.clone()),
    }
}

impl Engine {
    /// Traces that match, newest first.
    pub async fn traces(
        &self,
        tenant: &TenantId,
        filter: &TraceListFilter,
        limit: usize,
        after: Option<TraceCursor>,
    ) -> Result<TracePage> {
        let request = TracesRequest {
            range: filter.range,
            filter: TraceFilter {
                any_span: filter.any_span(),
                duration_ns_min: filter.duration_ns_min,
                duration_ns_max: filter.duration_ns_max,
            },
            // One more tells whether there is a next page.
            limit: limit + 1,
            after,
        };
        self.query(async {
            let mut traces = self.store()?.traces(tenant, request).await?;
            let more = traces.len() > limit;
            traces.truncate(limit);
            let next = traces.last().filter(|_| more).map(TraceSummary::cursor);
            Ok(TracePage { traces, next })
        })
        .await
    }

    /// All spans of a trace by start; `NotFound` where there is none.
    pub async fn trace(&self, tenant: &TenantId, id: TraceId) -> Result<Vec<SpanRow>> {
        self.query(async {
            let stream = self.store()?.trace(tenant, id).await?;
            let spans_max = self.limits.query_rows_max;
            let mut spans = Vec::new();
            let mut size = AnswerBytes::new(&self.limits);
            for_each_batch(stream, |batch| {
                if spans.len() + batch.num_rows() > spans_max {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded { key: "limits.query_rows_max" },
                        format!("trace {id} has more than {spans_max} spans"),
                    ));
                }
                rows::spans(&batch, &mut spans)?;
                size.add(&spans, SpanRow::byte_len)
            })
            .await?;
            if spans.is_empty() {
                return Err(Error::new(ErrorKind::NotFound, format!("no trace {id}")));
            }
            spans.sort_by_key(|span| (span.start_ns, parents_first(span), span.span_id));
            Ok(spans)
        })
        .await
    }
}

/// Among spans of one instant roots come first.
fn parents_first(span: &SpanRow) -> bool {
    span.parent_span_id != SpanId::NONE
}
