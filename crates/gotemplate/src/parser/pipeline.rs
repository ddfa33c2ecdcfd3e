//! Pipelines, commands and words.

use std::sync::Arc;

use super::{Parser, Result};
use crate::ast::{Command, Number, Pipe, Word, WordKind};
use crate::lexer::{Kind, Token};
use crate::number::{parse_float, parse_int, quote, unquote};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<Pipe> {
        let pos = self.peek_non_space().pos;
        let mut pipe = Pipe { pos, variables: Vec::new(), assigns: false, commands: Vec::new() };
        while self.declaration(&mut pipe, context)? {}
        loop {
            let before = self.at;
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => {
                    check(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Quoted
                | Kind::RawQuoted
                | Kind::Variable
                | Kind::LeftParen => {}
                Kind::Keyword if token.is(".") || token.is("nil") => {}
                _ => return self.unexpected(&token, context),
            }
            self.at = before;
            let command = self.nested(Self::command)?;
            pipe.commands.push(command);
        }
    }

    /// Reads `$x :=`, `$x =` or `$x,`; whether another may follow.
    fn declaration(&mut self, pipe: &mut Pipe, context: &str) -> Result<bool> {
        self.skip_space();
        let before = self.at;
        if self.peek().kind != Kind::Variable {
            return Ok(false);
        }
        let variable = self.next();
        let next = self.peek_non_space().clone();
        let is_comma = next.kind == Kind::Char && next.text == ",";
        if !is_comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
            self.at = before;
            return Ok(false);
        }
        self.next();
        pipe.assigns = next.kind == Kind::Assign;
        pipe.variables.push(variable.text.as_str().into());
        self.variables.push(variable.text);
        if !is_comma {
            return Ok(false);
        }
        if context != "range" || pipe.variables.len() >= 2 {
            return Err(format!("too many declarations in {context}"));
        }
        match self.peek_non_space().kind {
            Kind::Variable | Kind::RightDelim | Kind::RightParen => Ok(true),
            _ => Err("range can only initialize variables".to_owned()),
        }
    }

    fn command(&mut self) -> Result<Command> {
        let pos = self.peek_non_space().pos;
        let mut words = Vec::new();
        loop {
            self.skip_space();
            words.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => {
                    self.at -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if words.is_empty() {
            return Err("empty command".to_owned());
        }
        Ok(Command { pos, words })
    }

    /// A word with the fields that follow it.
    fn operand(&mut self) -> Result<Option<Word>> {
        let Some(mut word) = self.term()? else { return Ok(None) };
        if self.peek().kind != Kind::Field {
            return Ok(Some(word));
        }
        let pos = self.peek().pos;
        let mut fields: Vec<Arc<str>> = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(field_name(&self.next()));
        }
        match &mut word.kind {
            WordKind::Field(own) | WordKind::Variable { fields: own, .. } => {
                own.extend(fields);
                word.pos = pos;
                Ok(Some(word))
            }
            WordKind::Pipe(_) | WordKind::Function { .. } => {
                let kind = WordKind::Chain { of: Box::new(word), fields };
                Ok(Some(Word { pos, kind }))
            }
            _ => Err(format!("unexpected . after term {}", quote(&word.to_string()))),
        }
    }

    fn term(&mut self) -> Result<Option<Word>> {
        let before = self.at;
        let token = self.next_non_space();
        let kind =
            match token.kind {
                Kind::Identifier => {
                    let Some(function) = self.functions.get(&token.text) else {
                        return Err(format!("function {} not defined", quote(&token.text)));
                    };
                    WordKind::Function { name: token.text.as_str().into(), function }
                }
                Kind::Keyword if token.is(".") => WordKind::Dot,
                Kind::Keyword if token.is("nil") => WordKind::Nil,
                Kind::Variable => {
                    if !self.variables.contains(&token.text) {
                        return Err(format!("undefined variable {}", quote(&token.text)));
                    }
                    WordKind::Variable { name: token.text.as_str().into(), fields: Vec::new() }
                }
                Kind::Field => WordKind::Field(vec![field_name(&token)]),
                Kind::Bool => WordKind::Bool(token.text == "true"),
                Kind::CharConstant | Kind::Number => WordKind::Number(number(&token.text)?),
                Kind::LeftParen => WordKind::Pipe(Box::new(self.nested(|parser| {
                    parser.pipeline("parenthesized pipeline", Kind::RightParen)
                })?)),
                Kind::Quoted | Kind::RawQuoted => WordKind::Text {
                    quoted: token.text.as_str().into(),
                    text: unquote(&token.text).ok_or("invalid syntax")?.into(),
                },
                _ => {
                    self.at = before;
                    return Ok(None);
                }
            };
        Ok(Some(Word { pos: token.pos, kind }))
    }
}

/// The name of a field, whose token begins with its dot.
fn field_name(token: &Token) -> Arc<str> {
    token.text.strip_prefix('.').unwrap_or(&token.text).into()
}

fn check(pipe: &Pipe, context: &str) -> Result<()> {
    if pipe.commands.is_empty() {
        return Err(format!("missing value for {context}"));
    }
    for (index, command) in pipe.commands.iter().enumerate().skip(1) {
        let executable = !matches!(
            command.words.first().map(|word| &word.kind),
            Some(
                WordKind::Bool(_)
                    | WordKind::Dot
                    | WordKind::Nil
                    | WordKind::Number(_)
                    | WordKind::Text { .. }
            )
        );
        if !executable {
            return Err(format!("non executable command in pipeline stage {}", index + 1));
        }
    }
    Ok(())
}

fn number(text: &str) -> Result<Number> {
    if text.starts_with('\'') {
        let unquoted = unquote(text);
        let mut chars = unquoted.as_deref().unwrap_or_default().chars();
        let (Some(c), None) = (chars.next(), chars.next()) else {
            return Err(format!("malformed character constant: {text}"));
        };
        let code = i64::from(u32::from(c));
        return Ok(Number {
            text: text.into(),
            int: Some(code),
            float: Some(code as f64),
            is_float: false,
        });
    }
    let is_hex_int =
        text.len() > 2 && text[..2].eq_ignore_ascii_case("0x") && !text.contains(['p', 'P']);
    let looks_float = text.contains(['.', 'e', 'E', 'p', 'P']) && !is_hex_int;
    if let Some(int) = parse_int(text) {
        return Ok(Number {
            text: text.into(),
            int: Some(int),
            float: Some(int as f64),
            is_float: false,
        });
    }
    let Some(float) = parse_float(text) else {
        return Err(format!("illegal number syntax: {}", quote(text)));
    };
    if !looks_float {
        if float > u64::MAX as f64 || text.starts_with('-') {
            return Err(format!("integer overflow: {}", quote(text)));
        }
        // An unsigned integer, which no argument of ours takes.
        return Ok(Number { text: text.into(), int: None, float: Some(float), is_float: false });
    }
    let int = (float.fract() == 0.0 && float.abs() < 9.2e18).then_some(float as i64);
    Ok(Number { text: text.into(), int, float: Some(float), is_float: true })
}
