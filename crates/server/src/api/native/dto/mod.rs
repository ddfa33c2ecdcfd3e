//! The shapes of answers. What is stored as JSON goes out as it is, without being parsed.

pub(super) mod agents;
pub(super) mod analysis;
pub(super) mod budgets;
pub(super) mod content;
pub(super) mod costs;
pub(super) mod feedback;
pub(super) mod health;
pub(super) mod logs;
pub(super) mod metrics;
pub(super) mod prices;
pub(super) mod report;
pub(super) mod runs;
pub(super) mod steps;
pub(super) mod traces;

use serde::Serialize;
use serde_json::value::RawValue;
use watchkeep_model::{Error, Result};

/// JSON from the store.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Json(Box<RawValue>);

impl Json {
    /// Checks that it is JSON: what is broken in the store must not break a whole answer silently.
    pub(super) fn stored(text: String) -> Result<Self> {
        RawValue::from_string(text)
            .map(Self)
            .map_err(|error| Error::corrupt("a stored value is not JSON").with_source(error))
    }
}

/// A number that JSON may not be able to say: `NaN`, `+Inf` and `-Inf` are strings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        if self.0.is_nan() {
            to.serialize_str("NaN")
        } else if self.0.is_infinite() {
            to.serialize_str(if self.0 > 0.0 { "+Inf" } else { "-Inf" })
        } else {
            to.serialize_f64(self.0)
        }
    }
}
