//! What the groups of a pattern capture, without an allocation for each text.

use std::ops::Range;

use regex::CaptureLocations;

use super::Pattern;

/// Room for what the groups of one pattern capture; used again from text to text.
#[derive(Debug, Clone)]
pub struct GroupPlaces(Option<CaptureLocations>);

impl GroupPlaces {
    /// Where a group matched; 0 is the whole match. `None` where it took no part.
    pub fn get(&self, group: usize) -> Option<Range<usize>> {
        self.0.as_ref()?.get(group).map(|(start, end)| start..end)
    }
}

impl Pattern {
    /// Room for [`Pattern::find_groups`].
    pub fn group_places(&self) -> GroupPlaces {
        GroupPlaces(self.regex().map(regex::Regex::capture_locations))
    }

    /// Finds the leftmost match and where its groups are; `false` where the text does not match.
    /// The places must come from this pattern.
    pub fn find_groups(&self, text: &str, places: &mut GroupPlaces) -> bool {
        match (self.regex(), &mut places.0) {
            (Some(regex), Some(places)) => regex.captures_read(places, text).is_some(),
            _ => false,
        }
    }
}
