//! The manifest: which parts there are, and up to which record of the log each table is in them.
//! A new version replaces the old one atomically. Drawn in `docs/formats/manifest.md`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, MatchOp, Matcher, Result, TenantId};

use super::catalog::TableKind;
use super::log_tombstone::LogTombstoneEntry;
use crate::directory;
use crate::part_file::PartFigures;

const NAME: &str = "MANIFEST";
const HEADER: &str = "watchkeep-manifest 1 ";

/// What the manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// The id that the next part gets.
    pub(super) next_part: u64,
    /// For each table the last record of the log that its parts hold.
    pub(super) flushed: Flushed,
    /// Parts in the order in which their rows were appended. Those of metrics are merged, so their
    /// ids need not rise.
    pub(super) parts: Vec<PartEntry>,
    /// Deletions that still hide something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tombstones: Vec<TombstoneEntry>,
    /// Likewise of log records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) log_tombstones: Vec<LogTombstoneEntry>,
    /// Tokens of the newest appends, the oldest first: the log may have let go of their records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tokens: Vec<TokenEntry>,
}

/// The token of an append.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenEntry {
    pub(super) tenant: String,
    /// In hexadecimal.
    pub(super) token: String,
}

impl Manifest {
    /// The parts of a table of a tenant, in order.
    pub(super) fn parts_of(
        &self,
        table: TableKind,
        tenant: &TenantId,
    ) -> impl Iterator<Item = &PartEntry> {
        self.parts.iter().filter(move |part| part.table == table && part.tenant == tenant.as_str())
    }

    /// Forgets deletions to which no part is older.
    pub(super) fn drop_idle_tombstones(&mut self) {
        let parts = &self.parts;
        self.tombstones.retain(|tombstone| {
            parts.iter().any(|part| {
                part.table == TableKind::Metrics
                    && part.tenant == tombstone.tenant
                    && part.id < tombstone.below
                    && tombstone.start_ms <= part.figures.max_ns.div_euclid(1_000_000)
                    && part.figures.min_ns.div_euclid(1_000_000) <= tombstone.end_ms
            })
        });
        self.log_tombstones.retain(|tombstone| {
            parts.iter().any(|part| {
                part.table == TableKind::Logs
                    && part.tenant == tombstone.tenant
                    && part.id < tombstone.below
                    && tombstone.range().overlaps_closed(part.figures.min_ns, part.figures.max_ns)
            })
        });
    }
}

/// A deletion of samples of metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TombstoneEntry {
    pub(super) tenant: String,
    /// Label, operator as in a query, value.
    pub(super) matchers: Vec<(String, String, String)>,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// Parts with smaller ids are meant: those that were there.
    pub(super) below: u64,
}

impl TombstoneEntry {
    pub(super) fn new(
        tenant: &TenantId,
        matchers: &[Matcher],
        (start_ms, end_ms): (i64, i64),
        below: u64,
    ) -> Self {
        let matchers = matchers.iter().map(matcher_parts).collect();
        Self { tenant: tenant.as_str().to_owned(), matchers, start_ms, end_ms, below }
    }

    /// The conditions on labels.
    pub(super) fn matchers(&self) -> Result<Vec<Matcher>> {
        self.matchers.iter().map(matcher_of).collect()
    }
}

/// Label, operator as in a query, value.
pub(super) fn matcher_parts(matcher: &Matcher) -> (String, String, String) {
    let symbol = matcher.op().symbol().to_owned();
    (matcher.label().to_owned(), symbol, matcher.value().to_owned())
}

/// Reads what [`matcher_parts`] gave.
pub(super) fn matcher_of((label, symbol, value): &(String, String, String)) -> Result<Matcher> {
    const OPS: [MatchOp; 4] =
        [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
    let op = OPS.into_iter().find(|op| op.symbol() == symbol).ok_or_else(|| {
        Error::corrupt(format!("{symbol:?} in the manifest is no operator on labels"))
    })?;
    Matcher::new(label, op, value)
}

/// For each table the last record of the log that is in its parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flushed {
    pub(super) spans: u64,
    pub(super) logs: u64,
    pub(super) metrics: u64,
    /// The last record whose definitions of series no later record needs. It stays behind
    /// `metrics` where a replay flushed: the records after that still use numbers from before.
    #[serde(default)]
    pub(super) definitions: u64,
}

impl Flushed {
    pub(super) fn of(self, table: TableKind) -> u64 {
        match table {
            TableKind::Spans => self.spans,
            TableKind::Logs => self.logs,
            TableKind::Metrics => self.metrics,
        }
    }

    pub(super) fn set(&mut self, table: TableKind, sequence: u64) {
        match table {
            TableKind::Spans => self.spans = sequence,
            TableKind::Logs => self.logs = sequence,
            TableKind::Metrics => self.metrics = sequence,
        }
    }

    /// A table was frozen after a record, or empty, while the log was open: no later record uses a
    /// number that an earlier one defined.
    pub(super) fn set_with_definitions(&mut self, table: TableKind, sequence: u64) {
        self.set(table, sequence);
        if table == TableKind::Metrics {
            self.definitions = sequence;
        }
    }

    /// The last record that is not needed at all.
    pub(super) fn least(self) -> u64 {
        self.spans.min(self.logs).min(self.metrics).min(self.definitions)
    }

    pub(super) fn greatest(self) -> u64 {
        self.spans.max(self.logs).max(self.metrics)
    }
}

/// A part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartEntry {
    pub(super) id: u64,
    pub(super) table: TableKind,
    pub(super) tenant: String,
    pub(super) figures: PartFigures,
}

/// The file that holds the manifest.
#[derive(Debug)]
pub(super) struct ManifestFile {
    directory: PathBuf,
}

impl ManifestFile {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Reads the manifest; an empty one where there is none yet.
    pub(super) fn read(&self) -> Result<Manifest> {
        let path = self.directory.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Manifest { next_part: 1, ..Manifest::default() });
            }
            Err(error) => {
                return Err(
                    Error::internal(format!("cannot read {}", path.display())).with_source(error)
                );
            }
        };
        let damaged = |why: &str| Error::corrupt(format!("{}: {why}", path.display()));
        let (header, body) = text.split_once('\n').ok_or_else(|| damaged("has no header line"))?;
        let stated = header
            .strip_prefix(HEADER)
            .ok_or_else(|| damaged("is of another version, or no manifest"))?;
        if u32::from_str_radix(stated, 16) != Ok(crc32c::crc32c(body.as_bytes())) {
            return Err(damaged("the checksum in line 1 differs"));
        }
        serde_json::from_str(body).map_err(|error| damaged("can not be read").with_source(error))
    }

    /// Replaces the manifest. When this returns, the new one survives a crash.
    pub(super) fn write(&self, manifest: &Manifest) -> Result<()> {
        let path = self.directory.join(NAME);
        let failed = || format!("cannot write {}", path.display());
        let body = serde_json::to_string(manifest).context(failed)?;
        let new = self.directory.join("MANIFEST.new");
        let mut file = File::create(&new).context(failed)?;
        write!(file, "{HEADER}{:08x}\n{body}", crc32c::crc32c(body.as_bytes())).context(failed)?;
        file.sync_all().context(failed)?;
        std::fs::rename(&new, &path).context(failed)?;
        directory::sync(&self.directory)
    }
}
