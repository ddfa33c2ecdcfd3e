//! Spans that are sent again: an exporter whose answer got lost repeats its request.

use std::hash::{BuildHasher, Hash, Hasher};

use hashbrown::{DefaultHashBuilder, HashSet};
use parking_lot::Mutex;
use watchkeep_model::column::Table;
use watchkeep_model::{SpanColumns, TenantId};

/// Hashes of the spans that came lately, of all tenants; a bounded number of them.
#[derive(Debug)]
pub(crate) struct ResentSpans {
    hasher: DefaultHashBuilder,
    generation_max: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashSet<u64>,
    /// Let go of when the young ones are as many as they may be.
    old: HashSet<u64>,
}

impl ResentSpans {
    /// Remembers so many spans, or none at all.
    pub(crate) fn new(spans_max: usize) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            generation_max: spans_max / 2,
            generations: Mutex::default(),
        }
    }

    /// Remembers spans, and says which of them are new where not all are.
    pub(crate) fn new_rows(&self, tenant: &TenantId, rows: &SpanColumns) -> Option<Vec<u32>> {
        if self.generation_max == 0 {
            return None;
        }
        let mut of_tenant = self.hasher.build_hasher();
        tenant.as_str().hash(&mut of_tenant);
        let hash_of = |row: usize| {
            let mut hasher = of_tenant.clone();
            rows.trace_id[row].hash(&mut hasher);
            rows.span_id[row].hash(&mut hasher);
            rows.kind[row].hash(&mut hasher);
            rows.start_ns[row].hash(&mut hasher);
            hasher.finish()
        };
        let mut generations = self.generations.lock();
        let Generations { young, old } = &mut *generations;
        let (mut kept, mut all_new) = (Vec::with_capacity(rows.len()), true);
        for row in 0..rows.len() {
            let hash = hash_of(row);
            if young.contains(&hash) || old.contains(&hash) {
                all_new = false;
                continue;
            }
            kept.push(row as u32);
            if young.len() >= self.generation_max {
                *old = std::mem::take(young);
            }
            young.insert(hash);
        }
        (!all_new).then_some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Span, spans};

    #[test]
    fn spans_that_came_lately_are_known() {
        let resent = ResentSpans::new(4);
        let tenant = TenantId::default();
        let other = TenantId::new("other").unwrap();
        let batch = |ids: &[u8]| {
            let rows = ids.iter().map(|id| Span { id: *id, ..Span::default() });
            spans(&rows.collect::<Vec<_>>())
        };
        assert_eq!(resent.new_rows(&tenant, &batch(&[1, 2])), None, "all are new");
        assert_eq!(resent.new_rows(&tenant, &batch(&[2, 3, 3])), Some(vec![1]));
        assert_eq!(resent.new_rows(&other, &batch(&[1])), None, "tenants are apart");
        assert_eq!(resent.new_rows(&tenant, &batch(&[4, 5, 6])), None);
        assert_eq!(resent.new_rows(&tenant, &batch(&[1])), None, "it was long ago");
        let mut later = batch(&[6]);
        later.start_ns[0] += 1;
        assert_eq!(resent.new_rows(&tenant, &later), None, "another start is another span");
        let none = ResentSpans::new(0);
        assert_eq!(none.new_rows(&tenant, &batch(&[1, 1])), None);
    }
}
