//! Fields of bodies that are JSON objects: testing them and telling rows apart by them, on the
//! columns as they are.

use hashbrown::HashMap;
use watchkeep_model::stream::label_name;
use watchkeep_model::{Pattern, Result};

use super::alike::has_alike;
use super::json::{Found, Hole, find, unescape};
use super::read::Block;
use crate::block::shred::WHOLE;
use crate::block::table::Column;
use crate::block::texts_read::{Form, Reader, Texts};
use crate::block::{Decision, RowSet};
use crate::seam::{CompareOp, FieldTest, LogField};

/// The texts of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldKeys {
    /// Distinct texts.
    pub(crate) texts: Vec<String>,
    /// For each row of the block the position of its text; [`FieldKeys::UNKNOWN`] where it is not
    /// known and for rows that were not asked for.
    pub(crate) keys: Vec<u32>,
}

impl FieldKeys {
    pub(crate) const UNKNOWN: u32 = u32::MAX;
}

/// Where the field of a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Absent,
    Unclear,
    Column(u32, Hole),
}

impl Block {
    /// The candidates by where the field is, those with an attribute that hides it as unclear.
    fn targets(&self, field: &LogField, candidates: &RowSet) -> Result<Vec<(Target, RowSet)>> {
        let reader = self.reader();
        let mut targets = vec![Target::Unclear];
        let mut classes = Vec::new();
        let shapes = self.bodies.shapes(reader)?;
        for (id, (shape, columns)) in shapes.iter().zip(&self.bodies.shredded.shapes).enumerate() {
            let target = match find(shape, &field.path) {
                _ if id == WHOLE as usize => Target::Unclear,
                _ if field.flattened && has_alike(shape, &field.path) => Target::Unclear,
                Found::Unclear => Target::Unclear,
                Found::Absent => Target::Absent,
                Found::Hole(hole) => Target::Column(columns[hole], shape.holes[hole]),
            };
            let known = targets.iter().position(|known| *known == target);
            classes.push(known.unwrap_or_else(|| {
                targets.push(target);
                targets.len() - 1
            }));
        }
        let shadowed = self.shadowed(&field.shadowed_by, candidates)?;
        let mut clear = candidates.clone();
        clear.remove(&shadowed);
        let mut rows = self.bodies.shredded.classes(reader, &clear, &classes, targets.len())?;
        rows[0].add(&shadowed);
        Ok(targets.into_iter().zip(rows).filter(|(_, rows)| !rows.is_empty()).collect())
    }

    /// The candidates that have an attribute whose key is this name once it is made a label's.
    fn shadowed(&self, name: &str, candidates: &RowSet) -> Result<RowSet> {
        let reader = self.reader();
        // A map may make labels that begin with its own.
        let is_name = |key: &str| {
            let label = label_name(key);
            name.strip_prefix(&*label).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let with = self.attributes.shapes_with(is_name);
        let classes: Vec<usize> = with.iter().map(|with| usize::from(*with)).collect();
        let mut sets = self.attributes.shredded().classes(reader, candidates, &classes, 2)?;
        let mut shadowed = sets.swap_remove(1);
        for column in ["scope_attributes", "resource"] {
            if let Some(Column::Texts(texts)) = self.other(column) {
                let mut holds =
                    |text: &str| keys_of(text).is_none_or(|keys| keys.iter().any(|k| is_name(k)));
                shadowed.add(&texts.holding(reader, candidates, None, &mut holds)?);
            }
        }
        Ok(shadowed)
    }

    pub(super) fn test_field(
        &self,
        field: &LogField,
        test: &FieldTest,
        candidates: &RowSet,
    ) -> Result<Decision> {
        let reader = self.reader();
        let (mut yes, mut unknown) = (RowSet::none(self.rows), RowSet::none(self.rows));
        for (target, rows) in self.targets(field, candidates)? {
            match target {
                Target::Unclear => unknown.add(&rows),
                Target::Absent if test.holds_text("") => yes.add(&rows),
                Target::Absent => {}
                Target::Column(column, hole) => {
                    // Two questions are asked of the column, and the second of few rows.
                    let mut open = RowSet::none(self.rows);
                    let shredded = &self.bodies.shredded;
                    let found =
                        shredded.where_values(reader, column, &rows, |texts, among, at| {
                            let decision = test.on_column(reader, texts, hole, among, at)?;
                            match at {
                                None => open = decision.unknown,
                                Some(at) => {
                                    decision
                                        .unknown
                                        .iter()
                                        .for_each(|i| open.insert(at[i] as usize));
                                }
                            }
                            Ok(decision.yes)
                        })?;
                    yes.add(&found);
                    unknown.add(&open);
                }
            }
        }
        Ok(Decision { yes, unknown })
    }

    /// The texts of a field in those rows that are candidates.
    pub(crate) fn field_keys(&self, field: &LogField, candidates: &RowSet) -> Result<FieldKeys> {
        let reader = self.reader();
        let mut keys = FieldKeys { texts: Vec::new(), keys: vec![FieldKeys::UNKNOWN; self.rows] };
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut key_of = |text: Option<String>| -> u32 {
            let Some(text) = text else { return FieldKeys::UNKNOWN };
            *known.entry(text).or_insert_with_key(|text| {
                keys.texts.push(text.clone());
                keys.texts.len() as u32 - 1
            })
        };
        for (target, rows) in self.targets(field, candidates)? {
            let (column, hole) = match target {
                Target::Unclear => continue,
                Target::Absent => {
                    let key = key_of(Some(String::new()));
                    rows.iter().for_each(|row| keys.keys[row] = key);
                    continue;
                }
                Target::Column(column, hole) => (column, hole),
            };
            let shredded = &self.bodies.shredded;
            shredded.where_values(reader, column, &rows, |texts, among, at| {
                let row_of = |index: usize| at.map_or(index, |rows| rows[index] as usize);
                if let Some(value) = texts.constant(reader.source)? {
                    let key = key_of(meaning(hole, value));
                    among.iter().for_each(|index| keys.keys[row_of(index)] = key);
                } else if let (values @ [_, ..], of_values) = texts.dictionary(reader)? {
                    let mut translated: Vec<Option<u32>> = vec![None; values.len()];
                    for index in among.iter() {
                        let value = of_values[index] as usize;
                        let key = &mut translated[value];
                        let key = *key.get_or_insert_with(|| key_of(meaning(hole, &values[value])));
                        keys.keys[row_of(index)] = key;
                    }
                } else {
                    let mut text = String::new();
                    for index in among.iter() {
                        text.clear();
                        texts.append(reader, index, row_of(index), &mut text)?;
                        keys.keys[row_of(index)] = key_of(meaning(hole, &text));
                    }
                }
                Ok(RowSet::none(texts.count))
            })?;
        }
        Ok(keys)
    }
}

/// The text of a field by its value as it is written; `None` where that is not known.
fn meaning(hole: Hole, written: &str) -> Option<String> {
    match hole {
        Hole::Array | Hole::Object => None,
        Hole::Word if written == "null" => None,
        Hole::Text if written.contains('\\') => unescape(written.as_bytes()),
        Hole::Text | Hole::Word | Hole::Number => Some(written.to_owned()),
    }
}

/// The outermost keys of attributes that are written as a JSON object; none for none, `None` where
/// they are not plain.
fn keys_of(attributes: &str) -> Option<Vec<String>> {
    if attributes.is_empty() {
        return Some(Vec::new());
    }
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(attributes).ok()?;
    let keys: Vec<String> = object.into_iter().map(|(key, _)| key).collect();
    keys.iter().all(|key| !key.starts_with('$')).then_some(keys)
}

impl FieldTest {
    /// Whether it holds for a field with this text that is no number.
    fn holds_text(&self, text: &str) -> bool {
        match self {
            Self::Number(..) => false,
            Self::Equal(wanted) => text == wanted,
            Self::Matches(pattern) => Pattern::is_match(pattern, text),
        }
    }

    /// Decides it on values as they are written.
    fn on_column(
        &self,
        reader: Reader<'_>,
        texts: &Texts,
        hole: Hole,
        among: &RowSet,
        row_of: Option<&[u32]>,
    ) -> Result<Decision> {
        if let (Self::Number(op, than), Hole::Number) = (self, hole) {
            return compare(reader, texts, among, row_of, *op, *than);
        }
        // A value may be true, unknown, or neither.
        let mut unclear = |written: &str| match self {
            Self::Number(..) => true,
            _ => meaning(hole, written).is_none(),
        };
        let never_unclear = hole == Hole::Number;
        let unknown = if never_unclear {
            RowSet::none(texts.count)
        } else if hole == Hole::Text && !matches!(self, Self::Number(..)) {
            // Only what has an escape may be unclear.
            let escaped = texts.containing(reader, among, row_of, "\\")?;
            texts.holding(reader, &escaped, row_of, &mut unclear)?
        } else {
            texts.holding(reader, among, row_of, &mut unclear)?
        };
        let mut holds = |written: &str| match (hole, written.contains('\\')) {
            (Hole::Text, true) => meaning(hole, written).is_some_and(|text| self.holds_text(&text)),
            _ => self.holds_text(written),
        };
        let mut rest = among.clone();
        rest.remove(&unknown);
        let yes = texts.holding(reader, &rest, row_of, &mut holds)?;
        Ok(Decision { yes, unknown })
    }
}

/// Compares numbers as they are written; one that no double can hold is left unknown.
fn compare(
    reader: Reader<'_>,
    texts: &Texts,
    among: &RowSet,
    row_of: Option<&[u32]>,
    op: CompareOp,
    than: f64,
) -> Result<Decision> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let mut yes = match &texts.form {
        Form::Integers(ints) => {
            let ints = ints.read(reader.source)?;
            RowSet::of(texts.count, |index| op.holds(&(ints[index] as f64), &than))
        }
        Form::Decimals { style, ints } => {
            let ints = ints.read(reader.source)?;
            RowSet::of(texts.count, |index| op.holds(&style.double(ints[index]), &than))
        }
        _ => {
            let mut holds = |text: &str| number(text).is_some_and(|left| op.holds(&left, &than));
            let yes = texts.holding(reader, among, row_of, &mut holds)?;
            let mut beyond = |text: &str| number(text).is_none();
            let unknown = texts.holding(reader, among, row_of, &mut beyond)?;
            return Ok(Decision { yes, unknown });
        }
    };
    let mut unknown = RowSet::none(texts.count);
    if let Some((positions, odd)) = texts.odd(reader.source)? {
        let at = RowSet::of_positions(texts.count, positions);
        yes.remove(&at);
        for (position, text) in positions.iter().zip(odd.iter()) {
            match number(text) {
                Some(left) if op.holds(&left, &than) => yes.insert(*position as usize),
                Some(_) => {}
                None => unknown.insert(*position as usize),
            }
        }
    }
    yes.keep(among);
    unknown.keep(among);
    Ok(Decision { yes, unknown })
}
