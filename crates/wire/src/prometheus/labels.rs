//! Labels on their way from a request into a column: borrowed from the body, checked, sorted where
//! the sender did not, and written as canonical bytes.

use std::fmt::Write as _;

use watchkeep_model::labels::{METRIC_NAME, write_varint};
use watchkeep_model::limits::DecodeLimits;

/// The labels of one series or exemplar. Reused, so that a series allocates nothing.
pub(super) struct LabelList<'a> {
    pairs: Vec<(&'a [u8], &'a [u8])>,
    /// Whether a name is not greater than the one before.
    unsorted: bool,
    /// Labels that are allowed; one more is kept, to know that they are too many.
    labels_max: usize,
}

impl std::fmt::Debug for LabelList<'_> {
    /// Labels may hold what must not be printed, so only their number is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LabelList({} labels)", self.pairs.len())
    }
}

/// Appends a text behind its length.
#[inline]
fn put(text: &[u8], out: &mut Vec<u8>) {
    if text.len() < 0x80 {
        out.push(text.len() as u8);
    } else {
        write_varint(out, text.len() as u64);
    }
    out.extend_from_slice(text);
}

impl<'a> LabelList<'a> {
    pub(super) fn new(labels_max: usize) -> Self {
        Self { pairs: Vec::new(), unsorted: false, labels_max }
    }

    pub(super) fn clear(&mut self) {
        self.pairs.clear();
        self.unsorted = false;
    }

    #[inline]
    pub(super) fn push(&mut self, name: &'a [u8], value: &'a [u8]) {
        if self.pairs.len() > self.labels_max {
            return;
        }
        if let Some((last, _)) = self.pairs.last() {
            // One byte tells most names apart.
            self.unsorted |= match (last.first(), name.first()) {
                (Some(a), Some(b)) if a != b => a > b,
                _ => *last >= name,
            };
        }
        self.pairs.push((name, value));
    }

    /// Sorts by name; fails where two labels have one name.
    fn sort(&mut self) -> Result<(), &'static str> {
        if self.unsorted {
            self.pairs.sort_by(|a, b| a.0.cmp(b.0));
            self.unsorted = false;
            if self.pairs.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
                self.unsorted = true;
                return Err("a label name occurs twice");
            }
        }
        Ok(())
    }

    /// Appends the canonical bytes (see [`watchkeep_model::Labels`]) of a series' labels, or says
    /// why they are none; what was appended then is to be taken back.
    pub(super) fn write_series(
        &mut self,
        limits: &DecodeLimits,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        if self.pairs.len() > self.labels_max {
            return Err("the series has more labels than limits.labels_per_series_max");
        }
        self.sort()?;
        if self.write(limits.attribute_value_bytes_max, out)? {
            Ok(())
        } else {
            Err("the series has no metric name")
        }
    }

    /// As [`LabelList::write_series`] for an exemplar, which needs no name and has at most
    /// `chars_max` characters.
    pub(super) fn write_exemplar(
        &mut self,
        chars_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        if self.pairs.len() > self.labels_max {
            return Err("an exemplar has too many labels");
        }
        let chars = |text: &[u8]| text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        let mut total = 0;
        for (name, value) in &self.pairs {
            // Characters are four bytes at most; what is far too long is not looked through.
            if name.len().max(value.len()) > 4 * chars_max {
                return Err("the labels of an exemplar are too long");
            }
            total += chars(name) + chars(value);
            if total > chars_max {
                return Err("the labels of an exemplar are too long");
            }
        }
        self.sort()?;
        self.write(usize::MAX, out)?;
        Ok(())
    }

    /// Appends sorted labels; tells whether a metric's name was among them.
    #[inline]
    fn write(&self, value_bytes_max: usize, out: &mut Vec<u8>) -> Result<bool, &'static str> {
        let start = out.len();
        let mut named = false;
        for (name, value) in &self.pairs {
            if name.is_empty() {
                return Err("a label has no name");
            }
            if name.len().max(value.len()) > value_bytes_max {
                return Err("a label is longer than limits.attribute_value_bytes_max");
            }
            if value.is_empty() {
                continue;
            }
            named |= *name == METRIC_NAME.as_bytes();
            put(name, out);
            put(value, out);
        }
        // Lengths of short texts are ASCII too, so one look at the whole is enough for most.
        if !out.get(start..).unwrap_or_default().is_ascii() {
            let valid = |text: &[u8]| std::str::from_utf8(text).is_ok();
            if !self.pairs.iter().all(|(name, value)| valid(name) && valid(value)) {
                return Err("a label is not UTF-8");
            }
        }
        Ok(named)
    }

    /// The labels as Prometheus shows them, for messages to the client that sent them.
    pub(super) fn shown(&self) -> String {
        const LABELS_MAX: usize = 8;
        let mut out = String::from("{");
        for (position, (name, value)) in self.pairs.iter().take(LABELS_MAX).enumerate() {
            let text = |bytes: &'a [u8]| {
                let end = bytes.len().min(64);
                String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
            };
            out.push_str(if position > 0 { ", " } else { "" });
            let _infallible = write!(out, "{}={:?}", text(name), text(value));
        }
        out.push('}');
        out
    }
}
