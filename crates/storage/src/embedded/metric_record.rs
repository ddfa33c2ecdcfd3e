//! A batch of metrics as the body of a record of the write-ahead log. A series' labels stand once
//! in the log, in the record that gives it a number; after that the number does. Drawn in
//! `docs/formats/wal.md`.

use watchkeep_model::column::Table;
use watchkeep_model::labels::{read_varint, write_varint};
use watchkeep_model::{BinaryColumn, Error, Labels, MetricColumns, Result};

use super::record::{Reader, cut, put_bytes, put_table};
use crate::metrics::Placed;
use crate::metrics::column::{self, unzigzag, zigzag};

/// All numbers are 0.
const ZERO: u8 = 0;
/// Each number is the last and a step.
const STEADY: u8 = 1;
/// Packed differences.
const PACKED: u8 = 2;

/// What a record holds.
#[derive(Debug, Default)]
pub(super) struct MetricRecord {
    /// What the log calls the series, by row.
    pub(super) numbers: Vec<u64>,
    /// Rows whose series are defined here, rising, and their labels.
    pub(super) defined: Vec<(u32, Labels)>,
    /// Everything but the table of series, which is empty.
    pub(super) batch: MetricColumns,
}

/// How many bytes `put` will write, rather too many than too few.
pub(super) fn bytes_about(batch: &MetricColumns, placed: &Placed) -> usize {
    let labels = placed.new_series().iter().map(|(_, labels)| labels.as_bytes().len() + 8);
    // A float is its value; the row and the times of a sample mostly take next to nothing.
    let floats = batch.floats.value.len() * 10;
    let others = batch.histograms.byte_len() + batch.exemplars.byte_len();
    placed.numbers().len() * 4 + labels.sum::<usize>() + floats + others + batch.metadata.byte_len()
}

pub(super) fn put(out: &mut Vec<u8>, batch: &MetricColumns, placed: &Placed) {
    let mut numbers = Vec::with_capacity(placed.numbers().len() + 16);
    let mut last = 0_u64;
    for number in placed.numbers() {
        write_varint(&mut numbers, zigzag(number.wrapping_sub(last) as i64));
        last = *number;
    }
    put_bytes(out, &numbers);
    write_varint(out, placed.new_series().len() as u64);
    let mut last = 0;
    for (row, labels) in placed.new_series() {
        write_varint(out, u64::from(row - last));
        put_bytes(out, labels.as_bytes());
        last = *row;
    }
    put_bytes(out, bytemuck::cast_slice(&batch.floats.value));
    let floats = &batch.floats;
    put_places(out, &floats.series, [&floats.time_ms, &floats.start_ms]);
    let histograms = &batch.histograms;
    put_byte_strings(out, &histograms.histogram);
    put_places(out, &histograms.series, [&histograms.time_ms, &histograms.start_ms]);
    let exemplars = &batch.exemplars;
    put_byte_strings(out, &exemplars.labels);
    put_bytes(out, bytemuck::cast_slice(&exemplars.value));
    put_places(out, &exemplars.series, [&exemplars.time_ms]);
    put_table(out, &batch.metadata);
}

fn put_byte_strings(out: &mut Vec<u8>, strings: &BinaryColumn) {
    let (offsets, bytes) = strings.parts();
    put_bytes(out, bytemuck::cast_slice(offsets));
    put_bytes(out, bytes);
}

/// Rows of the series, and times. How many there are the reader knows already.
fn put_places<const N: usize>(out: &mut Vec<u8>, rows: &[u32], times: [&Vec<i64>; N]) {
    let rows: Vec<i64> = rows.iter().copied().map(i64::from).collect();
    put_numbers(out, &rows);
    for times in times {
        put_numbers(out, times);
    }
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[i64]) {
    if numbers.iter().all(|number| *number == 0) {
        out.push(ZERO);
        return;
    }
    let first = numbers[0];
    let step = numbers.get(1).map_or(0, |second| second.wrapping_sub(first));
    if numbers.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        out.push(STEADY);
        write_varint(out, zigzag(first));
        write_varint(out, zigzag(step));
    } else {
        out.push(PACKED);
        column::encode(numbers, out);
    }
}

/// The times of a kind of samples, with the rows of their series before them.
struct Places<const N: usize> {
    series: Vec<u32>,
    times: [Vec<i64>; N],
}

impl Reader<'_> {
    pub(super) fn metric_record(&mut self) -> Result<MetricRecord> {
        let mut record =
            MetricRecord { numbers: self.series_numbers()?, ..MetricRecord::default() };
        record.defined = self.definitions(record.numbers.len())?;
        let MetricColumns { floats, histograms, exemplars, metadata, .. } = &mut record.batch;
        floats.value = self.numbers()?;
        let places = self.places::<2>(floats.value.len(), record.numbers.len())?;
        floats.series = places.series;
        [floats.time_ms, floats.start_ms] = places.times;
        histograms.histogram = BinaryColumn::from_parts(self.numbers()?, self.bytes()?.to_vec())?;
        let places = self.places::<2>(histograms.histogram.len(), record.numbers.len())?;
        histograms.series = places.series;
        [histograms.time_ms, histograms.start_ms] = places.times;
        exemplars.labels = BinaryColumn::from_parts(self.numbers()?, self.bytes()?.to_vec())?;
        exemplars.value = self.numbers()?;
        if exemplars.value.len() != exemplars.labels.len() {
            return Err(Error::corrupt("a record has exemplars without value or labels"));
        }
        let places = self.places::<1>(exemplars.value.len(), record.numbers.len())?;
        exemplars.series = places.series;
        [exemplars.time_ms] = places.times;
        *metadata = self.table()?;
        Ok(record)
    }

    fn series_numbers(&mut self) -> Result<Vec<u64>> {
        let (mut rest, mut last) = (self.bytes()?, 0_u64);
        let mut numbers = Vec::with_capacity(rest.len());
        while !rest.is_empty() {
            last = last.wrapping_add(unzigzag(read_varint(&mut rest).ok_or_else(cut)?) as u64);
            numbers.push(last);
        }
        Ok(numbers)
    }

    fn definitions(&mut self, series: usize) -> Result<Vec<(u32, Labels)>> {
        let count = self.varint()?;
        let (mut defined, mut row) = (Vec::new(), 0_u64);
        for _ in 0..count {
            row = row.saturating_add(self.varint()?);
            if row >= series as u64 {
                return Err(Error::corrupt("a record defines a series that it does not number"));
            }
            defined.push((row as u32, Labels::from_canonical(self.bytes()?)?));
        }
        Ok(defined)
    }

    fn places<const N: usize>(&mut self, count: usize, series: usize) -> Result<Places<N>> {
        let rows = self.column_of(count)?;
        let inside = |row: i64| u32::try_from(row).ok().filter(|row| (*row as usize) < series);
        let rows = rows.into_iter().map(inside).collect::<Option<Vec<u32>>>();
        let rows = rows
            .ok_or_else(|| Error::corrupt("a sample belongs to a series that the record lacks"))?;
        let mut times = [const { Vec::new() }; N];
        for times in &mut times {
            *times = self.column_of(count)?;
        }
        Ok(Places { series: rows, times })
    }

    /// `count` numbers; so many things were read already, so it is no mere claim.
    fn column_of(&mut self, count: usize) -> Result<Vec<i64>> {
        match self.array()? {
            [ZERO] => Ok(vec![0; count]),
            [STEADY] => {
                let (first, step) = (unzigzag(self.varint()?), unzigzag(self.varint()?));
                let steps =
                    std::iter::successors(Some(first), |last| Some(last.wrapping_add(step)));
                Ok(steps.take(count).collect())
            }
            [PACKED] => {
                let mut numbers = Vec::with_capacity(count);
                column::decode(&mut self.rest, count, &mut numbers).ok_or_else(cut)?;
                Ok(numbers)
            }
            [other] => {
                Err(Error::corrupt(format!("a record has a column of unknown form {other}")))
            }
        }
    }
}
