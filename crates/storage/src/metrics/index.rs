//! Which series are in memory: the way from labels to a series, and from a label's value to all
//! series that have it.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use roaring::RoaringBitmap;
use watchkeep_model::Result;

use super::memory::{Known, MemorySeries};
use super::select::{LabelIndex, SeePosting, all_below};

/// The series of a [`super::memory::Memory`], numbered from 0 in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Index {
    hasher: DefaultHashBuilder,
    lookup: HashTable<u32>,
    pub(super) series: Vec<Arc<MemorySeries>>,
    /// What the log calls each.
    numbers: Vec<u64>,
    pub(super) postings: HashMap<String, HashMap<String, RoaringBitmap>>,
}

impl Index {
    /// The series with these canonical labels.
    pub(super) fn find(&self, labels: &[u8]) -> Option<u32> {
        let same = |id: &u32| self.series[*id as usize].labels.as_bytes() == labels;
        self.lookup.find(self.hasher.hash_one(labels), same).copied()
    }

    /// As [`Index::find`], with what the log calls it.
    pub(super) fn known(&self, labels: &[u8]) -> Option<Known> {
        let id = self.find(labels)?;
        Some(Known { id, number: self.numbers[id as usize] })
    }

    /// The id that the next series gets.
    pub(super) fn next_id(&self) -> u32 {
        u32::try_from(self.series.len()).expect("memory ends before 2^32 series")
    }

    /// Adds a series that is not there yet.
    pub(super) fn add(&mut self, added: MemorySeries, number: u64) -> u32 {
        let id = self.next_id();
        for (name, value) in added.labels.iter() {
            let values = self.postings.entry_ref(name).or_default();
            values.entry_ref(value).or_default().insert(id);
        }
        let hash = self.hasher.hash_one(added.labels.as_bytes());
        self.series.push(Arc::new(added));
        self.numbers.push(number);
        let (series, hasher) = (&self.series, &self.hasher);
        self.lookup
            .insert_unique(hash, id, |id| hasher.hash_one(series[*id as usize].labels.as_bytes()));
        id
    }
}

impl LabelIndex for Index {
    fn all(&self) -> RoaringBitmap {
        all_below(self.next_id())
    }

    fn posting(&self, name: &str, value: &str) -> Result<RoaringBitmap> {
        let values = self.postings.get(name);
        Ok(values.and_then(|values| values.get(value)).cloned().unwrap_or_default())
    }

    fn each_value(
        &self,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
        see: SeePosting<'_>,
    ) -> Result<()> {
        let values = self.postings.get(name).into_iter().flatten();
        let mut values = values.filter(|(value, _)| wanted(value));
        values.try_for_each(|(value, series)| see(value, series))
    }

    fn values(&self, name: &str, see: &mut dyn FnMut(&str)) -> Result<()> {
        self.postings.get(name).into_iter().flatten().for_each(|(value, _)| see(value));
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        self.postings.keys().cloned().collect()
    }
}
