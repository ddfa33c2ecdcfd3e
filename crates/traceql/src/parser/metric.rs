//! Functions that make series of spans, and what is done to series.

use super::operation::number_op;
use super::{Parse, Parser};
use crate::ast::{
    Attribute, BinaryOp, MetricExpr, MetricFunction, Pipeline, Place, SeriesStage, Static,
};
use crate::fold;
use crate::token::{TokenKind, TokenValue};

/// How many values `compare()` tells of each attribute if not said.
const COMPARE_TOP: i64 = 10;

const NANOS_PER_SECOND: f64 = 1e9;

/// A function with its grouping, before it is known what it is over.
#[derive(Debug)]
pub(super) struct Metric {
    function: MetricFunction,
    by: Vec<Attribute>,
    place: Place,
}

impl Metric {
    /// The function over the spans of a pipeline.
    pub(super) fn over(self, pipeline: Pipeline) -> MetricExpr {
        let Self { function, by, place } = self;
        MetricExpr::Aggregate { pipeline, function, by, then: Vec::new(), place }
    }
}

impl Parser {
    /// A function that makes series, if one follows.
    pub(super) fn metric_function(&mut self) -> Parse<Option<Metric>> {
        let start = self.start();
        let kind = self.peek();
        let function = match kind {
            TokenKind::Rate => self.of_nothing(MetricFunction::Rate)?,
            TokenKind::CountOverTime => self.of_nothing(MetricFunction::CountOverTime)?,
            TokenKind::MinOverTime => MetricFunction::MinOverTime(self.of_attribute()?),
            TokenKind::MaxOverTime => MetricFunction::MaxOverTime(self.of_attribute()?),
            TokenKind::SumOverTime => MetricFunction::SumOverTime(self.of_attribute()?),
            TokenKind::AvgOverTime => MetricFunction::AvgOverTime(self.of_attribute()?),
            TokenKind::HistogramOverTime => MetricFunction::HistogramOverTime(self.of_attribute()?),
            TokenKind::QuantileOverTime => self.quantiles()?,
            TokenKind::Compare => self.compare()?,
            _ => return Ok(None),
        };
        let mut by = Vec::new();
        if kind != TokenKind::Compare && self.take_if(TokenKind::By) {
            by = self.attributes_in_parens()?;
        }
        Ok(Some(Metric { function, by, place: self.place_from(start) }))
    }

    fn of_nothing(&mut self, function: MetricFunction) -> Parse<MetricFunction> {
        self.advance();
        self.expect(TokenKind::OpenParen)?;
        self.expect(TokenKind::CloseParen)?;
        Ok(function)
    }

    fn of_attribute(&mut self) -> Parse<Attribute> {
        self.advance();
        self.expect(TokenKind::OpenParen)?;
        let attribute = self.attribute()?;
        self.expect(TokenKind::CloseParen)?;
        Ok(attribute)
    }

    /// `quantile_over_time(x, .5, .9)`.
    fn quantiles(&mut self) -> Parse<MetricFunction> {
        self.advance();
        self.expect(TokenKind::OpenParen)?;
        let attribute = self.attribute()?;
        let mut quantiles = Vec::new();
        while quantiles.is_empty() || self.peek() == TokenKind::Comma {
            self.expect(TokenKind::Comma)?;
            quantiles.push(match self.peek_at(0).value {
                TokenValue::Int(value) => value as f64,
                TokenValue::Float(value) => value,
                _ => return self.unexpected(&[TokenKind::Integer, TokenKind::Float]),
            });
            self.advance();
        }
        if !self.take_if(TokenKind::CloseParen) {
            return self.unexpected(&[TokenKind::CloseParen, TokenKind::Comma]);
        }
        Ok(MetricFunction::QuantileOverTime(attribute, quantiles))
    }

    /// `compare({ … }, 10, start, end)`.
    fn compare(&mut self) -> Parse<MetricFunction> {
        self.advance();
        self.expect(TokenKind::OpenParen)?;
        let (selection, _) = self.braces()?;
        let (mut top, mut start_ns, mut end_ns) = (COMPARE_TOP, 0, 0);
        if self.take_if(TokenKind::Comma) {
            top = self.integer()?;
            if self.take_if(TokenKind::Comma) {
                start_ns = self.integer()?;
                self.expect(TokenKind::Comma)?;
                end_ns = self.integer()?;
            }
        }
        if !self.take_if(TokenKind::CloseParen) {
            return self.unexpected(&[TokenKind::CloseParen, TokenKind::Comma]);
        }
        Ok(MetricFunction::Compare { selection, top, start_ns, end_ns })
    }

    /// `| topk(5) > 10 | …`, added to what is done to the series already.
    pub(super) fn series_stages(&mut self, metric: &mut MetricExpr) -> Parse<()> {
        let then = match metric {
            MetricExpr::Aggregate { then, .. } | MetricExpr::Binary { then, .. } => then,
            MetricExpr::Scalar(_) => return Ok(()),
        };
        while let Some(stage) = self.series_stage()? {
            then.push(stage);
        }
        Ok(())
    }

    fn series_stage(&mut self) -> Parse<Option<SeriesStage>> {
        if self.take_if(TokenKind::Pipe) {
            let stage = match self.peek() {
                TokenKind::TopK => SeriesStage::TopK,
                TokenKind::BottomK => SeriesStage::BottomK,
                _ => return self.unexpected(&[TokenKind::TopK, TokenKind::BottomK]),
            };
            self.advance();
            self.expect(TokenKind::OpenParen)?;
            let limit = self.integer()?;
            self.expect(TokenKind::CloseParen)?;
            return Ok(Some(stage(limit)));
        }
        let Some(op) = number_op(self.peek()).filter(|op: &BinaryOp| op.is_comparison()) else {
            return Ok(None);
        };
        self.advance();
        let value = self.constant_number()?;
        let number = fold::number(&value).unwrap_or_default();
        let seconds = matches!(value, Static::Duration(_));
        let value = if seconds { number / NANOS_PER_SECOND } else { number };
        Ok(Some(SeriesStage::Filter { op, value }))
    }
}
