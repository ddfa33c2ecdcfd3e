//! Calls between services: spans whose parent is of another service, or that are the server's side
//! of their parent.

use std::collections::BTreeMap;
use std::ops::Range;

use hashbrown::HashMap;
use watchkeep_model::{ServiceCalls, SpanColumns};

/// OTLP's numbers of kinds and of the status error.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;
/// Row of a parent that is not there.
const NO_ROW: u32 = u32::MAX;

/// Rows of spans, those of a trace together, and, for each, the place of its parent among these rows,
/// or `u32::MAX`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallRows<'a> {
    pub(crate) columns: &'a SpanColumns,
    pub(crate) rows: &'a [u32],
    pub(crate) parent_rows: &'a [u32],
}

/// A client and a server may share an id (Zipkin): for each row of such a server that of its client,
/// which called it whatever the server names as its parent. Traces are ranges of rows.
pub(crate) fn shared_clients(
    traces: impl Iterator<Item = Range<usize>>,
    id: impl Fn(usize) -> [u8; 8],
    kind: impl Fn(usize) -> u8,
) -> HashMap<usize, usize> {
    let mut shared = HashMap::new();
    let mut clients: HashMap<[u8; 8], usize> = HashMap::new();
    for rows in traces {
        clients.clear();
        clients.extend(rows.clone().filter(|row| kind(*row) == CLIENT).map(|row| (id(row), row)));
        if clients.is_empty() {
            continue;
        }
        let servers = rows.filter(|row| kind(*row) == SERVER);
        shared.extend(servers.filter_map(|row| Some((row, *clients.get(&id(row))?))));
    }
    shared
}

/// Calls and errors among them, by caller and callee.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Calls(pub(crate) BTreeMap<(String, String), (u64, u64)>);

impl Calls {
    /// Adds the calls of some rows.
    pub(crate) fn count(&mut self, spans: &CallRows<'_>) {
        let CallRows { columns, rows, parent_rows } = *spans;
        let (services, keys) = columns.service.parts();
        let mut counts: HashMap<(u32, u32), (u64, u64)> = HashMap::new();
        let at = |place: usize| rows[place] as usize;
        let of_one_trace =
            |a: &u32, b: &u32| columns.trace_id[*a as usize] == columns.trace_id[*b as usize];
        let traces = rows.chunk_by(of_one_trace).scan(0, |from, rows| {
            *from += rows.len();
            Some(*from - rows.len()..*from)
        });
        let shared =
            shared_clients(traces, |row| columns.span_id[at(row)], |row| columns.kind[at(row)]);
        for (place, parent) in parent_rows.iter().enumerate() {
            let named = (*parent != NO_ROW).then_some(*parent as usize);
            let Some(parent) = shared.get(&place).copied().or(named) else { continue };
            let (row, parent) = (at(place), at(parent));
            let (caller, callee) = (keys[parent], keys[row]);
            let sides = (columns.kind[parent], columns.kind[row]);
            if caller != callee || sides == (CLIENT, SERVER) {
                let (calls, errors) = counts.entry((caller, callee)).or_default();
                *calls += 1;
                *errors += u64::from(columns.status_code[row] == ERROR);
            }
        }
        for ((caller, callee), (calls, errors)) in counts {
            let service = |key: u32| services.get(key as usize);
            self.add(service(caller), service(callee), calls, errors);
        }
    }

    /// Adds calls from one service to another.
    pub(crate) fn add(&mut self, caller: &str, callee: &str, calls: u64, errors: u64) {
        let known = self.0.entry((caller.to_owned(), callee.to_owned())).or_default();
        known.0 += calls;
        known.1 += errors;
    }

    /// As an answer, by caller and callee.
    pub(crate) fn into_list(self) -> Vec<ServiceCalls> {
        let calls = self.0.into_iter();
        calls
            .map(|((parent, child), (calls, errors))| ServiceCalls { parent, child, calls, errors })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_the_client_whose_id_it_shares() {
        // Two traces: ids and kinds by row.
        let ids = [1, 1, 2, 1, 3];
        let kinds = [CLIENT, SERVER, SERVER, SERVER, CLIENT];
        let shared =
            shared_clients([0..3, 3..5].into_iter(), |row| [ids[row]; 8], |row| kinds[row]);
        assert_eq!(shared, HashMap::from([(1, 0)]));
    }
}
