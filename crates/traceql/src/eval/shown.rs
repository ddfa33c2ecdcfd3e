//! What an answer tells of each span that was found: values that conditions looked at, and those
//! that `select` names. Follows Tempo, where a value is told if the conditions on its name (of
//! attributes without a column of their own: the conditions on any attribute of the scope) let it
//! pass: of `{ .a = 1 || .b = 2 }` a span with `a` 1 and `b` 5 tells `a` only.

use watchkeep_model::SpanScope;
use watchkeep_model::attributes::Value;
use watchkeep_model::regex::Pattern;
use watchkeep_model::span_query::FieldColumn;

use super::expr::Elements;
use super::expr::compile::{collect_chain, comparison, id_text};
use super::expr::rows::{Rows, elements, read};
use super::expr::scalar::Scalar;
use super::expr::test::Test;
use super::label;
use crate::ast::{
    Attribute, BinaryOp, FieldExpr, Intrinsic, Name, Pipeline, ScalarExpr, SpansetExpr, Stage,
    Static,
};
use crate::plan::{FieldRef, Fields, repeated_scope};

/// Attributes that Tempo keeps in a column of their own (its defaults, and the service's name):
/// conditions on other attributes do not let their values pass.
const OWN_COLUMN: [&str; 15] = [
    "service.name",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "http.request.method",
    "http.response.status_code",
    "url.path",
    "url.route",
    "server.address",
    "server.port",
    "http.method",
    "http.url",
    "http.route",
    "http.status_code",
];

/// What is told of each span.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    names: Vec<ShownName>,
    conditions: Vec<Condition>,
    /// Whether conditions on events are on one event.
    same_element: bool,
}

#[derive(Debug)]
struct ShownName {
    key: String,
    name: Name,
    field: FieldRef,
    telling: Telling,
}

/// Which values of a name are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Telling {
    /// Those that pass the conditions.
    Passing,
    /// All: `select` names it.
    Selected,
    /// All: something else than a comparison with a constant looks at it.
    All,
}

/// A condition on a name, which lets values pass.
#[derive(Debug)]
struct Condition {
    name: Name,
    test: Test,
}

/// What is told of one span.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Its name, where it was looked at.
    pub(crate) name: Option<String>,
    /// Everything else.
    pub(crate) attributes: Vec<(String, Value)>,
}

impl Shown {
    /// Finds what a pipeline looks at; asks `fields` for it.
    pub(crate) fn new(pipeline: &Pipeline, elements: Elements, fields: &mut Fields) -> Self {
        let same_element = elements == Elements::Same;
        let mut shown = Self { same_element, ..Self::default() };
        shown.pipeline(pipeline, fields);
        shown
    }

    fn pipeline(&mut self, pipeline: &Pipeline, fields: &mut Fields) {
        for stage in &pipeline.stages {
            match stage {
                Stage::Spans(spans) => self.spans(spans, fields),
                Stage::Scalar(filter) => {
                    self.scalar(&filter.left, fields);
                    self.scalar(&filter.right, fields);
                }
                Stage::By(key) => self.expression(key, fields),
                Stage::Coalesce => {}
                Stage::Select(names) => {
                    for name in names {
                        self.add(name, Telling::Selected, fields);
                    }
                }
            }
        }
    }

    fn spans(&mut self, spans: &SpansetExpr, fields: &mut Fields) {
        match spans {
            SpansetExpr::Filter(expression) => self.expression(expression, fields),
            SpansetExpr::Pipeline(pipeline) => self.pipeline(pipeline, fields),
            SpansetExpr::Binary { left, right, .. } => {
                self.spans(left, fields);
                self.spans(right, fields);
            }
        }
    }

    fn scalar(&mut self, number: &ScalarExpr, fields: &mut Fields) {
        match number {
            ScalarExpr::Static(_) => {}
            ScalarExpr::Aggregate { of, .. } => {
                if let Some(of) = of {
                    self.expression(of, fields);
                }
            }
            ScalarExpr::Binary { left, right, .. } => {
                self.scalar(left, fields);
                self.scalar(right, fields);
            }
            ScalarExpr::Pipeline { pipeline, aggregate } => {
                self.pipeline(pipeline, fields);
                self.scalar(aggregate, fields);
            }
        }
    }

    fn expression(&mut self, expression: &FieldExpr, fields: &mut Fields) {
        match expression {
            FieldExpr::Static(_) => {}
            FieldExpr::Attribute(name) => self.add(name, Telling::All, fields),
            FieldExpr::Unary { of, .. } => self.expression(of, fields),
            FieldExpr::Exists { exists, of } => match of.as_ref() {
                // What is not there is not told.
                FieldExpr::Attribute(name) if *exists => self.add(name, Telling::All, fields),
                FieldExpr::Attribute(_) => {}
                other => self.expression(other, fields),
            },
            FieldExpr::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), .. } => {
                let mut parts = Vec::new();
                collect_chain(expression, *op, &mut parts);
                for part in parts {
                    self.expression(part, fields);
                }
            }
            FieldExpr::Binary { op, left, right, .. } => {
                if let Some((name, op, constant)) = comparison(*op, left, right) {
                    self.add(name, Telling::Passing, fields);
                    self.condition(&name.name, op, &id_text(&name.name, op, constant));
                } else {
                    self.expression(left, fields);
                    self.expression(right, fields);
                }
            }
        }
    }

    fn condition(&mut self, name: &Name, op: BinaryOp, constant: &Static) {
        let pattern = match (op, constant) {
            (BinaryOp::Regex | BinaryOp::NotRegex, Static::Text(text)) => {
                Pattern::anchored(text).ok()
            }
            _ => None,
        };
        let test = Test::new(op, constant.clone(), pattern);
        self.conditions.push(Condition { name: name.clone(), test });
    }

    fn add(&mut self, attribute: &Attribute, telling: Telling, fields: &mut Fields) {
        if attribute.of_parent || is_elsewhere(&attribute.name) {
            return;
        }
        if let Some(known) = self.names.iter_mut().find(|known| known.name == attribute.name) {
            known.telling = known.telling.max(telling);
            return;
        }
        let Some(field) = fields.resolve(attribute) else { return };
        let key = match &attribute.name {
            Name::Key(_, key) => key.clone(),
            Name::Intrinsic(intrinsic) => intrinsic.name().to_owned(),
        };
        self.names.push(ShownName { key, name: attribute.name.clone(), field, telling });
    }

    /// What is told of the span of a row.
    pub(crate) fn of(&self, rows: &Rows<'_>, row: usize) -> Told {
        let mut told = Told::default();
        for shown in &self.names {
            let Some(value) = self.value(shown, rows, row) else { continue };
            match (&shown.name, value) {
                (Name::Intrinsic(Intrinsic::Name), Value::String(name)) => told.name = Some(name),
                (_, value) => told.attributes.push((shown.key.clone(), value)),
            }
        }
        told
    }

    fn value(&self, shown: &ShownName, rows: &Rows<'_>, row: usize) -> Option<Value> {
        let FieldColumn::Repeated { ends, values } = rows.column(shown.field.source) else {
            return self.passed(shown, rows.value(shown.field, row));
        };
        // The last that passes is told.
        let passes =
            |element: usize| !self.same_element || self.element_passes(shown, rows, element);
        elements(ends, row)
            .rev()
            .filter(|element| passes(*element))
            .find_map(|element| self.passed(shown, read(values, shown.field.reading, element)))
    }

    /// Whether an event (or link) fulfils every condition on events.
    fn element_passes(&self, shown: &ShownName, rows: &Rows<'_>, element: usize) -> bool {
        let scope = repeated_scope(&shown.name);
        let of_scope = |condition: &&Condition| repeated_scope(&condition.name) == scope;
        self.conditions.iter().filter(of_scope).all(|condition| {
            let known = self.names.iter().find(|known| known.name == condition.name);
            known.is_some_and(|known| match rows.column(known.field.source) {
                FieldColumn::Repeated { values, .. } => {
                    condition.test.holds(read(values, known.field.reading, element))
                }
                _ => false,
            })
        })
    }

    /// The value as it is told, where it is told; of an array the values that pass.
    fn passed(&self, shown: &ShownName, value: Scalar<'_>) -> Option<Value> {
        if value.is_nil() {
            return None;
        }
        if shown.telling > Telling::Passing {
            return Some(label::value(value));
        }
        let Scalar::List(items) = value else {
            return self.passes(shown, value).then(|| label::value(value));
        };
        let passing = items.iter().filter(|item| self.passes(shown, Scalar::of_value(item)));
        let mut passing: Vec<Value> = passing.cloned().collect();
        match passing.len() {
            0 => None,
            1 => passing.pop(),
            _ => Some(Value::Array(passing)),
        }
    }

    fn passes(&self, shown: &ShownName, value: Scalar<'_>) -> bool {
        let on_it = |condition: &&Condition| match (&condition.name, &shown.name) {
            (Name::Key(scope, key), Name::Key(of, name)) if !has_own_column(name) => {
                // Tempo looks for a name without a scope in spans and resources.
                let scopes = [SpanScope::Any, SpanScope::Span, SpanScope::Resource];
                let mingled = |one: &SpanScope, other: &SpanScope| {
                    *one == SpanScope::Any && scopes.contains(other)
                };
                !has_own_column(key) && (scope == of || mingled(scope, of) || mingled(of, scope))
            }
            (condition, name) => condition == name,
        };
        self.conditions.iter().filter(on_it).any(|condition| condition.test.holds(value))
            || self.pool_is_open(shown)
    }

    /// Whether another attribute of the scope is told whatever it is: then so is this one.
    fn pool_is_open(&self, shown: &ShownName) -> bool {
        let Name::Key(scope, key) = &shown.name else { return false };
        !has_own_column(key)
            && self.names.iter().any(|known| match &known.name {
                Name::Key(of, name) => {
                    known.telling == Telling::All && of == scope && !has_own_column(name)
                }
                Name::Intrinsic(_) => false,
            })
    }
}

fn has_own_column(key: &str) -> bool {
    OWN_COLUMN.contains(&key)
}

/// What stands in another place of the answer.
fn is_elsewhere(name: &Name) -> bool {
    matches!(
        name,
        Name::Intrinsic(
            Intrinsic::Duration
                | Intrinsic::TraceDuration
                | Intrinsic::RootService
                | Intrinsic::RootName
                | Intrinsic::TraceId
                | Intrinsic::SpanId
        )
    )
}
