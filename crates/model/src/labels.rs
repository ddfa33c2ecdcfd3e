//! Label sets: what tells one series from another. Kept as one canonical byte string, so that
//! comparing, hashing and storing a set is comparing, hashing and storing bytes.

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
        let mut bytes = Vec::new();
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

    /// The value of a label; empty when absent.
    pub fn get(&self, name: &str) -> &str {
        self.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }

    /// The metric's name; empty when absent.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME)
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
    let len = usize::try_from(read_varint(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(len)?;
    *rest = after;
    std::str::from_utf8(text).ok()
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

    proptest! {
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
