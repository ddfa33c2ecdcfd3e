//! Label sets: what tells one series from another. Kept as one canonical byte string, so that
//! comparing, hashing and storing a set is comparing, hashing and storing bytes.

use std::cmp::Ordering;

use crate::error::{Error, Result};

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";

/// A set of labels sorted by name, without duplicates and without empty values (an empty value
/// means that the label is absent, as in Prometheus).
///
/// The canonical bytes are, for each label: length of the name (varint), name, length of the
/// value (varint), value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Box<[u8]>);

impl Labels {
    /// Builds a set from pairs in any order. Of two labels with one name the later wins.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        let text = |(name, value): &(N, V)| name.as_ref().len() + value.as_ref().len() + 2;
        let mut bytes = Vec::with_capacity(pairs.iter().map(text).sum());
        Self::write_canonical(&mut pairs, &mut bytes);
        Self(bytes.into())
    }

    /// Sorts the pairs and appends their canonical bytes.
    pub fn write_canonical<N: AsRef<str>, V: AsRef<str>>(pairs: &mut [(N, V)], out: &mut Vec<u8>) {
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        for (position, (name, value)) in pairs.iter().enumerate() {
            let shadowed =
                pairs.get(position + 1).is_some_and(|next| next.0.as_ref() == name.as_ref());
            if shadowed || value.as_ref().is_empty() {
                continue;
            }
            write_text(out, name.as_ref());
            write_text(out, value.as_ref());
        }
    }

    /// Takes canonical bytes from a stored column, checking them.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self> {
        let mut rest = bytes;
        let mut last_name: Option<&str> = None;
        while !rest.is_empty() {
            let (name, value) = read_pair(&mut rest)
                .ok_or_else(|| Error::corrupt("a label set is cut or not UTF-8"))?;
            if last_name.is_some_and(|last| last >= name) || value.is_empty() {
                return Err(Error::corrupt("a label set is not in canonical form"));
            }
            last_name = Some(name);
        }
        Ok(Self(bytes.into()))
    }

    /// The canonical bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || read_pair(&mut rest))
    }

    /// Labels as bytes, sorted by name, without a check for UTF-8: what a set holds is known to be.
    pub fn raw(&self) -> RawLabels<'_> {
        RawLabels { rest: &self.0 }
    }

    /// The value of a label; empty when absent.
    pub fn get(&self, name: &str) -> &str {
        self.raw()
            .find(|label| label.name == name.as_bytes())
            .and_then(|label| std::str::from_utf8(label.value).ok())
            .unwrap_or("")
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the canonical bytes of the labels whose names are kept.
    pub fn write_kept(&self, keep: impl Fn(&[u8]) -> bool, out: &mut Vec<u8>) {
        for label in self.raw().filter(|label| keep(label.name)) {
            out.extend_from_slice(label.bytes);
        }
    }

    /// The labels whose names are kept.
    #[must_use]
    pub fn kept(&self, keep: impl Fn(&[u8]) -> bool) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len());
        self.write_kept(keep, &mut bytes);
        Self(bytes.into())
    }

    /// With a label set, or removed where the value is empty.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + name.len() + value.len() + 4);
        let mut written = value.is_empty();
        for label in self.raw() {
            let order = label.name.cmp(name.as_bytes());
            if !written && order != Ordering::Less {
                write_text(&mut bytes, name);
                write_text(&mut bytes, value);
                written = true;
            }
            if order != Ordering::Equal {
                bytes.extend_from_slice(label.bytes);
            }
        }
        if !written {
            write_text(&mut bytes, name);
            write_text(&mut bytes, value);
        }
        Self(bytes.into())
    }

    /// The order in which Prometheus shows series: label by label, by name, then by value.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        self.raw()
            .map(|label| (label.name, label.value))
            .cmp(other.raw().map(|label| (label.name, label.value)))
    }

    /// The metric's name; empty when absent.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME)
    }
}

/// A label as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawLabel<'a> {
    /// Name.
    pub name: &'a [u8],
    /// Value.
    pub value: &'a [u8],
    /// Canonical bytes of both.
    pub bytes: &'a [u8],
}

/// The labels of a set, as bytes; see [`Labels::raw`].
#[derive(Debug, Clone)]
pub struct RawLabels<'a> {
    rest: &'a [u8],
}

impl<'a> RawLabels<'a> {
    /// The labels in bytes that are laid out as those of [`Labels`]; what is cut ends them.
    pub fn over(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for RawLabels<'a> {
    type Item = RawLabel<'a>;

    fn next(&mut self) -> Option<RawLabel<'a>> {
        let whole = self.rest;
        let name = read_bytes(&mut self.rest)?;
        let value = read_bytes(&mut self.rest)?;
        let bytes = whole.get(..whole.len() - self.rest.len())?;
        Some(RawLabel { name, value, bytes })
    }
}

impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn read_pair<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, &'a str)> {
    Some((read_text(rest)?, read_text(rest)?))
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(read_bytes(rest)?).ok()
}

fn read_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = match rest.split_first()? {
        // Nearly every text is shorter than this.
        (short, after) if *short < 0x80 => {
            *rest = after;
            usize::from(*short)
        }
        _ => usize::try_from(read_varint(rest)?).ok()?,
    };
    let (text, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(text)
}

/// Appends an unsigned integer in base 128, low groups first (LEB128).
pub fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes what [`write_varint`] wrote off the front; `None` when cut or longer than 64 bits.
pub fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        if shift == 63 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_set_is_sorted_unique_and_without_empty_values() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        assert_eq!(labels.get("c"), "");
    }

    #[test]
    fn sets_are_ordered_by_name_then_value_then_size() {
        let sets = [
            Labels::default(),
            Labels::from_pairs([("a", "1")]),
            Labels::from_pairs([("a", "1"), ("b", "1")]),
            Labels::from_pairs([("a", "10")]),
            Labels::from_pairs([("a", "2")]),
            Labels::from_pairs([("ab", "1")]),
            Labels::from_pairs([("b", "1")]),
        ];
        for (i, a) in sets.iter().enumerate() {
            for (j, b) in sets.iter().enumerate() {
                assert_eq!(a.compare(b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn setting_and_keeping_are_as_if_built_anew(
            pairs: std::collections::BTreeMap<String, String>, name: String, value: String,
        ) {
            let labels = Labels::from_pairs(&pairs);
            let mut changed = pairs.clone();
            changed.insert(name.clone(), value.clone());
            prop_assert_eq!(labels.with(&name, &value), Labels::from_pairs(&changed));
            changed.remove(&name);
            prop_assert_eq!(
                labels.kept(|other| other != name.as_bytes()),
                Labels::from_pairs(&changed)
            );
        }

        #[test]
        fn canonical_bytes_round_trip(pairs: Vec<(String, String)>) {
            let labels = Labels::from_pairs(pairs);
            prop_assert_eq!(&Labels::from_canonical(labels.as_bytes()).unwrap(), &labels);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Ok(labels) = Labels::from_canonical(&bytes) {
                prop_assert_eq!(labels.as_bytes(), &bytes[..]);
            }
        }

        #[test]
        fn varints_round_trip(value: u64) {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, value);
            prop_assert_eq!(read_varint(&mut &bytes[..]), Some(value));
        }
    }
}
