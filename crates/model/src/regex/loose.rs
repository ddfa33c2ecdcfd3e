//! Patterns as the label filters of LogQL match them. Loki replaces patterns made of texts, `.*` and
//! alternatives by plain comparisons, and these are not the same: next to `.*` a text is found
//! anywhere in the value (`ab.*` accepts `xabc`), and so are alternatives that begin alike. What is
//! left over matches the whole value, and there `.` is no line break.

use super::syntax::{self, Node};
use super::{Pattern, PatternError};

/// How deep alternatives are looked into; Go's factoring makes a level of each common beginning.
const DEPTH_MAX: usize = 64;

/// A pattern of a label filter.
#[derive(Debug, Clone)]
pub struct LoosePattern(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// One of these holds.
    Tests(Vec<Test>),
    Pattern(Pattern),
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Anything,
    NotEmpty,
    Equals(Text),
    Contains(Text),
}

/// A text; with `fold` in small letters, and found whatever the letters' case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Text {
    text: String,
    fold: bool,
}

impl LoosePattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let root = syntax::parse(text, false)?.root;
        if let Some(tests) = simplify(&Piece::of(&root, DEPTH_MAX), true) {
            return Ok(Self(Kind::Tests(tests)));
        }
        Pattern::unanchored(&format!("^(?:{text})$")).map(Kind::Pattern).map(Self)
    }

    /// Whether every text matches.
    pub fn is_anything(&self) -> bool {
        matches!(&self.0, Kind::Tests(tests) if *tests == [Test::Anything])
    }

    /// Whether the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.0 {
            Kind::Tests(tests) => tests.iter().any(|test| test.holds(text)),
            Kind::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

impl Test {
    fn contains(text: &Text) -> Self {
        if text.text.is_empty() { Self::Anything } else { Self::Contains(text.clone()) }
    }

    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::NotEmpty => !value.is_empty(),
            Self::Equals(text) => text.text.len() == value.len() && text.found_in(value),
            Self::Contains(text) => text.found_in(value),
        }
    }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

impl Text {
    fn found_in(&self, value: &str) -> bool {
        if !self.fold {
            return value.contains(&self.text);
        }
        value.char_indices().any(|(at, _)| {
            let mut rest = value[at..].chars().map(lower);
            self.text.chars().all(|c| rest.next() == Some(c))
        })
    }
}

/// What Go's parser makes of a pattern, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Empty,
    Text(Text),
    /// `.*`
    AnyTimes,
    /// `.+`
    AtLeastOnce,
    Capture(Box<Piece>),
    Concat(Vec<Piece>),
    Alternate(Vec<Piece>),
    Other,
}

impl Piece {
    fn of(node: &Node, depth: usize) -> Self {
        let Some(depth) = depth.checked_sub(1) else { return Self::Other };
        match node {
            Node::Empty => Self::Empty,
            Node::Literal { c, fold } => {
                let c = if *fold { lower(*c) } else { *c };
                Self::Text(Text { text: c.to_string(), fold: *fold })
            }
            Node::Capture(inner) => Self::Capture(Self::of(inner, depth).into()),
            Node::Repeat { node, min, max: None, .. } => match (&**node, min) {
                (Node::AnyButNewline, 0) => Self::AnyTimes,
                (Node::AnyButNewline, 1) => Self::AtLeastOnce,
                _ => Self::Other,
            },
            Node::Concat(nodes) => {
                Self::concat(nodes.iter().map(|node| Self::of(node, depth)).collect())
            }
            Node::Alternate(nodes) => {
                Self::alternate(nodes.iter().map(|node| Self::of(node, depth)).collect(), depth)
            }
            _ => Self::Other,
        }
    }

    /// A sequence; what stands side by side is joined.
    fn concat(pieces: Vec<Self>) -> Self {
        let mut joined: Vec<Self> = Vec::new();
        let flat = pieces.into_iter().flat_map(|piece| match piece {
            Self::Concat(pieces) => pieces,
            other => vec![other],
        });
        for piece in flat {
            match (joined.last_mut(), piece) {
                (Some(Self::Text(before)), Self::Text(text)) if before.fold == text.fold => {
                    before.text.push_str(&text.text);
                }
                (_, piece) => joined.push(piece),
            }
        }
        match joined.len() {
            0 => Self::Empty,
            1 => joined.remove(0),
            _ => Self::Concat(joined),
        }
    }

    /// Alternatives; neighbours that begin with the same text become one that has the beginning
    /// before the alternatives of what follows.
    fn alternate(pieces: Vec<Self>, depth: usize) -> Self {
        let flat: Vec<Self> = pieces
            .into_iter()
            .flat_map(|piece| match piece {
                Self::Alternate(pieces) => pieces,
                other => vec![other],
            })
            .collect();
        let Some(depth) = depth.checked_sub(1) else { return Self::Other };
        let mut factored: Vec<Self> = Vec::new();
        let mut rest = flat.as_slice();
        while !rest.is_empty() {
            let (count, prefix) = common_beginning(rest);
            let (group, after) = rest.split_at(count);
            rest = after;
            if count == 1 {
                factored.push(group[0].clone());
                continue;
            }
            let length = prefix.text.len();
            let tails = group.iter().map(|piece| piece.without_beginning(length)).collect();
            let tails = Self::alternate(tails, depth);
            factored.push(Self::concat(vec![Self::Text(prefix), tails]));
        }
        // Single characters side by side become a class, which nothing here compares with.
        let single = |piece: &Self| match piece {
            Self::Text(text) => text.text.chars().count() == 1,
            _ => false,
        };
        if factored.windows(2).any(|pair| pair.iter().all(single)) {
            return Self::Other;
        }
        factored.dedup_by(|next, piece| *next == Self::Empty && *piece == Self::Empty);
        match factored.len() {
            1 => factored.remove(0),
            _ => Self::Alternate(factored),
        }
    }

    /// The text that a piece begins with.
    fn beginning(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            Self::Concat(pieces) => pieces.first().and_then(Self::beginning),
            _ => None,
        }
    }

    fn without_beginning(&self, length: usize) -> Self {
        match self {
            Self::Text(text) if text.text.len() == length => Self::Empty,
            Self::Text(text) => {
                Self::Text(Text { text: text.text[length..].to_owned(), fold: text.fold })
            }
            Self::Concat(pieces) => {
                let mut pieces = pieces.clone();
                pieces[0] = pieces[0].without_beginning(length);
                if pieces[0] == Self::Empty {
                    pieces.remove(0);
                }
                Self::concat(pieces)
            }
            other => other.clone(),
        }
    }

    /// The piece inside of groups.
    fn bare(&self) -> &Self {
        match self {
            Self::Capture(inner) => inner.bare(),
            other => other,
        }
    }
}

/// How many of the first pieces begin alike, and how.
fn common_beginning(pieces: &[Piece]) -> (usize, Text) {
    let Some(mut prefix) = pieces[0].beginning().cloned() else {
        return (1, Text { text: String::new(), fold: false });
    };
    let mut count = 1;
    for piece in &pieces[1..] {
        let Some(other) = piece.beginning().filter(|other| other.fold == prefix.fold) else {
            break;
        };
        let pairs = prefix.text.chars().zip(other.text.chars());
        let same: usize = pairs.take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        if same == 0 {
            break;
        }
        prefix.text.truncate(same);
        count += 1;
    }
    (count, prefix)
}

/// Adds an alternative. One that always holds gives way to any other, as with Loki.
fn or(tests: &mut Vec<Test>, more: Vec<Test>) {
    let anything = [Test::Anything];
    if tests.is_empty() || *tests == anything {
        *tests = more;
    } else if more != anything {
        tests.extend(more);
    }
}

/// Comparisons that stand for a piece.
fn simplify(piece: &Piece, whole: bool) -> Option<Vec<Test>> {
    Some(match piece {
        Piece::Empty | Piece::AnyTimes => vec![Test::Anything],
        Piece::AtLeastOnce => vec![Test::NotEmpty],
        Piece::Text(text) if whole => vec![Test::Equals(text.clone())],
        Piece::Text(text) => vec![Test::contains(text)],
        Piece::Capture(inner) => simplify(inner, whole)?,
        Piece::Alternate(pieces) => {
            let mut tests = Vec::new();
            for piece in pieces {
                or(&mut tests, simplify(piece.bare(), whole)?);
            }
            tests
        }
        Piece::Concat(pieces) => simplify_sequence(pieces, None)?,
        Piece::Other => return None,
    })
}

/// A sequence of at most three of: one text, `.*`, and alternatives of what may follow the text.
fn simplify_sequence(pieces: &[Piece], before: Option<&Text>) -> Option<Vec<Test>> {
    let pieces = || pieces.iter().map(Piece::bare).filter(|piece| **piece != Piece::Empty);
    if pieces().count() > 3 {
        return None;
    }
    let mut base = before.cloned();
    // What came before keeps its meaning only if the text behind it says so too.
    if let Some(base) = &mut base {
        base.fold = false;
    }
    let (mut texts, mut tests) = (0, Vec::new());
    for piece in pieces() {
        match (piece, &mut base) {
            (Piece::Text(text), base) => {
                texts += 1;
                let mut joined = base.take().map_or_else(String::new, |base| base.text);
                joined.push_str(&text.text);
                *base = Some(Text { text: joined, fold: text.fold });
            }
            (Piece::Alternate(alternatives), Some(base)) => {
                let more = simplify_alternatives(alternatives, base)?;
                or(&mut tests, more);
            }
            (Piece::AnyTimes, _) => {}
            _ => return None,
        }
        if texts > 1 {
            return None;
        }
    }
    if tests.is_empty() { base.map(|text| vec![Test::contains(&text)]) } else { Some(tests) }
}

fn simplify_alternatives(alternatives: &[Piece], base: &Text) -> Option<Vec<Test>> {
    let mut tests = Vec::new();
    for alternative in alternatives {
        let more = match alternative {
            Piece::Empty | Piece::AnyTimes => vec![Test::contains(base)],
            Piece::Text(text) if text.fold && !base.fold => return None,
            Piece::Text(text) => {
                let joined = [base.text.as_str(), &text.text].concat();
                vec![Test::contains(&Text { text: joined, fold: base.fold })]
            }
            Piece::Concat(pieces) => simplify_sequence(pieces, Some(base))?,
            _ => return None,
        };
        or(&mut tests, more);
    }
    (!tests.is_empty()).then_some(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_filters_match_as_with_loki() {
        let cases = [
            // Texts and their alternatives match the whole value ...
            ("error", "error", true),
            ("error", "xerror", false),
            ("error|warn", "warn", true),
            ("error|warn", "warning", false),
            ("(error|warn)", "xwarn", false),
            ("(?i)error", "ERROR", true),
            ("(?i)error", "xERROR", false),
            // ... but not next to anything else,
            ("ab.*", "445cab81", true),
            (".*ab", "abc", true),
            (".*ab.*", "x", false),
            ("(?i)AB.*", "xaB", true),
            // and not those that begin alike.
            ("POST|PUT", "XPOST", true),
            ("POST|PUT|GET", "XGET", false),
            ("/v1/chat|/v1/models", "/v1/chat/completions", true),
            ("error|err", "xerr", true),
            // Classes, repetitions and ends make it a pattern again.
            ("4..", "404", true),
            ("4..", "1404", false),
            ("500|502", "x500", false),
            ("^ab", "ab", true),
            ("^ab.*", "abc", true),
            ("^ab.*", "xab", false),
            ("a.b.*", "axb\nc", false),
            ("[a-c]+", "abcd", false),
            (".+", "", false),
            (".+", "a\nb", true),
            (".*", "", true),
            ("", "anything", true),
            ("a|", "b", false),
            ("a|b", "ab", false),
            ("f|foo|foobar", "xfoo", true),
            ("foo.*bar.*baz", "foo bar baz", true),
            ("foo.*bar.*baz", "xfoo bar baz", false),
        ];
        for (pattern, text, expect) in cases {
            let loose = LoosePattern::new(pattern).unwrap();
            assert_eq!(loose.is_match(text), expect, "{pattern} {text:?} {loose:?}");
        }
        assert!(LoosePattern::new("(").is_err());
        assert!(LoosePattern::new(".*").unwrap().is_anything());
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[ab.*|()?i:+]{0,12}", text in "[abAB\\n]{0,6}") {
            if let Ok(loose) = LoosePattern::new(&pattern) {
                loose.is_match(&text);
            }
        }
    }
}
