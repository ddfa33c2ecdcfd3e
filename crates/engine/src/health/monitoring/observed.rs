//! Requests to services, counted out of their spans: spans of kind server or consumer, and roots. Only
//! columns are read that say who, when, how long and how it went; no trace is put together.

use hashbrown::HashMap;
use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{
    CompareOp, Error, ErrorKind, FieldColumn, Result, SpanBatch, SpanField, SpanLiteral, SpanScope,
    SpanTest, TenantId, TimeRange, Utf8Column, Value,
};

use super::RECENT_SECONDS;
use super::endpoint::endpoint_name;
use super::requests::{EndpointRequests, RequestSums, Requests};
use crate::engine::Engine;
use crate::query::operations::{STATUS_ERROR, int};

/// OTLP's numbers of the kinds of spans that are requests wherever they stand in a trace.
const KINDS: [i64; 2] = [2, 5];
/// Least status of HTTP that is an error.
const HTTP_ERROR_MIN: i64 = 400;
/// Endpoints that are told apart while counting; what comes beyond them is counted as one.
pub(super) const ENDPOINTS_MAX: usize = 10_000;
/// How far in the future a span may start, by a clock that goes wrong.
const AHEAD_MAX_NS: i64 = 300 * 1_000_000_000;

/// Attributes with the method, the better first.
const METHOD: [&str; 2] = ["http.request.method", "http.method"];
/// Attributes with route or path, the better first. The last is Zipkin's.
const ROUTE: [&str; 4] = ["http.route", "url.path", "http.target", "http.path"];
/// Attributes with the status of the answer, the better first.
const STATUS: [&str; 2] = ["http.response.status_code", "http.status_code"];

/// Columns in front of those of attributes.
const INTRINSICS: [SpanField; 5] = [
    SpanField::Service,
    SpanField::Name,
    SpanField::StatusCode,
    SpanField::Start,
    SpanField::Duration,
];

impl Engine {
    /// Requests to a service, or to all, that started at most `window_ns` ago; by endpoint, the busiest
    /// first, of which at most `health.monitoring.endpoints_max` are told one by one.
    ///
    /// Fails with [`ErrorKind::NotFound`] where nothing ever came from the service.
    pub async fn observed_requests(
        &self,
        tenant: &TenantId,
        service: Option<&str>,
        window_ns: i64,
    ) -> Result<Requests> {
        let now_ns = self.clock().now_ns();
        let range = TimeRange {
            start_ns: now_ns.saturating_sub(window_ns),
            end_ns: now_ns.saturating_add(AHEAD_MAX_NS),
        };
        let recent_ns = now_ns.saturating_sub(RECENT_SECONDS as i64 * 1_000_000_000);
        let counting = Counting { recent_ns, ..Counting::default() };
        let asked = (test(service), fields());
        let counted = self.fold_spans(tenant, range, asked, counting, Counting::batch).await?;
        let mut requests = counted.requests();
        if let (0, Some(service)) = (requests.all.calls, service) {
            self.must_know(tenant, service, range).await?;
        }
        requests.rank(self.health.config.monitoring.endpoints_max);
        Ok(requests)
    }

    /// Fails where neither a span, of any age, nor a log record of the range is the service's.
    async fn must_know(&self, tenant: &TenantId, service: &str, range: TimeRange) -> Result<()> {
        let operations = self.operations(tenant).await?;
        if operations.iter().any(|operation| operation.service == service)
            || self.services(tenant, range).await?.iter().any(|known| known == service)
        {
            return Ok(());
        }
        let shown = crate::humane::short(service);
        Err(Error::new(ErrorKind::NotFound, format!("nothing came from a service {shown:?}")))
    }
}

/// Spans that are requests. Stores decide all of it, so that what comes back is not looked at again.
fn test(service: Option<&str>) -> SpanTest {
    let is = |field, value| SpanTest::Compare { field, op: CompareOp::Eq, value };
    let mut any: Vec<SpanTest> =
        KINDS.map(|kind| is(SpanField::Kind, SpanLiteral::Int(kind))).into();
    any.push(SpanTest::Not(Box::new(SpanTest::Exists(SpanField::ParentSpanId))));
    let mut all = vec![SpanTest::Or(any)];
    if let Some(service) = service {
        all.insert(0, is(SpanField::Service, SpanLiteral::Text(service.to_owned())));
    }
    SpanTest::And(all)
}

fn fields() -> Vec<SpanField> {
    let attribute = |key: &str| SpanField::Attribute(SpanScope::Span, key.to_owned());
    let attributes = METHOD.into_iter().chain(ROUTE).chain(STATUS).map(attribute);
    INTRINSICS.into_iter().chain(attributes).collect()
}

/// What was counted so far.
#[derive(Debug, Default)]
struct Counting {
    recent_ns: i64,
    recent: RequestSums,
    first_ns: Option<i64>,
    /// Service and name, and their requests.
    endpoints: Vec<((String, String), RequestSums)>,
    places: HashMap<(String, String), usize>,
    /// Requests to endpoints beyond the bound.
    others: RequestSums,
}

impl Counting {
    fn batch(&mut self, batch: &SpanBatch) -> Result<()> {
        let columns = Columns::of(batch)?;
        let mut known = HashMap::new();
        for row in 0..batch.rows {
            let place = *known
                .entry(columns.key(row))
                .or_insert_with(|| self.place(columns.service(row), columns.endpoint(row)));
            let (start_ns, duration_ns) = columns.time(row);
            let mut request = RequestSums::default();
            request.count(duration_ns, columns.failed(row), start_ns);
            let sums = match place {
                Some(place) => &mut self.endpoints[place].1,
                None => &mut self.others,
            };
            sums.add(&request);
            if start_ns >= self.recent_ns {
                self.recent.add(&request);
            }
            self.first_ns = Some(self.first_ns.map_or(start_ns, |first| first.min(start_ns)));
        }
        Ok(())
    }

    /// The place of an endpoint; none where there is no more room.
    fn place(&mut self, service: &str, name: String) -> Option<usize> {
        let key = (service.to_owned(), name);
        if let Some(place) = self.places.get(&key) {
            return Some(*place);
        }
        let place = self.endpoints.len();
        (place < ENDPOINTS_MAX).then(|| {
            self.places.insert(key.clone(), place);
            self.endpoints.push((key, RequestSums::default()));
            place
        })
    }

    fn requests(self) -> Requests {
        let mut all = self.others;
        let endpoints = self.endpoints.into_iter().map(|((service, name), sums)| {
            all.add(&sums);
            EndpointRequests { service, name, sums }
        });
        let endpoints = endpoints.collect();
        let Self { recent, first_ns, others, .. } = self;
        Requests { all, recent, first_ns, endpoints, others }
    }
}

/// The columns of a batch.
struct Columns<'a> {
    service: Texts<'a>,
    name: Texts<'a>,
    status: &'a FieldColumn,
    start: &'a FieldColumn,
    duration: &'a FieldColumn,
    method: [Texts<'a>; METHOD.len()],
    route: [Texts<'a>; ROUTE.len()],
    http_status: &'a [FieldColumn],
}

/// What a request's endpoint depends on: keys of the texts of a batch.
const KEYS: usize = 2 + METHOD.len() + ROUTE.len();

impl<'a> Columns<'a> {
    fn of(batch: &'a SpanBatch) -> Result<Self> {
        let [service, name, status, start, duration, attributes @ ..] = &batch.columns[..] else {
            return Err(Error::internal("a batch of spans lacks columns"));
        };
        let (method, rest) = attributes.split_at(METHOD.len().min(attributes.len()));
        let (route, http_status) = rest.split_at(ROUTE.len().min(rest.len()));
        let ([m0, m1], [r0, r1, r2, r3]) = (method, route) else {
            return Err(Error::internal("a batch of spans lacks columns of attributes"));
        };
        Ok(Self {
            service: Texts::of(service),
            name: Texts::of(name),
            status,
            start,
            duration,
            method: [m0, m1].map(Texts::of),
            route: [r0, r1, r2, r3].map(Texts::of),
            http_status,
        })
    }

    fn key(&self, row: usize) -> [u32; KEYS] {
        let ([m0, m1], [r0, r1, r2, r3]) = (&self.method, &self.route);
        [&self.service, &self.name, m0, m1, r0, r1, r2, r3].map(|texts| texts.key(row))
    }

    fn service(&self, row: usize) -> &'a str {
        self.service.text(row).unwrap_or_default()
    }

    fn endpoint(&self, row: usize) -> String {
        let first = |texts: &[Texts<'a>]| texts.iter().find_map(|texts| texts.text(row));
        let span = self.name.text(row).unwrap_or_default();
        endpoint_name(span, first(&self.method), first(&self.route))
    }

    /// Start and duration.
    fn time(&self, row: usize) -> (i64, i64) {
        (int(self.start, row).unwrap_or(0), int(self.duration, row).unwrap_or(0))
    }

    fn failed(&self, row: usize) -> bool {
        let http = self.http_status.iter().find_map(|column| whole_number(column, row));
        int(self.status, row) == Some(STATUS_ERROR)
            || http.is_some_and(|status| status >= HTTP_ERROR_MIN)
    }
}

/// A column of texts, as clients sent it: single values may be something else.
enum Texts<'a> {
    None,
    Keyed(&'a [u32], &'a Utf8Column),
    Mixed(&'a [Value]),
}

impl<'a> Texts<'a> {
    fn of(column: &'a FieldColumn) -> Self {
        match column {
            FieldColumn::Text { keys, values } => Self::Keyed(keys, values),
            FieldColumn::Values(values) => Self::Mixed(values),
            _ => Self::None,
        }
    }

    /// Equal only for equal texts of a batch.
    fn key(&self, row: usize) -> u32 {
        match self {
            Self::None => ABSENT,
            Self::Keyed(keys, _) => keys[row],
            Self::Mixed(_) => row as u32,
        }
    }

    fn text(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::None => None,
            Self::Keyed(keys, values) => {
                (keys[row] != ABSENT).then(|| values.get(keys[row] as usize))
            }
            Self::Mixed(values) => match &values[row] {
                Value::String(text) => Some(text),
                _ => None,
            },
        }
    }
}

/// A whole number of a row, of whatever type it came as.
fn whole_number(column: &FieldColumn, row: usize) -> Option<i64> {
    match column {
        FieldColumn::Double { values, present } => {
            let is_there = present.as_ref().is_none_or(|present| present[row]);
            is_there.then(|| values[row] as i64)
        }
        FieldColumn::Text { .. } => Texts::of(column).text(row)?.trim().parse().ok(),
        FieldColumn::Values(values) => match &values[row] {
            Value::Int(number) => Some(*number),
            Value::Double(number) => Some(*number as i64),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        },
        other => int(other, row),
    }
}
