//! `pattern` expressions: text with captures `<name>`, and `<_>` for what is of no interest.

use memchr::memmem::Finder;

/// Why a text is no pattern expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternExpressionError {
    /// There is nothing.
    #[error("syntax error: unexpected $end, expecting IDENTIFIER or LITERAL")]
    Empty,
    /// It has no named capture.
    #[error("at least one capture is required")]
    NoCapture,
    /// A name stands twice.
    #[error("duplicate capture name ({0}): invalid expression")]
    Duplicate(String),
    /// Two captures have no text between them.
    #[error("found consecutive capture '{0}': invalid expression")]
    Consecutive(String),
    /// A line filter has a named capture.
    #[error("named captures are not allowed: found '<{0}>'")]
    NamedCapture(String),
}

/// A piece of an expression.
#[derive(Debug, Clone)]
enum Node {
    Text(Box<Finder<'static>>),
    /// `None` is `<_>`.
    Capture(Option<String>),
}

/// A pattern expression.
#[derive(Debug, Clone)]
pub struct PatternExpression {
    nodes: Vec<Node>,
}

impl PatternExpression {
    /// Parses the operand of `| pattern`: at least one named capture, none twice.
    pub fn parse(text: &str) -> Result<Self, PatternExpressionError> {
        if text.is_empty() {
            return Err(PatternExpressionError::Empty);
        }
        let expression = Self { nodes: nodes(text) };
        if expression.names().next().is_none() {
            return Err(PatternExpressionError::NoCapture);
        }
        expression.check_consecutive()?;
        let names: Vec<&str> = expression.names().collect();
        let twice = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
        if let Some((_, name)) = twice {
            return Err(PatternExpressionError::Duplicate((*name).to_owned()));
        }
        Ok(expression)
    }

    /// Parses the operand of `|>` and `!>`: no named captures.
    pub fn parse_filter(text: &str) -> Result<Self, PatternExpressionError> {
        let expression = Self { nodes: nodes(text) };
        expression.check_consecutive()?;
        if let Some(name) = expression.names().next() {
            return Err(PatternExpressionError::NamedCapture(name.to_owned()));
        }
        Ok(expression)
    }

    fn check_consecutive(&self) -> Result<(), PatternExpressionError> {
        let shown = |name: &Option<String>| format!("<{}>", name.as_deref().unwrap_or("_"));
        for pair in self.nodes.windows(2) {
            if let [Node::Capture(first), Node::Capture(second)] = pair {
                let both = shown(first) + &shown(second);
                return Err(PatternExpressionError::Consecutive(both));
            }
        }
        Ok(())
    }

    /// Names of the captures, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Capture(name) => name.as_deref(),
            Node::Text(_) => None,
        })
    }

    /// Calls with the place of each named capture and what it captured (as bytes `start..end` of
    /// the line). When a text behind a capture is missing, that capture takes the rest and ends it.
    pub(super) fn captures(&self, line: &str, mut captured: impl FnMut(usize, usize, usize)) {
        let (mut at, mut place) = (0, 0);
        let mut nodes = self.nodes.as_slice();
        if line.is_empty() {
            return;
        }
        if let [Node::Text(text), rest @ ..] = nodes {
            if !line.as_bytes().starts_with(text.needle()) {
                return;
            }
            at = text.needle().len();
            nodes = rest;
        }
        for (index, node) in nodes.iter().enumerate() {
            let Node::Capture(name) = node else { continue };
            let found = match nodes.get(index + 1) {
                Some(Node::Text(text)) => {
                    text.find(&line.as_bytes()[at..]).map(|start| (at + start, text.needle().len()))
                }
                _ => None,
            };
            let (end, skip) = found.unwrap_or((line.len(), 0));
            if name.is_some() {
                captured(place, at, end);
                place += 1;
            }
            if found.is_none() {
                return;
            }
            at = end + skip;
        }
    }

    /// Whether the whole line fits, as `|>` asks for: no capture may be empty.
    pub fn matches(&self, line: &str) -> bool {
        let bytes = line.as_bytes();
        let Some(last) = self.nodes.last() else { return bytes.is_empty() };
        let mut at = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            let Node::Text(text) = node else { continue };
            match text.find(&bytes[at..]) {
                None => return false,
                Some(0) if index != 0 => return false,
                Some(start) => at += start + text.needle().len(),
            }
        }
        !bytes.is_empty() && matches!(last, Node::Capture(_)) == (at != bytes.len())
    }

    /// The texts between the captures.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => std::str::from_utf8(text.needle()).ok(),
            Node::Capture(_) => None,
        })
    }
}

fn nodes(text: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut text_start = 0;
    let mut at = 0;
    while let Some(open) = text[at..].find('<').map(|open| at + open) {
        let Some(name) = capture_name(&text[open + 1..]) else {
            at = open + 1;
            continue;
        };
        push_text(&mut nodes, &text[text_start..open]);
        nodes.push(Node::Capture((name != "_").then(|| name.to_owned())));
        at = open + name.len() + 2;
        text_start = at;
    }
    push_text(&mut nodes, &text[text_start..]);
    nodes
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if !text.is_empty() {
        nodes.push(Node::Text(Finder::new(text.as_bytes()).into_owned().into()));
    }
}

/// The name of a capture, when the text goes on like `name>`.
fn capture_name(text: &str) -> Option<&str> {
    let (name, _) = text.split_once('>')?;
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    (begins && name.bytes().all(word)).then_some(name)
}
