//! Groups of records that are counted.

use std::sync::Arc;

use hashbrown::HashMap;
use watchkeep_model::Labels;

use super::block::FieldKeys;
use crate::block::RowSet;
use crate::seam::LogCount;

/// Groups that were found so far.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_labels: Option<Vec<String>>,
    labels: Vec<Arc<Labels>>,
    label_numbers: HashMap<Arc<Labels>, u32>,
    fields: Vec<Arc<[String]>>,
    field_numbers: HashMap<Arc<[String]>, u32>,
    /// By labels, fields and step.
    tallies: HashMap<(u32, u32, i64), Tally>,
}

/// What was counted of a group.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Groups {
    /// No groups; labels with these names tell them apart, or all.
    pub(super) fn new(by_labels: Option<Vec<String>>) -> Self {
        Self { by_labels, ..Self::default() }
    }

    /// Number of groups.
    pub(super) fn len(&self) -> usize {
        self.tallies.len()
    }

    /// The number of the labels that a stream is grouped by.
    pub(super) fn labels_of(&mut self, stream: &Arc<Labels>) -> u32 {
        let labels = match &self.by_labels {
            None => Arc::clone(stream),
            Some(names) => {
                Arc::new(stream.kept(|name| names.iter().any(|wanted| wanted.as_bytes() == name)))
            }
        };
        if let Some(number) = self.label_numbers.get(&labels) {
            return *number;
        }
        let number = self.labels.len() as u32;
        self.labels.push(Arc::clone(&labels));
        self.label_numbers.insert(labels, number);
        number
    }

    /// Adds to a group.
    pub(super) fn add(&mut self, labels: u32, fields: &[&str], step: i64, tally: Tally) {
        let fields = self.fields_of(fields);
        let known = self.tallies.entry((labels, fields, step)).or_default();
        known.rows += tally.rows;
        known.bytes += tally.bytes;
    }

    fn fields_of(&mut self, texts: &[&str]) -> u32 {
        if texts.is_empty() && !self.fields.is_empty() {
            return 0;
        }
        let texts: Arc<[String]> = texts.iter().map(|text| (*text).to_owned()).collect();
        if let Some(number) = self.field_numbers.get(&texts) {
            return *number;
        }
        let number = self.fields.len() as u32;
        self.fields.push(Arc::clone(&texts));
        self.field_numbers.insert(texts, number);
        number
    }

    /// The groups, in no order.
    pub(super) fn into_counts(self) -> Vec<LogCount> {
        let count = |((labels, fields, step), tally): ((u32, u32, i64), Tally)| LogCount {
            labels: Arc::clone(&self.labels[labels as usize]),
            fields: self.fields[fields as usize].to_vec(),
            step,
            rows: tally.rows,
            bytes: tally.bytes,
        };
        self.tallies.into_iter().map(count).collect()
    }
}

/// Combinations of the texts of fields in the rows of a piece.
#[derive(Debug)]
pub(super) struct Combined {
    /// The combination of each row; empty where all rows have the only one.
    of_rows: Vec<u32>,
    /// The keys of each combination, one for each field.
    keys: Vec<Box<[u32]>>,
}

impl Combined {
    /// Of some rows.
    pub(super) fn of(fields: &[FieldKeys], rows: &RowSet) -> Self {
        match fields {
            [] => Self { of_rows: Vec::new(), keys: vec![Box::default()] },
            [one] => Self {
                of_rows: one.keys.clone(),
                keys: (0..one.texts.len() as u32).map(|key| [key].into()).collect(),
            },
            several => {
                let mut known: HashMap<Box<[u32]>, u32> = HashMap::new();
                let mut of_rows = vec![0; rows.rows()];
                let mut keys: Vec<Box<[u32]>> = Vec::new();
                let mut of_row = Vec::new();
                for row in rows.iter() {
                    of_row.clear();
                    of_row.extend(several.iter().map(|field| field.keys[row]));
                    let number = known.get(of_row.as_slice()).copied();
                    of_rows[row] = number.unwrap_or_else(|| {
                        let number = keys.len() as u32;
                        keys.push(of_row.as_slice().into());
                        known.insert(of_row.as_slice().into(), number);
                        number
                    });
                }
                Self { of_rows, keys }
            }
        }
    }

    /// Number of combinations.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The combination of a row.
    pub(super) fn of_row(&self, row: usize) -> u32 {
        self.of_rows.get(row).copied().unwrap_or_default()
    }

    /// The texts of a combination.
    pub(super) fn texts<'a>(&self, combination: u32, fields: &'a [FieldKeys]) -> Vec<&'a str> {
        let keys = &self.keys[combination as usize];
        fields.iter().zip(keys).map(|(field, key)| field.texts[*key as usize].as_str()).collect()
    }
}

/// Rows in a row that are of one stream and step, by combination.
#[derive(Debug)]
pub(super) struct Run {
    /// Stream and step.
    pub(super) of: Option<(u32, i64)>,
    bounds_ns: (i64, i64),
    tallies: Vec<Tally>,
    /// Combinations that were met.
    met: Vec<u32>,
}

impl Run {
    /// An empty run, for so many combinations.
    pub(super) fn new(combinations: usize) -> Self {
        let tallies = vec![Tally::default(); combinations];
        Self { of: None, bounds_ns: (0, 0), tallies, met: Vec::new() }
    }

    /// Whether a row belongs to it.
    pub(super) fn covers(&self, stream: u32, time_ns: i64) -> bool {
        let (from_ns, to_ns) = self.bounds_ns;
        self.of.is_some_and(|(of, _)| of == stream) && from_ns <= time_ns && time_ns <= to_ns
    }

    /// Begins another, after what was met was taken.
    pub(super) fn begin(&mut self, stream: u32, step: i64, bounds_ns: (i64, i64)) {
        self.of = Some((stream, step));
        self.bounds_ns = bounds_ns;
    }

    /// Adds a row.
    pub(super) fn add(&mut self, combination: u32, bytes: u64) {
        let tally = &mut self.tallies[combination as usize];
        if tally.rows == 0 {
            self.met.push(combination);
        }
        tally.rows += 1;
        tally.bytes += bytes;
    }

    /// Takes out what was met.
    pub(super) fn take(&mut self) -> Vec<(u32, Tally)> {
        let tallies = &mut self.tallies;
        let take =
            |combination: u32| (combination, std::mem::take(&mut tallies[combination as usize]));
        self.met.drain(..).map(take).collect()
    }
}
