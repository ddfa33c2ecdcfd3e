//! Remarks about an answer that is given nonetheless.

use std::collections::BTreeSet;

/// Warnings (the answer may be wrong) and infos (the query may be meant otherwise), each text once.
/// The texts follow those of Prometheus word by word, since clients and tests compare them; a place
/// in the query is written as `(line:column)`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations {
    /// Warnings.
    pub warnings: BTreeSet<String>,
    /// Infos.
    pub infos: BTreeSet<String>,
}

impl Annotations {
    /// Takes over the remarks of another.
    pub fn extend(&mut self, other: Self) {
        self.warnings.extend(other.warnings);
        self.infos.extend(other.infos);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.warnings.is_empty() && self.infos.is_empty()
    }
}
