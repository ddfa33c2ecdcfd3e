//! OTLP metrics to Prometheus series.
//!
//! Names and labels follow Prometheus' own OTLP receiver; what it makes of each type is told in
//! `points.rs`. A point that can not be kept is rejected alone. A point without a time takes that
//! of arrival. Increments (delta temporality) are passed on as such, with their series marked.

mod exponential;
mod labels;
mod names;
mod options;
mod points;

use watchkeep_model::column::Table;
use watchkeep_model::limits::DecodeLimits;
use watchkeep_model::metrics::MetricKind;
use watchkeep_model::{MetricColumns, Result};

use self::exponential::Exponential;
use self::labels::{LabelSet, SeriesTable, write_label_value};
use self::names::{BoundTexts, LabelNames, Suffix, metric_name};
pub use self::options::{MetricsOptions, TranslationStrategy};
use super::common::{AnyValue, Context, Group, Repeated, check_columns, key_value};
use super::{Decoded, Fault, Signal, check_body};
use crate::protobuf::{Malformed, Reader};

/// Decodes an `ExportMetricsServiceRequest` (or `MetricsData`, which has the same form).
/// `arrival_ns` is the time of points that carry none.
pub fn decode_metrics(
    body: &[u8],
    limits: &DecodeLimits,
    options: &MetricsOptions,
    arrival_ns: i64,
) -> Result<Decoded<MetricColumns>> {
    check_body(body, Signal::Metrics)?;
    let mut decoder = Decoder::new(limits, options, arrival_ns);
    decoder.request(Reader::new(body)).map_err(|fault| fault.into_error(Signal::Metrics))?;
    let Context { warnings, rejections, .. } = decoder.context;
    Ok(Decoded {
        columns: decoder.columns,
        rejected: rejections.total,
        message: rejections.message(Signal::Metrics.items()),
        warnings,
    })
}

struct Decoder<'o> {
    context: Context,
    options: &'o MetricsOptions,
    arrival_ms: i64,
    columns: MetricColumns,
    table: SeriesTable,
    families: hashbrown::HashSet<String>,
    names: LabelNames,
    resource: ResourceLabels,
    /// Labels that the scope adds to each of its series.
    scope: Vec<(String, String)>,
    /// Newest sample of the resource.
    newest_ms: Option<i64>,
    // Buffers used again for each point.
    labels: LabelSet,
    series: Vec<u8>,
    number: String,
    counts: Vec<u64>,
    bounds: Vec<f64>,
    bound_texts: BoundTexts,
    buckets: Vec<(f64, u32)>,
    exponential: Exponential,
}

/// What a resource adds to each of its series.
#[derive(Debug, Default)]
struct ResourceLabels {
    job: String,
    instance: String,
    promoted: Vec<(String, String)>,
}

const IDENTIFYING: [&[u8]; 3] = [b"service.name", b"service.namespace", b"service.instance.id"];

/// A metric with the names of the series it makes.
struct Family {
    name: String,
    bucket: String,
    sum: String,
    count: String,
    delta: u8,
    /// Whether its points count from a start time that is worth keeping.
    has_start: bool,
}

const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;

impl<'o> Decoder<'o> {
    fn new(limits: &DecodeLimits, options: &'o MetricsOptions, arrival_ns: i64) -> Self {
        Self {
            context: Context::new(limits),
            options,
            arrival_ms: arrival_ns.div_euclid(1_000_000),
            columns: MetricColumns::default(),
            table: SeriesTable::default(),
            families: hashbrown::HashSet::new(),
            names: LabelNames::of(options),
            resource: ResourceLabels::default(),
            scope: Vec::new(),
            newest_ms: None,
            labels: LabelSet::default(),
            series: Vec::new(),
            number: String::new(),
            counts: Vec::new(),
            bounds: Vec::new(),
            bound_texts: BoundTexts::default(),
            buckets: Vec::new(),
            exponential: Exponential::default(),
        }
    }

    fn request(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        while let Some(field) = reader.field()? {
            if field.number == 1 {
                self.resource_metrics(field.message()?)?;
            }
        }
        Ok(())
    }

    fn resource_metrics(&mut self, reader: Reader<'_>) -> Result<(), Fault> {
        let mut group = Group::read(reader)?;
        let attributes = Repeated::read(group.head, 1)?;
        self.resource = self.resource_labels(attributes)?;
        self.newest_ms = None;
        while let Some(field) = group.items.next()? {
            let mut metrics = Group::read(field.message()?)?;
            if self.options.promote_scope_metadata {
                self.scope = self.scope_labels(&metrics)?;
            }
            while let Some(field) = metrics.items.next()? {
                self.metric(field.message()?)?;
            }
        }
        self.target_info(attributes)?;
        self.check_size()
    }

    /// Called for every point and, for histograms, every bucket, since the labels of one resource
    /// are repeated for each.
    fn check_size(&self) -> Result<(), Fault> {
        let columns = &self.columns;
        check_columns(
            columns.series.labels.parts().1.len()
                + columns.exemplars.labels.parts().1.len()
                + columns.histograms.histogram.parts().1.len()
                + columns.floats.len() * 24,
        )
    }

    fn resource_labels(&mut self, attributes: Repeated<'_>) -> Result<ResourceLabels, Malformed> {
        let (mut name, mut namespace, mut labels) =
            (String::new(), String::new(), ResourceLabels::default());
        let mut rest = attributes;
        while let Some(field) = rest.next()? {
            let (key, value) = key_value(field.message()?)?;
            let slot = match key {
                b"service.name" => &mut name,
                b"service.namespace" => &mut namespace,
                b"service.instance.id" => &mut labels.instance,
                _ => continue,
            };
            slot.clear();
            write_label_value(&mut self.context, value, slot)?;
        }
        labels.job = match (namespace.is_empty(), name.is_empty()) {
            (_, true) => String::new(),
            (true, false) => name,
            (false, false) => format!("{namespace}/{name}"),
        };
        let mut rest = attributes;
        while let Some(field) = rest.next()? {
            let (key, value) = key_value(field.message()?)?;
            if self.options.promotes(key) {
                self.add_label("", key, value, &mut labels.promoted)?;
            }
        }
        Ok(labels)
    }

    /// Adds an attribute as a label whose name begins with `prefix`; the last of a name wins.
    fn add_label(
        &mut self,
        prefix: &str,
        key: &[u8],
        value: AnyValue<'_>,
        labels: &mut Vec<(String, String)>,
    ) -> Result<(), Malformed> {
        let key = format!("{prefix}{}", self.context.text(key));
        let (mut name, mut text) = (String::new(), String::new());
        if !self.names.write(&key, &mut name) {
            self.context.warnings.dropped_attributes += 1;
            return Ok(());
        }
        write_label_value(&mut self.context, value, &mut text)?;
        labels.retain(|(other, _)| *other != name);
        labels.push((name, text));
        Ok(())
    }

    /// What a scope adds to each of its series: nothing, unless it has a name.
    fn scope_labels(&mut self, group: &Group<'_>) -> Result<Vec<(String, String)>, Malformed> {
        let scope = self.context.scope(group.head)?;
        let mut labels = Vec::new();
        if scope.name.is_empty() {
            return Ok(labels);
        }
        let mut attributes = Repeated::read(group.head, 3)?;
        while labels.len() < self.context.limits.attributes_per_item_max {
            let Some(field) = attributes.next()? else { break };
            let (key, value) = key_value(field.message()?)?;
            self.add_label("otel_scope_", key, value, &mut labels)?;
        }
        self.context.drop_attributes(attributes);
        let schema_url = self.context.text(group.schema_url);
        for (name, value) in [
            ("otel_scope_name", scope.name),
            ("otel_scope_version", scope.version),
            ("otel_scope_schema_url", schema_url),
        ] {
            labels.retain(|(other, _)| other != name);
            labels.push((name.to_owned(), value.into_owned()));
        }
        Ok(labels)
    }

    /// Adds the one sample of `target_info` that shows a resource's other attributes.
    fn target_info(&mut self, mut attributes: Repeated<'_>) -> Result<(), Fault> {
        let identified = !self.resource.job.is_empty() || !self.resource.instance.is_empty();
        let Some(time_ms) = self.newest_ms.filter(|_| identified) else { return Ok(()) };
        self.labels.clear();
        // Room is kept for the name, job and instance.
        let limits = &self.context.limits;
        let room =
            limits.attributes_per_item_max.min(limits.labels_per_series_max.saturating_sub(3));
        while let Some(field) = attributes.next()? {
            let (key, value) = key_value(field.message()?)?;
            if IDENTIFYING.contains(&key) && !self.options.keep_identifying_resource_attributes {
                continue;
            }
            if self.labels.len() < room {
                self.labels.push_attribute(&mut self.context, self.names, key, value)?;
            } else {
                self.context.warnings.dropped_attributes += 1;
            }
        }
        if self.labels.len() == 0 {
            return Ok(());
        }
        self.labels.sort();
        self.set_target_labels();
        self.metadata("target_info", MetricKind::Gauge, "", "Target metadata");
        let series = self.series("target_info", None, 0);
        self.columns.floats.series.push(series);
        self.columns.floats.time_ms.push(time_ms);
        self.columns.floats.start_ms.push(0);
        self.columns.floats.value.push(1.0);
        Ok(())
    }

    fn set_target_labels(&mut self) {
        for (name, value) in [("job", &self.resource.job), ("instance", &self.resource.instance)] {
            if !value.is_empty() {
                self.labels.set(name, value);
            }
        }
    }

    fn metric(&mut self, mut reader: Reader<'_>) -> Result<(), Fault> {
        let (mut name, mut help, mut unit) = (&[][..], &[][..], &[][..]);
        let mut data = None;
        while let Some(field) = reader.field()? {
            match field.number {
                1 => name = field.bytes()?,
                2 => help = field.bytes()?,
                3 => unit = field.bytes()?,
                5 | 7 | 9 | 10 | 11 => data = Some((field.number, field.message()?)),
                _ => {}
            }
        }
        let Some((data_type, data)) = data else { return Ok(()) };
        let Data { points, temporality, is_monotonic } = Data::read(data)?;
        if points.left == 0 {
            return Ok(());
        }
        let room = self.context.limits.attribute_value_bytes_max;
        if name.len().max(unit.len()) > room {
            let reason =
                "the metric's name or unit is longer than limits.attribute_value_bytes_max";
            self.reject_all(points, reason, "");
            return Ok(());
        }
        let (name, unit) = (self.context.text(name), self.context.text(unit));
        let (kind, suffix) = match data_type {
            5 => (MetricKind::Gauge, Suffix::Gauge),
            7 if is_monotonic => (MetricKind::Counter, Suffix::Counter),
            7 => (MetricKind::Gauge, Suffix::Other),
            9 => (MetricKind::Histogram, Suffix::Other),
            10 => (MetricKind::ExponentialHistogram, Suffix::Other),
            _ => (MetricKind::Summary, Suffix::Other),
        };
        let has_temporality = matches!(data_type, 7 | 9 | 10);
        let family = {
            let strategy = self.options.translation_strategy;
            (!name.is_empty()).then(|| metric_name(strategy, &name, &unit, suffix)).flatten()
        };
        let Some(family) = family else {
            self.reject_all(points, "the metric has no name, or none that can be one", &name);
            return Ok(());
        };
        if has_temporality && temporality != DELTA && temporality != CUMULATIVE {
            self.reject_all(points, "the metric has no aggregation temporality", &name);
            return Ok(());
        }
        let help = self.context.text(help);
        self.metadata(&family, kind, &unit, &help);
        let family = Family {
            bucket: format!("{family}_bucket"),
            sum: format!("{family}_sum"),
            count: format!("{family}_count"),
            name: family,
            delta: u8::from(has_temporality && temporality == DELTA),
            has_start: match data_type {
                7 => is_monotonic && temporality == CUMULATIVE,
                9 | 10 => temporality == CUMULATIVE,
                _ => data_type == 11,
            },
        };
        self.points(data_type, points, &family)
    }

    fn points(
        &mut self,
        data_type: u32,
        mut points: Repeated<'_>,
        family: &Family,
    ) -> Result<(), Fault> {
        while let Some(field) = points.next()? {
            let reader = field.message()?;
            match data_type {
                5 | 7 => self.number_point(reader, family)?,
                9 if self.options.convert_histograms_to_nhcb => {
                    self.custom_histogram_point(reader, family)?;
                }
                9 => self.histogram_point(reader, family)?,
                10 => self.exponential_point(reader, family)?,
                _ => self.summary_point(reader, family)?,
            }
            self.check_size()?;
        }
        Ok(())
    }

    fn reject_all(&mut self, points: Repeated<'_>, reason: &'static str, metric: &str) {
        self.context.rejections.add(reason, points.left as u64, metric);
    }

    fn metadata(&mut self, family: &str, kind: MetricKind, unit: &str, help: &str) {
        if self.families.contains(family) {
            return;
        }
        self.families.insert(family.to_owned());
        let metadata = &mut self.columns.metadata;
        metadata.family.push(family);
        metadata.kind.push(kind as u8);
        metadata.unit.push(unit);
        metadata.help.push(help);
    }
}

/// What the five kinds of data share; a kind that lacks a field leaves it at its default.
struct Data<'a> {
    points: Repeated<'a>,
    temporality: i32,
    is_monotonic: bool,
}

impl<'a> Data<'a> {
    fn read(reader: Reader<'a>) -> Result<Self, Malformed> {
        let mut data =
            Self { points: Repeated::none(reader, 1), temporality: 0, is_monotonic: false };
        let mut rest = reader;
        while let Some(field) = rest.field()? {
            match field.number {
                1 => data.points.see(&field),
                2 => data.temporality = field.int32()?,
                3 => data.is_monotonic = field.bool()?,
                _ => {}
            }
        }
        Ok(data)
    }
}
