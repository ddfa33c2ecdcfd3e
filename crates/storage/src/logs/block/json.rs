//! Takes apart lines that are one JSON object (RFC 8259), strictly: into the shape, which is the line
//! with each value cut out and a mark left in its place, and the values as they are written.
//! Objects are gone into; an array is one value, and so is an object that lies too deep.

/// Objects are gone into up to this depth.
const DEPTH_MAX: usize = 16;
/// Arrays and objects within a value; a line where they lie deeper is taken for no JSON.
const NESTING_MAX: usize = 128;
/// Values of a line.
const HOLES_MAX: usize = 512;

/// What stands in the place of a value. Marks are control characters, which JSON has nowhere in an
/// object as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Hole {
    /// What is between the quotes of a string.
    Text = 1,
    /// A number.
    Number = 2,
    /// `true`, `false` or `null`.
    Word = 3,
    /// An array.
    Array = 4,
    /// An object that lies deep.
    Object = 5,
}

impl Hole {
    pub(super) fn from_mark(mark: u8) -> Option<Self> {
        [Self::Text, Self::Number, Self::Word, Self::Array, Self::Object]
            .into_iter()
            .find(|hole| *hole as u8 == mark)
    }

    /// Where a value that starts at `at` ends.
    fn end(self, line: &[u8], at: usize) -> Option<usize> {
        match self {
            Self::Text => string_end(line, at),
            Self::Number => number_end(line, at),
            Self::Word => word_end(line, at),
            Self::Array => (line.get(at) == Some(&b'[')).then(|| any_end(line, at))?,
            Self::Object => (line.get(at) == Some(&b'{')).then(|| any_end(line, at))?,
        }
    }
}

/// A shape: literals with a hole between each two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// One more than holes.
    pub(super) literals: Vec<String>,
    pub(super) holes: Vec<Hole>,
}

impl Shape {
    /// Reads the text of a shape.
    pub(super) fn parse(text: &str) -> Self {
        let (mut literals, mut holes, mut literal) = (Vec::new(), Vec::new(), String::new());
        for character in text.chars() {
            match u8::try_from(character).ok().and_then(Hole::from_mark) {
                Some(hole) => {
                    holes.push(hole);
                    literals.push(std::mem::take(&mut literal));
                }
                None => literal.push(character),
            }
        }
        literals.push(literal);
        Self { literals, holes }
    }

    /// How many literals and holes after them two shapes have in common at the start.
    pub(super) fn common(&self, other: &Self) -> usize {
        let one = self.literals.iter().zip(&self.holes);
        let other = other.literals.iter().zip(&other.holes);
        one.zip(other).take_while(|(one, other)| one == other).count()
    }

    /// Whether a line has this shape, and where its values are: all, or those before the place where
    /// it differs. The first values may be known already.
    pub(super) fn matches(&self, line: &str, values: &mut Vec<(u32, u32)>) -> bool {
        let line = line.as_bytes();
        let known = values.len();
        let mut at = values.last().map_or(0, |(_, end)| *end as usize);
        for (literal, hole) in self.literals.iter().zip(&self.holes).skip(known) {
            if !line[at..].starts_with(literal.as_bytes()) {
                return false;
            }
            at += literal.len();
            let Some(end) = hole.end(line, at) else { return false };
            values.push((at as u32, end as u32));
            at = end;
        }
        self.literals.last().is_some_and(|literal| &line[at..] == literal.as_bytes())
    }
}

/// A line that was taken apart.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The text of the shape.
    pub(super) shape: String,
    /// Where each value is.
    pub(super) values: Vec<(u32, u32)>,
    /// The path of each value: keys as they are written, each with a line feed before it.
    pub(super) paths: Vec<String>,
}

/// Takes a line apart; `None` if it is no JSON object, or has too many values.
pub(super) fn take_apart(line: &str) -> Option<Taken> {
    let mut taken = Taken::default();
    let mut scan = Scan { line, at: 0, copied: 0, path: String::new(), taken: &mut taken };
    scan.space();
    scan.object(0)?;
    scan.space();
    if scan.at != line.len() {
        return None;
    }
    scan.copy();
    Some(taken)
}

struct Scan<'a> {
    line: &'a str,
    at: usize,
    /// Up to where the line is in the shape.
    copied: usize,
    path: String,
    taken: &'a mut Taken,
}

impl Scan<'_> {
    fn bytes(&self) -> &[u8] {
        self.line.as_bytes()
    }

    fn space(&mut self) {
        self.at = space_end(self.bytes(), self.at);
    }

    fn byte(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// Copies what was passed over to the shape.
    #[expect(clippy::string_slice, reason = "cuts only beside ASCII bytes")]
    fn copy(&mut self) {
        self.taken.shape.push_str(&self.line[self.copied..self.at]);
        self.copied = self.at;
    }

    /// Objects lie in each other up to [`DEPTH_MAX`].
    #[expect(clippy::string_slice, reason = "cuts only beside ASCII bytes")]
    fn object(&mut self, depth: usize) -> Option<()> {
        self.expect(b'{')?;
        self.space();
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.space();
            self.expect(b'"')?;
            let key_end = string_end(self.bytes(), self.at)?;
            let outer = self.path.len();
            self.path.push('\n');
            self.path.push_str(&self.line[self.at..key_end]);
            self.at = key_end + 1;
            self.space();
            self.expect(b':')?;
            self.space();
            self.value(depth)?;
            self.path.truncate(outer);
            self.space();
            match self.byte()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        let hole = match self.byte()? {
            b'"' => {
                self.at += 1;
                Hole::Text
            }
            b'{' if depth + 1 < DEPTH_MAX => return self.object(depth + 1),
            b'{' => Hole::Object,
            b'[' => Hole::Array,
            b't' | b'f' | b'n' => Hole::Word,
            _ => Hole::Number,
        };
        let end = hole.end(self.bytes(), self.at)?;
        if self.taken.values.len() == HOLES_MAX {
            return None;
        }
        self.copy();
        self.taken.shape.push(char::from(hole as u8));
        self.taken.values.push((self.at as u32, end as u32));
        self.taken.paths.push(self.path.clone());
        self.at = end;
        self.copied = end;
        if hole == Hole::Text {
            self.at += 1;
        }
        Some(())
    }
}

fn space_end(line: &[u8], at: usize) -> usize {
    let space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    at + line.get(at..).unwrap_or_default().iter().take_while(space).count()
}

/// Where the closing quote of a string is whose first character is at `at`.
fn string_end(line: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    loop {
        let found = from + memchr::memchr2(b'"', b'\\', line.get(from..)?)?;
        if line[from..found].iter().any(|byte| *byte < 0x20) {
            return None;
        }
        if line[found] == b'"' {
            return Some(found);
        }
        from = match line.get(found + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => found + 2,
            b'u' if line.get(found + 2..found + 6)?.iter().all(u8::is_ascii_hexdigit) => found + 6,
            _ => return None,
        };
    }
}

fn digits_end(line: &[u8], at: usize) -> Option<usize> {
    let digits = line.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then_some(at + digits)
}

fn number_end(line: &[u8], at: usize) -> Option<usize> {
    let at = at + usize::from(line.get(at) == Some(&b'-'));
    let mut end = digits_end(line, at)?;
    if line[at] == b'0' && end > at + 1 {
        return None;
    }
    if line.get(end) == Some(&b'.') {
        end = digits_end(line, end + 1)?;
    }
    if matches!(line.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(line.get(end + 1), Some(b'+' | b'-')));
        end = digits_end(line, end + 1 + sign)?;
    }
    Some(end)
}

fn word_end(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    let word = [&b"true"[..], b"false", b"null"].into_iter().find(|word| rest.starts_with(word))?;
    Some(at + word.len())
}

/// Where a value of any kind ends.
fn any_end(line: &[u8], at: usize) -> Option<usize> {
    // Closing brackets that are awaited.
    let mut open: Vec<u8> = Vec::new();
    let mut at = at;
    loop {
        at = match line.get(at)? {
            b'"' => string_end(line, at + 1)? + 1,
            b'{' | b'[' if open.len() == NESTING_MAX => return None,
            b'[' => {
                open.push(b']');
                let next = space_end(line, at + 1);
                if line.get(next) != Some(&b']') {
                    at = next;
                    continue;
                }
                next
            }
            b'{' => {
                open.push(b'}');
                let next = space_end(line, at + 1);
                if line.get(next) != Some(&b'}') {
                    at = key_end(line, next)?;
                    continue;
                }
                next
            }
            b't' | b'f' | b'n' => word_end(line, at)?,
            _ => number_end(line, at)?,
        };
        // A value has ended, or an empty bracket is about to.
        loop {
            let Some(close) = open.last() else { return Some(at) };
            at = space_end(line, at);
            let byte = *line.get(at)?;
            at += 1;
            if byte == *close {
                open.pop();
                continue;
            }
            if byte != b',' {
                return None;
            }
            at = space_end(line, at);
            if *close == b'}' {
                at = key_end(line, at)?;
            }
            break;
        }
    }
}

/// Where the value starts whose key starts at `at`.
fn key_end(line: &[u8], at: usize) -> Option<usize> {
    if line.get(at) != Some(&b'"') {
        return None;
    }
    let colon = space_end(line, string_end(line, at + 1)? + 1);
    (line.get(colon) == Some(&b':')).then(|| space_end(line, colon + 1))
}

/// Where the closing quote of a string of a shape is whose first character is at `at`.
pub(super) fn string_after(shape: &[u8], at: usize) -> Option<usize> {
    string_end(shape, at)
}

/// Where a path leads in a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no such key.
    Absent,
    /// To the value of a hole.
    Hole(usize),
    /// To what is no single value, or not clearly to one.
    Unclear,
}

/// Follows a path in a shape.
pub(super) fn find(shape: &Shape, path: &[String]) -> Found {
    let mut text = String::new();
    for (position, literal) in shape.literals.iter().enumerate() {
        text.push_str(literal);
        if let Some(hole) = shape.holes.get(position) {
            text.push(char::from(*hole as u8));
        }
    }
    let mut walk = Walk { text: text.as_bytes(), at: 0, holes: 0 };
    walk.at = space_end(walk.text, 0);
    walk.object(Some(path)).unwrap_or(Found::Unclear)
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// Holes passed.
    holes: usize,
}

impl Walk<'_> {
    /// Passes over an object; says where the path leads if there is one. Objects lie in each other
    /// as deep as in a shape; damaged ones end the walk.
    fn object(&mut self, path: Option<&[String]>) -> Option<Found> {
        self.nested(path, 0)
    }

    fn nested(&mut self, path: Option<&[String]>, depth: usize) -> Option<Found> {
        let mut found = Found::Absent;
        let mut seen = false;
        self.at = space_end(self.text, self.at + 1);
        while self.text.get(self.at)? != &b'}' {
            let key_start = self.at + 1;
            let close = string_end(self.text, key_start)?;
            let wanted = path.and_then(|path| path.split_first());
            let rest = wanted
                .filter(|(key, _)| is_key(&self.text[key_start..close], key))
                .map(|(_, rest)| rest);
            self.at = space_end(self.text, close + 1) + 1;
            self.at = space_end(self.text, self.at);
            let of_value = match self.text.get(self.at)? {
                b'{' if depth + 1 < DEPTH_MAX => {
                    let inner = self.nested(rest.filter(|rest| !rest.is_empty()), depth + 1)?;
                    if rest.is_some_and(<[String]>::is_empty) { Found::Unclear } else { inner }
                }
                mark => {
                    let quoted = usize::from(*mark == b'"');
                    Hole::from_mark(*self.text.get(self.at + quoted)?)?;
                    self.at += 1 + 2 * quoted;
                    self.holes += 1;
                    let leads = rest.is_some_and(<[String]>::is_empty);
                    if leads { Found::Hole(self.holes - 1) } else { Found::Unclear }
                }
            };
            if rest.is_some() {
                found = if seen { Found::Unclear } else { of_value };
                seen = true;
            }
            self.at = space_end(self.text, self.at);
            if self.text.get(self.at)? == &b',' {
                self.at = space_end(self.text, self.at + 1);
            }
        }
        self.at += 1;
        Some(found)
    }
}

/// Whether a key as it is written is this one.
fn is_key(written: &[u8], key: &str) -> bool {
    if !written.contains(&b'\\') {
        return written == key.as_bytes();
    }
    unescape(written).is_some_and(|text| text == key)
}

/// What a string means that is written thus; `None` where it means no text.
pub(super) fn unescape(written: &[u8]) -> Option<String> {
    let quoted = [b"\"", written, b"\""].concat();
    serde_json::from_slice(&quoted).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rebuilt(line: &str, taken: &Taken) -> String {
        let shape = Shape::parse(&taken.shape);
        let mut text = shape.literals[0].clone();
        for ((start, end), literal) in taken.values.iter().zip(&shape.literals[1..]) {
            text.push_str(&line[*start as usize..*end as usize]);
            text.push_str(literal);
        }
        text
    }

    /// What is taken apart must be valid, and what is valid must be taken apart.
    fn check(line: &str) {
        let taken = take_apart(line);
        let valid = line.trim_matches([' ', '\t', '\n', '\r']).starts_with('{')
            && serde_json::from_str::<&serde_json::value::RawValue>(line).is_ok();
        assert_eq!(taken.is_some(), valid, "{line}");
        if let Some(taken) = taken {
            assert_eq!(rebuilt(line, &taken), line);
            let mut values = Vec::new();
            assert!(Shape::parse(&taken.shape).matches(line, &mut values), "{line}");
            assert_eq!(values, taken.values, "{line}");
        }
    }

    #[test]
    fn a_line_is_its_shape_and_its_values() {
        let taken = take_apart(r#" {"a": "x", "b":{"c":-1.5e3,"d":[1, {"e":2}]},"f":null,"g":{}}"#);
        let taken = taken.unwrap();
        assert_eq!(
            taken.shape,
            " {\"a\": \"\u{1}\", \"b\":{\"c\":\u{2},\"d\":\u{4}},\"f\":\u{3},\"g\":{}}"
        );
        assert_eq!(taken.paths, ["\na", "\nb\nc", "\nb\nd", "\nf"]);
    }

    #[test]
    fn only_json_objects_are_taken_apart() {
        let lines = [
            "",
            "{",
            "{}",
            " { } ",
            "{}{}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":tru}",
            "[1]",
            "{\"a\":[]}",
            "{\"a\":[1,]}",
            "{\"a\":[,1]}",
            "{\"a\":[[],{}]}",
            "{\"a\":[{\"b\":1,}]}",
            "{\"a\":[ ]}",
            "{\"a\":1.}",
            "{\"a\":-}",
            "{\"a\":1e}",
            "{\"a\":1E+05}",
            "{\"a\":+1}",
            "{\"a\":[{\"b\" : [ 1 , 2 ] } , null ] }",
            "{\"a\":[1 2]}",
            "{\"a\":[}",
            "{\"a\":[]]}",
            "{\"\\u00e9\":\"\\\"\"}",
            "{\"a\":\"é\u{7f}\"}",
        ];
        lines.into_iter().for_each(check);
        let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
        check(&deep);
    }

    #[test]
    fn a_path_is_followed_through_objects_only() {
        let line = r#"{"a":{"b":1,"c":{"d":"x"}},"a\u0062":2,"e":[1],"f":3,"f":4,"g":null,"h":{}}"#;
        let shape = Shape::parse(&take_apart(line).unwrap().shape);
        let cases: [(&[&str], Found); 12] = [
            (&["a", "b"], Found::Hole(0)),
            (&["a", "c", "d"], Found::Hole(1)),
            (&["ab"], Found::Hole(2)),
            (&["e"], Found::Hole(3)),
            (&["f"], Found::Unclear),
            (&["g"], Found::Hole(6)),
            (&["a"], Found::Unclear),
            (&["a", "c"], Found::Unclear),
            (&["a", "x"], Found::Absent),
            (&["x", "a"], Found::Absent),
            (&["e", "a"], Found::Unclear),
            (&["h", "a"], Found::Absent),
        ];
        for (path, expect) in cases {
            let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(find(&shape, &path), expect, "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_is_valid_and_the_other_way_round(
            line in "[ {}\\[\\]:,\"\\\\a1.eE+-]{0,24}",
        ) {
            check(&line);
        }
    }
}
