//! Kinds of feedback, and where a judgement stands on the scale from 1 (worst) to 5 (best).

use serde::{Deserialize, Serialize};

/// The worst rating.
pub const RATING_MIN: f64 = 1.0;
/// The best rating.
pub const RATING_MAX: f64 = 5.0;

/// What a piece of feedback is in the first place; it may carry a comment besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From 1 to 5.
    Rating,
    /// Up (1) or down (0).
    Thumbs,
    /// A number on any scale.
    Score,
    /// A word out of some.
    Category,
    /// A remark.
    Comment,
    /// What the answer should have been.
    Correction,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Rating, Self::Thumbs, Self::Score, Self::Category, Self::Comment, Self::Correction];

    /// The name in records and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rating => "rating",
            Self::Thumbs => "thumbs",
            Self::Score => "score",
            Self::Category => "category",
            Self::Comment => "comment",
            Self::Correction => "correction",
        }
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A range that scores lie in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The score of the worst answer.
    pub min: f64,
    /// The score of the best answer.
    pub max: f64,
}

impl Scale {
    /// Whether it spans anything.
    pub fn is_sound(self) -> bool {
        self.min.is_finite() && self.max.is_finite() && self.min < self.max
    }

    /// A score on the scale from 1 to 5; `None` where it lies outside the range, or the range spans
    /// nothing.
    pub fn rating(self, score: f64) -> Option<f64> {
        if !self.is_sound() || !(self.min..=self.max).contains(&score) {
            return None;
        }
        let share = (score - self.min) / (self.max - self.min);
        Some((RATING_MIN + share * (RATING_MAX - RATING_MIN)).clamp(RATING_MIN, RATING_MAX))
    }
}

/// Up or down on the scale from 1 to 5.
pub fn thumbs_rating(is_up: bool) -> f64 {
    if is_up { RATING_MAX } else { RATING_MIN }
}

/// The star (1 to 5) that a rating is counted under: the nearest, halves upwards.
pub fn star(rating: f64) -> usize {
    (rating.clamp(RATING_MIN, RATING_MAX) + 0.5).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_go_to_the_scale_from_1_to_5_and_those_outside_nowhere() {
        let percent = Scale { min: 0.0, max: 100.0 };
        let cases = [
            (0.0, Some(1.0)),
            (25.0, Some(2.0)),
            (50.0, Some(3.0)),
            (100.0, Some(5.0)),
            (100.1, None),
            (-0.1, None),
            (f64::NAN, None),
        ];
        for (score, rating) in cases {
            assert_eq!(percent.rating(score), rating, "{score}");
        }
        assert_eq!(Scale { min: 1.0, max: 1.0 }.rating(1.0), None);
        assert_eq!(Scale { min: f64::NEG_INFINITY, max: 1.0 }.rating(0.0), None);
    }

    #[test]
    fn ratings_count_under_the_nearest_star() {
        let cases = [(1.0, 1), (1.49, 1), (1.5, 2), (4.4, 4), (4.5, 5), (5.0, 5), (9.0, 5)];
        for (rating, expected) in cases {
            assert_eq!(star(rating), expected, "{rating}");
        }
    }

    #[test]
    fn kinds_are_found_by_their_names() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::of_name("stars"), None);
    }
}
