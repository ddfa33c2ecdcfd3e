//! How a line of a shape can contain a needle, told by its values alone: the needle may lie in a
//! literal, in a value, or begin in one of them and go on through the following.

use super::json::{Hole, Shape};

/// More ways than this are not worth telling apart.
const WAYS_MAX: usize = 64;

/// A condition on a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Condition {
    Contains(String),
    Equals(String),
    StartsWith(String),
    EndsWith(String),
}

impl Condition {
    pub(super) fn holds(&self, value: &str) -> bool {
        match self {
            Self::Contains(part) => value.contains(part),
            Self::Equals(whole) => value == whole,
            Self::StartsWith(start) => value.starts_with(start),
            Self::EndsWith(end) => value.ends_with(end),
        }
    }

    /// What the value contains in any case.
    pub(super) fn part(&self) -> &str {
        match self {
            Self::Contains(part)
            | Self::Equals(part)
            | Self::StartsWith(part)
            | Self::EndsWith(part) => part,
        }
    }
}

/// Conditions on values of holes that all must hold.
pub(super) type Way = Vec<(usize, Condition)>;

/// When a line of a shape contains a needle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ways {
    /// In any case.
    Always,
    /// Where the conditions of one of these hold.
    When(Vec<Way>),
    /// There are too many ways.
    Unclear,
}

/// When a line of the shape contains the needle, which is not empty.
pub(super) fn ways(shape: &Shape, needle: &str) -> Ways {
    if shape.literals.iter().any(|literal| literal.contains(needle)) {
        return Ways::Always;
    }
    let mut search = Search { shape, ways: Vec::new() };
    for (hole, kind) in shape.holes.iter().enumerate() {
        if feasible(*kind, needle) {
            search.ways.push(vec![(hole, Condition::Contains(needle.to_owned()))]);
        }
        for (at, _) in needle.char_indices() {
            let (before, rest) = needle.split_at(at);
            // The needle begins in the literal before the hole ...
            if at > 0 && shape.literals[hole].ends_with(before) {
                search.value(hole, rest, &mut Vec::new());
            }
            // ... or in the hole.
            if at > 0 && feasible(*kind, before) {
                let begun = vec![(hole, Condition::EndsWith(before.to_owned()))];
                search.literal(hole + 1, rest, begun);
            }
            if search.ways.len() > WAYS_MAX {
                return Ways::Unclear;
            }
        }
    }
    Ways::When(search.ways)
}

struct Search<'a> {
    shape: &'a Shape,
    ways: Vec<Way>,
}

impl Search<'_> {
    /// What is left of the needle begins where a value does. Goes deeper with every value, which
    /// takes at least the literal after it from the needle.
    fn value(&mut self, hole: usize, rest: &str, begun: &mut Way) {
        let Some(kind) = self.shape.holes.get(hole) else { return };
        if feasible(*kind, rest) {
            let mut way = begun.clone();
            way.push((hole, Condition::StartsWith(rest.to_owned())));
            self.ways.push(way);
        }
        for (at, _) in rest.char_indices() {
            if self.ways.len() > WAYS_MAX {
                return;
            }
            let (value, after) = rest.split_at(at);
            if whole(*kind, value) {
                let mut way = begun.clone();
                way.push((hole, Condition::Equals(value.to_owned())));
                self.literal(hole + 1, after, way);
            }
        }
    }

    /// What is left of the needle begins where a literal does.
    fn literal(&mut self, position: usize, rest: &str, mut begun: Way) {
        let Some(literal) = self.shape.literals.get(position) else { return };
        if literal.starts_with(rest) {
            self.ways.push(begun);
        } else if let Some(after) = rest.strip_prefix(literal.as_str())
            && !literal.is_empty()
        {
            self.value(position, after, &mut begun);
        }
    }
}

/// Whether a value of this kind may contain the text.
fn feasible(kind: Hole, text: &str) -> bool {
    match kind {
        Hole::Array | Hole::Object => true,
        Hole::Word => ["true", "false", "null"].iter().any(|word| word.contains(text)),
        Hole::Number => {
            text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        }
        Hole::Text => {
            // A quote is behind a backslash; before the text there may be one.
            let mut escaped = true;
            text.bytes().all(|byte| {
                let fits = byte >= 0x20 && (byte != b'"' || escaped);
                escaped = byte == b'\\';
                fits
            })
        }
    }
}

/// Whether a value of this kind may be the text.
fn whole(kind: Hole, text: &str) -> bool {
    match kind {
        Hole::Text => feasible(kind, text) && !text.starts_with('"'),
        Hole::Word => ["true", "false", "null"].contains(&text),
        Hole::Number | Hole::Array | Hole::Object => !text.is_empty() && feasible(kind, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::block::json::take_apart;
    use proptest::prelude::*;

    fn told(line: &str, needle: &str) -> Option<bool> {
        let taken = take_apart(line).unwrap();
        let shape = Shape::parse(&taken.shape);
        let value = |hole: usize| {
            let (start, end) = taken.values[hole];
            &line[start as usize..end as usize]
        };
        match ways(&shape, needle) {
            Ways::Always => Some(true),
            Ways::When(ways) => Some(
                ways.iter()
                    .any(|way| way.iter().all(|(hole, condition)| condition.holds(value(*hole)))),
            ),
            Ways::Unclear => None,
        }
    }

    #[test]
    fn a_field_with_its_value_is_one_equality() {
        let taken = take_apart(r#"{"ts":"x","level":"error","n":5,"message":"m"}"#).unwrap();
        let ways = ways(&Shape::parse(&taken.shape), r#""level":"error""#);
        assert_eq!(ways, Ways::When(vec![vec![(1, Condition::Equals("error".into()))]]));
    }

    #[test]
    fn every_part_of_a_line_is_in_it() {
        let line = r#"{"a":"x\"y","b":[1,{"c":"z"}],"d":-1.5,"e":true,"f":{"g":"","h":"é"}}"#;
        for start in 0..line.len() {
            for end in start + 1..=line.len() {
                if line.is_char_boundary(start) && line.is_char_boundary(end) {
                    let needle = &line[start..end];
                    assert_ne!(told(line, needle), Some(false), "{needle}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_told_is_true(
            values in prop::collection::vec("[ab\\\\\"]{0,3}", 1..4),
            needle in "[ab\\\\\":,{}1]{1,6}",
        ) {
            let members: Vec<String> = values
                .iter()
                .enumerate()
                .map(|(at, value)| {
                    let value = serde_json::to_string(value).unwrap();
                    if at % 2 == 0 { format!("\"a\":{value}") } else { format!("\"b\":1{at}") }
                })
                .collect();
            let line = format!("{{{}}}", members.join(","));
            if let Some(told) = told(&line, &needle) {
                prop_assert_eq!(told, line.contains(&needle), "{} in {}", needle, line);
            }
        }
    }
}
