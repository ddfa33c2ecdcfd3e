//! Fields of spans that are held as [`SpanColumns`].

use hashbrown::HashMap;
use watchkeep_model::{
    DictColumn, FieldColumn, Result, SpanColumns, SpanField, SpanId, SpanScope, TraceId,
    Utf8Column, Value, ValueKind,
};

use super::column::{ColumnBuilder, RepeatedBuilder};
use super::value::{StoredEvent, StoredLink, events, links, object, of_text};

/// A field of some rows, in their order. Of one that needs the whole trace no row has a value.
pub(crate) fn column(spans: &SpanColumns, field: &SpanField, rows: &[u32]) -> Result<FieldColumn> {
    let ints = |value: &dyn Fn(usize) -> i64| {
        let values = rows.iter().map(|row| value(*row as usize)).collect();
        FieldColumn::Int { values, present: None }
    };
    Ok(match field {
        SpanField::Attribute(scope, key) => return attribute(spans, *scope, key, rows),
        SpanField::TraceId => ids(rows, |row| Some(TraceId(spans.trace_id[row]))),
        SpanField::SpanId => ids(rows, |row| Some(SpanId(spans.span_id[row]))),
        SpanField::ParentSpanId => {
            ids(rows, |row| Some(SpanId(spans.parent_span_id[row])).filter(|id| id.is_some()))
        }
        SpanField::Start => ints(&|row| spans.start_ns[row]),
        SpanField::Duration => ints(&|row| spans.duration_ns[row].max(0)),
        SpanField::Kind => ints(&|row| i64::from(spans.kind[row])),
        SpanField::StatusCode => ints(&|row| i64::from(spans.status_code[row])),
        SpanField::Name => texts(&spans.name, rows, true),
        SpanField::StatusMessage => texts(&spans.status_message, rows, false),
        SpanField::Service => of_dictionary(&spans.service, rows, true),
        SpanField::ScopeName => of_dictionary(&spans.scope_name, rows, false),
        SpanField::ScopeVersion => of_dictionary(&spans.scope_version, rows, false),
        SpanField::EventName => of_events(spans, rows, |event, _, out| out.push_text(&event.name))?,
        SpanField::EventTimeSinceStart => of_events(spans, rows, |event, row, out| {
            out.push_int(event.time_unix_nano.saturating_sub(spans.start_ns[row]));
        })?,
        SpanField::LinkTraceId => of_links(spans, rows, |link, out| {
            out.push_text(&link.trace_id()?.to_string());
            Ok(())
        })?,
        SpanField::LinkSpanId => of_links(spans, rows, |link, out| {
            out.push_text(&link.span_id()?.to_string());
            Ok(())
        })?,
        SpanField::ParentRow | SpanField::RootName | SpanField::RootService => FieldColumn::Absent,
    })
}

fn attribute(
    spans: &SpanColumns,
    scope: SpanScope,
    key: &str,
    rows: &[u32],
) -> Result<FieldColumn> {
    let mut out = ColumnBuilder::default();
    match scope {
        SpanScope::Any => {
            let mut resources = Objects::new(&spans.resource, key);
            for row in rows.iter().map(|row| *row as usize) {
                match own_attribute(spans, row, key) {
                    Some((kind, text)) => push_text_form(&mut out, kind, text),
                    None => out.push(resources.value(row)?),
                }
            }
        }
        SpanScope::Span => {
            for row in rows {
                match own_attribute(spans, *row as usize, key) {
                    Some((kind, text)) => push_text_form(&mut out, kind, text),
                    None => out.push_absent(),
                }
            }
        }
        SpanScope::Resource => {
            let mut resources = Objects::new(&spans.resource, key);
            for row in rows {
                out.push(resources.value(*row as usize)?);
            }
        }
        SpanScope::Instrumentation => {
            let mut scopes = Objects::new(&spans.scope_attributes, key);
            for row in rows {
                out.push(scopes.value(*row as usize)?);
            }
        }
        SpanScope::Event => {
            return of_events(spans, rows, |event, _, out| {
                out.push(event.attribute(key).unwrap_or(&Value::Empty));
            });
        }
        SpanScope::Link => {
            return of_links(spans, rows, |link, out| {
                out.push(link.attribute(key).unwrap_or(&Value::Empty));
                Ok(())
            });
        }
    }
    Ok(out.finish())
}

/// An attribute of the span itself; an empty value is none.
fn own_attribute<'a>(
    spans: &'a SpanColumns,
    row: usize,
    key: &str,
) -> Option<(ValueKind, &'a str)> {
    let (_, kind, text) = spans.attributes.row(row).find(|(name, ..)| *name == key)?;
    (kind != ValueKind::Empty).then_some((kind, text))
}

fn push_text_form(out: &mut ColumnBuilder, kind: ValueKind, text: &str) {
    if kind == ValueKind::String {
        out.push_text(text);
    } else {
        out.push(&of_text(kind, text));
    }
}

/// One member of the objects that a column holds, each of which is read once.
struct Objects<'a> {
    texts: &'a Utf8Column,
    keys: &'a [u32],
    member: &'a str,
    read: HashMap<u32, Value>,
}

impl<'a> Objects<'a> {
    fn new(column: &'a DictColumn, member: &'a str) -> Self {
        let (texts, keys) = column.parts();
        Self { texts, keys, member, read: HashMap::new() }
    }

    fn value(&mut self, row: usize) -> Result<&Value> {
        let key = self.keys[row];
        if !self.read.contains_key(&key) {
            let members = object(self.texts.get(key as usize))?;
            let found = members.into_iter().find(|(name, _)| name == self.member);
            self.read.insert(key, found.map_or(Value::Empty, |(_, value)| value));
        }
        Ok(&self.read[&key])
    }
}

fn ids<T: ToString>(rows: &[u32], id: impl Fn(usize) -> Option<T>) -> FieldColumn {
    let mut out = ColumnBuilder::default();
    for row in rows {
        match id(*row as usize) {
            Some(id) => out.push_text(&id.to_string()),
            None => out.push_absent(),
        }
    }
    out.finish()
}

fn texts(column: &Utf8Column, rows: &[u32], is_empty_a_value: bool) -> FieldColumn {
    let mut out = ColumnBuilder::default();
    for row in rows {
        match column.get(*row as usize) {
            "" if !is_empty_a_value => out.push_absent(),
            text => out.push_text(text),
        }
    }
    out.finish()
}

fn of_dictionary(column: &DictColumn, rows: &[u32], is_empty_a_value: bool) -> FieldColumn {
    let (values, keys) = column.parts();
    let mut out = ColumnBuilder::default();
    for row in rows {
        match values.get(keys[*row as usize] as usize) {
            "" if !is_empty_a_value => out.push_absent(),
            text => out.push_text(text),
        }
    }
    out.finish()
}

fn of_events(
    spans: &SpanColumns,
    rows: &[u32],
    push: impl Fn(&StoredEvent<'_>, usize, &mut ColumnBuilder),
) -> Result<FieldColumn> {
    let mut out = RepeatedBuilder::default();
    for row in rows.iter().map(|row| *row as usize) {
        for event in &events(spans.events.get(row))? {
            push(event, row, &mut out.values);
        }
        out.end_row();
    }
    Ok(out.finish())
}

fn of_links(
    spans: &SpanColumns,
    rows: &[u32],
    push: impl Fn(&StoredLink<'_>, &mut ColumnBuilder) -> Result<()>,
) -> Result<FieldColumn> {
    let mut out = RepeatedBuilder::default();
    for row in rows {
        for link in &links(spans.links.get(*row as usize))? {
            push(link, &mut out.values)?;
        }
        out.end_row();
    }
    Ok(out.finish())
}
