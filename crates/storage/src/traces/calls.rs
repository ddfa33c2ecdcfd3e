//! Calls between services: spans whose parent is of another service, or that are the server's side
//! of their parent.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use watchkeep_model::{ServiceCalls, SpanColumns};

/// OTLP's numbers of kinds and of the status error.
const SERVER: u8 = 2;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;
/// Row of a parent that is not there.
const NO_ROW: u32 = u32::MAX;

/// Rows of spans and, for each, the place of its parent among these rows, or `u32::MAX`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallRows<'a> {
    pub(crate) columns: &'a SpanColumns,
    pub(crate) rows: &'a [u32],
    pub(crate) parent_rows: &'a [u32],
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
        for (row, parent) in rows.iter().zip(parent_rows).filter(|(_, parent)| **parent != NO_ROW) {
            let (row, parent) = (*row as usize, rows[*parent as usize] as usize);
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
