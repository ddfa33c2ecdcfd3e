//! Numbers the groups that spans fall into by the values of attributes. A value of a batch is looked
//! up once, not once a span; spans with the same values get the same number in every batch.

use std::borrow::Cow;

use hashbrown::HashMap;
use watchkeep_model::Value;
use watchkeep_model::span_query::{ABSENT, FieldColumn};

use super::key::encode_value;
use super::series::SeriesLabels;
use crate::eval::expr::rows::{Rows, read};
use crate::eval::expr::scalar::Scalar;
use crate::eval::label;
use crate::eval::structure::NONE;
use crate::plan::{FieldRef, Reading};

/// The group of spans that there is no room for.
pub(crate) const NO_GROUP: u32 = u32::MAX;

/// A number that was not given yet.
const UNKNOWN: u32 = u32::MAX - 1;

/// Whole numbers below are kept in a table.
const SMALL: usize = 1_024;

/// Places of a small table of pairs that were met last.
const RECENT: usize = 256;

/// Numbers for the values of an attribute, in the order in which they are met.
#[derive(Debug, Default)]
pub(crate) struct Values {
    texts: HashMap<String, u32>,
    /// By type and bits.
    scalars: HashMap<(u8, u64), u32>,
    lists: HashMap<Vec<u8>, u32>,
    /// By number.
    list: Vec<Value>,
    most: usize,
    text_bytes_max: usize,
}

impl Values {
    pub(crate) fn new(most: usize) -> Self {
        Self::with_short_texts(most, usize::MAX)
    }

    /// Texts of more bytes get no number.
    pub(crate) fn with_short_texts(most: usize, text_bytes_max: usize) -> Self {
        Self { most, text_bytes_max, ..Self::default() }
    }

    /// The value of a number, as a label has it; empty where the attribute was not there.
    pub(crate) fn value(&self, number: u32) -> &Value {
        self.list.get(number as usize).unwrap_or(&Value::Empty)
    }

    /// How many values have a number.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The number of a value; [`NO_GROUP`] when too many have one.
    pub(crate) fn number(&mut self, value: Scalar<'_>) -> u32 {
        let key = match value {
            Scalar::Text(text) => {
                if let Some(number) = self.texts.get(text) {
                    return *number;
                }
                if text.len() > self.text_bytes_max {
                    return NO_GROUP;
                }
                let number = self.give(value);
                if number != NO_GROUP {
                    self.texts.insert(text.to_owned(), number);
                }
                return number;
            }
            Scalar::List(items) => return self.list(value, items),
            Scalar::Nil => (0, 0),
            Scalar::Int(value) => (1, value as u64),
            Scalar::Float(value) => (2, value.to_bits()),
            Scalar::Bool(value) => (3, u64::from(value)),
            Scalar::Duration(value) => (4, value as u64),
            Scalar::Status(value) => (5, value as u64),
            Scalar::Kind(value) => (6, value as u64),
        };
        if let Some(number) = self.scalars.get(&key) {
            return *number;
        }
        let number = self.give(value);
        if number != NO_GROUP {
            self.scalars.insert(key, number);
        }
        number
    }

    fn list(&mut self, value: Scalar<'_>, items: &[Value]) -> u32 {
        let mut key = Vec::new();
        for item in items {
            encode_value(item, &mut key);
        }
        if let Some(number) = self.lists.get(&key) {
            return *number;
        }
        let number = self.give(value);
        if number != NO_GROUP {
            self.lists.insert(key, number);
        }
        number
    }

    fn give(&mut self, value: Scalar<'_>) -> u32 {
        if self.list.len() >= self.most {
            return NO_GROUP;
        }
        self.list.push(label_value(value));
        self.list.len() as u32 - 1
    }

    /// Appends the number of each place's value. [`NONE`] is the place of a value that is not there.
    pub(crate) fn numbers(
        &mut self,
        column: &FieldColumn,
        reading: Reading,
        places: &[u32],
        out: &mut Vec<u32>,
    ) {
        let at = |place: u32| match place {
            NONE => Scalar::Nil,
            place => read(column, reading, place as usize),
        };
        // Neighbours are often equal.
        let mut last: Option<(Scalar<'_>, u32)> = None;
        let mut slow = |values: &mut Self, place: u32| {
            let value = at(place);
            match last {
                Some((known, number)) if known == value => number,
                _ => {
                    let number = values.number(value);
                    last = Some((value, number));
                    number
                }
            }
        };
        let (keys, values) = match column {
            FieldColumn::Text { keys, values } => (keys, values),
            FieldColumn::Int { values, present: None } => {
                // Small numbers (statuses, kinds, codes) are looked up once each.
                let mut known = [UNKNOWN; SMALL];
                out.extend(places.iter().map(|place| {
                    let value = if *place == NONE { -1 } else { values[*place as usize] };
                    match usize::try_from(value).ok().and_then(|value| known.get_mut(value)) {
                        Some(known) if *known != UNKNOWN => *known,
                        Some(known) => {
                            *known = slow(self, *place);
                            *known
                        }
                        None => slow(self, *place),
                    }
                }));
                return;
            }
            _ => {
                out.extend(places.iter().map(|place| slow(self, *place)));
                return;
            }
        };
        let mut known = vec![UNKNOWN; values.len()];
        out.extend(places.iter().map(|place| {
            let key = if *place == NONE { ABSENT } else { keys[*place as usize] };
            match known.get(key as usize) {
                Some(&UNKNOWN) => {
                    let number = self.number(Scalar::Text(values.get(key as usize)));
                    known[key as usize] = number;
                    number
                }
                Some(number) => *number,
                None => slow(self, *place),
            }
        }));
    }
}

/// A value as a label has it; empty where there is none.
pub(crate) fn label_value(value: Scalar<'_>) -> Value {
    if value.is_nil() { Value::Empty } else { label::value(value) }
}

/// Numbers pairs of numbers.
#[derive(Debug)]
pub(crate) struct Pairs {
    numbers: HashMap<u64, u32>,
    /// By number.
    list: Vec<(u32, u32)>,
    recent: Vec<(u64, u32)>,
}

impl Default for Pairs {
    fn default() -> Self {
        let nothing = (u64::MAX, NO_GROUP);
        Self { numbers: HashMap::new(), list: Vec::new(), recent: vec![nothing; RECENT] }
    }
}

impl Pairs {
    /// How many pairs have a number.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The pair of a number.
    pub(crate) fn pair(&self, number: u32) -> (u32, u32) {
        self.list[number as usize]
    }

    /// Replaces each number of `groups` by that of its pair with the number in `next`.
    pub(crate) fn number_all(&mut self, groups: &mut [u32], next: &[u32], pairs_max: usize) {
        for (group, next) in groups.iter_mut().zip(next) {
            *group = self.number(*group, *next, pairs_max);
        }
    }

    fn number(&mut self, left: u32, right: u32, pairs_max: usize) -> u32 {
        if left == NO_GROUP || right == NO_GROUP {
            return NO_GROUP;
        }
        let pair = u64::from(left) << 32 | u64::from(right);
        let place = (left.wrapping_mul(31) ^ right) as usize % RECENT;
        if self.recent[place].0 == pair {
            return self.recent[place].1;
        }
        let number = match self.numbers.get(&pair) {
            Some(number) => *number,
            None if self.list.len() >= pairs_max => return NO_GROUP,
            None => {
                let number = self.list.len() as u32;
                self.list.push((left, right));
                self.numbers.insert(pair, number);
                number
            }
        };
        self.recent[place] = (pair, number);
        number
    }
}

/// Groups by the values of several attributes.
#[derive(Debug)]
pub(crate) struct Groups {
    names: Vec<String>,
    fields: Vec<FieldRef>,
    columns: Vec<Values>,
    /// Of the groups by the columns before and the next column's values.
    pairs: Vec<Pairs>,
    most: usize,
}

impl Groups {
    /// No attribute makes one group of all.
    pub(crate) fn new(by: Vec<(String, FieldRef)>, most: usize) -> Self {
        let (names, fields): (Vec<_>, Vec<_>) = by.into_iter().unzip();
        let columns = fields.iter().map(|_| Values::new(most)).collect();
        let pairs = fields.iter().skip(1).map(|_| Pairs::default()).collect();
        Self { names, fields, columns, pairs, most }
    }

    /// Numbers the groups of some rows; [`NO_GROUP`] where there are too many groups.
    pub(crate) fn number(&mut self, rows: &Rows<'_>, picked: &[u32], groups: &mut Vec<u32>) {
        groups.clear();
        let mut next = Vec::new();
        for (at, field) in self.fields.iter().enumerate() {
            let into = if at == 0 { &mut *groups } else { &mut next };
            into.clear();
            let column = rows.column(field.source);
            let places = places(rows, *field, picked);
            self.columns[at].numbers(column, field.reading, &places, into);
            if at > 0 {
                self.pairs[at - 1].number_all(groups, &next, self.most);
            }
        }
        if self.fields.is_empty() {
            groups.resize(picked.len(), 0);
        }
    }

    /// How many groups have a number.
    pub(crate) fn len(&self) -> usize {
        match (self.pairs.last(), self.columns.last()) {
            (Some(pairs), _) => pairs.len(),
            (None, Some(values)) => values.len(),
            (None, None) => 1,
        }
    }

    /// Labels of a group: of the values that are there.
    pub(crate) fn labels(&self, group: usize) -> SeriesLabels {
        let mut values = Vec::with_capacity(self.columns.len());
        let mut number = group as u32;
        for (pairs, column) in self.pairs.iter().zip(self.columns.iter().skip(1)).rev() {
            let (left, right) = pairs.pair(number);
            values.push(column.value(right));
            number = left;
        }
        values.extend(self.columns.first().map(|first| first.value(number)));
        let labels = self.names.iter().zip(values.into_iter().rev());
        labels
            .filter(|(_, value)| **value != Value::Empty)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// What a group is called none of whose values is there.
    pub(crate) fn nil_label(&self) -> Option<(String, Value)> {
        self.names.first().map(|name| (name.clone(), nil()))
    }
}

/// What a label says where the attribute is not there.
pub(crate) fn nil() -> Value {
    Value::String("nil".to_owned())
}

/// Where the values of a field are for some rows.
pub(crate) fn places<'p>(rows: &Rows<'_>, field: FieldRef, picked: &'p [u32]) -> Cow<'p, [u32]> {
    if field.of_parent {
        let parents = rows.parents();
        return picked.iter().map(|row| parents[*row as usize]).collect();
    }
    Cow::Borrowed(picked)
}
