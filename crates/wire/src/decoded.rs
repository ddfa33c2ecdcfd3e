//! What every decoder hands back: columns of what was accepted, and the account of what was not.

use std::borrow::Cow;

/// Columns whose growing parts hold more than this are refused. A few bytes of a hostile body can
/// each stand for many of a column: a long resource beside very many points, say.
pub const COLUMN_BYTES_HARD_MAX: usize = 512 << 20;

/// A decoded request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded<T> {
    /// What was accepted.
    pub columns: T,
    /// Spans, log records, data points or samples left out.
    pub rejected: u64,
    /// Why, for the answer to the client; empty when nothing was rejected.
    pub message: String,
    /// What was accepted with a loss.
    pub warnings: Warnings,
}

/// Losses inside accepted records, for metrics about clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warnings {
    /// Strings that were not UTF-8 and hold replacement characters now.
    pub invalid_utf8: u64,
    /// Attribute values cut to `limits.attribute_value_bytes_max`.
    pub truncated_values: u64,
    /// Arrays and maps deeper than `limits.nesting_depth_max` that became empty values.
    pub values_too_deep: u64,
    /// Attributes over `limits.attributes_per_item_max`, and those that make no label.
    pub dropped_attributes: u64,
    /// Events over `limits.events_per_span_max`.
    pub dropped_events: u64,
    /// Links over `limits.events_per_span_max`, and those without valid ids.
    pub dropped_links: u64,
    /// Exemplars without a value, and those whose labels are no labels or too long.
    pub dropped_exemplars: u64,
    /// Parent ids, and ids of log records, of a wrong length that became "none".
    pub invalid_ids: u64,
}

impl Warnings {
    /// Each count under its name, which is safe as a metric's label.
    pub fn counts(&self) -> [(&'static str, u64); 8] {
        [
            ("invalid_utf8", self.invalid_utf8),
            ("truncated_values", self.truncated_values),
            ("values_too_deep", self.values_too_deep),
            ("dropped_attributes", self.dropped_attributes),
            ("dropped_events", self.dropped_events),
            ("dropped_links", self.dropped_links),
            ("dropped_exemplars", self.dropped_exemplars),
            ("invalid_ids", self.invalid_ids),
        ]
    }
}

/// Why records were rejected: how many for each of a few reasons, with an example.
#[derive(Debug, Default)]
pub(crate) struct Rejections {
    pub(crate) total: u64,
    reasons: Vec<(Cow<'static, str>, u64, String)>,
}

impl Rejections {
    const EXAMPLE_CHARS_MAX: usize = 100;
    /// Some reasons name figures; of those beyond these only the number is told.
    const REASONS_MAX: usize = 16;
    const OTHERS: &'static str = "other reasons";

    pub(crate) fn add(&mut self, reason: &'static str, count: u64, example: &str) {
        self.add_with(reason, count, || example.to_owned());
    }

    /// As [`Rejections::add`], with an example that is made only for the first of a reason.
    pub(crate) fn add_with(
        &mut self,
        reason: impl Into<Cow<'static, str>>,
        count: u64,
        example: impl FnOnce() -> String,
    ) {
        self.total += count;
        let mut reason = reason.into();
        let is_known = self.reasons.iter().any(|(other, ..)| *other == reason);
        if !is_known && self.reasons.len() >= Self::REASONS_MAX {
            reason = Self::OTHERS.into();
        }
        let known = self.reasons.iter_mut().find(|(other, ..)| *other == reason);
        if let Some((_, so_far, _)) = known {
            *so_far += count;
        } else {
            let example = example().chars().take(Self::EXAMPLE_CHARS_MAX).collect();
            self.reasons.push((reason, count, example));
        }
    }

    /// Tells all reasons; `items` is what was counted, in the plural.
    pub(crate) fn message(&self, items: &str) -> String {
        let mut parts = Vec::new();
        for (reason, count, example) in &self.reasons {
            let example =
                if example.is_empty() { String::new() } else { format!(" (such as {example:?})") };
            parts.push(format!("{count} {items} rejected: {reason}{example}"));
        }
        parts.join("; ")
    }
}
