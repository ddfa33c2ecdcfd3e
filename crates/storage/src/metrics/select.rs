//! From matchers to sets of series, over any inverted index.

use roaring::RoaringBitmap;
use watchkeep_model::{MatchOp, Matcher, Result};

/// What is called with each value of a label and the series that have it.
pub(super) type SeePosting<'a> = &'a mut dyn FnMut(&str, &RoaringBitmap) -> Result<()>;

/// An inverted index: label name -> value -> series.
pub(super) trait LabelIndex {
    /// Every series.
    fn all(&self) -> RoaringBitmap;
    /// The series with this value, which is not empty.
    fn posting(&self, name: &str, value: &str) -> Result<RoaringBitmap>;
    /// Shows every value of a label, in no order.
    fn each_value(&self, name: &str, see: SeePosting<'_>) -> Result<()>;
    /// Names of all labels, in no order.
    fn names(&self) -> Vec<String>;
}

/// The series that every matcher accepts.
pub(super) fn select(index: &dyn LabelIndex, matchers: &[Matcher]) -> Result<RoaringBitmap> {
    let mut selected: Option<RoaringBitmap> = None;
    // Equality is the cheapest and cuts the most.
    let (direct, other): (Vec<&Matcher>, Vec<&Matcher>) =
        matchers.iter().partition(|matcher| is_direct(matcher));
    for matcher in direct.into_iter().chain(other) {
        let found = series_of(index, matcher)?;
        let both = match selected {
            None => found,
            Some(selected) => selected & found,
        };
        if both.is_empty() {
            return Ok(both);
        }
        selected = Some(both);
    }
    Ok(selected.unwrap_or_else(|| index.all()))
}

fn is_direct(matcher: &Matcher) -> bool {
    matcher.op() == MatchOp::Equal && !matcher.value().is_empty()
}

fn series_of(index: &dyn LabelIndex, matcher: &Matcher) -> Result<RoaringBitmap> {
    if is_direct(matcher) {
        return index.posting(matcher.label(), matcher.value());
    }
    // A series without the label has the empty value: where that is accepted, take away the
    // series whose value is not, else gather those whose value is.
    let accepts_absent = matcher.accepts("");
    let mut gathered = RoaringBitmap::new();
    index.each_value(matcher.label(), &mut |value, series| {
        if matcher.accepts(value) != accepts_absent {
            gathered |= series;
        }
        Ok(())
    })?;
    Ok(if accepts_absent { index.all() - gathered } else { gathered })
}
