//! What makes numbers: ranges, aggregations, operators and functions.

use watchkeep_model::regex::Pattern;

use super::{DEPTH_MAX, Node, Parse, Parser, fold, too_deep};
use crate::ast::{
    BinaryOp, Cardinality, Conversion, Expr, Grouping, LogExpr, LogRange, Matching, MetricExpr,
    MetricKind, RangeOp, Span, Stage, Unwrap, VectorOp,
};
use crate::pipeline::number;
use crate::token::{TokenKind, Word};

/// How tight an operator binds.
pub(crate) fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::Lt | BinaryOp::Le => {
            3
        }
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => 5,
        BinaryOp::Pow => 6,
    }
}

/// A node around others.
fn node(kind: MetricKind, span: Span, children_depth: u32) -> Parse<Node> {
    if children_depth >= DEPTH_MAX {
        return Err(too_deep());
    }
    let expr = Expr::Metric(MetricExpr { kind, span });
    Ok(Node { expr, depth: children_depth + 1 })
}

impl Parser {
    /// Lines or numbers, with operators that bind at least so tight.
    pub(super) fn expression(&mut self, minimum: u8) -> Parse<Node> {
        self.deeper(|parser| {
            let mut left = parser.operand()?;
            while let TokenKind::Operator(op) = parser.peek()
                && precedence(op) >= minimum
            {
                parser.advance();
                let matching = parser.matching()?;
                // Powers alone group from the right.
                let right_minimum = precedence(op) + u8::from(op != BinaryOp::Pow);
                let right = parser.expression(right_minimum)?;
                left = parser.binary(op, matching, left, right)?;
            }
            Ok(left)
        })
    }

    /// A node that must be of numbers where lines would make no sense to the grammar.
    fn metric(&mut self) -> Parse<(MetricExpr, u32)> {
        let Node { expr, depth } = self.expression(0)?;
        match expr {
            Expr::Metric(expr) => Ok((expr, depth)),
            Expr::Log(_) => self.unexpected(&[]),
        }
    }

    fn operand(&mut self) -> Parse<Node> {
        let start = self.start();
        match self.peek() {
            TokenKind::OpenBrace => {
                let log = self.log()?;
                Ok(Node { expr: Expr::Log(log), depth: 1 })
            }
            TokenKind::OpenParen => {
                self.advance();
                let inner = self.expression(0)?;
                if !self.take_if(TokenKind::CloseParen) {
                    return self.unexpected(&[]);
                }
                Ok(inner)
            }
            TokenKind::Number | TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                let value = self.literal()?;
                node(MetricKind::Number(value), self.span_from(start), 0)
            }
            TokenKind::RangeOp(op) => self.range_aggregation(op),
            TokenKind::VectorOp(op) => self.aggregation(op),
            TokenKind::LabelReplace => self.label_replace(),
            TokenKind::Vector => self.vector(),
            _ => self.unexpected(&[]),
        }
    }

    fn log(&mut self) -> Parse<LogExpr> {
        let start = self.start();
        let matchers = self.matchers()?;
        let stages = self.stages()?;
        if self.peek() == TokenKind::Pipe {
            // Numbers are taken of lines only where there is a range.
            self.advance();
            return self.unexpected(&[]);
        }
        Ok(LogExpr { matchers, stages, span: self.span_from(start) })
    }

    /// `bool`, `on (…)` and the like behind an operator.
    fn matching(&mut self) -> Parse<Matching> {
        let mut matching = Matching {
            return_bool: self.take_if(TokenKind::Word(Word::Bool)),
            on: false,
            labels: Vec::new(),
            cardinality: Cardinality::OneToOne,
            include: Vec::new(),
        };
        matching.on = match self.peek() {
            TokenKind::Word(Word::On) => true,
            TokenKind::Word(Word::Ignoring) => false,
            _ => return Ok(matching),
        };
        self.advance();
        matching.labels = self.names_in_parens()?;
        matching.cardinality = match self.peek() {
            TokenKind::Word(Word::GroupLeft) => Cardinality::ManyToOne,
            TokenKind::Word(Word::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(matching),
        };
        self.advance();
        if self.peek() == TokenKind::OpenParen {
            matching.include = self.names_in_parens()?;
        }
        Ok(matching)
    }

    fn binary(&mut self, op: BinaryOp, matching: Matching, left: Node, right: Node) -> Parse<Node> {
        let depth = left.depth.max(right.depth);
        let mut side = |name: &str, expr: Expr| match expr {
            Expr::Metric(expr) => expr,
            Expr::Log(log) => {
                let kind = if log.stages.is_empty() { "MatchersExpr" } else { "PipelineExpr" };
                let op = op.symbol();
                self.defer(format!(
                    "unexpected type for {name} leg of binary operation ({op}): *syntax.{kind}"
                ));
                MetricExpr { kind: MetricKind::Number(0.0), span: log.span }
            }
        };
        let left = side("left", left.expr);
        let right = side("right", right.expr);
        let span = Span { start: left.span.start, end: right.span.end };
        let literal = |expr: &MetricExpr| match expr.kind {
            MetricKind::Number(value) => Some(value),
            _ => None,
        };
        if op.is_set_operator() {
            for (name, side) in [("left", &left), ("right", &right)] {
                if let Some(value) = literal(side) {
                    let op = op.symbol();
                    self.defer(format!(
                        "unexpected literal for {name} leg of logical/set binary operation ({op}): {value:.6}"
                    ));
                }
            }
        }
        if let (Some(left), Some(right)) = (literal(&left), literal(&right))
            && let Some(value) = fold::fold(op, left, right)
        {
            return node(MetricKind::Number(value), span, 0);
        }
        let (left, right) = (Box::new(left), Box::new(right));
        node(MetricKind::Binary { op, left, right, matching }, span, depth)
    }

    fn range_aggregation(&mut self, op: RangeOp) -> Parse<Node> {
        let start = self.start();
        self.advance();
        self.expect(TokenKind::OpenParen)?;
        let name = op.name();
        let mut parameter = None;
        match self.peek() {
            TokenKind::Number => {
                let text = self.text(TokenKind::Number)?;
                self.expect(TokenKind::Comma)?;
                if op != RangeOp::QuantileOverTime {
                    self.defer(format!("parameter {text} not supported for operation {name}"));
                }
                match number::parse_float(&text) {
                    Ok(value) => parameter = Some(value),
                    Err(why) => {
                        self.defer(format!("invalid parameter for operation {name}: {why}"));
                    }
                }
            }
            TokenKind::OpenBrace | TokenKind::OpenParen => {}
            _ => {
                return self.unexpected(&[
                    TokenKind::Number,
                    TokenKind::OpenBrace,
                    TokenKind::OpenParen,
                ]);
            }
        }
        let range = self.range()?;
        self.expect(TokenKind::CloseParen)?;
        let grouping = self.grouping()?;
        if op == RangeOp::QuantileOverTime && parameter.is_none() {
            self.defer(format!("parameter required for operation {name}"));
        }
        if grouping.is_some() && !op.takes_grouping() {
            self.defer(format!("grouping not allowed for {name} aggregation"));
        }
        if range.unwrap.is_some() && !op.takes_unwrap() {
            self.defer(format!("invalid aggregation {name} with unwrap"));
        }
        if range.unwrap.is_none() && !op.takes_lines() {
            self.defer(format!("invalid aggregation {name} without unwrap"));
        }
        let range = Box::new(range);
        let span = self.span_from(start);
        node(MetricKind::Range { op, parameter, range, grouping }, span, 0)
    }

    /// The lines of a range aggregation, in one of the orders that Loki allows.
    fn range(&mut self) -> Parse<LogRange> {
        let in_parens = self.peek() == TokenKind::OpenParen;
        if in_parens {
            self.advance();
            if self.peek() == TokenKind::OpenParen {
                let range = self.deeper(Self::range)?;
                self.expect(TokenKind::CloseParen)?;
                return Ok(range);
            }
        }
        if self.peek() != TokenKind::OpenBrace {
            let brace_or_paren = [TokenKind::OpenBrace, TokenKind::OpenParen];
            return self.unexpected(&brace_or_paren);
        }
        let start = self.start();
        let matchers = self.matchers()?;
        let stages = self.stages()?;
        let unwrap = self.unwrap()?;
        let mut log = LogExpr { matchers, stages, span: self.span_from(start) };
        let is_bare = log.stages.is_empty() && unwrap.is_none();
        if in_parens && self.take_if(TokenKind::CloseParen) {
            let range_ns = self.nanos(TokenKind::Range)?;
            let offset_ns = self.offset()?;
            let unwrap = if is_bare { self.unwrap()? } else { unwrap };
            return Ok(LogRange { log, unwrap, range_ns, offset_ns });
        }
        if self.peek() != TokenKind::Range {
            return self.unexpected(&[]);
        }
        let range_ns = self.nanos(TokenKind::Range)?;
        let offset_ns = self.offset()?;
        let mut range = LogRange { log: LogExpr::default(), unwrap, range_ns, offset_ns };
        if is_bare {
            log.stages = self.stages()?;
            if !log.stages.is_empty() {
                log.span = self.span_from(start);
            }
            range.unwrap = self.unwrap()?;
        }
        range.log = log;
        if in_parens {
            self.expect(TokenKind::CloseParen)?;
        }
        Ok(range)
    }

    /// `offset 5m`, or else 0.
    fn offset(&mut self) -> Parse<i64> {
        if self.take_if(TokenKind::Word(Word::Offset)) {
            self.nanos(TokenKind::Duration)
        } else {
            Ok(0)
        }
    }

    /// `| unwrap a` with the filters behind it.
    fn unwrap(&mut self) -> Parse<Option<Unwrap>> {
        let start = self.start();
        let is_unwrap =
            self.peek() == TokenKind::Pipe && self.peek_at(1).kind == TokenKind::Word(Word::Unwrap);
        if !is_unwrap {
            return Ok(None);
        }
        self.advance();
        self.advance();
        let (label, conversion) = match self.peek() {
            TokenKind::Identifier => (self.name()?, Conversion::Float),
            TokenKind::Conversion(conversion) => {
                self.advance();
                self.expect(TokenKind::OpenParen)?;
                let label = self.name()?;
                self.expect(TokenKind::CloseParen)?;
                (label, conversion)
            }
            _ => {
                return self.unexpected(&[
                    TokenKind::Identifier,
                    TokenKind::Conversion(Conversion::Bytes),
                    TokenKind::Conversion(Conversion::Duration { seconds: false }),
                    TokenKind::Conversion(Conversion::Duration { seconds: true }),
                ]);
            }
        };
        let mut filters = Vec::new();
        while self.take_if(TokenKind::Pipe) {
            if !matches!(self.peek(), TokenKind::Identifier | TokenKind::OpenParen) {
                return self.unexpected(&[TokenKind::Identifier, TokenKind::OpenParen]);
            }
            filters.push(self.label_filter()?);
        }
        for filter in &filters {
            self.check(&Stage::LabelFilter(filter.clone()));
        }
        Ok(Some(Unwrap { label, conversion, filters, span: self.span_from(start) }))
    }

    fn grouping(&mut self) -> Parse<Option<Grouping>> {
        let without = match self.peek() {
            TokenKind::Word(Word::By) => false,
            TokenKind::Word(Word::Without) => true,
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(Grouping { without, labels: self.names_in_parens()? }))
    }

    fn aggregation(&mut self, op: VectorOp) -> Parse<Node> {
        let start = self.start();
        self.advance();
        let mut grouping = self.grouping()?;
        if !self.take_if(TokenKind::OpenParen) {
            let by_or_without = [TokenKind::Word(Word::By), TokenKind::Word(Word::Without)];
            return if grouping.is_some() {
                self.unexpected(&[TokenKind::OpenParen])
            } else {
                self.unexpected(&[TokenKind::OpenParen, by_or_without[0], by_or_without[1]])
            };
        }
        let mut text = None;
        if self.peek() == TokenKind::Number && self.peek_at(1).kind == TokenKind::Comma {
            text = Some(self.text(TokenKind::Number)?);
            self.advance();
        }
        let (inner, depth) = self.metric()?;
        if !self.take_if(TokenKind::CloseParen) {
            return self.unexpected(&[]);
        }
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let parameter = self.aggregation_parameter(op, text.as_deref(), grouping.as_ref());
        let sorts = matches!(op, VectorOp::Sort | VectorOp::SortDesc);
        if sorts && grouping.as_ref().is_some_and(|grouping| !grouping.labels.is_empty()) {
            self.defer("sort and sort_desc doesn't allow grouping by ");
        }
        let grouping = grouping.filter(|grouping| grouping.without || !grouping.labels.is_empty());
        let inner = Box::new(inner);
        let span = self.span_from(start);
        node(MetricKind::Aggregation { op, parameter, inner, grouping }, span, depth)
    }

    fn aggregation_parameter(
        &mut self,
        op: VectorOp,
        text: Option<&str>,
        grouping: Option<&Grouping>,
    ) -> Option<i64> {
        let name = op.name();
        let Some(text) = text else {
            if op.takes_parameter() {
                self.defer(format!("parameter required for operation {name}"));
            }
            return None;
        };
        if !op.takes_parameter() {
            self.defer(format!("unsupported parameter for operation {name}({text},"));
            return None;
        }
        let Ok(parameter) = text.parse::<i64>() else {
            self.defer(format!("invalid parameter {name}({text},"));
            return None;
        };
        if parameter <= 0 {
            self.defer(format!("invalid parameter (must be greater than 0) {name}({text}"));
        } else if op == VectorOp::ApproxTopK && grouping.is_some() {
            self.defer(format!("grouping not allowed for {name} aggregation"));
        }
        Some(parameter)
    }

    fn label_replace(&mut self) -> Parse<Node> {
        let start = self.start();
        self.advance();
        self.expect(TokenKind::OpenParen)?;
        let (inner, depth) = self.metric()?;
        let mut strings = [const { String::new() }; 4];
        for (at, string) in strings.iter_mut().enumerate() {
            if !self.take_if(TokenKind::Comma) {
                let comma: &[TokenKind] = if at == 0 { &[] } else { &[TokenKind::Comma] };
                return self.unexpected(comma);
            }
            *string = self.string()?;
        }
        self.expect(TokenKind::CloseParen)?;
        let [destination, replacement, source, pattern] = strings;
        // Loki shows the expression with what it puts around it.
        let anchored = Pattern::unanchored(&format!("^(?:{pattern})$"));
        if let Err(why) = anchored.and_then(|_| Pattern::anchored(&pattern)) {
            self.defer(format!("invalid regex in label_replace: {why}"));
        }
        let inner = Box::new(inner);
        let kind = MetricKind::LabelReplace { inner, destination, replacement, source, pattern };
        node(kind, self.span_from(start), depth)
    }

    fn vector(&mut self) -> Parse<Node> {
        let start = self.start();
        self.advance();
        self.expect(TokenKind::OpenParen)?;
        let text = self.text(TokenKind::Number)?;
        self.expect(TokenKind::CloseParen)?;
        let value = number::parse_float(&text).unwrap_or_else(|why| {
            self.defer(format!("unable to parse vectorExpr as a float: {why}"));
            0.0
        });
        node(MetricKind::Vector(value), self.span_from(start), 0)
    }
}
