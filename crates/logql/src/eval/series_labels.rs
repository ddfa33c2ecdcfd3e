//! Labels on their way through the algebra of vectors. That knows no label with an empty value, where
//! LogQL shows `{a=""}` for what `| json a="no.such.path"` made; so it travels as a value that no
//! record has.

use watchkeep_model::Labels;

use crate::pipeline::LabelSet;

/// Stands for an empty value: it begins with a character that Unicode sets aside for use inside of
/// programs.
const EMPTY: &str = "\u{fdd0}empty";

impl LabelSet {
    /// Takes pairs in any order; each name once.
    pub fn from_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Self {
        let mut pairs: Vec<(&str, &str)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        let mut bytes = Vec::new();
        for text in pairs.into_iter().flat_map(|(name, value)| [name, value]) {
            watchkeep_model::labels::write_varint(&mut bytes, text.len() as u64);
            bytes.extend_from_slice(text.as_bytes());
        }
        Self::from_written(&bytes)
    }

    /// The value of a label; empty when absent.
    pub fn get(&self, name: &str) -> &str {
        self.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }

    fn has_empty(&self) -> bool {
        self.iter().any(|(_, value)| value.is_empty())
    }
}

/// For the algebra; empty values are left out, or kept in disguise.
pub(crate) fn to_algebra(labels: &LabelSet, keep_empty: bool) -> Labels {
    if !keep_empty || !labels.has_empty() {
        return labels.to_labels();
    }
    Labels::from_pairs(
        labels.iter().map(|(name, value)| (name, if value.is_empty() { EMPTY } else { value })),
    )
}

/// As the answer shows them.
pub(crate) fn from_algebra(labels: &Labels) -> LabelSet {
    if !labels.iter().any(|(_, value)| value == EMPTY) {
        return LabelSet::from_written(labels.as_bytes());
    }
    let shown = |value| if value == EMPTY { "" } else { value };
    LabelSet::from_pairs(labels.iter().map(|(name, value)| (name, shown(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_values_go_through_the_algebra_where_they_are_to_be_kept() {
        for pairs in [&[("b", ""), ("a", "1")][..], &[("a", "1")], &[]] {
            let labels = LabelSet::from_pairs(pairs.iter().copied());
            assert_eq!(from_algebra(&to_algebra(&labels, true)), labels);
            assert_eq!(to_algebra(&labels, false), labels.to_labels());
        }
        assert_eq!(LabelSet::from_pairs([("b", ""), ("a", "1")]).get("a"), "1");
    }
}
