//! What a target says of its metric families, kept for the API and sent to the store when it
//! changes.

use hashbrown::HashMap;
use parking_lot::Mutex;
use watchkeep_model::MetricColumns;
use watchkeep_model::metrics::MetricKind;

use super::target::{FamilyMetadata, MetadataSource};

/// The metadata of one target.
#[derive(Debug, Default)]
pub(super) struct TargetMetadata {
    families: Mutex<HashMap<String, Family>>,
}

#[derive(Debug)]
struct Family {
    kind: MetricKind,
    help: String,
    unit: String,
    /// The scrapes that last said something of it, and something else than before.
    seen: u64,
    changed: u64,
}

/// One statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Statement<'a> {
    Kind(MetricKind),
    Help(&'a str),
    Unit(&'a str),
}

impl TargetMetadata {
    /// Scrapes after which the metadata of a family that is gone is forgotten.
    const SCRAPES_KEPT: u64 = 10;

    /// Takes a statement of a scrape.
    pub(super) fn say(&self, scrape: u64, family: &str, statement: Statement<'_>) {
        let mut families = self.families.lock();
        let known = families.entry_ref(family).or_insert_with(|| Family {
            kind: MetricKind::Unknown,
            help: String::new(),
            unit: String::new(),
            seen: scrape,
            changed: scrape,
        });
        known.seen = scrape;
        let replace = |known: &mut String, said: &str| {
            let differs = known != said;
            if differs {
                said.clone_into(known);
            }
            differs
        };
        let changed = match statement {
            Statement::Kind(kind) => std::mem::replace(&mut known.kind, kind) != kind,
            Statement::Help(help) => replace(&mut known.help, help),
            Statement::Unit(unit) => replace(&mut known.unit, unit),
        };
        if changed {
            known.changed = scrape;
        }
    }

    /// Appends what has changed after a scrape.
    pub(super) fn write_changed_after(&self, scrape: u64, columns: &mut MetricColumns) {
        let families = self.families.lock();
        for (name, family) in families.iter().filter(|(_, family)| family.changed > scrape) {
            columns.metadata.family.push(name);
            columns.metadata.kind.push(family.kind as u8);
            columns.metadata.unit.push(&family.unit);
            columns.metadata.help.push(&family.help);
        }
    }

    pub(super) fn forget_older_than(&self, scrape: u64) {
        let kept = |family: &Family| scrape.saturating_sub(family.seen) <= Self::SCRAPES_KEPT;
        self.families.lock().retain(|_, family| kept(family));
    }

    pub(super) fn len(&self) -> usize {
        self.families.lock().len()
    }
}

fn shown(name: &str, family: &Family) -> FamilyMetadata {
    FamilyMetadata {
        family: name.to_owned(),
        kind: family.kind.name().to_owned(),
        help: family.help.clone(),
        unit: family.unit.clone(),
    }
}

impl MetadataSource for TargetMetadata {
    fn families(&self) -> Vec<FamilyMetadata> {
        self.families.lock().iter().map(|(name, family)| shown(name, family)).collect()
    }

    fn family(&self, name: &str) -> Option<FamilyMetadata> {
        self.families.lock().get(name).map(|family| shown(name, family))
    }
}
