//! Where a value stands in a JSON document: `a.b[0]["c d"]`.

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// Into a member of an object.
    Field(String),
    /// Into an element of an array.
    Index(usize),
}

/// A path from the line's object or array to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    /// At least one.
    pub steps: Vec<PathStep>,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot parse expression [{expression}]: {reason}")]
pub struct JsonPathError {
    expression: String,
    reason: String,
}

/// The most steps that a path may have.
const PATH_STEPS_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Dot,
    Open,
    Close,
    Text(String),
    Field(String),
    Index(usize),
}

impl JsonPath {
    /// Parses a path: fields joined by dots, `["field"]` and `[0]`.
    pub fn parse(text: &str) -> Result<Self, JsonPathError> {
        Self::read(text).map_err(|reason| JsonPathError { expression: text.to_owned(), reason })
    }

    fn read(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let mut steps = Vec::new();
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            rest = match rest {
                [Token::Field(name), after @ ..] if steps.is_empty() => {
                    steps.push(PathStep::Field(name.clone()));
                    after
                }
                [Token::Dot, Token::Field(name), after @ ..] if !steps.is_empty() => {
                    steps.push(PathStep::Field(name.clone()));
                    after
                }
                [Token::Open, Token::Text(name), Token::Close, after @ ..] => {
                    steps.push(PathStep::Field(name.clone()));
                    after
                }
                [Token::Open, Token::Index(index), Token::Close, after @ ..] => {
                    steps.push(PathStep::Index(*index));
                    after
                }
                _ => return Err(unexpected(rest, steps.is_empty())),
            };
        }
        match steps.len() {
            0 => Err("syntax error: unexpected $end, expecting LSB or FIELD".to_owned()),
            1..=PATH_STEPS_MAX => Ok(Self { steps }),
            more => Err(format!("a path has at most {PATH_STEPS_MAX} steps, not {more}")),
        }
    }
}

fn unexpected(rest: &[Token], first: bool) -> String {
    let (at, expecting) = match rest {
        [Token::Open, Token::Text(_) | Token::Index(_), ..] => (rest.get(2), ", expecting RSB"),
        [Token::Open, ..] => (rest.get(1), ", expecting STRING or INDEX"),
        [Token::Dot, ..] if !first => (rest.get(1), ", expecting FIELD"),
        _ if first => (rest.first(), ", expecting LSB or FIELD"),
        _ => (rest.first(), ""),
    };
    let name = match at {
        None => "$end",
        Some(Token::Dot) => "DOT",
        Some(Token::Open) => "LSB",
        Some(Token::Close) => "RSB",
        Some(Token::Text(_)) => "STRING",
        Some(Token::Field(_)) => "FIELD",
        Some(Token::Index(_)) => "INDEX",
    };
    format!("syntax error: unexpected {name}{expecting}")
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            ' ' | '\t' | '\n' => after,
            '.' => push(&mut tokens, Token::Dot, after),
            '[' => push(&mut tokens, Token::Open, after),
            ']' => push(&mut tokens, Token::Close, after),
            '"' => {
                // A bracket ends it too, and goes missing with that.
                let end = after.find(['"', ']']).unwrap_or(after.len());
                let behind = after.get(end + 1..).unwrap_or_default();
                push(&mut tokens, Token::Text(after[..end].to_owned()), behind)
            }
            '0'..='9' => {
                let end = rest.find([' ', '\t', '\n', '.', ']']).unwrap_or(rest.len());
                if let Some(other) = rest[..end].chars().find(|c| !c.is_ascii_digit()) {
                    return Err(format!("non-integer value: {other}"));
                }
                if rest[end..].starts_with('.') {
                    return Err("cannot use float as array index".to_owned());
                }
                let index = rest[..end].parse();
                let index =
                    index.map_err(|_| format!("array index {} is too large", &rest[..end]))?;
                push(&mut tokens, Token::Index(index), &rest[end..])
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
                push(&mut tokens, Token::Field(name.to_owned()), behind)
            }
            other => return Err(format!("unexpected char {other}")),
        };
    }
    Ok(tokens)
}

fn push<'t>(tokens: &mut Vec<Token>, token: Token, rest: &'t str) -> &'t str {
    tokens.push(token);
    rest
}
