//! One function over the spans of one pipeline: reads the spans, and reckons with them column by
//! column.

use watchkeep_model::SpanField;
use watchkeep_model::span_query::SpansRequest;

use super::cells::{Cells, Counted, Reckons};
use super::columns::Columns;
use super::exemplars::{Candidate, Picker};
use super::groups::{Groups, Pairs};
use super::numbers::{Numbers, PowerBuckets};
use super::series::{Exemplar, NAME, Series, SeriesLabels};
use super::steps::{StepFinder, Steps};
use super::{CELLS_MAX, Reader};
use crate::ast::{Attribute, Intrinsic, MetricFunction, Name, Pipeline};
use crate::eval::error::{EvalError, Result};
use crate::eval::expr::rows::Rows;
use crate::eval::spanset::Program;
use crate::plan::{Fields, Reading};

use watchkeep_model::Value;

const BUCKET: &str = "__bucket";
const QUANTILE: &str = "p";
const NANOSECONDS: f64 = 1e9;

/// What a function reckons, and with what.
struct Task<'q> {
    function: &'q MetricFunction,
    reckons: Reckons,
    numbers: Option<Numbers>,
    /// What results are divided by: nanoseconds become seconds.
    unit: f64,
}

impl<'q> Task<'q> {
    fn new(function: &'q MetricFunction, fields: &mut Fields) -> Result<Self> {
        use MetricFunction as F;
        let (reckons, attribute) = match function {
            F::Rate | F::CountOverTime => (Reckons::Count, None),
            F::MinOverTime(of) => (Reckons::Min, Some(of)),
            F::MaxOverTime(of) => (Reckons::Max, Some(of)),
            F::SumOverTime(of) => (Reckons::Sum, Some(of)),
            F::AvgOverTime(of) => (Reckons::Avg, Some(of)),
            F::QuantileOverTime(of, _) => (Reckons::Quantiles, Some(of)),
            F::HistogramOverTime(of) => (Reckons::Count, Some(of)),
            F::Compare { .. } => {
                return Err(EvalError::Invalid("compare() reckons with no attribute".to_owned()));
            }
        };
        let Some(attribute) = attribute else {
            return Ok(Self { function, reckons, numbers: None, unit: 1.0 });
        };
        let field = resolve(attribute, fields)?;
        let in_buckets = matches!(function, F::HistogramOverTime(_));
        let is_duration = match function {
            F::QuantileOverTime(..) | F::HistogramOverTime(_) => field.reading == Reading::Duration,
            // Tempo tells other durations than the span's in nanoseconds.
            _ => attribute.name == Name::Intrinsic(Intrinsic::Duration) && !attribute.of_parent,
        };
        Ok(Self {
            function,
            reckons,
            numbers: Some(Numbers { field, in_buckets }),
            unit: if is_duration { NANOSECONDS } else { 1.0 },
        })
    }

    fn name(&self) -> &'static str {
        match self.function {
            MetricFunction::Rate => "rate",
            MetricFunction::CountOverTime => "count_over_time",
            MetricFunction::MinOverTime(_) => "min_over_time",
            MetricFunction::MaxOverTime(_) => "max_over_time",
            MetricFunction::SumOverTime(_) => "sum_over_time",
            MetricFunction::AvgOverTime(_) => "avg_over_time",
            MetricFunction::QuantileOverTime(..) => "quantile_over_time",
            MetricFunction::HistogramOverTime(_) => "histogram_over_time",
            MetricFunction::Compare { .. } => "compare",
        }
    }
}

pub(crate) fn resolve(attribute: &Attribute, fields: &mut Fields) -> Result<crate::plan::FieldRef> {
    fields
        .resolve(attribute)
        .ok_or_else(|| EvalError::Invalid("intrinsic (parent) not yet supported".to_owned()))
}

/// Buckets as the last thing by which spans are grouped.
#[derive(Debug)]
struct Buckets {
    ends: PowerBuckets,
    pairs: Pairs,
}

/// Reckons one function.
struct Leaf<'q> {
    task: Task<'q>,
    steps: Steps,
    finder: StepFinder,
    start: usize,
    groups: Groups,
    buckets: Option<Buckets>,
    cells: Cells,
    picker: Option<Picker>,
    columns: Columns,
    groups_max: usize,
    is_cut: bool,
}

/// The series of a function over the spans of a pipeline.
pub(crate) fn series(
    reader: &mut Reader<'_>,
    pipeline: &Pipeline,
    function: &MetricFunction,
    by: &[Attribute],
    exemplars: usize,
) -> Result<Vec<Series>> {
    let mut fields = Fields::new();
    let program = Program::new(pipeline, &mut fields)?;
    let task = Task::new(function, &mut fields)?;
    let by: Result<Vec<_>> = by
        .iter()
        .map(|attribute| Ok((attribute.to_string(), resolve(attribute, &mut fields)?)))
        .collect();
    let steps = *reader.steps;
    let groups_max = (CELLS_MAX / steps.count().max(1)).max(1);
    let mut leaf = Leaf {
        start: fields.place(&SpanField::Start),
        groups: Groups::new(by?, groups_max),
        buckets: matches!(function, MetricFunction::HistogramOverTime(_))
            .then(|| Buckets { ends: PowerBuckets::new(task.unit), pairs: Pairs::default() }),
        cells: Cells::new(task.reckons, steps.count()),
        picker: if steps.is_instant() {
            None
        } else {
            Picker::new(exemplars, steps.count(), &mut fields)
        },
        finder: StepFinder::new(&steps),
        columns: Columns::default(),
        groups_max,
        is_cut: false,
        task,
        steps,
    };
    let request = SpansRequest {
        range: steps.span_starts(),
        rows: crate::plan::tests::rows(pipeline, &fields),
        fields: fields.as_slice().to_vec(),
        wanted: None,
    };
    reader.each(request, |batch| {
        let rows = Rows::new(batch, &fields);
        leaf.columns.pick(&program, &rows)?;
        leaf.add(&rows);
        Ok(())
    })?;
    reader.is_cut |= leaf.is_cut;
    Ok(leaf.finish())
}

impl Leaf<'_> {
    /// Adds the rows that are picked in `columns`.
    fn add(&mut self, rows: &Rows<'_>) {
        let columns = &mut self.columns;
        if let Some(numbers) = &self.task.numbers {
            columns.read_values(numbers, rows);
        }
        columns.find_steps(&self.finder, rows, self.start);
        self.groups.number(rows, &columns.rows, &mut columns.groups);
        if let Some(Buckets { ends, pairs }) = &mut self.buckets {
            let numbers: Vec<u32> =
                columns.values.iter().map(|value| ends.number(*value)).collect();
            pairs.number_all(&mut columns.groups, &numbers, self.groups_max);
            columns.values.clear();
        }
        self.is_cut |= columns.drop_ungrouped();
        let count = self.group_count();
        self.cells.grow(count);
        let Columns { steps, values, groups, .. } = &self.columns;
        self.cells.add(Counted { groups, steps, values });
        if let Some(picker) = &mut self.picker {
            picker.look(rows, &self.columns);
        }
    }

    fn group_count(&self) -> usize {
        self.buckets.as_ref().map_or_else(|| self.groups.len(), |buckets| buckets.pairs.len())
    }

    fn finish(mut self) -> Vec<Series> {
        let exemplars = self.picker.take().map(Picker::finish).unwrap_or_default();
        let count = self.group_count();
        self.cells.grow(count);
        if let MetricFunction::QuantileOverTime(_, quantiles) = self.task.function {
            return self.quantiles(quantiles, &exemplars);
        }
        let mut series: Vec<Series> = (0..count)
            .map(|group| Series {
                labels: self.labels(group),
                values: self.values(group),
                exemplars: Vec::new(),
            })
            .collect();
        for Candidate { group, mut exemplar, .. } in exemplars {
            exemplar.value /= self.task.unit;
            series[group as usize].exemplars.push(exemplar);
        }
        series
    }

    fn values(&self, group: usize) -> Vec<f64> {
        let mut values = self.cells.values(group, self.task.reckons);
        let divisor = match self.task.function {
            MetricFunction::Rate => self.steps.step_seconds(),
            // Its unit is that of its buckets.
            MetricFunction::HistogramOverTime(_) => 1.0,
            _ => self.task.unit,
        };
        for value in &mut values {
            *value /= divisor;
        }
        values
    }

    fn labels(&self, group: usize) -> SeriesLabels {
        if let Some(buckets) = &self.buckets {
            let (group, bucket) = buckets.pairs.pair(group as u32);
            let mut labels = self.groups.labels(group as usize);
            labels.push((BUCKET.to_owned(), buckets.ends.end(bucket).clone()));
            return labels;
        }
        let labels = self.groups.labels(group);
        if !labels.is_empty() {
            return labels;
        }
        let name = || (NAME.to_owned(), Value::String(self.task.name().to_owned()));
        vec![self.groups.nil_label().unwrap_or_else(name)]
    }

    /// A series for each group and quantile; 0 where a step of a group has no value, as Tempo has it.
    fn quantiles(self, quantiles: &[f64], exemplars: &[Candidate]) -> Vec<Series> {
        let steps = self.steps.count();
        let groups = self.groups.len();
        let by_quantile = self.cells.quantiles(quantiles);
        let mut series = Vec::with_capacity(groups * quantiles.len());
        for group in 0..groups {
            let cells = group * steps..(group + 1) * steps;
            let is_empty = |values: &[f64]| values.iter().all(|value| value.is_nan());
            let first = series.len();
            for (quantile, values) in quantiles.iter().zip(&by_quantile) {
                let values = &values[cells.clone()];
                if is_empty(values) {
                    continue;
                }
                let mut labels = self.groups.labels(group);
                labels.push((QUANTILE.to_owned(), Value::Double(*quantile)));
                let value = |value: &f64| if value.is_nan() { 0.0 } else { value / self.task.unit };
                let values = values.iter().map(value).collect();
                series.push(Series { labels, values, exemplars: Vec::new() });
            }
            for candidate in exemplars.iter().filter(|one| one.group as usize == group) {
                let mut exemplar = candidate.exemplar.clone();
                exemplar.value /= self.task.unit;
                assign(&self.steps, &mut series[first..], exemplar);
            }
        }
        series
    }
}

/// Gives an exemplar to the series whose sample at its step is nearest to its value.
fn assign(steps: &Steps, series: &mut [Series], exemplar: Exemplar) {
    let Some(step) = steps.step_of_ms(exemplar.timestamp_ms) else { return };
    let distance = |series: &Series| (series.values[step] - exemplar.value).abs();
    let nearest =
        series.iter_mut().min_by(|left, right| distance(left).total_cmp(&distance(right)));
    if let Some(nearest) = nearest {
        nearest.exemplars.push(exemplar);
    }
}
