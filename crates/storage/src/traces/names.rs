//! Names that spans have: operations, attributes, and services that call each other.

use std::collections::BTreeSet;

use hashbrown::HashSet;
use watchkeep_model::span_query::ABSENT;
use watchkeep_model::{
    DictColumn, FieldColumn, Operation, Result, ServiceCalls, SpanColumns, SpanField, SpanKey,
    SpanRows, SpanScope, SpansRequest, TimeRange, TraceTest,
};

use super::block::{NO_ROW, SpanBlock};
use super::calls::{Calls, shared_clients};
use super::piece::{Piece, Snapshot};
use super::value::{events, links, object};

/// OTLP's number of the kinds of spans that call, and that are called.
const CLIENT: i64 = 3;
const SERVER: i64 = 2;
/// OTLP's status code for errors.
const STATUS_ERROR: i64 = 2;

/// Attributes that spans have.
pub(crate) fn keys_of(spans: &SpanColumns) -> Result<BTreeSet<SpanKey>> {
    let mut keys = BTreeSet::new();
    let (names, of_entries) = spans.attributes.parts().1.parts();
    let own: HashSet<u32> = of_entries.iter().copied().collect();
    let own = own.into_iter().map(|key| names.get(key as usize));
    add_keys(&mut keys, SpanScope::Span, own);
    let of_objects = |column: &DictColumn, scope, keys: &mut BTreeSet<SpanKey>| -> Result<()> {
        for text in column.parts().0.iter() {
            add_keys(keys, scope, object(text)?.iter().map(|(key, _)| key.as_str()));
        }
        Ok(())
    };
    of_objects(&spans.resource, SpanScope::Resource, &mut keys)?;
    of_objects(&spans.scope_attributes, SpanScope::Instrumentation, &mut keys)?;
    for text in spans.events.iter() {
        for event in events(text)? {
            add_keys(&mut keys, SpanScope::Event, event.keys());
        }
    }
    for text in spans.links.iter() {
        for link in links(text)? {
            add_keys(&mut keys, SpanScope::Link, link.keys());
        }
    }
    Ok(keys)
}

fn add_keys<'a>(
    keys: &mut BTreeSet<SpanKey>,
    scope: SpanScope,
    of_scope: impl Iterator<Item = &'a str>,
) {
    keys.extend(of_scope.map(|key| SpanKey { scope, key: key.to_owned() }));
}

/// Operations of spans.
pub(crate) fn operations_of(spans: &SpanColumns) -> BTreeSet<Operation> {
    let (services, of_rows) = spans.service.parts();
    let distinct: HashSet<(u32, &str, u8)> = of_rows
        .iter()
        .enumerate()
        .map(|(row, service)| (*service, spans.name.get(row), spans.kind[row]))
        .collect();
    let operation = |(service, name, kind): (u32, &str, u8)| Operation {
        service: services.get(service as usize).to_owned(),
        name: name.to_owned(),
        kind,
    };
    distinct.into_iter().map(operation).collect()
}

/// Attributes of spans that start in a range, and perhaps some of those stored beside them.
pub(crate) fn span_keys(snapshot: &Snapshot, range: TimeRange) -> Result<Vec<SpanKey>> {
    let mut keys = BTreeSet::new();
    if range.is_empty() {
        return Ok(Vec::new());
    }
    for part in &snapshot.parts {
        if range.overlaps_closed(part.figures.min_ns, part.figures.max_ns) {
            keys.extend(part.names()?.keys.iter().cloned());
        }
    }
    for batch in &snapshot.memory {
        if range.overlaps_closed(batch.min_ns, batch.max_ns) {
            keys.extend(batch.keys()?.iter().cloned());
        }
    }
    Ok(keys.into_iter().collect())
}

/// All operations.
pub(crate) fn operations(snapshot: &Snapshot) -> Result<Vec<Operation>> {
    let mut operations = BTreeSet::new();
    for part in &snapshot.parts {
        operations.extend(part.names()?.operations.iter().cloned());
    }
    for batch in &snapshot.memory {
        operations.extend(batch.operations().iter().cloned());
    }
    Ok(operations.into_iter().collect())
}

/// Calls between services by spans that start in a range. A span calls nobody here while its parent
/// lies in another part or block, or in memory and it does not.
pub(crate) fn service_calls(snapshot: Snapshot, range: TimeRange) -> Result<Vec<ServiceCalls>> {
    let mut calls = Calls::default();
    for (_, piece) in snapshot.starting_in(range)?.0 {
        let Piece::Block { part, block, bounds } = piece else { continue };
        let entry = &part.blocks()?[block];
        if range.contains(bounds.min) && range.contains(bounds.max) {
            part.add_calls(entry, &mut calls)?;
        } else {
            add_block(&part.block(entry)?, range, &mut calls)?;
        }
    }
    let mut fields = LOCAL.to_vec();
    fields.push(SpanField::ParentRow);
    let rows = SpanRows::Traces(TraceTest::ALL);
    let request = SpansRequest { range, rows, fields, wanted: None };
    let in_memory = Snapshot { parts: Vec::new(), memory: snapshot.memory };
    for batch in super::read::read(in_memory, request)? {
        let columns = batch?.columns;
        let Some((FieldColumn::Int { values, present }, local)) = columns.split_last() else {
            continue;
        };
        let is_there = |row: usize| present.as_ref().is_none_or(|there| there[row]);
        add(local, range, &mut calls, |row| is_there(row).then_some(values[row] as usize));
    }
    Ok(calls.into_list())
}

/// What calls are counted by, beside the row of the parent.
const LOCAL: [SpanField; 4] =
    [SpanField::Service, SpanField::Kind, SpanField::StatusCode, SpanField::Start];

fn add_block(block: &SpanBlock, range: TimeRange, calls: &mut Calls) -> Result<()> {
    let local = LOCAL.iter().map(|field| block.column(field, None));
    let (parents, ids, kinds) = (block.parent_rows()?, block.span_ids()?, block.kinds()?);
    let table = block.traces()?;
    let traces = (0..table.len()).map(|trace| {
        let rows = table.rows(trace);
        rows.start as usize..rows.end as usize
    });
    let shared = shared_clients(traces, |row| ids[row], |row| kinds[row] as u8);
    add(&local.collect::<Result<Vec<_>>>()?, range, calls, |row| {
        let named = (parents[row] != NO_ROW).then_some(parents[row] as usize);
        shared.get(&row).copied().or(named)
    });
    Ok(())
}

/// Adds calls by rows of which the columns of [`LOCAL`] and the rows of parents are known.
fn add(
    local: &[FieldColumn],
    range: TimeRange,
    calls: &mut Calls,
    parent: impl Fn(usize) -> Option<usize>,
) {
    let [
        FieldColumn::Text { keys, values },
        FieldColumn::Int { values: kinds, .. },
        FieldColumn::Int { values: statuses, .. },
        FieldColumn::Int { values: starts, .. },
    ] = local
    else {
        return;
    };
    let service = |row: usize| {
        let key = keys[row];
        if key == ABSENT { "" } else { values.get(key as usize) }
    };
    for row in (0..starts.len()).filter(|row| range.contains(starts[*row])) {
        let Some(parent) = parent(row) else { continue };
        let (caller, called) = (service(parent), service(row));
        if caller != called || (kinds[parent], kinds[row]) == (CLIENT, SERVER) {
            calls.add(caller, called, 1, u64::from(statuses[row] == STATUS_ERROR));
        }
    }
}
