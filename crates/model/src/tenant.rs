//! The tenant that every store and query call carries.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// A tenant's name: 1 to 150 characters of `A-Za-z0-9!-_.*'()`, and neither `.` nor `..`, so that
/// it is also a safe directory name (the rule of Mimir and Loki for `X-Scope-OrgID`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The most characters that a name may have.
    pub const LEN_MAX: usize = 150;

    /// Checks a name.
    pub fn new(name: &str) -> Result<Self> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()".contains(c);
        if name.is_empty() || name.len() > Self::LEN_MAX {
            return Err(Error::invalid(format!(
                "tenant must have 1 to {} characters, got {}",
                Self::LEN_MAX,
                name.len()
            )));
        }
        if let Some(bad) = name.chars().find(|c| !legal(*c)) {
            return Err(Error::invalid(format!("tenant contains the illegal character {bad:?}")));
        }
        if name == "." || name == ".." {
            return Err(Error::invalid("tenant must not be \".\" or \"..\""));
        }
        Ok(Self(name.into()))
    }

    /// The tenant below which the server keeps what it works out about this one's agents: steps, runs,
    /// feedback and events, as log records. Its name is this one's with `!agents`, so that it can be
    /// asked in LogQL too.
    #[must_use]
    pub fn ledger(&self) -> Self {
        Self(format!("{}!agents", self.0).into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// The tenant of requests that name none.
    fn default() -> Self {
        Self("default".into())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_directories() {
        assert_eq!(TenantId::new("team-a.prod_(1)").unwrap().as_str(), "team-a.prod_(1)");
        for bad in ["", ".", "..", "a/b", "a b", "a|b", "ä", &"x".repeat(151)] {
            assert!(TenantId::new(bad).is_err(), "{bad:?}");
        }
    }
}
