//! A label set while it is being rewritten. Borrows what does not change, and keeps the order in
//! which rules that walk over all labels see them: what was there before, sorted, then what was
//! set, in the order of setting.

use std::borrow::Cow;

use watchkeep_model::Labels;

/// Labels that rules and a scrape change; becomes [`Labels`] at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelsBuilder<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// So many pairs at the front were there from the start.
    base: usize,
}

impl<'a> LabelsBuilder<'a> {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts from a set.
    pub fn from_labels(labels: &'a Labels) -> Self {
        let pairs: Vec<_> = labels.iter().map(|(n, v)| (n.into(), v.into())).collect();
        Self { base: pairs.len(), pairs }
    }

    /// Starts from pairs in any order. Empty values are left out; of two labels with one name the
    /// later wins.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Cow<'a, str>>,
        V: Into<Cow<'a, str>>,
    {
        let mut builder = Self::new();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.settle();
        builder
    }

    /// Takes what has been set so far as what was there from the start.
    pub fn settle(&mut self) {
        self.pairs.sort_by(|a, b| a.0.cmp(&b.0));
        self.base = self.pairs.len();
    }

    /// The value of a label; empty when absent.
    pub fn get(&self, name: &str) -> &str {
        self.position(name).map_or("", |at| &self.pairs[at].1)
    }

    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        if value.is_empty() {
            self.remove(&name);
            return;
        }
        match self.position(&name) {
            Some(at) if at >= self.base => self.pairs[at].1 = value,
            Some(at) => {
                self.pairs.remove(at);
                self.base -= 1;
                self.pairs.push((name, value));
            }
            None => self.pairs.push((name, value)),
        }
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) {
        if let Some(at) = self.position(name) {
            self.pairs.remove(at);
            self.base -= usize::from(at < self.base);
        }
    }

    /// Keeps the labels whose names the test accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let base = self.base;
        let mut at = 0;
        self.pairs.retain(|(name, _)| {
            let kept = keep(name);
            self.base -= usize::from(!kept && at < base);
            at += 1;
            kept
        });
    }

    /// Names and values in the order described above.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The finished set.
    pub fn labels(&self) -> Labels {
        Labels::from_pairs(self.iter())
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.pairs.iter().position(|(other, _)| other == name)
    }
}
