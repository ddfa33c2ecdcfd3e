//! Pipelines: stages with `|` between, at the root of a query and in parentheses.

use super::operation::{Kinds, Operand, pipeline_operand};
use super::{Parse, Parser};
use crate::ast::{Pipeline, Root, ScalarExpr, Stage};
use crate::token::TokenKind;

/// What a text between parentheses, or all of it, turned out to be.
#[derive(Debug)]
enum Piped {
    /// Stages that keep spans or sets.
    Stages(Vec<Stage>),
    /// Anything else.
    Operand(Operand),
}

impl Parser {
    pub(super) fn root(&mut self) -> Parse<Root> {
        let wanted = Kinds::SPANS.and(Kinds::FILTER).and(Kinds::METRIC);
        let (piped, _) = self.piped(wanted, false)?;
        match piped {
            Piped::Stages(stages) => Ok(Root::Search(Pipeline { stages })),
            Piped::Operand(Operand::Metric(mut metric)) => {
                self.series_stages(&mut metric)?;
                Ok(Root::Metric(metric))
            }
            Piped::Operand(_) => self.unexpected(&[]),
        }
    }

    /// What stands in parentheses where one of the kinds is wanted outside, without the parentheses.
    pub(super) fn in_parens(&mut self, wanted: Kinds) -> Parse<(Operand, u32)> {
        let (piped, depth) = self.piped(wanted.in_parens(), true)?;
        match piped {
            Piped::Stages(stages) => Ok((pipeline_operand(stages), depth)),
            Piped::Operand(Operand::Metric(mut metric)) => {
                self.series_stages(&mut metric)?;
                Ok((Operand::Metric(metric), depth))
            }
            Piped::Operand(operand) => Ok((operand, depth)),
        }
    }

    /// An operation, or a pipeline with what comes out at its end.
    fn piped(&mut self, wanted: Kinds, in_parens: bool) -> Parse<(Piped, u32)> {
        let stages_wanted = wanted.has(Kinds::SPANS);
        let (first, mut depth) = match self.peek() {
            TokenKind::By | TokenKind::Select if stages_wanted => self.stage(false)?,
            _ => match self.operation(wanted, 0)? {
                (Operand::Spans(spans), depth) => (Stage::Spans(spans), depth),
                (Operand::Filter(filter), depth) => (Stage::Scalar(filter), depth),
                (operand, depth) => return Ok((Piped::Operand(operand), depth)),
            },
        };
        let mut stages = vec![first];
        while self.peek() == TokenKind::Pipe {
            self.advance();
            if let Some(metric) = self.metric_function()? {
                let metric = metric.over(Pipeline { stages });
                return Ok((Piped::Operand(Operand::Metric(metric)), depth));
            }
            if in_parens && self.is_aggregate_alone() {
                let (aggregate, of_aggregate) = self.aggregate()?;
                depth = self.over(depth.max(of_aggregate))?;
                let (pipeline, aggregate) = (Pipeline { stages }, Box::new(aggregate));
                let number = ScalarExpr::Pipeline { pipeline, aggregate };
                return Ok((Piped::Operand(Operand::Number(number)), depth));
            }
            let (stage, of_stage) = self.stage(true)?;
            depth = depth.max(of_stage);
            stages.push(stage);
        }
        Ok((Piped::Stages(stages), self.over(depth)?))
    }

    /// Whether an aggregate follows with which the parentheses end.
    fn is_aggregate_alone(&self) -> bool {
        let mut open = 0_usize;
        let is_function = matches!(
            self.peek(),
            TokenKind::Count | TokenKind::Min | TokenKind::Max | TokenKind::Sum | TokenKind::Avg
        );
        if !is_function {
            return false;
        }
        for ahead in 1.. {
            match self.peek_at(ahead).kind {
                TokenKind::OpenParen => open += 1,
                TokenKind::CloseParen if open <= 1 => {
                    return self.peek_at(ahead + 1).kind == TokenKind::CloseParen;
                }
                TokenKind::CloseParen => open -= 1,
                TokenKind::Eof => return false,
                _ => {}
            }
        }
        false
    }

    /// A stage, and how deep its tree is; `coalesce()` is never the first.
    fn stage(&mut self, coalesces: bool) -> Parse<(Stage, u32)> {
        match self.peek() {
            TokenKind::By => {
                self.advance();
                self.expect(TokenKind::OpenParen)?;
                let (by, depth) = self.field(0)?;
                if !self.take_if(TokenKind::CloseParen) {
                    return self.unexpected(&[]);
                }
                Ok((Stage::By(by), depth))
            }
            TokenKind::Select => {
                self.advance();
                Ok((Stage::Select(self.attributes_in_parens()?), 1))
            }
            TokenKind::Coalesce if coalesces => {
                self.advance();
                self.expect(TokenKind::OpenParen)?;
                self.expect(TokenKind::CloseParen)?;
                Ok((Stage::Coalesce, 1))
            }
            _ => match self.operation(Kinds::SPANS.and(Kinds::FILTER), 0)? {
                (Operand::Spans(spans), depth) => Ok((Stage::Spans(spans), depth)),
                (Operand::Filter(filter), depth) => Ok((Stage::Scalar(filter), depth)),
                _ => self.unexpected(&[]),
            },
        }
    }
}
