//! Conditions on rows of a table.

use std::fmt;

pub use watchkeep_model::CompareOp;

/// What a condition looks at.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// A column of the table, by the name in the schema.
    Column(&'static str),
    /// An attribute, by key.
    Attribute(Scope, String),
}

/// Where an attribute is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// On the span or log record.
    Record,
    /// On the resource that sent it.
    Resource,
    /// On the record, and where it has none of that name on the resource.
    Any,
}

/// A constant to compare with.
#[derive(Clone, PartialEq)]
pub enum Literal {
    /// Compared with the text form of a value, whatever its type.
    Text(String),
    /// Compared with numbers; text is never equal to it.
    Int(i64),
    /// Compared with numbers; text is never equal to it.
    Double(f64),
    /// Compared with truth values.
    Bool(bool),
    /// Compared with ids and bytes.
    Bytes(Vec<u8>),
}

/// A condition on a row.
#[derive(Clone, PartialEq)]
pub enum Predicate {
    /// Every one holds; true when there are none.
    And(Vec<Predicate>),
    /// At least one holds; false when there are none.
    Or(Vec<Predicate>),
    /// Does not hold.
    Not(Box<Predicate>),
    /// A comparison. Comparing values of unlike types is false, save for [`CompareOp::Ne`].
    Compare {
        /// Left side.
        field: Field,
        /// How.
        op: CompareOp,
        /// Right side.
        value: Literal,
    },
    /// The attribute is there, or the column is not empty.
    Exists(Field),
    /// The text form contains the needle.
    Contains {
        /// Where to look.
        field: Field,
        /// What for.
        needle: String,
        /// Whether letters match in either case (Unicode's simple lower case).
        ignore_case: bool,
    },
}

impl Predicate {
    /// The condition that holds for every row.
    pub const ALL: Self = Self::And(Vec::new());

    /// `column == value`.
    pub fn column_is(column: &'static str, value: Literal) -> Self {
        Self::Compare { field: Field::Column(column), op: CompareOp::Eq, value }
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::And(mut all) => {
                all.push(other);
                Self::And(all)
            }
            one => Self::And(vec![one, other]),
        }
    }
}

/// How exactly an engine answers a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushdown {
    /// The rows returned are exactly those that match.
    Exact,
    /// Rows may be returned that do not match: check them again.
    Superset,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => write!(f, "{name}"),
            Self::Attribute(scope, key) => write!(f, "{scope:?}[{key:?}]"),
        }
    }
}

impl fmt::Debug for Literal {
    /// What people search for may be as sensitive as what they find.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => f.debug_tuple("And").field(all).finish(),
            Self::Or(any) => f.debug_tuple("Or").field(any).finish(),
            Self::Not(inner) => f.debug_tuple("Not").field(inner).finish(),
            Self::Compare { field, op, .. } => write!(f, "{field:?} {op:?} …"),
            Self::Exists(field) => write!(f, "{field:?} exists"),
            Self::Contains { field, .. } => write!(f, "{field:?} contains …"),
        }
    }
}
