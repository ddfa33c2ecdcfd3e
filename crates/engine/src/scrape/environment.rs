//! Variables of the environment as they were at the start. Whoever needs one is handed this;
//! nothing reads the environment later.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Names and values. Values are not printed, they may be secret.
#[derive(Clone, Default)]
pub struct Environment(Arc<BTreeMap<String, String>>);

impl Environment {
    /// Takes variables, for instance those of the process.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(Arc::new(variables.into_iter().collect()))
    }

    /// The value of a variable; empty when it is not set.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}
