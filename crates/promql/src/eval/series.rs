//! Series while a query is evaluated: a column of values over all steps.

use std::sync::Arc;

use hashbrown::HashTable;
use watchkeep_model::{Labels, NativeHistogram};

use crate::algebra::Dialect;
use crate::eval::error::{EvalError, Result};

pub(crate) type Hist = Arc<NativeHistogram>;

/// Stands for "no sample" in a column of numbers. The bits are those of the stale marker, which no
/// arithmetic gives: it is a signalling NaN, and what arithmetic gives is a quiet one.
pub(crate) const ABSENT: f64 = f64::from_bits(STALE_BITS);
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// Whether there is no sample, or a sample is the stale marker.
#[inline]
pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == STALE_BITS
}

/// One value.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Float(f64),
    Histogram(Hist),
}

/// Values at all steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    /// [`ABSENT`] where there is no sample or a histogram.
    pub(crate) floats: Vec<f64>,
    /// One for each step where there is any; `None` where there is none or a number.
    pub(crate) histograms: Option<Box<[Option<Hist>]>>,
}

impl Column {
    pub(crate) fn absent(steps: usize) -> Self {
        Self { floats: vec![ABSENT; steps], histograms: None }
    }

    pub(crate) fn from_floats(floats: Vec<f64>) -> Self {
        Self { floats, histograms: None }
    }

    pub(crate) fn get(&self, step: usize) -> Option<Cell> {
        if let Some(histograms) = &self.histograms
            && let Some(histogram) = &histograms[step]
        {
            return Some(Cell::Histogram(histogram.clone()));
        }
        let value = self.floats[step];
        (!is_absent(value)).then_some(Cell::Float(value))
    }

    pub(crate) fn histogram(&self, step: usize) -> Option<&Hist> {
        self.histograms.as_ref()?[step].as_ref()
    }

    pub(crate) fn is_present(&self, step: usize) -> bool {
        !is_absent(self.floats[step]) || self.histogram(step).is_some()
    }

    pub(crate) fn set(&mut self, step: usize, cell: Cell) {
        match cell {
            Cell::Float(value) => self.floats[step] = value,
            Cell::Histogram(histogram) => {
                let steps = self.floats.len();
                let all = self.histograms.get_or_insert_with(|| vec![None; steps].into());
                all[step] = Some(histogram);
                self.floats[step] = ABSENT;
            }
        }
    }

    pub(crate) fn clear(&mut self, step: usize) {
        self.floats[step] = ABSENT;
        if let Some(histograms) = &mut self.histograms {
            histograms[step] = None;
        }
    }

    /// Whether no step has a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.floats.iter().all(|value| is_absent(*value))
            && self.histograms.as_ref().is_none_or(|all| all.iter().all(Option::is_none))
    }

    /// How many samples it counts for against the limit: a histogram is as many as its size asks.
    pub(crate) fn samples(&self) -> u64 {
        let floats = self.floats.iter().filter(|value| !is_absent(**value)).count() as u64;
        let histograms = self.histograms.iter().flatten().flatten();
        floats + histograms.map(|histogram| weight(histogram)).sum::<u64>()
    }

    /// Changes every number; histograms vanish.
    pub(crate) fn map_floats(&mut self, f: impl Fn(f64) -> f64) {
        self.histograms = None;
        for value in &mut self.floats {
            if !is_absent(*value) {
                *value = f(*value);
            }
        }
    }

    /// One step's value at all of `steps`.
    pub(crate) fn repeated(&self, steps: usize) -> Self {
        let mut column = Self::absent(steps);
        match self.get(0) {
            Some(Cell::Float(value)) => column.floats.fill(value),
            Some(Cell::Histogram(histogram)) => {
                column.histograms = Some(vec![Some(histogram); steps].into());
            }
            None => {}
        }
        column
    }
}

/// How many samples a histogram counts for.
pub(crate) fn weight(histogram: &NativeHistogram) -> u64 {
    (histogram.size_bytes() as u64 + 8) / 16
}

/// A series and its values at all steps.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Whether the name, type and unit go once the whole query is evaluated.
    pub(crate) drop_name: bool,
    pub(crate) column: Column,
}

/// Labels that say what a metric is rather than which series: an operation that changes the meaning
/// drops them.
pub(crate) fn is_metadata(name: &[u8]) -> bool {
    matches!(name, b"__name__" | b"__type__" | b"__unit__")
}

/// Numbers label sets in the order they come.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    table: HashTable<u32>,
    all: Vec<Box<[u8]>>,
    hasher: foldhash::fast::FixedState,
}

impl Keys {
    /// The number of a key, and whether it is new.
    pub(crate) fn number(&mut self, key: &[u8]) -> (usize, bool) {
        use std::hash::BuildHasher;
        let hash = self.hasher.hash_one(key);
        if let Some(found) = self.table.find(hash, |at| *self.all[*at as usize] == *key) {
            return (*found as usize, false);
        }
        let number = self.all.len();
        self.all.push(key.into());
        let (keys, hasher) = (&self.all, &self.hasher);
        self.table.insert_unique(hash, number as u32, |at| hasher.hash_one(&*keys[*at as usize]));
        (number, true)
    }

    /// The number of a key that is known.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        use std::hash::BuildHasher;
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |at| *self.all[*at as usize] == *key).map(|at| *at as usize)
    }
}

/// Collects series so that each label set is there once; in LogQL as often as it comes.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    dialect: Dialect,
    keys: Keys,
    series: Vec<Series>,
}

impl Merged {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// Adds a series, or joins it with the one of the same labels; an error where both have a value
    /// at one step.
    pub(crate) fn add(&mut self, series: Series) -> Result<()> {
        if self.dialect == Dialect::LogQl {
            self.series.push(series);
            return Ok(());
        }
        let (number, is_new) = self.keys.number(series.labels.as_bytes());
        if is_new {
            self.series.push(series);
            return Ok(());
        }
        let column = &mut self.series[number].column;
        for step in 0..column.floats.len() {
            let Some(cell) = series.column.get(step) else { continue };
            if column.is_present(step) {
                return Err(same_labels());
            }
            column.set(step, cell);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Vec<Series> {
        self.series
    }
}

pub(crate) fn same_labels() -> EvalError {
    EvalError::execution("vector cannot contain metrics with the same labelset")
}

/// A label set as Prometheus writes it, for messages.
pub(crate) fn written(labels: &Labels) -> String {
    use crate::quote::quote;
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let plain = name.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric())
                && !name.starts_with(|c: char| c.is_ascii_digit());
            let name = if plain { name.to_owned() } else { quote(name) };
            format!("{name}={}", quote(value))
        })
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
