//! Selectors and the stages behind them.

use watchkeep_model::{MatchOp, Matcher};

use super::{Parse, ParseError, Parser};
use crate::ast::{
    BinaryOp, Extraction, LabelFormat, LabelFormatValue, LineOp, NameOrMatcher, Stage, StageExpr,
};
use crate::pipeline;
use crate::token::{TokenKind, Word};

/// Why a selector is refused.
const NOTHING_SELECTIVE: &str = "queries require at least one regexp or equality matcher that does not have an empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will";

impl Parser {
    /// `{a="b", c!="d"}`.
    pub(super) fn matchers(&mut self) -> Parse<Vec<Matcher>> {
        self.expect(TokenKind::OpenBrace)?;
        let mut matchers = Vec::new();
        if !self.take_if(TokenKind::CloseBrace) {
            if self.peek() != TokenKind::Identifier {
                return self.unexpected(&[TokenKind::Identifier, TokenKind::CloseBrace]);
            }
            matchers.push(self.matcher()?);
            while self.take_if(TokenKind::Comma) {
                matchers.push(self.matcher()?);
            }
            if !self.take_if(TokenKind::CloseBrace) {
                return self.unexpected(&[TokenKind::CloseBrace, TokenKind::Comma]);
            }
        }
        if matchers.iter().all(|matcher| matcher.accepts("")) {
            self.errors.selector = Some(NOTHING_SELECTIVE);
        }
        Ok(matchers)
    }

    fn matcher(&mut self) -> Parse<Matcher> {
        let label = self.name()?;
        let Some(op) = self.match_op() else {
            return self.unexpected(&[
                TokenKind::Equal,
                TokenKind::RegexMatch,
                TokenKind::Line(LineOp::NotMatches),
                TokenKind::Operator(BinaryOp::Ne),
            ]);
        };
        self.advance();
        let value = self.string()?;
        new_matcher(label, op, value)
    }

    /// What the next token means between a label and a text.
    pub(super) fn match_op(&self) -> Option<MatchOp> {
        match self.peek() {
            TokenKind::Equal => Some(MatchOp::Equal),
            TokenKind::Operator(BinaryOp::Ne) => Some(MatchOp::NotEqual),
            TokenKind::RegexMatch => Some(MatchOp::Regex),
            TokenKind::Line(LineOp::NotMatches) => Some(MatchOp::NotRegex),
            _ => None,
        }
    }

    /// The stages that follow, up to what is none; `unwrap` is none.
    pub(super) fn stages(&mut self) -> Parse<Vec<StageExpr>> {
        let mut stages = Vec::new();
        loop {
            let start = self.start();
            if let Some(op) = self.line_op() {
                self.advance();
                let filters = self.line_filters(op)?;
                let span = self.span_from(start);
                for filter in filters {
                    stages.push(StageExpr { stage: Stage::LineFilter(filter), span });
                }
            } else if self.peek() == TokenKind::Pipe
                && self.peek_at(1).kind != TokenKind::Word(Word::Unwrap)
            {
                self.advance();
                let stage = self.stage()?;
                stages.push(StageExpr { stage, span: self.span_from(start) });
            } else {
                break;
            }
        }
        for stage in &stages {
            self.check(&stage.stage);
        }
        Ok(stages)
    }

    /// Loki finds what is wrong inside of stages only when it builds them.
    pub(super) fn check(&mut self, stage: &Stage) {
        if let Err(why) = pipeline::check(stage) {
            self.errors.stage.get_or_insert_with(|| format!("stage '{stage}' : {why}"));
        }
    }

    /// What stands behind `|`.
    fn stage(&mut self) -> Parse<Stage> {
        let TokenKind::Word(word) = self.peek() else {
            return Ok(Stage::LabelFilter(self.label_filter()?));
        };
        let stage = match word {
            Word::Json => {
                self.advance();
                Stage::Json(self.extractions()?)
            }
            Word::Logfmt => {
                self.advance();
                return self.logfmt();
            }
            Word::Regexp => {
                self.advance();
                let text = self.string()?;
                checked("regexp", Stage::Regexp(text))?
            }
            Word::Pattern => {
                self.advance();
                let text = self.string()?;
                checked("pattern", Stage::Pattern(text))?
            }
            Word::Unpack => {
                self.advance();
                Stage::Unpack
            }
            Word::Decolorize => {
                self.advance();
                Stage::Decolorize
            }
            Word::LineFormat => {
                self.advance();
                Stage::LineFormat(self.string()?)
            }
            Word::LabelFormat => {
                self.advance();
                Stage::LabelFormat(self.list(Self::label_format)?)
            }
            Word::Drop => {
                self.advance();
                Stage::Drop(self.list(Self::name_or_matcher)?)
            }
            Word::Keep => {
                self.advance();
                Stage::Keep(self.list(Self::name_or_matcher)?)
            }
            _ => return self.unexpected(&[]),
        };
        Ok(stage)
    }

    /// At least one, with commas between.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.take_if(TokenKind::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn logfmt(&mut self) -> Parse<Stage> {
        let (mut strict, mut keep_empty) = (false, false);
        while self.peek() == TokenKind::Flag {
            let flag = self.text(TokenKind::Flag)?;
            strict |= flag == "--strict";
            keep_empty |= flag == "--keep-empty";
        }
        Ok(Stage::Logfmt { strict, keep_empty, fields: self.extractions()? })
    }

    fn extractions(&mut self) -> Parse<Vec<Extraction>> {
        if self.peek() != TokenKind::Identifier {
            return Ok(Vec::new());
        }
        self.list(|parser| {
            let label = parser.name()?;
            let expression =
                if parser.take_if(TokenKind::Equal) { parser.string()? } else { label.clone() };
            Ok(Extraction { label, expression })
        })
    }

    fn label_format(&mut self) -> Parse<LabelFormat> {
        let label = self.name()?;
        self.expect(TokenKind::Equal)?;
        let value = match self.peek() {
            TokenKind::Identifier => LabelFormatValue::Rename(self.name()?),
            TokenKind::String => LabelFormatValue::Template(self.string()?),
            _ => return self.unexpected(&[TokenKind::Identifier, TokenKind::String]),
        };
        Ok(LabelFormat { label, value })
    }

    fn name_or_matcher(&mut self) -> Parse<NameOrMatcher> {
        let name = self.name()?;
        let Some(op) = self.match_op() else { return Ok(NameOrMatcher::Name(name)) };
        self.advance();
        let value = self.string()?;
        Ok(NameOrMatcher::Matcher(new_matcher(name, op, value)?))
    }
}

/// A parser, whose text Loki looks at right away.
fn checked(name: &str, stage: Stage) -> Parse<Stage> {
    match pipeline::check(&stage) {
        Ok(()) => Ok(stage),
        Err(why) => Err(ParseError::nowhere(format!("invalid {name} parser: {why}"))),
    }
}

pub(super) fn new_matcher(label: String, op: MatchOp, value: String) -> Parse<Matcher> {
    Matcher::new(label, op, value).map_err(|error| ParseError::nowhere(error.to_string()))
}
