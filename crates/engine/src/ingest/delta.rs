//! Turns increments (OTLP delta temporality) into the running totals that Prometheus' data model
//! knows. The totals live in memory only: after a restart, or once a series was evicted, its total
//! starts again. A total that starts gets a zero a millisecond before its first sample, so that
//! queries see the reset, and count the first increment too.
//!
//! A sample that is not newer than the last one counted for its series is dropped: it is a resent
//! request, or too late to be put in its place. An append that fails is undone, so that sending it
//! again counts it; where another request has counted on top of it meanwhile, its increments stay
//! in the total, and sending it again is dropped as old.

use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::Mutex;
use watchkeep_model::{BinaryColumn, MetricColumns, NativeHistogram, TenantId};

mod histogram;

use histogram::{add, cleared};

type Key = Box<[u8]>;

#[derive(Debug, Clone)]
enum Total {
    Float(f64),
    Histogram(Box<NativeHistogram>),
}

#[derive(Debug, Clone)]
struct Entry {
    total: Total,
    time_ms: i64,
    /// Which conversion wrote it, for undoing.
    turn: u64,
}

/// Two generations of entries: when the young one is full it becomes the old one, and what the old
/// one still held is evicted. So the least recently used go, without a list to keep in order.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Entry, DefaultHashBuilder>,
    old: HashMap<Key, Entry, DefaultHashBuilder>,
    turn: u64,
}

/// Running totals of delta series, bounded in number.
#[derive(Debug)]
pub struct DeltaAccumulator {
    generations: Mutex<Generations>,
    series_max: usize,
}

/// What a conversion did, and how to take it back.
#[derive(Debug, Default)]
pub struct Change {
    turn: u64,
    before: Vec<(Key, Option<Entry>)>,
    out_of_order: u64,
    evicted: u64,
}

impl Change {
    /// Samples dropped for being no newer than the last.
    pub fn out_of_order(&self) -> u64 {
        self.out_of_order
    }

    /// Series forgotten to make room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

impl DeltaAccumulator {
    /// Remembers at most so many series.
    pub fn new(series_max: usize) -> Self {
        Self { generations: Mutex::default(), series_max }
    }

    /// Series remembered.
    pub fn len(&self) -> usize {
        let generations = self.generations.lock();
        generations.young.len() + generations.old.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Converts the delta series of a batch in place and marks them as totals.
    pub fn convert(&self, tenant: &TenantId, columns: &mut MetricColumns) -> Change {
        if columns.series.delta.iter().all(|delta| *delta == 0) {
            return Change::default();
        }
        let mut generations = self.generations.lock();
        generations.turn += 1;
        let mut conversion = Conversion {
            change: Change { turn: generations.turn, ..Change::default() },
            generations: &mut generations,
            generation_max: self.series_max.div_ceil(2),
            tenant,
        };
        conversion.floats(columns);
        conversion.histograms(columns);
        let change = conversion.change;
        columns.series.delta.fill(0);
        change
    }

    /// Takes a conversion back after its append failed.
    pub fn undo(&self, change: Change) {
        let mut generations = self.generations.lock();
        for (key, before) in change.before.into_iter().rev() {
            let Some(entry) = generations.find(&key) else { continue };
            if entry.turn != change.turn {
                continue;
            }
            match before {
                Some(before) => *entry = before,
                None => generations.remove(&key),
            }
        }
    }
}

impl Generations {
    fn find(&mut self, key: &[u8]) -> Option<&mut Entry> {
        // Two look-ups, as a borrow returned early would hold the map for the second.
        if self.young.contains_key(key) { self.young.get_mut(key) } else { self.old.get_mut(key) }
    }

    fn remove(&mut self, key: &[u8]) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

struct Conversion<'a> {
    change: Change,
    generations: &'a mut Generations,
    generation_max: usize,
    tenant: &'a TenantId,
}

impl Conversion<'_> {
    fn floats(&mut self, columns: &mut MetricColumns) {
        let floats = &mut columns.floats;
        let mut kept = vec![true; floats.series.len()];
        let mut starts = Vec::new();
        for row in rows_in_time_order(&floats.series, &floats.time_ms, &columns.series.delta) {
            let labels = columns.series.labels.get(floats.series[row] as usize);
            let increment = floats.value[row];
            if increment.is_nan() {
                continue;
            }
            let total = self.count(labels, floats.time_ms[row], |total| match total {
                Some(Total::Float(total)) => Total::Float(total + increment),
                _ => Total::Float(increment),
            });
            match total {
                Some((Total::Float(total), is_first)) => {
                    floats.value[row] = total;
                    starts.extend(is_first.then_some(row));
                }
                _ => kept[row] = false,
            }
        }
        for row in starts {
            floats.series.push(floats.series[row]);
            floats.time_ms.push(floats.time_ms[row].saturating_sub(1));
            floats.start_ms.push(0);
            floats.value.push(0.0);
            kept.push(true);
        }
        retain(&mut floats.series, &kept);
        retain(&mut floats.time_ms, &kept);
        retain(&mut floats.start_ms, &kept);
        retain(&mut floats.value, &kept);
    }

    fn histograms(&mut self, columns: &mut MetricColumns) {
        let table = &mut columns.histograms;
        let rows = rows_in_time_order(&table.series, &table.time_ms, &columns.series.delta);
        if rows.is_empty() {
            return;
        }
        let mut replaced: HashMap<usize, Option<Box<NativeHistogram>>> = HashMap::new();
        let mut starts = Vec::new();
        for row in rows {
            let labels = columns.series.labels.get(table.series[row] as usize);
            let Ok(increment) = NativeHistogram::decode(table.histogram.get(row)) else { continue };
            let total = self.count(labels, table.time_ms[row], |total| match total {
                Some(Total::Histogram(total)) => Total::Histogram(Box::new(add(total, &increment))),
                _ => Total::Histogram(Box::new(increment)),
            });
            let total = match total {
                Some((Total::Histogram(total), is_first)) => {
                    starts.extend(is_first.then(|| (row, cleared(&total))));
                    Some(total)
                }
                _ => None,
            };
            replaced.insert(row, total);
        }
        let mut histograms = BinaryColumn::default();
        let mut kept = vec![true; table.series.len()];
        for (row, kept) in kept.iter_mut().enumerate() {
            match replaced.get(&row) {
                None => histograms.push(table.histogram.get(row)),
                Some(Some(total)) => histograms.push_with(|out| total.encode(out)),
                Some(None) => *kept = false,
            }
        }
        for (row, zero) in starts {
            table.series.push(table.series[row]);
            table.time_ms.push(table.time_ms[row].saturating_sub(1));
            table.start_ms.push(0);
            histograms.push_with(|out| zero.encode(out));
            kept.push(true);
        }
        table.histogram = histograms;
        retain(&mut table.series, &kept);
        retain(&mut table.time_ms, &kept);
        retain(&mut table.start_ms, &kept);
    }

    /// Adds to the total of a series and says whether that is where the total starts; `None` when
    /// the sample is not newer than the last.
    fn count(
        &mut self,
        labels: &[u8],
        time_ms: i64,
        next: impl FnOnce(Option<&Total>) -> Total,
    ) -> Option<(Total, bool)> {
        let key = key_of(self.tenant, labels);
        let turn = self.change.turn;
        let before = self.take(&key);
        if let Some(entry) = &before
            && entry.time_ms >= time_ms
        {
            self.change.out_of_order += 1;
            self.put(key, entry.clone());
            return None;
        }
        let is_first = before.is_none();
        let total = next(before.as_ref().map(|entry| &entry.total));
        if before.as_ref().is_none_or(|entry| entry.turn != turn) {
            self.change.before.push((key.clone(), before));
        }
        self.put(key, Entry { total: total.clone(), time_ms, turn });
        Some((total, is_first))
    }

    fn take(&mut self, key: &[u8]) -> Option<Entry> {
        self.generations.young.remove(key).or_else(|| self.generations.old.remove(key))
    }

    fn put(&mut self, key: Key, entry: Entry) {
        if self.generations.young.len() >= self.generation_max {
            let young = std::mem::take(&mut self.generations.young);
            let forgotten = std::mem::replace(&mut self.generations.old, young);
            self.change.evicted += forgotten.len() as u64;
        }
        self.generations.young.insert(key, entry);
    }
}

/// Tenant and labels as one key; a tenant's name can not hold a zero byte.
fn key_of(tenant: &TenantId, labels: &[u8]) -> Key {
    [tenant.as_str().as_bytes(), &[0], labels].concat().into()
}

/// The rows of delta series, oldest first; rows of one instant in their order.
fn rows_in_time_order(series: &[u32], time_ms: &[i64], delta: &[u8]) -> Vec<usize> {
    let mut rows: Vec<usize> =
        (0..series.len()).filter(|row| delta[series[*row] as usize] != 0).collect();
    rows.sort_by_key(|row| time_ms[*row]);
    rows
}

fn retain<T>(column: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    column.retain(|_| kept.next().copied().unwrap_or(true));
}

#[cfg(test)]
mod tests;
