//! `compare()`: how often each value of each attribute occurs among the spans of a selection, and
//! among the others.
//!
//! What is counted is what Tempo counts: every attribute of span, resource, scope, events and links,
//! the intrinsics in [`INTRINSICS`], and of the attributes in [`ALWAYS_TOLD`] (those to which Tempo
//! gives columns of their own) the lack, as the text `nil`.

use watchkeep_model::span_query::{FieldColumn, SpansRequest};
use watchkeep_model::{SpanField, SpanKey, SpanScope, Value};

use super::Reader;
use super::columns::Columns;
use super::exemplars::{Candidate, Picker};
use super::groups::{NO_GROUP, Values, nil, places};
use super::leaf::resolve;
use super::series::{Series, SeriesLabels, compare_values};
use super::steps::StepFinder;
use crate::ast::{Attribute, FieldExpr, Intrinsic, Name, Pipeline, Place};
use crate::eval::error::Result;
use crate::eval::expr::rows::{Rows, elements};
use crate::eval::expr::scalar::Scalar;
use crate::eval::expr::{Elements, Expr};
use crate::eval::spanset::Program;
use crate::plan::{FieldRef, Fields};

/// How many attributes are looked at; of more the first by scope and name.
pub const COMPARE_KEYS_MAX: usize = 1_000;
/// How many values of an attribute are told apart; further ones count for the total alone.
const VALUES_MAX: usize = 10_000;
/// How many values times steps an attribute may have, so that many steps mean fewer values.
const CELLS_MAX: usize = 200_000;
/// Texts of more bytes count for the total alone.
const TEXT_BYTES_MAX: usize = 1_024;

const META_TYPE: &str = "__meta_type";

/// Intrinsics that spans are compared by.
const INTRINSICS: [Intrinsic; 12] = [
    Intrinsic::Name,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::Kind,
    Intrinsic::ChildCount,
    Intrinsic::RootName,
    Intrinsic::RootService,
    Intrinsic::EventName,
    Intrinsic::LinkTraceId,
    Intrinsic::LinkSpanId,
    Intrinsic::InstrumentationName,
    Intrinsic::InstrumentationVersion,
];

/// Attributes whose lack is told.
const ALWAYS_TOLD: [(SpanScope, &str); 14] = [
    (SpanScope::Resource, "k8s.cluster.name"),
    (SpanScope::Resource, "k8s.namespace.name"),
    (SpanScope::Resource, "k8s.pod.name"),
    (SpanScope::Resource, "k8s.container.name"),
    (SpanScope::Span, "http.request.method"),
    (SpanScope::Span, "http.response.status_code"),
    (SpanScope::Span, "url.path"),
    (SpanScope::Span, "url.route"),
    (SpanScope::Span, "server.address"),
    (SpanScope::Span, "server.port"),
    (SpanScope::Span, "http.method"),
    (SpanScope::Span, "http.url"),
    (SpanScope::Span, "http.route"),
    (SpanScope::Span, "http.status_code"),
];

/// Number of the lack of a value.
const LACKS: u32 = 0;

/// One side of the comparison.
#[derive(Debug, Default)]
struct Side {
    /// By value, then step.
    counts: Vec<u64>,
    /// By step; empty where no span of the side has the attribute.
    totals: Vec<u64>,
}

/// What was counted of an attribute.
#[derive(Debug)]
struct Compared {
    name: String,
    field: FieldRef,
    values: Values,
    /// What a lack is counted as.
    lack: Option<u32>,
    /// Baseline and selection.
    sides: [Side; 2],
}

/// Rows to count, or values of their events: places in a column, with side and step.
#[derive(Debug, Default)]
struct Counted {
    places: Vec<u32>,
    sides: Vec<bool>,
    steps: Vec<u32>,
    numbers: Vec<u32>,
}

/// Counts of the spans that a pipeline leaves, those of `selection` apart. Of a `window` other than 0
/// only spans that start after its begin and up to its end are of the selection.
pub(crate) fn series(
    reader: &mut Reader<'_>,
    pipeline: &Pipeline,
    selection: &FieldExpr,
    top: i64,
    window: (i64, i64),
    exemplars: usize,
) -> Result<Vec<Series>> {
    let steps = *reader.steps;
    let mut fields = Fields::new();
    let program = Program::new(pipeline, &mut fields)?;
    let selection = Expr::new(selection, Elements::Any, &mut fields)?;
    let mut keys = reader.source.keys(steps.span_starts())?;
    keys.sort_unstable();
    keys.dedup();
    reader.is_cut |= keys.len() > COMPARE_KEYS_MAX;
    keys.truncate(COMPARE_KEYS_MAX);
    let mut compared = attributes(keys, steps.count(), &mut fields)?;
    let start = fields.place(&SpanField::Start);
    let mut picker =
        if steps.is_instant() { None } else { Picker::new(exemplars, steps.count(), &mut fields) };
    let finder = StepFinder::new(&steps);
    let mut columns = Columns::default();
    let request = SpansRequest {
        range: steps.span_starts(),
        rows: crate::plan::tests::rows(pipeline, &fields),
        fields: fields.as_slice().to_vec(),
        wanted: None,
    };
    let in_window = |start: i64| window.0 == 0 || (start > window.0 && start <= window.1);
    reader.each(request, |batch| {
        let rows = Rows::new(batch, &fields);
        columns.pick(&program, &rows)?;
        columns.find_steps(&finder, &rows, start);
        let selected = selection.mask(&rows);
        let picked = columns.rows.iter().zip(&columns.starts);
        let sides: Vec<bool> =
            picked.map(|(row, start)| selected[*row as usize] && in_window(*start)).collect();
        for one in &mut compared {
            one.count(&rows, &columns, &sides, steps.count());
        }
        columns.groups.extend(sides.iter().map(|side| u32::from(*side)));
        if let Some(picker) = &mut picker {
            picker.look(&rows, &columns);
        }
        Ok(())
    })?;
    let top = usize::try_from(top).unwrap_or(usize::MAX);
    let picked = picker.map(Picker::finish).unwrap_or_default();
    Ok(compared.iter().flat_map(|one| one.series(top, steps.count(), &picked)).collect())
}

/// What is compared: all keys, the intrinsics, and what is always told.
fn attributes(keys: Vec<SpanKey>, steps: usize, fields: &mut Fields) -> Result<Vec<Compared>> {
    let always = |scope: SpanScope, key: &str| ALWAYS_TOLD.contains(&(scope, key));
    let told = ALWAYS_TOLD.iter().map(|(scope, key)| (Name::Key(*scope, (*key).to_owned()), true));
    let stored = keys
        .into_iter()
        .filter(|key| !always(key.scope, &key.key))
        .map(|key| (Name::Key(key.scope, key.key), false));
    let intrinsics = INTRINSICS.iter().map(|intrinsic| (Name::Intrinsic(*intrinsic), false));
    let values_max = (CELLS_MAX / steps.max(1)).clamp(1, VALUES_MAX);
    told.chain(stored)
        .chain(intrinsics)
        .map(|(name, tells_lack)| {
            let attribute = Attribute { name, of_parent: false, place: Place::default() };
            let mut values = Values::with_short_texts(values_max + 2, TEXT_BYTES_MAX);
            values.number(Scalar::Nil);
            Ok(Compared {
                name: attribute.to_string(),
                field: resolve(&attribute, fields)?,
                lack: tells_lack.then(|| values.number(Scalar::Text("nil"))),
                values,
                sides: [Side::default(), Side::default()],
            })
        })
        .collect()
}

impl Compared {
    fn count(&mut self, rows: &Rows<'_>, columns: &Columns, sides: &[bool], steps: usize) {
        let mut counted = Counted::default();
        let column = match rows.column(self.field.source) {
            FieldColumn::Absent if self.lack.is_none() && self.is_absent_nil() => return,
            FieldColumn::Repeated { ends, values } => {
                for (at, row) in columns.rows.iter().enumerate() {
                    for element in elements(ends, *row as usize) {
                        counted.places.push(element as u32);
                        counted.sides.push(sides[at]);
                        counted.steps.push(columns.steps[at]);
                    }
                }
                values
            }
            column => {
                counted.places = places(rows, self.field, &columns.rows).into_owned();
                counted.sides = sides.to_vec();
                counted.steps.clone_from(&columns.steps);
                column
            }
        };
        self.values.numbers(column, self.field.reading, &counted.places, &mut counted.numbers);
        let at = counted.sides.iter().zip(&counted.steps);
        for (number, (side, step)) in counted.numbers.iter().zip(at) {
            let number = match (*number, self.lack) {
                (LACKS, Some(lack)) => lack,
                (LACKS, None) => continue,
                (number, _) => number,
            };
            self.sides[usize::from(*side)].add(number, *step as usize, steps);
        }
    }

    /// Whether a value that is not there is none, rather than the empty text.
    fn is_absent_nil(&self) -> bool {
        self.field.reading.absent_text().is_none()
    }

    /// The values that occur most on each side, and the totals, which have the exemplars.
    fn series(&self, top: usize, steps: usize, picked: &[Candidate]) -> Vec<Series> {
        let names = [("baseline", "baseline_total"), ("selection", "selection_total")];
        let mut series = Vec::new();
        for ((group, side), (name, total_name)) in (0..).zip(&self.sides).zip(names) {
            if side.totals.is_empty() {
                continue;
            }
            let mut most: Vec<(u64, &Value, &[u64])> = side
                .counts
                .chunks(steps)
                .enumerate()
                .map(|(number, counts)| {
                    (counts.iter().sum(), self.values.value(number as u32), counts)
                })
                .filter(|(total, ..)| *total > 0)
                .collect();
            most.sort_by(|left, right| {
                right.0.cmp(&left.0).then_with(|| compare_values(left.1, right.1))
            });
            for (_, value, counts) in most.into_iter().take(top) {
                series.push(one(self.labels(name, value.clone()), counts));
            }
            let mut total = one(self.labels(total_name, nil()), &side.totals);
            let of_side = picked.iter().filter(|candidate| candidate.group == group);
            let exemplars = of_side.map(|candidate| &candidate.exemplar);
            total.exemplars = exemplars
                .filter(|exemplar| exemplar.labels.iter().any(|(name, _)| *name == self.name))
                .cloned()
                .collect();
            series.push(total);
        }
        series
    }

    fn labels(&self, meta_type: &str, value: Value) -> SeriesLabels {
        let meta_type = (META_TYPE.to_owned(), Value::String(meta_type.to_owned()));
        vec![meta_type, (self.name.clone(), value)]
    }
}

fn one(labels: SeriesLabels, counts: &[u64]) -> Series {
    let values = counts.iter().map(|count| *count as f64).collect();
    Series { labels, values, exemplars: Vec::new() }
}

impl Side {
    fn add(&mut self, number: u32, step: usize, steps: usize) {
        if self.totals.is_empty() {
            self.totals = vec![0; steps];
        }
        self.totals[step] += 1;
        if number == NO_GROUP {
            return;
        }
        let cell = number as usize * steps + step;
        if cell >= self.counts.len() {
            self.counts.resize((number as usize + 1) * steps, 0);
        }
        self.counts[cell] += 1;
    }
}
