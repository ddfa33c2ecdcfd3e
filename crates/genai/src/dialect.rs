//! What each dialect calls things: from records to steps (rules R1, R2, R5 and R7 of accounting live here).
//!
//! `keys` has the one table of what keys mean, put together from one table for each dialect. A
//! record is sorted into it in one pass (`sheet`); then `span` says what the step is and `counts`
//! makes what was counted disjoint.

mod claude_code;
mod counts;
#[cfg(test)]
mod counts_tests;
mod events;
mod google;
mod hash;
mod keys;
mod langfuse;
mod log;
mod mcp;
mod openinference;
mod openlit;
mod openllmetry;
mod opentelemetry;
mod point;
mod provider;
mod pydantic;
mod sheet;
mod span;
mod usage_object;
mod vercel;

pub use hash::canonical_hash;
pub use keys::Meaning;
pub use log::{Judged, LogReading, read_log, read_log_with};
pub use point::{Measure, Point, PointReading, may_count, read_point};
pub use provider::provider_name;

use crate::record::Record;
use crate::step::Step;
use crate::usage::Basis;

/// What the user says about how emitters count what is cached, for spans whose numbers leave it open
/// (rule R2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasisRules {
    /// The first that fits counts.
    pub rules: Vec<BasisRule>,
}

/// How an emitter counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasisRule {
    /// The provider by OpenTelemetry's name; empty for any.
    pub provider: String,
    /// What the instrumentation scope's name begins with; empty for any.
    pub scope: String,
    /// How it counts: [`Basis::Inclusive`], [`Basis::Exclusive`] or [`Basis::Disjoint`].
    pub basis: Basis,
}

impl BasisRules {
    fn of(&self, provider: &str, scope: &str) -> Option<Basis> {
        let fits = |rule: &&BasisRule| {
            (rule.provider.is_empty() || rule.provider == provider)
                && scope.starts_with(&rule.scope)
        };
        self.rules.iter().find(fits).map(|rule| rule.basis)
    }
}

/// The step that a span tells of; `None` where it speaks no dialect, or only announces a span that is
/// to come.
pub fn read_span(span: &Record<'_>) -> Option<Step> {
    read_span_with(span, &BasisRules::default())
}

/// As [`read_span`], with what the user says about emitters.
pub fn read_span_with(span: &Record<'_>, rules: &BasisRules) -> Option<Step> {
    let mut step = if span.name.starts_with(claude_code::NAMES) {
        claude_code::read_span(span)
    } else {
        let mut sheet = sheet::Sheet::read(span)?;
        span::step(span, &mut sheet, rules)?
    };
    if step.error.is_empty() && span.is_error {
        "error".clone_into(&mut step.error);
    }
    Some(step)
}

/// Whether a reader of this crate, of steps or of content, knows a key.
pub fn is_known(key: &str) -> bool {
    keys::known(key).is_some()
}

/// Whether a key alone shows that a dialect is spoken: records without such a key are none of ours.
#[inline]
pub fn speaks(key: &str) -> bool {
    keys::namespace(key).is_some()
}

/// Attributes that are in a dialect's namespace and that nobody reads: a dialect that is not
/// understood shows here.
pub fn unread<'a>(record: &Record<'a>) -> Vec<&'a str> {
    if claude_code::event_name(record).is_some() {
        let keys = record.attributes.iter().map(|attribute| attribute.key);
        return keys.filter(|key| !claude_code::is_known(key) && !is_known(key)).collect();
    }
    let mut speaks = false;
    let mut unread: Vec<&str> = Vec::new();
    for attribute in record.attributes {
        if attribute.meaning.speaks() {
            speaks = true;
            if !is_known(attribute.key) {
                unread.push(attribute.key);
            }
        }
    }
    if speaks {
        let shared = |key: &str| keys::SHARED_NAMESPACES.iter().any(|it| key.starts_with(it));
        let keys = record.attributes.iter().map(|attribute| attribute.key);
        unread.extend(keys.filter(|key| shared(key) && !is_known(key)));
    }
    unread.sort_unstable();
    unread.dedup();
    unread
}
