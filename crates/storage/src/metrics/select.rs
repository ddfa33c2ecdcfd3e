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
    /// Shows every wanted value of a label, in no order.
    fn each_value(
        &self,
        name: &str,
        wanted: &dyn Fn(&str) -> bool,
        see: SeePosting<'_>,
    ) -> Result<()>;
    /// Shows every value of a label that some series has, in no order.
    fn values(&self, name: &str, see: &mut dyn FnMut(&str)) -> Result<()>;
    /// Names of all labels, in no order.
    fn names(&self) -> Vec<String>;
}

/// The numbers below this one; as a range, since one by one they cost more than a small query.
pub(super) fn all_below(end: u32) -> RoaringBitmap {
    let mut all = RoaringBitmap::new();
    all.insert_range(0..end);
    all
}

/// The series that every matcher accepts.
pub(super) fn select(index: &dyn LabelIndex, matchers: &[Matcher]) -> Result<RoaringBitmap> {
    let mut narrowing = Vec::new();
    let mut other = Vec::new();
    for matcher in matchers {
        match listed(matcher) {
            Some(values) => {
                let found = union(index, matcher.label(), &values)?;
                if found.is_empty() {
                    return Ok(found);
                }
                narrowing.push(found);
            }
            None => other.push(matcher),
        }
    }
    narrowing.sort_unstable_by_key(RoaringBitmap::len);
    let mut selected =
        narrowing.into_iter().reduce(|all, found| all & found).unwrap_or_else(|| index.all());
    // What takes away one posting is cheaper than what looks at every value.
    other.sort_by_key(|matcher| matcher.op() != MatchOp::NotEqual || matcher.value().is_empty());
    for matcher in other {
        if selected.is_empty() {
            break;
        }
        restrict(index, matcher, &mut selected)?;
    }
    Ok(selected)
}

/// The values that a matcher accepts, where it names them and absence is not among them.
fn listed(matcher: &Matcher) -> Option<Vec<&str>> {
    matcher.listed_values().filter(|values| values.iter().all(|value| !value.is_empty()))
}

fn union(index: &dyn LabelIndex, label: &str, values: &[&str]) -> Result<RoaringBitmap> {
    let mut found = RoaringBitmap::new();
    for value in values {
        found |= index.posting(label, value)?;
    }
    Ok(found)
}

/// Keeps of the selected series those that a matcher accepts that does not list its values. A
/// series without the label has the empty value: where that is accepted, the series are taken away
/// whose value is not, else those are kept whose value is. Either way only the postings of those
/// values are read.
fn restrict(index: &dyn LabelIndex, matcher: &Matcher, selected: &mut RoaringBitmap) -> Result<()> {
    if matcher.op() == MatchOp::NotEqual && !matcher.value().is_empty() {
        *selected -= index.posting(matcher.label(), matcher.value())?;
        return Ok(());
    }
    let accepts_absent = matcher.accepts("");
    let mut gathered = RoaringBitmap::new();
    let wanted = |value: &str| matcher.accepts(value) != accepts_absent;
    index.each_value(matcher.label(), &wanted, &mut |_, series| {
        gathered |= series;
        Ok(())
    })?;
    if accepts_absent {
        *selected -= gathered;
    } else {
        *selected &= gathered;
    }
    Ok(())
}
