//! From the text of a pattern to its tree. Follows the documentation of Go's `regexp/syntax` with
//! the flags that Go's `regexp` uses; what is refused, and with which words, is what Go refuses.

use super::class::{self, Class};
use super::{GROUP_DEPTH_MAX, PatternError};

/// The most often that something may be repeated by a number, nested repetitions multiplied.
const REPEAT_MAX: u32 = 1000;

/// A pattern.
#[derive(Debug)]
pub(super) enum Node {
    Empty,
    Literal {
        c: char,
        fold: bool,
    },
    /// Any character at all.
    Any,
    AnyButNewline,
    Class(Class),
    Look(Look),
    Capture(Box<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
        greedy: bool,
    },
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
}

/// Places that match without a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    TextStart,
    TextEnd,
    LineStart,
    LineEnd,
    WordBoundary,
    NotWordBoundary,
}

/// A pattern and the names of its groups.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Node,
    pub(super) group_names: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Flags {
    /// `i`
    fold: bool,
    /// `m`
    multi_line: bool,
    /// `s`
    dot_newline: bool,
    /// `U`
    ungreedy: bool,
}

/// A group being read, or the whole.
#[derive(Debug)]
struct Frame {
    /// Finished alternatives.
    alternatives: Vec<Node>,
    /// What the alternative being read consists of.
    sequence: Vec<Node>,
    is_capture: bool,
    /// The flags to return to behind the group.
    outer_flags: Flags,
}

/// Reads a pattern. `dot_newline` says whether flag `s` is set from the start.
pub(super) fn parse(text: &str, dot_newline: bool) -> Result<Tree, PatternError> {
    let flags = Flags { fold: false, multi_line: false, dot_newline, ungreedy: false };
    let frame = |is_capture| Frame {
        alternatives: Vec::new(),
        sequence: Vec::new(),
        is_capture,
        outer_flags: flags,
    };
    let mut parser = Parser {
        text,
        rest: text,
        flags,
        outer: Vec::new(),
        frame: frame(false),
        group_names: Vec::new(),
    };
    let mut last_repeat = None;
    while let Some(c) = parser.rest.chars().next() {
        last_repeat = parser.item(c, last_repeat)?;
    }
    if !parser.outer.is_empty() {
        return Err(PatternError::new("missing closing )", text));
    }
    Ok(Tree { root: close(parser.frame), group_names: parser.group_names })
}

struct Parser<'p> {
    text: &'p str,
    rest: &'p str,
    flags: Flags,
    /// The groups around the one being read.
    outer: Vec<Frame>,
    frame: Frame,
    group_names: Vec<String>,
}

/// The part of `text` up to its suffix `rest`.
pub(super) fn up_to<'p>(text: &'p str, rest: &str) -> &'p str {
    text.get(..text.len() - rest.len()).unwrap_or(text)
}

fn one_or(mut nodes: Vec<Node>, many: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match (nodes.len(), nodes.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            nodes.push(last);
            many(nodes)
        }
        (_, None) => Node::Empty,
    }
}

fn close(mut frame: Frame) -> Node {
    frame.alternatives.push(one_or(frame.sequence, Node::Concat));
    one_or(frame.alternatives, Node::Alternate)
}

impl<'p> Parser<'p> {
    /// Reads the item that begins with `c`; gives the text from a repetition on, if it was one.
    fn item(
        &mut self,
        c: char,
        last_repeat: Option<&'p str>,
    ) -> Result<Option<&'p str>, PatternError> {
        let before = self.rest;
        let mut chars = before.chars();
        chars.next();
        let behind = chars.as_str();
        match c {
            '(' if behind.starts_with('?') => self.group_with_flags()?,
            '(' => {
                self.rest = behind;
                self.open(Some(String::new()), self.flags)?;
            }
            ')' => {
                self.rest = behind;
                self.close_group()?;
            }
            '|' => {
                self.rest = behind;
                let sequence = std::mem::take(&mut self.frame.sequence);
                self.frame.alternatives.push(one_or(sequence, Node::Concat));
            }
            '[' => {
                let (class, rest) = class::bracketed(before, self.flags.fold)?;
                self.rest = rest;
                self.push(Node::Class(class));
            }
            '\\' => self.escape()?,
            '*' | '+' | '?' | '{' => {
                let counts = match c {
                    '*' => Some((0, None, behind)),
                    '+' => Some((1, None, behind)),
                    '?' => Some((0, Some(1), behind)),
                    _ => counts(behind),
                };
                if let Some((min, max, behind)) = counts {
                    self.rest = behind;
                    self.repeat(min, max, before, last_repeat)?;
                    return Ok(Some(before));
                }
                // A brace that is no repetition is itself.
                self.rest = behind;
                self.literal(c);
            }
            _ => {
                self.rest = behind;
                match c {
                    '^' if self.flags.multi_line => self.push(Node::Look(Look::LineStart)),
                    '^' => self.push(Node::Look(Look::TextStart)),
                    '$' if self.flags.multi_line => self.push(Node::Look(Look::LineEnd)),
                    '$' => self.push(Node::Look(Look::TextEnd)),
                    '.' if self.flags.dot_newline => self.push(Node::Any),
                    '.' => self.push(Node::AnyButNewline),
                    _ => self.literal(c),
                }
            }
        }
        Ok(None)
    }

    fn push(&mut self, node: Node) {
        self.frame.sequence.push(node);
    }

    fn literal(&mut self, c: char) {
        let fold = self.flags.fold;
        self.push(Node::Literal { c, fold });
    }

    /// Opens a group; `name` is there for one that captures, empty if it has none.
    fn open(&mut self, name: Option<String>, outer_flags: Flags) -> Result<(), PatternError> {
        if self.outer.len() >= GROUP_DEPTH_MAX {
            return Err(PatternError::new("expression nests too deeply", self.text));
        }
        let is_capture = name.is_some();
        self.group_names.extend(name);
        let frame =
            Frame { alternatives: Vec::new(), sequence: Vec::new(), is_capture, outer_flags };
        self.outer.push(std::mem::replace(&mut self.frame, frame));
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), PatternError> {
        let Some(outer) = self.outer.pop() else {
            return Err(PatternError::new("unexpected )", self.text));
        };
        let group = std::mem::replace(&mut self.frame, outer);
        self.flags = group.outer_flags;
        let is_capture = group.is_capture;
        let node = close(group);
        self.push(if is_capture { Node::Capture(Box::new(node)) } else { node });
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, `(?i)` and `(?i:`
    fn group_with_flags(&mut self) -> Result<(), PatternError> {
        const FLAG: &str = "invalid or unsupported Perl syntax";
        let before = self.rest;
        let is_long = |start: &str| before.starts_with(start) && before.len() > start.len();
        if is_long("(?P<") || is_long("(?<") {
            return self.named_group();
        }
        let mut chars = before.chars();
        chars.nth(1);
        let (mut flags, outer_flags) = (self.flags, self.flags);
        // What flags are set to, and whether one was seen since that was decided.
        let (mut value, mut saw_flag) = (true, false);
        while let Some(c) = chars.next() {
            match c {
                'i' => flags.fold = value,
                'm' => flags.multi_line = value,
                's' => flags.dot_newline = value,
                'U' => flags.ungreedy = value,
                '-' if value => {
                    (value, saw_flag) = (false, false);
                    continue;
                }
                ':' | ')' if value || saw_flag => {
                    self.rest = chars.as_str();
                    if c == ':' {
                        self.open(None, outer_flags)?;
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            saw_flag = true;
        }
        Err(PatternError::new(FLAG, up_to(before, chars.as_str())))
    }

    fn named_group(&mut self) -> Result<(), PatternError> {
        const NAME: &str = "invalid named capture";
        let before = self.rest;
        let Some((head, rest)) = before.split_once('>') else {
            return Err(PatternError::new(NAME, before));
        };
        let name = head.split_once('<').map_or("", |(_, name)| name);
        let is_name =
            !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
        if !is_name {
            return Err(PatternError::new(NAME, up_to(before, rest)));
        }
        self.rest = rest;
        self.open(Some(name.to_owned()), self.flags)
    }

    /// Repeats the item before.
    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
        before: &'p str,
        last_repeat: Option<&'p str>,
    ) -> Result<(), PatternError> {
        const SIZE: &str = "invalid repeat count";
        let by_number = before.starts_with('{');
        let too_often = max.unwrap_or(min).max(min) > REPEAT_MAX;
        if too_often || max.is_some_and(|max| max < min) {
            return Err(PatternError::new(SIZE, up_to(before, self.rest)));
        }
        let mut greedy = !self.flags.ungreedy;
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            greedy = !greedy;
        }
        let excerpt = up_to(before, self.rest);
        if let Some(last_repeat) = last_repeat {
            let excerpt = up_to(last_repeat, self.rest);
            return Err(PatternError::new("invalid nested repetition operator", excerpt));
        }
        let Some(node) = self.frame.sequence.pop() else {
            let reason = "missing argument to repetition operator";
            return Err(PatternError::new(reason, excerpt));
        };
        if by_number && !may_repeat(&node, max.unwrap_or(min)) {
            return Err(PatternError::new(SIZE, excerpt));
        }
        self.push(Node::Repeat { node: Box::new(node), min, max, greedy });
        Ok(())
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        let before = self.rest;
        let mut chars = before.chars();
        chars.next();
        let look = match chars.next() {
            Some('A') => Look::TextStart,
            Some('z') => Look::TextEnd,
            Some('b') => Look::WordBoundary,
            Some('B') => Look::NotWordBoundary,
            Some('Q') => {
                let quoted = chars.as_str();
                let (literals, rest) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
                for c in literals.chars() {
                    self.literal(c);
                }
                self.rest = rest;
                return Ok(());
            }
            _ => {
                if let Some((class, rest)) = class::escaped(before, self.flags.fold)? {
                    self.push(Node::Class(class));
                    self.rest = rest;
                } else {
                    let (c, rest) = class::escaped_char(before)?;
                    self.literal(c);
                    self.rest = rest;
                }
                return Ok(());
            }
        };
        self.push(Node::Look(look));
        self.rest = chars.as_str();
        Ok(())
    }
}

/// `{2}`, `{2,}` or `{2,5}`, behind the brace: the least, the most unless it is open, and what is
/// behind; `None` where it has another form.
fn counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (min, rest) = count(text)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => count(rest).map(|(max, rest)| (Some(max), rest))?,
    };
    Some((min, max, rest.strip_prefix('}')?))
}

/// A number without leading zeros, and what is behind it. One that is much too large is still.
fn count(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}

/// Whether a node may be repeated so often, the repetitions inside it multiplied.
fn may_repeat(node: &Node, times: u32) -> bool {
    fn fits(node: &Node, budget: u32) -> bool {
        match node {
            Node::Repeat { node, min, max, .. } => {
                let times = match (min, max) {
                    (0 | 1, None) | (_, Some(1)) => 1,
                    (_, Some(0)) => return true,
                    (min, max) => max.unwrap_or(*min),
                };
                times <= budget && fits(node, budget / times.max(1))
            }
            Node::Capture(node) => fits(node, budget),
            Node::Concat(nodes) | Node::Alternate(nodes) => {
                nodes.iter().all(|node| fits(node, budget))
            }
            _ => true,
        }
    }
    times == 0 || fits(node, REPEAT_MAX / times)
}
