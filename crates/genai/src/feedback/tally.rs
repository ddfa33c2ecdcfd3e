//! Counts and averages of feedback.

use super::scale::{Kind, star};

/// What a piece of feedback adds to a tally.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Point {
    /// What it is, where that is known.
    pub kind: Option<Kind>,
    /// The number, as it was given.
    pub score: Option<f64>,
    /// The number from 1 to 5, where it can be put there.
    pub rating: Option<f64>,
    /// Whether somebody wrote something.
    pub has_comment: bool,
    /// Whether somebody wrote what the answer should have been.
    pub has_correction: bool,
}

/// Counts of feedback. Adding in any order, and merging, gives the same counts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Pieces of feedback.
    pub total: u64,
    /// Of which have a rating.
    pub rated: u64,
    /// The sum of their ratings.
    pub rating_sum: f64,
    /// How many have 1, 2, 3, 4 and 5 stars.
    pub stars: [u64; 5],
    /// Ratings at or below the limit of low ones.
    pub low: u64,
    /// Thumbs up.
    pub thumbs_up: u64,
    /// Thumbs down.
    pub thumbs_down: u64,
    /// With a comment.
    pub comments: u64,
    /// With a correction.
    pub corrections: u64,
}

impl Tally {
    /// Counts a piece; ratings of at most `low_max` are low.
    pub fn add(&mut self, point: Point, low_max: f64) {
        self.total += 1;
        if let Some(rating) = point.rating.filter(|rating| rating.is_finite()) {
            self.rated += 1;
            self.rating_sum += rating;
            self.stars[star(rating) - 1] += 1;
            self.low += u64::from(rating <= low_max);
        }
        if point.kind == Some(Kind::Thumbs) {
            let is_up = point.score.is_some_and(|score| score > 0.0);
            self.thumbs_up += u64::from(is_up);
            self.thumbs_down += u64::from(!is_up);
        }
        self.comments += u64::from(point.has_comment);
        self.corrections += u64::from(point.has_correction);
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        self.total += other.total;
        self.rated += other.rated;
        self.rating_sum += other.rating_sum;
        for (mine, theirs) in self.stars.iter_mut().zip(other.stars) {
            *mine += theirs;
        }
        self.low += other.low;
        self.thumbs_up += other.thumbs_up;
        self.thumbs_down += other.thumbs_down;
        self.comments += other.comments;
        self.corrections += other.corrections;
    }

    /// The mean rating; `None` without ratings.
    pub fn average(&self) -> Option<f64> {
        (self.rated > 0).then(|| self.rating_sum / self.rated as f64)
    }
}

/// Least, greatest and mean of numbers on a scale of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least; infinite without any.
    pub min: f64,
    /// The greatest; negatively infinite without any.
    pub max: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Spread {
    /// Counts a number; those that are not finite are left out.
    pub fn add(&mut self, number: f64) {
        if number.is_finite() {
            self.count += 1;
            self.sum += number;
            self.min = self.min.min(number);
            self.max = self.max.max(number);
        }
    }

    /// The mean; `None` without any.
    pub fn average(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point() -> impl Strategy<Value = Point> {
        let kind = prop::sample::select(Kind::ALL.to_vec());
        // Quarters, so that sums are exact in any order.
        let rating = prop::option::of((4_u8..=20).prop_map(|quarters| f64::from(quarters) / 4.0));
        (
            kind,
            prop::option::of(prop::sample::select(vec![0.0, 1.0])),
            rating,
            any::<(bool, bool)>(),
        )
            .prop_map(|(kind, score, rating, (has_comment, has_correction))| Point {
                kind: Some(kind),
                score,
                rating,
                has_comment,
                has_correction,
            })
    }

    fn tally(points: &[Point]) -> Tally {
        let mut tally = Tally::default();
        for point in points {
            tally.add(*point, 2.0);
        }
        tally
    }

    proptest! {
        #[test]
        fn counts_do_not_depend_on_order_or_on_where_they_are_cut(
            points in prop::collection::vec(point(), 0..40), cut in 0_usize..40,
        ) {
            let whole = tally(&points);
            let cut = cut.min(points.len());
            let mut joined = tally(&points[cut..]);
            joined.merge(&tally(&points[..cut]));
            prop_assert_eq!(whole, joined);
            let backwards: Vec<_> = points.iter().rev().copied().collect();
            prop_assert_eq!(whole, tally(&backwards));
        }

        #[test]
        fn stars_add_up_and_the_average_lies_between_the_least_and_the_greatest(
            points in prop::collection::vec(point(), 0..40),
        ) {
            let counted = tally(&points);
            prop_assert_eq!(counted.stars.iter().sum::<u64>(), counted.rated);
            prop_assert!(counted.rated <= counted.total && counted.low <= counted.rated);
            let ratings: Vec<f64> = points.iter().filter_map(|point| point.rating).collect();
            match counted.average() {
                None => prop_assert!(ratings.is_empty()),
                Some(mean) => {
                    let least = ratings.iter().copied().fold(f64::INFINITY, f64::min);
                    let greatest = ratings.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    prop_assert!((least..=greatest).contains(&mean));
                }
            }
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_left_out_of_a_spread() {
        let mut spread = Spread::default();
        assert_eq!(spread.average(), None);
        for number in [0.25, f64::NAN, 0.75, f64::INFINITY] {
            spread.add(number);
        }
        assert_eq!((spread.count, spread.min, spread.max), (2, 0.25, 0.75));
        assert_eq!(spread.average(), Some(0.5));
    }
}
