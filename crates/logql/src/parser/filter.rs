//! Filters: of lines by their text, of entries by their labels.

use super::selector::new_matcher;
use super::{Parse, Parser};
use crate::ast::{BinaryOp, Compare, LabelFilter, LineFilter, LineOp, LineOperand};
use crate::token::{TokenKind, Value, Word};

/// How tight `or` and `and` bind; commas and blanks take in all that follows.
const ALL: u8 = 0;
const OR: u8 = 1;
const AND: u8 = 2;

impl Parser {
    /// What the next token means in front of a text that lines are compared with.
    pub(super) fn line_op(&self) -> Option<LineOp> {
        match self.peek() {
            TokenKind::Line(op) => Some(op),
            TokenKind::Operator(BinaryOp::Ne) => Some(LineOp::NotContains),
            _ => None,
        }
    }

    /// What stands behind the operator: operands joined by `or`. A negative operator makes a filter
    /// of each.
    pub(super) fn line_filters(&mut self, op: LineOp) -> Parse<Vec<LineFilter>> {
        let mut operands = vec![self.line_operand()?];
        while self.take_if(TokenKind::Operator(BinaryOp::Or)) {
            operands.push(self.line_operand()?);
        }
        if op.is_negative() {
            let alone = |operand| LineFilter { op, operands: vec![operand] };
            return Ok(operands.into_iter().map(alone).collect());
        }
        Ok(vec![LineFilter { op, operands }])
    }

    fn line_operand(&mut self) -> Parse<LineOperand> {
        match self.peek() {
            TokenKind::String => Ok(LineOperand::Text(self.string()?)),
            TokenKind::Word(Word::Ip) => Ok(LineOperand::Ip(self.ip_argument()?)),
            _ => self.unexpected(&[TokenKind::String, TokenKind::Word(Word::Ip)]),
        }
    }

    /// Conditions on labels.
    pub(super) fn label_filter(&mut self) -> Parse<LabelFilter> {
        let mut operators = 0;
        self.label_filters(ALL, &mut operators)
    }

    /// Conditions joined by what binds at least so tight.
    fn label_filters(&mut self, minimum: u8, operators: &mut u32) -> Parse<LabelFilter> {
        self.deeper(|parser| {
            let mut left = parser.label_condition()?;
            loop {
                let (precedence, right_minimum) = match parser.peek() {
                    TokenKind::Comma | TokenKind::Identifier | TokenKind::OpenParen => {
                        (u8::MAX, ALL)
                    }
                    TokenKind::Operator(BinaryOp::And) => (AND, AND + 1),
                    TokenKind::Operator(BinaryOp::Or) => (OR, OR + 1),
                    _ => break,
                };
                if precedence < minimum {
                    break;
                }
                if !matches!(parser.peek(), TokenKind::Identifier | TokenKind::OpenParen) {
                    parser.advance();
                }
                *operators += 1;
                if *operators > super::DEPTH_MAX {
                    return Err(super::too_deep());
                }
                let right = parser.label_filters(right_minimum, operators)?;
                let sides = (Box::new(left), Box::new(right));
                left = if precedence == OR {
                    LabelFilter::Or(sides.0, sides.1)
                } else {
                    LabelFilter::And(sides.0, sides.1)
                };
            }
            Ok(left)
        })
    }

    /// One condition, or several in parentheses.
    fn label_condition(&mut self) -> Parse<LabelFilter> {
        match self.peek() {
            TokenKind::OpenParen => {
                self.advance();
                let inner = self.label_filter()?;
                return if self.take_if(TokenKind::CloseParen) {
                    Ok(inner)
                } else {
                    self.unexpected(&[])
                };
            }
            TokenKind::Identifier => {}
            _ => return self.unexpected(&[]),
        }
        let label = self.name()?;
        let match_op = self.match_op();
        let compare = self.compare();
        if match_op.is_none() && compare.is_none() {
            return self.unexpected(&[]);
        }
        self.advance();
        match (match_op, compare, self.peek()) {
            (Some(op), _, TokenKind::String) => {
                let value = self.string()?;
                Ok(LabelFilter::Text(new_matcher(label, op, value)?))
            }
            (Some(_), Some(compare), TokenKind::Word(Word::Ip)) => {
                Ok(LabelFilter::Ip(label, compare, self.ip_argument()?))
            }
            (_, Some(compare), _) => self.comparison(label, compare),
            _ => self.unexpected(&[TokenKind::String]),
        }
    }

    /// The number behind a comparison.
    fn comparison(&mut self, label: String, compare: Compare) -> Parse<LabelFilter> {
        let filter = match self.peek_at(0).value {
            Value::Duration(nanos) if self.peek() == TokenKind::Duration => {
                LabelFilter::Duration(label, compare, nanos)
            }
            Value::Bytes(bytes) => LabelFilter::Bytes(label, compare, bytes),
            _ => {
                return match self.peek() {
                    TokenKind::Number | TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                        Ok(LabelFilter::Number(label, compare, self.literal()?))
                    }
                    _ => self.unexpected(&[]),
                };
            }
        };
        self.advance();
        Ok(filter)
    }

    /// What the next token means between a label and a number.
    fn compare(&self) -> Option<Compare> {
        Some(match self.peek() {
            TokenKind::Equal | TokenKind::Operator(BinaryOp::Eq) => Compare::Eq,
            TokenKind::Operator(BinaryOp::Ne) => Compare::Ne,
            TokenKind::Operator(BinaryOp::Gt) => Compare::Gt,
            TokenKind::Operator(BinaryOp::Ge) => Compare::Ge,
            TokenKind::Operator(BinaryOp::Lt) => Compare::Lt,
            TokenKind::Operator(BinaryOp::Le) => Compare::Le,
            _ => return None,
        })
    }
}
