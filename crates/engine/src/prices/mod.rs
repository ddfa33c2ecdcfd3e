//! Prices in force: overrides that were set by API, then those of the configuration, then the user's
//! file, then the built-in table.
//!
//! In reading order: [`config`], [`overrides`], [`unpriced`] (models without a price), [`reprice`]
//! (history at other prices).

pub mod config;
pub mod overrides;
pub mod reprice;
pub mod unpriced;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use watchkeep_genai::price::{CostChoice, CostSource, PriceBook, PriceTable};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result, TenantId};

use self::config::PricesConfig;
use self::overrides::Overrides;
use self::unpriced::{Unpriced, UnpricedModel, UnpricedUse};
use crate::agents::facts::{Counted, Entry, StepFact};
use crate::engine::Engine;

/// A longer price table is not read.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Problems of a table that are written to the log.
const PROBLEMS_LOGGED_MAX: usize = 5;

/// Prices of all tenants.
#[derive(Debug, Default)]
pub struct Prices {
    config: PricesConfig,
    in_force: RwLock<InForce>,
    /// Held while prices are changed, so that one change is not lost in another.
    changing: Mutex<()>,
    unpriced: Unpriced,
}

/// The tables, and the books that are made of them.
#[derive(Debug, Default)]
struct InForce {
    config: Option<Arc<PriceTable>>,
    file: Option<LoadedFile>,
    overrides: Overrides,
    /// Of tenants without overrides.
    shared: Arc<PriceBook>,
    own: HashMap<TenantId, Arc<PriceBook>>,
}

#[derive(Debug, Clone)]
struct LoadedFile {
    table: Arc<PriceTable>,
    stamp: Stamp,
}

/// What tells a file that was changed from one that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self> {
        let about = std::fs::metadata(path)
            .context(|| format!("cannot read the price table {}", path.display()))?;
        Ok(Self { modified: about.modified().ok(), bytes: about.len() })
    }
}

impl LoadedFile {
    /// Reads a table. Blocks.
    fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let stamp = Stamp::of(path)?;
        if stamp.bytes > FILE_BYTES_MAX {
            let message = format!(
                "the price table {shown} has {} bytes, at most {FILE_BYTES_MAX} are read",
                stamp.bytes
            );
            return Err(Error::invalid(message));
        }
        let text = std::fs::read_to_string(path)
            .context(|| format!("cannot read the price table {shown}"))?;
        let name = path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy());
        let table = PriceTable::read(&name, &text)?;
        for problem in table.problems.iter().take(PROBLEMS_LOGGED_MAX) {
            tracing::warn!("price table {shown}, {problem}; the row is left out");
        }
        Ok(Self { table: Arc::new(table), stamp })
    }
}

impl InForce {
    /// Makes the books of the tables again.
    fn rebuild(&mut self, choice: CostChoice) -> Result<()> {
        let below = [self.config.clone(), self.file.as_ref().map(|file| Arc::clone(&file.table))];
        let below: Vec<_> = below.into_iter().flatten().chain([PriceTable::built_in()]).collect();
        let mut own = HashMap::new();
        for (tenant, table) in self.overrides.tables()? {
            let mut tables = vec![Arc::new(table)];
            tables.extend(below.iter().cloned());
            own.insert(tenant, Arc::new(PriceBook::new(tables, choice)));
        }
        self.own = own;
        self.shared = Arc::new(PriceBook::new(below, choice));
        Ok(())
    }
}

/// What reading the file again came to.
#[derive(Debug, Clone)]
pub struct Reloaded {
    /// The file and what is wrong with it; `None` where none is configured.
    pub file: Option<Arc<PriceTable>>,
}

impl Prices {
    /// The prices that a tenant's steps are priced by.
    pub fn book(&self, tenant: &TenantId) -> Arc<PriceBook> {
        let in_force = self.in_force.read();
        Arc::clone(in_force.own.get(tenant).unwrap_or(&in_force.shared))
    }

    /// Which cost counts.
    pub fn choice(&self) -> CostChoice {
        self.config.cost
    }

    /// Remembers that a model was used that has no price.
    pub fn note_unpriced(&self, tenant: &TenantId, used: &UnpricedUse<'_>) {
        self.unpriced.note(tenant, used);
    }

    /// Remembers the model of a step that counts and has no price.
    pub(crate) fn note_step(&self, tenant: &TenantId, step: &Entry<StepFact>) {
        let fact = &step.fact;
        if fact.counted == Counted::Yes && fact.cost_source == CostSource::Unpriced {
            let used = UnpricedUse {
                provider: &fact.provider,
                model: &fact.model,
                service: &fact.service,
                tokens: fact.tokens.0.total(),
                at_ns: step.time_ns,
            };
            self.note_unpriced(tenant, &used);
        }
    }

    /// Models that were used since the start, or lately before it, and have no price at an instant,
    /// most tokens first, and whether there were more than are remembered.
    pub fn unpriced(&self, tenant: &TenantId, at_ns: i64) -> (Vec<UnpricedModel>, bool) {
        let (mut models, is_full) = self.unpriced.of(tenant);
        let book = self.book(tenant);
        models.retain(|held| {
            book.find(&held.provider, &held.model, at_ns)
                .is_none_or(|found| found.row.rates.is_empty())
        });
        (models, is_full)
    }

    /// Prices by a configuration and what was set by API. Blocks.
    fn open(config: PricesConfig, overrides: Overrides) -> Result<Self> {
        let mut in_force = InForce {
            config: config.table()?,
            file: config.file.as_deref().map(LoadedFile::read).transpose()?,
            overrides,
            ..InForce::default()
        };
        in_force.rebuild(config.cost)?;
        Ok(Self { in_force: RwLock::new(in_force), config, ..Self::default() })
    }

    /// Reads the file again; where that fails the prices stay as they are. Blocks.
    pub fn reload(&self) -> Result<Reloaded> {
        let Some(path) = &self.config.file else { return Ok(Reloaded { file: None }) };
        let _alone = self.changing.lock();
        let file = LoadedFile::read(path)?;
        let table = Arc::clone(&file.table);
        let mut in_force = self.in_force.write();
        in_force.file = Some(file);
        in_force.rebuild(self.config.cost)?;
        Ok(Reloaded { file: Some(table) })
    }

    /// The same where the file has changed; whether it had. Blocks.
    fn reload_if_changed(&self) -> Result<bool> {
        let Some(path) = &self.config.file else { return Ok(false) };
        let stamp = Stamp::of(path)?;
        let held = self.in_force.read().file.as_ref().map(|file| file.stamp.clone());
        if held == Some(stamp) {
            return Ok(false);
        }
        self.reload().map(|_read| true)
    }
}

impl Engine {
    /// The engine with another section `prices`. Reads the price table and the overrides, so the
    /// documents must be in place. Blocks.
    pub fn with_prices(mut self, config: PricesConfig) -> Result<Self> {
        let overrides = self.documents.read(overrides::DOCUMENT)?.unwrap_or_default();
        self.prices = Prices::open(config, overrides)?;
        Ok(self)
    }

    /// Prices in force.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }
}

/// Looks from time to time whether the user's price table has changed; never ends where there is one.
pub async fn run(engine: Arc<Engine>) {
    let every = engine.prices.config.check_interval.0;
    if every.is_zero() || engine.prices.config.file.is_none() {
        return;
    }
    // The same complaint is made once, not every half minute.
    let mut complaint = String::new();
    loop {
        tokio::time::sleep(every).await;
        let looking = Arc::clone(&engine);
        let looked = tokio::task::spawn_blocking(move || looking.prices.reload_if_changed()).await;
        match looked {
            Ok(Ok(is_changed)) => {
                complaint.clear();
                if is_changed {
                    tracing::info!("the price table has changed and was read again");
                }
            }
            Ok(Err(error)) => {
                if complaint != error.message() {
                    tracing::error!("the prices stay as they are: {}", error.report());
                    error.message().clone_into(&mut complaint);
                }
            }
            Err(error) => tracing::error!("looking at the price table ended badly: {error}"),
        }
    }
}
