//! Themes of comments without a model: words and pairs of words that comments share, weighted by how
//! rare they are (TF-IDF). Every comment is in one theme or in none, and neither the order of the
//! comments nor chance has a say.
//!
//! A theme begins with the term that the most comments share, for its rarity, among those that no
//! theme has yet. Themes whose comments are alike become one. Then every comment goes to the theme
//! whose words it has most of.

use std::collections::BTreeMap;

use super::words::words;

/// Comments that a theme has at least.
const COMMENTS_MIN: usize = 2;
/// Themes that are looked for before those that are alike become one.
const SEEDS_MAX: usize = 200;
/// A pair of words says more than a word.
const PAIR_WEIGHT: f64 = 1.5;
/// Themes whose middles have a cosine above this are one.
const ALIKE: f64 = 0.5;
/// A comment whose cosine with the middle of a theme is below this does not belong to it.
const NEAR: f64 = 0.12;
/// Terms that are told of a theme.
const TERMS: usize = 6;

/// A theme.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// It in a few words.
    pub title: String,
    /// The terms that tell it, the weightiest first.
    pub terms: Vec<String>,
    /// Its comments by their places in what was handed in, the most typical first.
    pub comments: Vec<usize>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Themes {
    /// The themes, that of the most comments first.
    pub themes: Vec<Theme>,
    /// Comments in no theme, by their places.
    pub unassigned: Vec<usize>,
}

/// Weights of terms by their numbers, which rise; its length is 1 unless it is empty.
type Vector = Vec<(usize, f64)>;

/// Finds the themes of comments.
pub fn themes(comments: &[&str]) -> Themes {
    let space = Space::new(comments);
    let mut groups = space.seeds();
    space.join_alike(&mut groups);
    let groups = space.assign(&groups);
    space.told(&groups)
}

/// Comments that have the same words are one text, however often they come; texts are in an order of
/// their own, which makes sums of floats the same whatever the order of the comments was.
struct Space {
    terms: Vec<String>,
    idf: Vec<f64>,
    texts: Vec<Text>,
    /// Comments without any term.
    wordless: Vec<usize>,
}

struct Text {
    vector: Vector,
    /// Places of its comments, rising.
    comments: Vec<usize>,
}

/// Words and pairs of neighbouring words; a pair is the same in either order.
fn terms_of(words: &[String]) -> BTreeMap<String, f64> {
    let mut out = BTreeMap::new();
    for word in words {
        *out.entry(word.clone()).or_insert(0.0) += 1.0;
    }
    for pair in words.windows(2) {
        let (first, second) = if pair[0] <= pair[1] { (0, 1) } else { (1, 0) };
        if pair[first] != pair[second] {
            *out.entry(format!("{} {}", pair[first], pair[second])).or_insert(0.0) += PAIR_WEIGHT;
        }
    }
    out
}

fn scaled(mut vector: Vector) -> Vector {
    let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
    if length > 0.0 {
        for (_, weight) in &mut vector {
            *weight /= length;
        }
    }
    vector
}

fn dot(a: &Vector, b: &Vector) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < a.len() && j < b.len() {
        match a[i].0.cmp(&b[j].0) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += a[i].1 * b[j].1;
                i += 1;
                j += 1;
            }
        }
    }
    sum
}

impl Space {
    fn new(comments: &[&str]) -> Self {
        let mut by_words: BTreeMap<Vec<String>, Vec<usize>> = BTreeMap::new();
        for (place, comment) in comments.iter().enumerate() {
            by_words.entry(words(comment)).or_default().push(place);
        }
        let wordless = by_words.remove(&Vec::new()).unwrap_or_default();
        let all = (comments.len() - wordless.len()) as f64;
        // Terms of one comment alone join nothing.
        let mut shared: BTreeMap<String, usize> = BTreeMap::new();
        let counted: Vec<(BTreeMap<String, f64>, Vec<usize>)> =
            by_words.into_iter().map(|(words, places)| (terms_of(&words), places)).collect();
        for (terms, places) in &counted {
            for term in terms.keys() {
                *shared.entry(term.clone()).or_default() += places.len();
            }
        }
        shared.retain(|_, comments| *comments >= COMMENTS_MIN);
        let idf = shared.values().map(|comments| (1.0 + all / *comments as f64).ln()).collect();
        let numbers: BTreeMap<&String, usize> = shared.keys().zip(0..).collect();
        let texts = counted.into_iter().map(|(terms, comments)| {
            let known =
                terms.iter().filter_map(|(term, count)| Some((*numbers.get(term)?, *count)));
            Text { vector: known.collect(), comments }
        });
        let mut texts: Vec<Text> = texts.collect();
        let terms = shared.into_keys().collect();
        let idf: Vec<f64> = idf;
        for text in &mut texts {
            let vector = std::mem::take(&mut text.vector).into_iter();
            text.vector = scaled(vector.map(|(term, count)| (term, count * idf[term])).collect());
        }
        Self { terms, idf, texts, wordless }
    }

    /// Texts by the term that they share, greedily: each term takes those that none before it took.
    fn seeds(&self) -> Vec<Vec<usize>> {
        let mut having: Vec<Vec<usize>> = vec![Vec::new(); self.terms.len()];
        for (number, text) in self.texts.iter().enumerate() {
            for (term, _) in &text.vector {
                having[*term].push(number);
            }
        }
        let mut free = vec![true; self.texts.len()];
        let mut left: Vec<usize> = having
            .iter()
            .map(|texts| texts.iter().map(|t| self.texts[*t].comments.len()).sum())
            .collect();
        let weight = |term: usize, comments: usize| {
            let pair = if self.terms[term].contains(' ') { PAIR_WEIGHT } else { 1.0 };
            comments as f64 * self.idf[term] * pair
        };
        let mut seeds = Vec::new();
        while seeds.len() < SEEDS_MAX {
            let open = (0..left.len()).filter(|term| left[*term] >= COMMENTS_MIN);
            // The first of equals: terms are sorted.
            let best = open
                .map(|term| (weight(term, left[term]), term))
                .reduce(|best, next| if next.0 > best.0 { next } else { best });
            let Some((_, term)) = best else { break };
            let taken: Vec<usize> =
                having[term].iter().copied().filter(|text| free[*text]).collect();
            for text in &taken {
                free[*text] = false;
                for (term, _) in &self.texts[*text].vector {
                    left[*term] -= self.texts[*text].comments.len();
                }
            }
            seeds.push(taken);
        }
        seeds
    }

    /// The middle of some texts.
    fn middle(&self, group: &[usize]) -> Vector {
        let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
        for text in group {
            let text = &self.texts[*text];
            for (term, weight) in &text.vector {
                *sums.entry(*term).or_default() += weight * text.comments.len() as f64;
            }
        }
        scaled(sums.into_iter().collect())
    }

    /// Makes one of the two groups that are most alike until none are alike.
    fn join_alike(&self, groups: &mut Vec<Vec<usize>>) {
        let mut middles: Vec<Vector> = groups.iter().map(|group| self.middle(group)).collect();
        loop {
            let mut best = (ALIKE, 0, 0);
            for a in 0..groups.len() {
                for b in a + 1..groups.len() {
                    let cosine = dot(&middles[a], &middles[b]);
                    if cosine > best.0 {
                        best = (cosine, a, b);
                    }
                }
            }
            let (_, a, b) = best;
            if a == b {
                return;
            }
            let more = groups.remove(b);
            middles.remove(b);
            groups[a].extend(more);
            groups[a].sort_unstable();
            middles[a] = self.middle(&groups[a]);
        }
    }

    /// Every text to the group whose middle is nearest, if any is near; with how near it is.
    fn assign(&self, groups: &[Vec<usize>]) -> Vec<Vec<(usize, f64)>> {
        let middles: Vec<Vector> = groups.iter().map(|group| self.middle(group)).collect();
        let mut assigned = vec![Vec::new(); groups.len()];
        for (number, text) in self.texts.iter().enumerate() {
            let mut best = (NEAR, None);
            for (group, middle) in middles.iter().enumerate() {
                let cosine = dot(&text.vector, middle);
                if cosine > best.0 {
                    best = (cosine, Some(group));
                }
            }
            if let (cosine, Some(group)) = best {
                assigned[group].push((number, cosine));
            }
        }
        let enough = |group: &Vec<(usize, f64)>| {
            group.iter().map(|(text, _)| self.texts[*text].comments.len()).sum::<usize>()
                >= COMMENTS_MIN
        };
        assigned.into_iter().filter(enough).collect()
    }

    /// Groups as themes.
    fn told(&self, groups: &[Vec<(usize, f64)>]) -> Themes {
        let mut themes: Vec<Theme> = groups.iter().map(|group| self.theme(group)).collect();
        themes.sort_by(|a, b| {
            b.comments.len().cmp(&a.comments.len()).then_with(|| a.title.cmp(&b.title))
        });
        let mut is_in = vec![false; self.texts.len()];
        groups.iter().flatten().for_each(|(text, _)| is_in[*text] = true);
        let outside = self.texts.iter().zip(&is_in).filter(|(_, is_in)| !**is_in);
        let mut unassigned: Vec<usize> =
            outside.flat_map(|(text, _)| text.comments.iter().copied()).collect();
        unassigned.extend(&self.wordless);
        unassigned.sort_unstable();
        Themes { themes, unassigned }
    }

    fn theme(&self, group: &[(usize, f64)]) -> Theme {
        let texts: Vec<usize> = group.iter().map(|(text, _)| *text).collect();
        let mut middle = self.middle(&texts);
        middle.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let terms: Vec<String> =
            middle.iter().take(TERMS).map(|(term, _)| self.terms[*term].clone()).collect();
        let mut nearest = group.to_vec();
        nearest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let comments = nearest
            .iter()
            .flat_map(|(text, _)| self.texts[*text].comments.iter().copied())
            .collect();
        Theme { title: title(&terms), terms, comments }
    }
}

/// The first pair of words among the weightiest terms, or else the first two words.
fn title(terms: &[String]) -> String {
    match terms {
        [first, ..] if first.contains(' ') => first.clone(),
        [first, rest @ ..] => {
            let pair = rest
                .iter()
                .find(|term| term.split(' ').any(|word| word == first) && term.contains(' '));
            let other = rest.iter().find(|term| !term.contains(' '));
            match (pair, other) {
                (Some(pair), _) => pair.clone(),
                (None, Some(other)) => format!("{first}, {other}"),
                (None, None) => first.clone(),
            }
        }
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMPLAINTS: [&str; 12] = [
        "The price was wrong",
        "wrong prices again!",
        "It told me the wrong price for the order",
        "Way too slow",
        "so slow, I waited for a minute",
        "Slow answers, waited ages",
        "I waited a minute for a slow answer",
        "It made up a source that does not exist",
        "The source was made up, hallucinated",
        "hallucinated sources",
        "meh",
        "!!!",
    ];

    fn in_theme<'a>(found: &Themes, comments: &[&'a str], word: &str) -> Vec<&'a str> {
        let theme = found.themes.iter().find(|theme| theme.terms.iter().any(|term| term == word));
        let mut texts: Vec<&str> = theme
            .map(|theme| theme.comments.iter().map(|at| comments[*at]).collect())
            .unwrap_or_default();
        texts.sort_unstable();
        texts
    }

    #[test]
    fn complaints_about_one_thing_are_one_theme() {
        let found = themes(&COMPLAINTS);
        assert_eq!(in_theme(&found, &COMPLAINTS, "price").len(), 3, "{found:?}");
        assert_eq!(in_theme(&found, &COMPLAINTS, "slow").len(), 4, "{found:?}");
        assert_eq!(in_theme(&found, &COMPLAINTS, "source").len(), 3, "{found:?}");
        assert_eq!(found.themes.len(), 3, "{found:?}");
        assert_eq!(found.themes[0].comments.len(), 4);
        assert_eq!(found.unassigned, [10, 11]);
        let titles: Vec<&str> = found.themes.iter().map(|theme| &*theme.title).collect();
        assert!(titles.contains(&"price wrong"), "{titles:?}");
    }

    #[test]
    fn the_same_comment_many_times_is_a_theme_and_a_single_one_is_none() {
        let found = themes(&["rude tone", "Rude tone!", "rude tone"]);
        assert_eq!(found.themes.len(), 1);
        assert_eq!(found.themes[0].comments, [0, 1, 2]);
        assert_eq!(themes(&["rude tone"]).unassigned, [0]);
        assert_eq!(themes(&[]), Themes::default());
    }

    fn comments() -> impl Strategy<Value = Vec<String>> {
        let words =
            ["slow", "price", "wrong", "answer", "rude", "tone", "source", "the", "made", "late"];
        let comment = prop::collection::vec(prop::sample::select(words.to_vec()), 0..6);
        prop::collection::vec(comment.prop_map(|words| words.join(" ")), 0..40)
    }

    /// Themes as the texts in them, which says nothing about places.
    fn texts(found: &Themes, comments: &[&str]) -> (Vec<(String, Vec<String>)>, Vec<String>) {
        let themes = found.themes.iter().map(|theme| {
            let mut texts: Vec<String> =
                theme.comments.iter().map(|at| comments[*at].to_owned()).collect();
            texts.sort_unstable();
            (theme.title.clone(), texts)
        });
        let mut rest: Vec<String> =
            found.unassigned.iter().map(|at| comments[*at].to_owned()).collect();
        rest.sort_unstable();
        (themes.collect(), rest)
    }

    proptest! {
        #[test]
        fn every_comment_is_in_one_theme_or_in_none(comments in comments()) {
            let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
            let found = themes(&comments);
            let mut seen: Vec<usize> =
                found.themes.iter().flat_map(|theme| theme.comments.clone()).collect();
            prop_assert!(found.themes.iter().all(|theme| theme.comments.len() >= COMMENTS_MIN));
            seen.extend(&found.unassigned);
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..comments.len()).collect::<Vec<_>>());
        }

        #[test]
        fn the_order_of_comments_changes_nothing(
            (comments, shuffled) in comments()
                .prop_flat_map(|comments| (Just(comments.clone()), Just(comments).prop_shuffle())),
        ) {
            let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
            let shuffled: Vec<&str> = shuffled.iter().map(String::as_str).collect();
            prop_assert_eq!(
                texts(&themes(&comments), &comments),
                texts(&themes(&shuffled), &shuffled)
            );
        }

        #[test]
        fn any_text_has_themes_or_none(comments in prop::collection::vec(".{0,60}", 0..12)) {
            let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
            prop_assert_eq!(themes(&comments), themes(&comments));
        }
    }
}
