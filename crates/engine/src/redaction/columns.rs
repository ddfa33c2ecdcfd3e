//! Which columns hold what clients wrote, and how each is redacted. A column in which nothing is found
//! is not copied.

use std::collections::HashMap;

use watchkeep_genai::redact::{Counts, KeyAction, Redacted, Redactor};
use watchkeep_model::attributes::AttributesColumn;
use watchkeep_model::column::{BinaryColumn, DictColumn, Utf8Column};
use watchkeep_model::stream::{from_text, to_text};
use watchkeep_model::{Labels, LogColumns, METRIC_NAME, MetricColumns, SpanColumns, ValueKind};

/// Objects around the attributes of an event or a link.
const ENVELOPE: usize = 1;

pub(super) fn spans(redactor: &Redactor, spans: &mut SpanColumns, counts: &mut Counts) {
    utf8(&mut spans.status_message, |text| redactor.plain(text, counts));
    attributes(redactor, &mut spans.attributes, counts);
    // What is no JSON, or too deep, is text: nothing is let through because it can not be read.
    let json = |text: &str, counts: &mut Counts| {
        redactor.json(text, ENVELOPE, counts).unwrap_or_else(|| redactor.plain(text, counts))
    };
    utf8(
        &mut spans.events,
        |text| if text.is_empty() { Redacted::Kept } else { json(text, counts) },
    );
    utf8(
        &mut spans.links,
        |text| if text.is_empty() { Redacted::Kept } else { json(text, counts) },
    );
    object(redactor, &mut spans.resource, counts);
    object(redactor, &mut spans.scope_attributes, counts);
}

pub(super) fn logs(redactor: &Redactor, logs: &mut LogColumns, counts: &mut Counts) {
    let kinds = &logs.body_kind;
    let mut row = 0;
    utf8(&mut logs.body, |text| {
        let kind = kinds.get(row).and_then(|letter| ValueKind::from_letter(*letter));
        row += 1;
        match kind {
            Some(ValueKind::Json) => redactor.value(text, counts),
            Some(ValueKind::String) | None => match redactor.text(text, counts) {
                std::borrow::Cow::Borrowed(kept) if kept.len() == text.len() => Redacted::Kept,
                changed => Redacted::Changed(changed.into_owned()),
            },
            _ => redactor.number(text, counts),
        }
    });
    attributes(redactor, &mut logs.attributes, counts);
    object(redactor, &mut logs.resource, counts);
    object(redactor, &mut logs.scope_attributes, counts);
    dict(&mut logs.stream, |text| {
        let Some(labels) = from_text(text) else { return Redacted::Kept };
        match relabelled(redactor, &labels, counts) {
            Some(pairs) => Redacted::Changed(to_text(&Labels::from_pairs(pairs))),
            None => Redacted::Kept,
        }
    });
}

pub(super) fn metrics(redactor: &Redactor, metrics: &mut MetricColumns, counts: &mut Counts) {
    label_sets(redactor, &mut metrics.series.labels, counts);
    label_sets(redactor, &mut metrics.exemplars.labels, counts);
}

/// Texts, one a row. A dropped one is empty.
fn utf8(column: &mut Utf8Column, mut redact: impl FnMut(&str) -> Redacted) {
    let mut new: Option<Utf8Column> = None;
    for row in 0..column.len() {
        let text = column.get(row);
        let redacted = redact(text);
        if new.is_none() && redacted != Redacted::Kept {
            let mut before = Utf8Column::default();
            (0..row).for_each(|row| before.push(column.get(row)));
            new = Some(before);
        }
        if let Some(new) = &mut new {
            match &redacted {
                Redacted::Kept => new.push(text),
                Redacted::Changed(changed) => new.push(changed),
                Redacted::Dropped => new.push(""),
            }
        }
    }
    if let Some(new) = new {
        *column = new;
    }
}

/// Texts of which few are distinct.
fn dict(column: &mut DictColumn, mut redact: impl FnMut(&str) -> Redacted) {
    let (values, keys) = column.parts();
    let redacted: Vec<Redacted> = values.iter().map(&mut redact).collect();
    if redacted.iter().all(|one| *one == Redacted::Kept) {
        return;
    }
    let mut new = DictColumn::default();
    let interned: Vec<u32> = values
        .iter()
        .zip(&redacted)
        .map(|(text, redacted)| match redacted {
            Redacted::Kept => new.intern(text),
            Redacted::Changed(changed) => new.intern(changed),
            Redacted::Dropped => new.intern(""),
        })
        .collect();
    for key in keys {
        new.push_key(interned[*key as usize]);
    }
    *column = new;
}

/// Attributes as JSON objects.
fn object(redactor: &Redactor, column: &mut DictColumn, counts: &mut Counts) {
    dict(column, |text| match redactor.json(text, 0, counts) {
        Some(Redacted::Dropped) => Redacted::Changed("{}".into()),
        Some(redacted) => redacted,
        None => redactor.plain(text, counts),
    });
}

fn attributes(redactor: &Redactor, column: &mut AttributesColumn, counts: &mut Counts) {
    let (offsets, keys, values, kinds) = column.parts();
    let mut found: HashMap<usize, Redacted> = HashMap::new();
    for (entry, letter) in kinds.iter().enumerate() {
        let kind = ValueKind::from_letter(*letter).unwrap_or(ValueKind::String);
        let redacted = attribute(redactor, keys.get(entry), kind, values.get(entry), counts);
        if redacted != Redacted::Kept {
            found.insert(entry, redacted);
        }
    }
    if found.is_empty() {
        return;
    }
    let mut new = AttributesColumn::default();
    for row in offsets.windows(2) {
        let entries = row[0] as usize..row[1] as usize;
        for (entry, letter) in entries.clone().zip(&kinds[entries]) {
            let kind = ValueKind::from_letter(*letter).unwrap_or(ValueKind::String);
            match found.get(&entry) {
                None => new.push_entry(keys.get(entry), kind, values.get(entry)),
                Some(Redacted::Changed(changed)) if kind == ValueKind::Json => {
                    new.push_entry(keys.get(entry), json_kind(changed), changed);
                }
                Some(Redacted::Changed(changed)) => {
                    new.push_entry(keys.get(entry), ValueKind::String, changed);
                }
                Some(_) => {}
            }
        }
        new.end_row();
    }
    *column = new;
}

/// What stands in place of an array or a map: one still, or a text.
fn json_kind(changed: &str) -> ValueKind {
    if changed.starts_with("[REDACTED") { ValueKind::String } else { ValueKind::Json }
}

fn attribute(
    redactor: &Redactor,
    key: &str,
    kind: ValueKind,
    text: &str,
    counts: &mut Counts,
) -> Redacted {
    match (redactor.key(key), kind) {
        (Some(KeyAction::Keep), _) => Redacted::Kept,
        (Some(rule), _) => redactor.by_key(rule, text, counts),
        (None, ValueKind::String | ValueKind::Json) => redactor.value(text, counts),
        (None, ValueKind::Int) => redactor.number(text, counts),
        (None, _) => Redacted::Kept,
    }
}

/// The labels as they may be stored; `None` where they may as they are.
fn relabelled(
    redactor: &Redactor,
    labels: &Labels,
    counts: &mut Counts,
) -> Option<Vec<(String, String)>> {
    let mut changed = false;
    let mut pairs = Vec::new();
    for (name, value) in labels.iter() {
        let redacted = if name == METRIC_NAME || name == "le" {
            Redacted::Kept
        } else {
            redactor.attribute(name, value, counts)
        };
        changed |= redacted != Redacted::Kept;
        match redacted {
            Redacted::Kept => pairs.push((name.to_owned(), value.to_owned())),
            Redacted::Changed(value) => pairs.push((name.to_owned(), value)),
            Redacted::Dropped => {}
        }
    }
    changed.then_some(pairs)
}

fn label_sets(redactor: &Redactor, column: &mut BinaryColumn, counts: &mut Counts) {
    let mut found: HashMap<usize, Vec<(String, String)>> = HashMap::new();
    for (row, bytes) in column.iter().enumerate() {
        if let Ok(labels) = Labels::from_canonical(bytes)
            && let Some(pairs) = relabelled(redactor, &labels, counts)
        {
            found.insert(row, pairs);
        }
    }
    if found.is_empty() {
        return;
    }
    let mut new = BinaryColumn::default();
    for (row, bytes) in column.iter().enumerate() {
        match found.get_mut(&row) {
            Some(pairs) => new.push_with(|out| Labels::write_canonical(pairs, out)),
            None => new.push(bytes),
        }
    }
    *column = new;
}
