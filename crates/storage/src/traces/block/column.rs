//! Fields of the rows of a block.

use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{FieldColumn, Result, SpanField, SpanScope, Utf8Column, Value};

use super::attribute;
use super::children::Children;
use super::read::{Objects, SpanBlock};
use crate::block::table::push_hex;
use crate::block::texts_column::picked;
use crate::traces::column::{ColumnBuilder, interleave, value_at};
use crate::traces::fields;

impl SpanBlock {
    /// A field of some rows, in their order, or of all. Of one that needs the whole trace no row has
    /// a value. Panics where a row is out of range, like a slice.
    pub(crate) fn column(&self, field: &SpanField, which: Option<&[u32]>) -> Result<FieldColumn> {
        let ints = |numbers: Vec<u32>| FieldColumn::Int {
            values: numbers.into_iter().map(i64::from).collect(),
            present: None,
        };
        let all_there = |values: Vec<i64>| FieldColumn::Int { values, present: None };
        Ok(match field {
            SpanField::Attribute(scope, key) => return self.attribute(*scope, key, which),
            SpanField::TraceId => {
                let keys = picked(self.trace_of_row()?, which);
                FieldColumn::Text {
                    keys,
                    values: hex_column(self.trace_ids()?.iter().map(|id| id.0)),
                }
            }
            SpanField::SpanId => {
                let ids = picked(self.span_ids()?, which);
                let keys = (0..ids.len() as u32).collect();
                FieldColumn::Text { keys, values: hex_column(ids.into_iter()) }
            }
            SpanField::ParentSpanId => {
                let ids = picked(self.parent_ids()?, which);
                let mut next = 0;
                let key = |id: &[u8; 8]| {
                    if *id == [0; 8] {
                        return ABSENT;
                    }
                    next += 1;
                    next - 1
                };
                let keys = ids.iter().map(key).collect();
                let there = ids.into_iter().filter(|id| *id != [0; 8]);
                FieldColumn::Text { keys, values: hex_column(there) }
            }
            SpanField::Start => all_there(picked(self.starts()?, which)),
            SpanField::Duration => {
                let mut durations = picked(self.durations()?, which);
                for duration in &mut durations {
                    *duration = (*duration).max(0);
                }
                all_there(durations)
            }
            SpanField::Kind => ints(self.numbers("kind", which)?),
            SpanField::StatusCode => ints(self.numbers("status_code", which)?),
            SpanField::Name => self.text("name", which, true)?,
            SpanField::StatusMessage => self.text("status_message", which, false)?,
            SpanField::Service => self.text("service", which, true)?,
            SpanField::ScopeName => self.text("scope_name", which, false)?,
            SpanField::ScopeVersion => self.text("scope_version", which, false)?,
            SpanField::EventName | SpanField::EventTimeSinceStart => {
                return self.children(&self.events, field, which);
            }
            SpanField::LinkTraceId | SpanField::LinkSpanId => {
                return self.children(&self.links, field, which);
            }
            SpanField::ParentRow | SpanField::RootName | SpanField::RootService => {
                FieldColumn::Absent
            }
        })
    }

    /// A column of texts. What is empty is absent, or else a text too.
    fn text(
        &self,
        name: &str,
        which: Option<&[u32]>,
        is_empty_a_value: bool,
    ) -> Result<FieldColumn> {
        let Some(texts) = self.texts(name)? else {
            if !is_empty_a_value {
                return Ok(FieldColumn::Absent);
            }
            let mut values = Utf8Column::default();
            values.push("");
            let keys = vec![0; which.map_or(self.len(), <[u32]>::len)];
            return Ok(FieldColumn::Text { keys, values });
        };
        let (mut keys, values) = texts.column(self.reader(), which, None)?;
        if !is_empty_a_value {
            for key in &mut keys {
                if values.get(*key as usize).is_empty() {
                    *key = ABSENT;
                }
            }
        }
        Ok(FieldColumn::Text { keys, values })
    }

    fn attribute(&self, scope: SpanScope, key: &str, which: Option<&[u32]>) -> Result<FieldColumn> {
        match scope {
            SpanScope::Any => {
                let own = self.own_attribute(key, which)?;
                if is_everywhere(&own) {
                    return Ok(own);
                }
                let shared = of_objects(self.resources()?, key, which);
                Ok(or_else(own, shared, which.map_or(self.len(), <[u32]>::len)))
            }
            SpanScope::Span => self.own_attribute(key, which),
            SpanScope::Resource => Ok(of_objects(self.resources()?, key, which)),
            SpanScope::Instrumentation => Ok(of_objects(self.scopes()?, key, which)),
            SpanScope::Event | SpanScope::Link => {
                let children = if scope == SpanScope::Event { &self.events } else { &self.links };
                self.children(children, &SpanField::Attribute(scope, key.to_owned()), which)
            }
        }
    }

    fn own_attribute(&self, key: &str, which: Option<&[u32]>) -> Result<FieldColumn> {
        attribute::column(self.reader(), &self.attributes, self.len(), key, which)
    }

    /// A field of events or of links.
    fn children(
        &self,
        children: &Children,
        field: &SpanField,
        which: Option<&[u32]>,
    ) -> Result<FieldColumn> {
        if !children.has_texts(self.reader(), which)? {
            return children.field(self.reader(), field, which);
        }
        let all: Vec<u32>;
        let which = if let Some(which) = which {
            which
        } else {
            all = (0..self.len() as u32).collect();
            &all
        };
        let spans = self.columns(which, &|name| matches!(name, "start_ns" | "events" | "links"))?;
        let rows: Vec<u32> = (0..which.len() as u32).collect();
        fields::column(&spans, field, &rows)
    }
}

/// One member of objects that rows share.
fn of_objects(objects: &Objects, key: &str, which: Option<&[u32]>) -> FieldColumn {
    let mut distinct = ColumnBuilder::default();
    for members in &objects.values {
        let member = members.iter().find(|(name, _)| name == key);
        distinct.push(member.map_or(&Value::Empty, |(_, value)| value));
    }
    let distinct = distinct.finish();
    if distinct == FieldColumn::Absent {
        return distinct;
    }
    let picks: Vec<(u32, u32)> =
        picked(&objects.of_row, which).into_iter().map(|key| (0, key)).collect();
    interleave(&[distinct], &picks)
}

fn hex_column<const N: usize>(ids: impl Iterator<Item = [u8; N]>) -> Utf8Column {
    let mut texts = Utf8Column::default();
    ids.for_each(|id| texts.push_with(|text| push_hex(&id, text)));
    texts
}

/// Whether every row surely has a value.
fn is_everywhere(column: &FieldColumn) -> bool {
    match column {
        FieldColumn::Int { present, .. }
        | FieldColumn::Double { present, .. }
        | FieldColumn::Bool { present, .. } => present.is_none(),
        FieldColumn::Text { keys, .. } => !keys.contains(&ABSENT),
        FieldColumn::Absent | FieldColumn::Values(_) | FieldColumn::Repeated { .. } => false,
    }
}

/// Values of the one, and where it has none of the other.
fn or_else(own: FieldColumn, other: FieldColumn, rows: usize) -> FieldColumn {
    if own == FieldColumn::Absent {
        return other;
    }
    if other == FieldColumn::Absent {
        return own;
    }
    let has_own = |row: usize| match &own {
        FieldColumn::Int { present, .. }
        | FieldColumn::Double { present, .. }
        | FieldColumn::Bool { present, .. } => present.as_ref().is_none_or(|there| there[row]),
        FieldColumn::Text { keys, .. } => keys[row] != ABSENT,
        _ => value_at(&own, row) != Value::Empty,
    };
    let picks: Vec<(u32, u32)> =
        (0..rows).map(|row| (u32::from(!has_own(row)), row as u32)).collect();
    interleave(&[own, other], &picks)
}
