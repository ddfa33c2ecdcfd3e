//! From tokens to the tree, with Go's rules and error texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::{Branch, List, Node, Pipe};
use crate::lexer::{Kind, Token, lex};
use crate::number::{quote, unquote};
use crate::{Functions, NESTING_DEPTH_MAX, Options};

mod pipeline;

/// A parsed text: the template itself and those that it defines.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) root: List,
    pub(crate) defined: BTreeMap<Arc<str>, List>,
}

/// What ended a list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Terminator {
    End,
    Else,
}

impl Terminator {
    fn text(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

enum Parsing {
    Node(Node),
    Terminator(Terminator),
}

/// Parses a text; the error is the message after `template: <name>:`.
pub(crate) fn parse(
    text: &str,
    functions: &Functions,
    options: &Options,
) -> Result<Parsed, String> {
    let mut parser = Parser {
        tokens: lex(text, options.left_delimiter(), options.right_delimiter()),
        at: 0,
        functions,
        variables: vec!["$".to_owned()],
        range_depth: 0,
        depth: 0,
        action_line: 0,
        name: &options.name,
        parsed: Parsed::default(),
    };
    match parser.run() {
        Ok(()) => Ok(parser.parsed),
        // The place is that of the token read last.
        Err(message) => Err(format!("{}: {message}", parser.last().line)),
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    functions: &'a Functions,
    variables: Vec<String>,
    range_depth: usize,
    depth: usize,
    action_line: usize,
    name: &'a str,
    parsed: Parsed,
}

type Result<T, E = String> = std::result::Result<T, E>;

impl Parser<'_> {
    /// The next token, which is the last one for ever once it is reached.
    fn peek(&self) -> &Token {
        // The lexer gives at least the token of the end.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn last(&self) -> &Token {
        &self.tokens[self.at.saturating_sub(1).min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
    }

    fn next_non_space(&mut self) -> Token {
        self.skip_space();
        self.next()
    }

    fn peek_non_space(&mut self) -> &Token {
        self.skip_space();
        self.peek()
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T> {
        if token.kind != Kind::Error {
            return Err(format!("unexpected {} in {context}", describe(token)));
        }
        if self.action_line == 0 || self.action_line == token.line {
            return Err(token.text.clone());
        }
        let place = format!("started at {}:{}", self.name, self.action_line);
        let within = if token.text.ends_with(" action") { "" } else { " in action" };
        Err(format!("{}{within} {place}", token.text))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// Guards what recurses.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= NESTING_DEPTH_MAX {
            return Err(format!("nested deeper than {NESTING_DEPTH_MAX} levels"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn run(&mut self) -> Result<()> {
        let mut root = List::new();
        loop {
            match self.peek().kind {
                Kind::Eof => break,
                Kind::LeftDelim => {
                    let before = self.at;
                    self.next();
                    if self.next_non_space().is("define") {
                        self.definition()?;
                        continue;
                    }
                    self.at = before;
                }
                _ => {}
            }
            match self.text_or_action()? {
                Parsing::Node(node) => root.push(node),
                Parsing::Terminator(end) => return Err(format!("unexpected {}", end.text())),
            }
        }
        self.parsed.root = root;
        Ok(())
    }

    fn definition(&mut self) -> Result<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        let body = self.separate_list(CONTEXT)?;
        self.define(name, body)
    }

    /// The body of a `define` or `block`, which sees no variables of the outside.
    fn separate_list(&mut self, context: &str) -> Result<List> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (body, end) = self.nested(Self::item_list)?;
        self.variables = variables;
        self.range_depth = range_depth;
        match end {
            Terminator::End => Ok(body),
            Terminator::Else => Err(format!("unexpected {} in {context}", end.text())),
        }
    }

    fn define(&mut self, name: Arc<str>, body: List) -> Result<()> {
        let is_blank = |list: &List| {
            list.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
        };
        match self.parsed.defined.get(&name) {
            Some(old) if !is_blank(old) => {
                if !is_blank(&body) {
                    return Err(format!(
                        "template: multiple definition of template {}",
                        quote(&name)
                    ));
                }
            }
            _ => {
                self.parsed.defined.insert(name, body);
            }
        }
        Ok(())
    }

    fn template_name(&mut self, token: &Token, context: &str) -> Result<Arc<str>> {
        match token.kind {
            Kind::Quoted | Kind::RawQuoted => {
                Ok(unquote(&token.text).ok_or("invalid syntax")?.into())
            }
            _ => self.unexpected(token, context),
        }
    }

    fn item_list(&mut self) -> Result<(List, Terminator)> {
        let mut list = List::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Parsing::Node(node) => list.push(node),
                Parsing::Terminator(end) => return Ok((list, end)),
            }
        }
        self.next();
        Err("unexpected EOF".to_owned())
    }

    fn text_or_action(&mut self) -> Result<Parsing> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Parsing::Node(Node::Text(token.text.into()))),
            Kind::LeftDelim => {
                self.action_line = token.line;
                let parsed = self.action();
                if parsed.is_ok() {
                    self.action_line = 0;
                }
                parsed
            }
            _ => self.unexpected(&token, "input"),
        }
    }

    fn action(&mut self) -> Result<Parsing> {
        let before = self.at;
        let token = self.next_non_space();
        let keyword = if token.kind == Kind::Keyword { token.text.as_str() } else { "" };
        let node = match keyword {
            "end" => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Parsing::Terminator(Terminator::End));
            }
            "else" => {
                // What follows `else if` is read as a branch of its own.
                let next = self.peek_non_space();
                if !next.is("if") && !next.is("with") {
                    self.expect(Kind::RightDelim, "else")?;
                }
                return Ok(Parsing::Terminator(Terminator::Else));
            }
            "break" => self.jump("{{break}}", Node::Break)?,
            "continue" => self.jump("{{continue}}", Node::Continue)?,
            "if" | "with" | "range" => self.control(&token)?,
            "block" => self.block()?,
            "template" => self.template()?,
            _ => {
                self.at = before;
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Parsing::Node(node))
    }

    fn jump(&mut self, text: &str, node: Node) -> Result<Node> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, text);
        }
        if self.range_depth == 0 {
            return Err(format!("{text} outside {{{{range}}}}"));
        }
        Ok(node)
    }

    fn control(&mut self, keyword: &Token) -> Result<Node> {
        self.nested(|parser| {
            let variables = parser.variables.len();
            let node = parser.control_inside(keyword);
            parser.variables.truncate(variables);
            node
        })
    }

    fn control_inside(&mut self, keyword: &Token) -> Result<Node> {
        let is_range = keyword.is("range");
        let pos = self.peek_non_space().pos;
        let pipe = self.pipeline(&keyword.text, Kind::RightDelim)?;
        self.range_depth += usize::from(is_range);
        let (body, end) = self.item_list()?;
        self.range_depth -= usize::from(is_range);
        let mut otherwise = None;
        if end == Terminator::Else {
            let next = self.peek().clone();
            otherwise = Some(if !is_range && next.is(&keyword.text) {
                self.next();
                // The `end` of the inner branch is that of this one too.
                vec![self.control(&next)?]
            } else {
                let (list, end) = self.item_list()?;
                if end != Terminator::End {
                    return Err(format!("expected end; found {}", end.text()));
                }
                list
            });
        }
        let branch = Branch { pos, sets_dot: !keyword.is("if"), pipe, body, otherwise };
        Ok(if is_range { Node::Range(branch) } else { Node::Branch(branch) })
    }

    fn block(&mut self) -> Result<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let body = self.separate_list(CONTEXT)?;
        self.define(name.clone(), body)?;
        Ok(Node::Template { pos: token.pos, name, pipe: Some(pipe) })
    }

    fn template(&mut self) -> Result<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipe: Option<Pipe> = match self.peek_non_space().kind {
            Kind::RightDelim => {
                self.next();
                None
            }
            _ => Some(self.pipeline(CONTEXT, Kind::RightDelim)?),
        };
        Ok(Node::Template { pos: token.pos, name, pipe })
    }
}

/// How Go names a token in messages.
fn describe(token: &Token) -> String {
    match token.kind {
        Kind::Eof => "EOF".to_owned(),
        Kind::Keyword => format!("<{}>", token.text),
        _ if token.text.chars().count() > 10 => {
            let start: String = token.text.chars().take(10).collect();
            format!("{}...", quote(&start))
        }
        _ => quote(&token.text),
    }
}
