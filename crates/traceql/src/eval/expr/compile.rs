//! From an expression of a query to one that is evaluated.

use watchkeep_model::regex::Pattern;

use super::scalar::flipped;
use super::test::Test;
use super::{Expr, Node};
use crate::ast::{Attribute, BinaryOp, FieldExpr, Intrinsic, Name, Static, UnaryOp};
use crate::eval::error::{EvalError, Result};
use crate::plan::{Fields, repeated_scope};

/// Which events (or links) conditions that stand together are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elements {
    /// Conditions that are joined with `&&` only are on one event. So it is in Tempo as long as
    /// every condition of a query has to hold.
    Same,
    /// Each condition may be fulfilled by another event.
    Any,
}

impl Expr {
    /// Prepares an expression; asks `fields` for what it takes.
    ///
    /// # Errors
    /// [`EvalError::Invalid`] for what a checked query does not have: a damaged regular expression,
    /// a name that is not supported.
    pub fn new(expression: &FieldExpr, elements: Elements, fields: &mut Fields) -> Result<Self> {
        Ok(Self { node: Compiler { elements, fields }.node(expression)? })
    }

    /// Prepares a plain name.
    ///
    /// # Errors
    /// [`EvalError::Invalid`] for a name that is not supported.
    pub fn of_attribute(attribute: &Attribute, fields: &mut Fields) -> Result<Self> {
        Self::new(&FieldExpr::Attribute(attribute.clone()), Elements::Any, fields)
    }
}

struct Compiler<'f> {
    elements: Elements,
    fields: &'f mut Fields,
}

impl Compiler<'_> {
    fn node(&mut self, expression: &FieldExpr) -> Result<Node> {
        Ok(match expression {
            FieldExpr::Static(constant) => Node::Constant(constant.clone()),
            FieldExpr::Attribute(attribute) => Node::Field(self.resolve(attribute)?),
            FieldExpr::Unary { op: UnaryOp::Minus, of } => Node::Minus(Box::new(self.node(of)?)),
            FieldExpr::Unary { op: UnaryOp::Not, of } => Node::Not(Box::new(self.node(of)?)),
            FieldExpr::Exists { exists, of } => match of.as_ref() {
                FieldExpr::Attribute(attribute) => Node::Exists(self.resolve(attribute)?, *exists),
                other => Node::IsThere(Box::new(self.node(other)?), *exists),
            },
            FieldExpr::Binary { op: BinaryOp::And, .. } => self.conjunction(expression)?,
            FieldExpr::Binary { op: BinaryOp::Or, .. } => {
                let mut parts = Vec::new();
                collect_chain(expression, BinaryOp::Or, &mut parts);
                let nodes: Result<Vec<Node>> =
                    parts.into_iter().map(|part| self.node(part)).collect();
                Node::Some(nodes?)
            }
            FieldExpr::Binary { op, left, right, .. } => self.binary(*op, left, right)?,
        })
    }

    fn resolve(&mut self, attribute: &Attribute) -> Result<crate::plan::FieldRef> {
        self.fields
            .resolve(attribute)
            .ok_or_else(|| EvalError::Invalid("intrinsic (parent) not yet supported".to_owned()))
    }

    fn binary(&mut self, op: BinaryOp, left: &FieldExpr, right: &FieldExpr) -> Result<Node> {
        if let Some((attribute, op, constant)) = comparison(op, left, right) {
            let (field, test) = self.test(attribute, op, constant)?;
            return Ok(Node::Compare(field, test));
        }
        let (left, right) = (self.node(left)?, self.node(right)?);
        Ok(match op {
            // What is reckoned is no text.
            BinaryOp::Regex | BinaryOp::NotRegex => Node::Constant(Static::Bool(false)),
            op => Node::Binary(op, Box::new(left), Box::new(right)),
        })
    }

    fn test(
        &mut self,
        attribute: &Attribute,
        op: BinaryOp,
        constant: &Static,
    ) -> Result<(crate::plan::FieldRef, Test)> {
        let field = self.resolve(attribute)?;
        let constant = id_text(&attribute.name, op, constant);
        let pattern = match (op, &constant) {
            (BinaryOp::Regex | BinaryOp::NotRegex, Static::Text(text)) => Some(
                Pattern::anchored(text)
                    .map_err(|_| EvalError::Invalid(format!("invalid regex: `{text}`")))?,
            ),
            _ => None,
        };
        Ok((field, Test::new(op, constant, pattern)))
    }

    /// `a && b && c`: conditions on events that have to hold of one event are put together.
    fn conjunction(&mut self, expression: &FieldExpr) -> Result<Node> {
        let mut conjuncts = Vec::new();
        collect_chain(expression, BinaryOp::And, &mut conjuncts);
        let mut nodes = Vec::new();
        let mut same: Vec<(watchkeep_model::SpanScope, Vec<_>)> = Vec::new();
        for conjunct in conjuncts {
            let repeated = match conjunct {
                FieldExpr::Binary { op, left, right, .. } if self.elements == Elements::Same => {
                    comparison(*op, left, right).filter(|(attribute, ..)| !attribute.of_parent)
                }
                _ => None,
            };
            let scoped = repeated.and_then(|(attribute, op, constant)| {
                Some((repeated_scope(&attribute.name)?, attribute, op, constant))
            });
            let Some((scope, attribute, op, constant)) = scoped else {
                nodes.push(self.node(conjunct)?);
                continue;
            };
            let test = self.test(attribute, op, constant)?;
            match same.iter_mut().find(|(known, _)| *known == scope) {
                Some((_, tests)) => tests.push(test),
                None => same.push((scope, vec![test])),
            }
        }
        nodes.extend(same.into_iter().map(|(_, tests)| Node::SameElement(tests)));
        Ok(Node::Every(nodes))
    }
}

/// The parts of `a && b && c` (or of `||`), in order, without recursion: chains may be long.
pub(crate) fn collect_chain<'e>(
    expression: &'e FieldExpr,
    chained: BinaryOp,
    into: &mut Vec<&'e FieldExpr>,
) {
    let mut open = vec![expression];
    while let Some(next) = open.pop() {
        match next {
            FieldExpr::Binary { op, left, right, .. } if *op == chained => {
                open.push(right);
                open.push(left);
            }
            other => into.push(other),
        }
    }
}

/// `name op constant`, turned round where the constant stands on the left.
pub(crate) fn comparison<'e>(
    op: BinaryOp,
    left: &'e FieldExpr,
    right: &'e FieldExpr,
) -> Option<(&'e Attribute, BinaryOp, &'e Static)> {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne, NotRegex, Regex};
    match (op, left, right) {
        (
            Eq | Ne | Lt | Le | Gt | Ge | Regex | NotRegex,
            FieldExpr::Attribute(name),
            FieldExpr::Static(constant),
        ) => Some((name, op, constant)),
        (Eq | Ne | Lt | Le | Gt | Ge, FieldExpr::Static(constant), FieldExpr::Attribute(name)) => {
            Some((name, flipped(op), constant))
        }
        _ => None,
    }
}

/// Ids are written with all their digits, as columns have them: clients leave out zeros in front.
pub(crate) fn id_text(name: &Name, op: BinaryOp, constant: &Static) -> Static {
    let digits = match name {
        Name::Intrinsic(Intrinsic::TraceId | Intrinsic::LinkTraceId) => 32,
        Name::Intrinsic(Intrinsic::SpanId | Intrinsic::ParentId | Intrinsic::LinkSpanId) => 16,
        _ => return constant.clone(),
    };
    match (op, constant) {
        (BinaryOp::Eq | BinaryOp::Ne, Static::Text(text)) => {
            Static::Text(format!("{:0>digits$}", text.to_ascii_lowercase()))
        }
        _ => constant.clone(),
    }
}
