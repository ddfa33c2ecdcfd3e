//! Which columns an evaluation needs, and where a name of a query is found among them.

use watchkeep_model::{SpanField, SpanScope};

use crate::ast::{Attribute, Intrinsic, Name};

/// Fields that are asked of a store, each once. An evaluation is compiled against them, and reads
/// batches that have a column for each, in this order.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    list: Vec<SpanField>,
    trace_duration: bool,
}

impl Fields {
    /// No field.
    pub fn new() -> Self {
        Self::default()
    }

    /// The place of a field, which is put at the end where it is new.
    pub fn place(&mut self, field: &SpanField) -> usize {
        self.position(field).unwrap_or_else(|| {
            self.list.push(field.clone());
            self.list.len() - 1
        })
    }

    /// The place of a field that was asked for.
    pub fn position(&self, field: &SpanField) -> Option<usize> {
        self.list.iter().position(|known| known == field)
    }

    /// Asks for what tells how spans stand to each other.
    pub(crate) fn place_tree(&mut self) {
        self.place(&SpanField::ParentRow);
        self.place(&SpanField::ParentSpanId);
    }

    /// In order.
    pub fn as_slice(&self) -> &[SpanField] {
        &self.list
    }

    /// Whether one of them is known only of whole traces: then spans have to be asked for as
    /// [`SpanRows::Traces`](watchkeep_model::SpanRows).
    pub fn need_traces(&self) -> bool {
        self.trace_duration || self.list.iter().any(SpanField::needs_trace)
    }

    /// Where a name is found; asks for what it takes. `None` for what Tempo knows the name of and
    /// does not have (`parent`).
    pub(crate) fn resolve(&mut self, attribute: &Attribute) -> Option<FieldRef> {
        let (source, reading) = match &attribute.name {
            Name::Key(scope, key) => {
                let field = SpanField::Attribute(*scope, key.clone());
                (Source::Column(self.place(&field)), Reading::Plain)
            }
            Name::Intrinsic(intrinsic) => self.resolve_intrinsic(*intrinsic)?,
        };
        if attribute.of_parent {
            self.place(&SpanField::ParentRow);
        }
        Some(FieldRef { source, reading, of_parent: attribute.of_parent })
    }

    fn resolve_intrinsic(&mut self, intrinsic: Intrinsic) -> Option<(Source, Reading)> {
        let tree = |fields: &mut Self, source| {
            fields.place_tree();
            (source, Reading::Plain)
        };
        Some(match intrinsic {
            Intrinsic::Parent => return None,
            Intrinsic::TraceDuration => {
                self.trace_duration = true;
                (Source::TraceDuration, Reading::Duration)
            }
            Intrinsic::ChildCount => tree(self, Source::ChildCount),
            Intrinsic::NestedSetLeft => tree(self, Source::NestedSetLeft),
            Intrinsic::NestedSetRight => tree(self, Source::NestedSetRight),
            Intrinsic::NestedSetParent => tree(self, Source::NestedSetParent),
            other => {
                let (field, reading) = stored(other)?;
                (Source::Column(self.place(&field)), reading)
            }
        })
    }
}

/// The field that holds an intrinsic, and how it is read. `None` for those that are reckoned.
pub(crate) fn stored(intrinsic: Intrinsic) -> Option<(SpanField, Reading)> {
    Some(match intrinsic {
        Intrinsic::Duration => (SpanField::Duration, Reading::Duration),
        Intrinsic::Name => (SpanField::Name, Reading::EmptyText),
        Intrinsic::Status => (SpanField::StatusCode, Reading::Status),
        Intrinsic::StatusMessage => (SpanField::StatusMessage, Reading::EmptyText),
        Intrinsic::Kind => (SpanField::Kind, Reading::Kind),
        Intrinsic::SpanId => (SpanField::SpanId, Reading::Plain),
        Intrinsic::ParentId => (SpanField::ParentSpanId, Reading::NoSpanId),
        Intrinsic::TraceId => (SpanField::TraceId, Reading::Plain),
        Intrinsic::RootName => (SpanField::RootName, Reading::EmptyText),
        Intrinsic::RootService => (SpanField::RootService, Reading::EmptyText),
        Intrinsic::EventName => (SpanField::EventName, Reading::Plain),
        Intrinsic::EventTimeSinceStart => (SpanField::EventTimeSinceStart, Reading::Duration),
        Intrinsic::LinkTraceId => (SpanField::LinkTraceId, Reading::Plain),
        Intrinsic::LinkSpanId => (SpanField::LinkSpanId, Reading::Plain),
        Intrinsic::InstrumentationName => (SpanField::ScopeName, Reading::EmptyText),
        Intrinsic::InstrumentationVersion => (SpanField::ScopeVersion, Reading::EmptyText),
        Intrinsic::Parent
        | Intrinsic::ChildCount
        | Intrinsic::TraceDuration
        | Intrinsic::NestedSetLeft
        | Intrinsic::NestedSetRight
        | Intrinsic::NestedSetParent => return None,
    })
}

/// The scope whose elements are the values of a name, where a span has several.
pub(crate) fn repeated_scope(name: &Name) -> Option<SpanScope> {
    match name {
        Name::Key(scope @ (SpanScope::Event | SpanScope::Link), _) => Some(*scope),
        Name::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart) => {
            Some(SpanScope::Event)
        }
        Name::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId) => Some(SpanScope::Link),
        _ => None,
    }
}

/// Where a name's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldRef {
    /// The column.
    pub(crate) source: Source,
    /// What its values mean.
    pub(crate) reading: Reading,
    /// Whether they are those of each span's parent.
    pub(crate) of_parent: bool,
}

/// A column: of the batch, or reckoned from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// By place.
    Column(usize),
    /// End of the trace minus its start.
    TraceDuration,
    /// Spans whose parent this is.
    ChildCount,
    /// Number on the way down; 0 for what no root leads to.
    NestedSetLeft,
    /// Number on the way up; 0 for what no root leads to.
    NestedSetRight,
    /// The parent's number on the way down; -1 for a root, 0 for what no root leads to.
    NestedSetParent,
}

/// What the values of a column mean in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As they are.
    Plain,
    /// Integers are nanoseconds.
    Duration,
    /// Integers are statuses.
    Status,
    /// Integers are kinds.
    Kind,
    /// What is absent is the empty text.
    EmptyText,
    /// What is absent is the id of no span.
    NoSpanId,
}

impl Reading {
    /// What stands for an absent value.
    pub(crate) fn absent_text(self) -> Option<&'static str> {
        match self {
            Self::EmptyText => Some(""),
            Self::NoSpanId => Some("0000000000000000"),
            _ => None,
        }
    }
}
