//! Patterns that lines have in common, found while lines come in. Drain (He et al., "Drain: An
//! Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017): a line goes down a tree by the
//! number of its tokens and the first of them, and joins the template there that agrees with it in
//! the most tokens; tokens in which they disagree become placeholders. How lines are cut and when
//! they are alike follows Loki, so that patterns look like Loki's.
//!
//! In reading order: [`tokens`] cuts lines, [`tree`] finds candidates.

mod tokens;
mod tree;

use std::collections::BTreeMap;

use hashbrown::HashMap;

use tokens::Format;
use tree::Tree;

/// Stands for tokens that differ.
const PLACEHOLDER: &str = "<_>";

/// Lines with fewer tokens have no pattern worth the name.
const TOKENS_MIN: usize = 4;

/// Lines with more tokens are left out.
const TOKENS_MAX: usize = 80;

/// The share of tokens in which a line must agree with a template to join it.
const SIMILARITY_MIN: f64 = 0.3;

/// The tree is built anew of the templates that are left when it has more nodes for each.
const NODES_PER_TEMPLATE_MAX: usize = 256;

/// Bounds of what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Templates; of more the one goes that matched longest ago, with its counts.
    pub templates: usize,
    /// Bytes of a line; longer ones are left out.
    pub line_bytes: usize,
    /// Counts by time, of all templates together; where there are more, they are kept for longer
    /// spans of time.
    pub counts: usize,
    /// Length of the spans of time for which counts are kept at first, nanoseconds; more than 0.
    pub resolution_ns: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { templates: 300, line_bytes: 3_000, counts: 1_000_000, resolution_ns: 10_000_000_000 }
    }
}

/// A pattern and how many lines had it when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Its text, with `<_>` for what differs.
    pub pattern: String,
    /// Starts of steps in nanoseconds since the epoch, rising, and lines of each; none is 0.
    pub samples: Vec<(i64, u64)>,
}

impl Pattern {
    /// Lines at all times.
    pub fn lines(&self) -> u64 {
        self.samples.iter().map(|(_, lines)| lines).sum()
    }
}

#[derive(Debug)]
struct Template {
    format: Format,
    tokens: Vec<Box<str>>,
    blanks: Vec<usize>,
    /// Lines by the number of the span of time.
    counts: BTreeMap<i64, u64>,
    /// When it matched last, counted in lines.
    used: u64,
}

/// Finds patterns. One of these for each stream keeps more of them apart than one for all; their
/// patterns are put together by [`merge`].
#[derive(Debug)]
pub struct Patterns {
    limits: Limits,
    tree: Tree,
    templates: HashMap<u64, Template>,
    lines: u64,
    /// Counts of all templates.
    counts: usize,
    resolution_ns: i64,
}

impl Patterns {
    /// Without a line yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            tree: Tree::default(),
            templates: HashMap::new(),
            lines: 0,
            counts: 0,
            resolution_ns: limits.resolution_ns.max(1),
        }
    }

    /// Takes in a line. Lines may come in any order.
    pub fn add(&mut self, time_ns: i64, line: &str) {
        if line.len() > self.limits.line_bytes || self.limits.templates == 0 {
            return;
        }
        let Some(cut) = tokens::cut(line, TOKENS_MAX) else { return };
        let (format, tokens) = (cut.format, cut.texts.as_slice());
        if tokens.len() < TOKENS_MIN {
            return;
        }
        self.lines += 1;
        let id = match self.best(format, tokens) {
            Some(id) => id,
            None => self.new_template(format, tokens, cut.blanks),
        };
        let Some(template) = self.templates.get_mut(&id) else { return };
        for (known, token) in template.tokens.iter_mut().zip(tokens) {
            if **known != **token && **known != *PLACEHOLDER {
                *known = PLACEHOLDER.into();
            }
        }
        template.used = self.lines;
        let span = time_ns.div_euclid(self.resolution_ns);
        let count = template.counts.entry(span).or_insert(0);
        self.counts += usize::from(*count == 0);
        *count += 1;
        while self.counts > self.limits.counts.max(self.limits.templates) {
            self.coarsen();
        }
    }

    /// The template that agrees with a line in the most tokens.
    fn best(&self, format: Format, tokens: &[&str]) -> Option<u64> {
        let candidates = self.tree.find(format, tokens).iter();
        let scored = candidates.filter_map(|id| {
            let template = self.templates.get(id)?;
            let (same, free) = agreement(template, tokens)?;
            Some(((same, free), *id))
        });
        // Of equals the first.
        let ((same, _), id) = scored.reduce(|a, b| if b.0 > a.0 { b } else { a })?;
        (same as f64 / tokens.len() as f64 >= SIMILARITY_MIN).then_some(id)
    }

    fn new_template(&mut self, format: Format, tokens: &[&str], blanks: Vec<usize>) -> u64 {
        if self.templates.len() >= self.limits.templates {
            let oldest = self.templates.iter().min_by_key(|(_, template)| template.used);
            if let Some(oldest) = oldest.map(|(id, _)| *id)
                && let Some(gone) = self.templates.remove(&oldest)
            {
                self.counts -= gone.counts.len();
            }
        }
        if self.tree.len() > NODES_PER_TEMPLATE_MAX * self.limits.templates {
            self.rebuild();
        }
        // Each template comes with a line, and the number of the line is used by no other.
        let id = self.lines;
        let exists = |id| self.templates.contains_key(&id);
        self.tree.add(format, tokens, id, exists);
        let tokens = tokens.iter().map(|token| Box::from(*token)).collect();
        let template = Template { format, tokens, blanks, counts: BTreeMap::new(), used: id };
        self.templates.insert(id, template);
        id
    }

    /// Forgets the ways to templates that are gone.
    fn rebuild(&mut self) {
        let mut tree = Tree::default();
        let mut templates: Vec<(&u64, &Template)> = self.templates.iter().collect();
        templates.sort_unstable_by_key(|(id, _)| **id);
        for (id, template) in templates {
            let tokens: Vec<&str> = template.tokens.iter().map(|token| &**token).collect();
            tree.add(template.format, &tokens, *id, |_| true);
        }
        self.tree = tree;
    }

    /// Keeps counts for spans of time that are twice as long.
    fn coarsen(&mut self) {
        self.resolution_ns = self.resolution_ns.saturating_mul(2);
        self.counts = 0;
        for template in self.templates.values_mut() {
            let mut counts = BTreeMap::new();
            for (span, lines) in std::mem::take(&mut template.counts) {
                *counts.entry(span.div_euclid(2)).or_insert(0) += lines;
            }
            self.counts += counts.len();
            template.counts = counts;
        }
    }

    /// The patterns, those with the most lines first, with counts for steps of time.
    pub fn finish(self, step_ns: i64) -> Vec<Pattern> {
        let (step_ns, resolution_ns) = (step_ns.max(1), self.resolution_ns);
        merge(self.templates.into_values().map(|template| {
            let pattern = tokens::join(template.format, &template.tokens, &template.blanks);
            let counts = template.counts.into_iter();
            let samples = counts.map(|(span, lines)| {
                let time_ns = span.saturating_mul(resolution_ns);
                (time_ns.div_euclid(step_ns).saturating_mul(step_ns), lines)
            });
            Pattern { pattern, samples: samples.collect() }
        }))
    }
}

/// Adds up patterns of the same text, such as those of several streams with the same step; those
/// with the most lines come first.
pub fn merge(patterns: impl IntoIterator<Item = Pattern>) -> Vec<Pattern> {
    let mut merged: HashMap<String, BTreeMap<i64, u64>> = HashMap::new();
    for Pattern { pattern, samples } in patterns {
        let counts = merged.entry(pattern).or_default();
        for (time_ns, lines) in samples {
            *counts.entry(time_ns).or_insert(0) += lines;
        }
    }
    let merged = merged.into_iter();
    let mut patterns: Vec<Pattern> = merged
        .map(|(pattern, samples)| Pattern { pattern, samples: samples.into_iter().collect() })
        .collect();
    patterns.sort_by(|a, b| b.lines().cmp(&a.lines()).then_with(|| a.pattern.cmp(&b.pattern)));
    patterns
}

/// In how many tokens a line agrees with a template, and how many of the template are free. Keys of
/// logfmt must all be the same.
fn agreement(template: &Template, tokens: &[&str]) -> Option<(usize, usize)> {
    let (mut same, mut free) = (0, 0);
    for (at, (known, token)) in template.tokens.iter().zip(tokens).enumerate() {
        if **known == *PLACEHOLDER {
            free += 1;
        } else if **known == **token {
            same += 1;
        } else if template.format == Format::Logfmt && at % 2 == 0 {
            return None;
        }
    }
    Some((same, free))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Patterns and their lines.
    type Found<'f> = &'f [(&'f str, u64)];

    const SECOND: i64 = 1_000_000_000;

    fn patterns(lines: &[&str]) -> Vec<(String, u64)> {
        let mut patterns = Patterns::new(Limits::default());
        for line in lines {
            patterns.add(0, line);
        }
        let all = patterns.finish(SECOND).into_iter();
        all.map(|pattern| (pattern.pattern.clone(), pattern.lines())).collect()
    }

    #[test]
    fn what_lines_have_in_common_stays_and_the_rest_becomes_placeholders() {
        let cases: &[(&[&str], Found<'_>)] = &[
            (
                &[
                    "user 17 logged in from 10.0.0.1",
                    "user 18 logged in from 10.0.0.2",
                    "cache miss for key a1 (took 5ms)",
                    "user 19 logged in from 10.0.0.3",
                    "cache miss for key b2 (took 71ms)",
                ],
                &[("user <_> logged in from <_>", 3), ("cache miss for key <_> (took <_>)", 2)],
            ),
            (
                &[
                    r#"level=info ts=1 msg="a 1" id=1"#,
                    r#"level=info ts=2 msg="c 2" id=1"#,
                    r#"level=info ts=3 msg="c 2" id=1 extra=x"#,
                ],
                &[
                    ("level=info ts=<_> msg=<_> id=1", 2),
                    (r#"level=info ts=<_> msg="c 2" id=1 extra=x"#, 1),
                ],
            ),
            (
                &[
                    r#"{"level":"info","msg":"order 1 was paid","a":{"msg":"x"}}"#,
                    r#"{"msg" : "order 2 was paid", "level":"info"}"#,
                    r#"{"level":"info","text":"no message here at all"}"#,
                ],
                &[("<_>order <_> was paid<_>", 2)],
            ),
            // Blanks are kept, and neighbours among placeholders are one.
            (&["  a  b: [c1]d1 e ", "  a  b: [c2]d2 e "], &[("  a  b: [<_>]<_> e ", 2)]),
            (
                &[r#"{"msg":"1 was paid today"}"#, r#"{"msg":"2 was paid today"}"#],
                &[("<_> was paid today<_>", 2)],
            ),
            (&["x (a,b) y", "x (c|d1) y"], &[("x (a,b) y", 1), ("x (c|d1) y", 1)]),
            (&["too few tokens", ""], &[]),
        ];
        for (lines, expect) in cases {
            let expect: Vec<(String, u64)> =
                expect.iter().map(|(text, lines)| ((*text).to_owned(), *lines)).collect();
            assert_eq!(patterns(lines), expect);
        }
    }

    #[test]
    fn lines_are_counted_by_steps() {
        let mut patterns = Patterns::new(Limits { resolution_ns: SECOND, ..Limits::default() });
        for second in [61, 5, 0, 59, 60, -1] {
            patterns.add(second * SECOND, "the same line again");
        }
        let expect = Pattern {
            pattern: "the same line again".to_owned(),
            samples: vec![(-60 * SECOND, 1), (0, 3), (60 * SECOND, 2)],
        };
        assert_eq!(patterns.finish(60 * SECOND), [expect]);
    }

    #[test]
    fn the_same_patterns_of_two_streams_are_added_up() {
        let of = |pattern: &str, samples: &[(i64, u64)]| Pattern {
            pattern: pattern.to_owned(),
            samples: samples.to_vec(),
        };
        let merged = merge([of("b", &[(0, 1), (9, 2)]), of("a", &[(0, 4)]), of("b", &[(0, 5)])]);
        assert_eq!(merged, [of("b", &[(0, 6), (9, 2)]), of("a", &[(0, 4)])]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let limits = Limits { templates: 4, counts: 10, resolution_ns: 1, line_bytes: 2_000 };
        let mut patterns = Patterns::new(limits);
        patterns.add(0, &"a ".repeat(50));
        patterns.add(0, &"long ".repeat(500));
        // Each a template of its own, one of them kept in use.
        let word = |number: u32| {
            let digits = number.to_string().into_bytes();
            digits.iter().map(|digit| char::from(digit - b'0' + b'a')).collect::<String>()
        };
        for number in 0..5_000 {
            let word = word(number);
            patterns.add(i64::from(number), &format!("{word} x{word} y{word} z{word} w{word}"));
            patterns.add(i64::from(number), "the line that comes always");
            assert!(patterns.templates.len() <= 4);
            assert!(patterns.counts <= 10);
            assert!(patterns.tree.len() <= NODES_PER_TEMPLATE_MAX * 4 + TOKENS_MAX);
        }
        let found = patterns.finish(1_000_000);
        assert_eq!(found.len(), 4);
        assert_eq!(
            (found[0].pattern.as_str(), found[0].lines()),
            ("the line that comes always", 5_000)
        );
    }

    proptest! {
        #[test]
        fn every_line_taken_in_is_counted_once(
            lines in proptest::collection::vec("[a-c]( [a-c0-9,=\"{}]{1,3}){3,6}|\\PC{0,40}", 0..40),
        ) {
            let mut patterns = Patterns::new(Limits::default());
            let mut expect = 0;
            for (at, line) in lines.iter().enumerate() {
                let cut = tokens::cut(line, TOKENS_MAX);
                expect += u64::from(cut.is_some_and(|cut| cut.texts.len() >= TOKENS_MIN));
                patterns.add(at as i64, line);
            }
            let found: u64 = patterns.finish(7).iter().map(Pattern::lines).sum();
            prop_assert_eq!(found, expect);
        }

        #[test]
        fn a_line_alone_is_its_own_pattern(line in "[a-z]{1,3}( {1,3}[a-z.:,()]{1,5}){4,9}") {
            let found = patterns(&[&line]);
            prop_assert_eq!(found, [(line, 1)]);
        }
    }
}
