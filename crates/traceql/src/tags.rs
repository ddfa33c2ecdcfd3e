//! Search by tags: Tempo's older way to ask for traces, as a query.

use watchkeep_model::SpanScope;
use watchkeep_promql::go;

use crate::ast::{
    Attribute, BinaryOp, FieldExpr, Intrinsic, Name, Pipeline, Place, Query, Root, SpansetExpr,
    SpansetOp, Stage, Static, Status,
};

const NANOS_PER_MILLI: i64 = 1_000_000;

/// How many tags may be asked for.
pub const TAGS_MAX: usize = 100;

/// Tags whose value Tempo looks for in what spans have, rather than compare it.
const SEARCHED: [&str; 12] = [
    "service.name",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "http.request.method",
    "url.path",
    "url.route",
    "server.address",
    "http.method",
    "http.url",
    "http.route",
];

/// Why a search by tags is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// The tags are no logfmt.
    #[error("invalid tags: {reason} at pos {position}")]
    Syntax {
        /// What is wrong.
        reason: String,
        /// Where: byte in the line, from 1.
        position: usize,
    },
    /// A tag occurs again.
    #[error("invalid tags: tag {0} has been set twice")]
    Twice(String),
    /// There are more than [`TAGS_MAX`].
    #[error("invalid tags: more than {TAGS_MAX} tags")]
    TooMany,
    /// The least duration is none.
    #[error("invalid minDuration: {0}")]
    MinDuration(String),
    /// The greatest duration is none.
    #[error("invalid maxDuration: {0}")]
    MaxDuration(String),
    /// No trace can be that long.
    #[error("invalid maxDuration: must be greater than minDuration")]
    Order,
}

/// The query for traces that have each of the tags (`key=value` in logfmt) on some span or its
/// resource, and that last between the durations (as Go writes them; nothing below a millisecond
/// counts).
pub fn from_tags(
    tags: &str,
    min_duration: Option<&str>,
    max_duration: Option<&str>,
) -> Result<Query, TagsError> {
    let pairs = pairs(tags)?;
    let min_ns = min_duration.map(duration).transpose().map_err(TagsError::MinDuration)?;
    let max_ns = max_duration.map(duration).transpose().map_err(TagsError::MaxDuration)?;
    let (min_ns, max_ns) = (min_ns.filter(|nanos| *nanos > 0), max_ns);
    if let (Some(min_ns), Some(max_ns)) = (min_ns, max_ns)
        && min_ns > max_ns
    {
        return Err(TagsError::Order);
    }
    let duration = |op, nanos: Option<i64>| {
        let attribute = intrinsic(Intrinsic::TraceDuration);
        nanos.map(|nanos| binary(op, attribute, FieldExpr::Static(Static::Duration(nanos))))
    };
    let least = duration(BinaryOp::Ge, min_ns);
    let most = duration(BinaryOp::Le, max_ns.filter(|nanos| *nanos > 0));
    let lasts = match (least, most) {
        (Some(least), Some(most)) => Some(binary(BinaryOp::And, least, most)),
        (least, most) => least.or(most),
    };
    let wanted = pairs.iter().map(|(key, value)| tag(key, value)).chain(lasts);
    let spans = wanted.map(SpansetExpr::Filter).reduce(|left, right| SpansetExpr::Binary {
        op: SpansetOp::And,
        left: Box::new(left),
        right: Box::new(right),
    });
    let everything = SpansetExpr::Filter(FieldExpr::Static(Static::Bool(true)));
    let stages = vec![Stage::Spans(spans.unwrap_or(everything))];
    Ok(Query { root: Root::Search(Pipeline { stages }), hints: Vec::new() })
}

fn duration(text: &str) -> Result<i64, String> {
    let nanos = go::parse_duration(text)?;
    if nanos < 0 {
        return Err("must not be negative".to_owned());
    }
    Ok(nanos - nanos % NANOS_PER_MILLI)
}

fn intrinsic(intrinsic: Intrinsic) -> FieldExpr {
    named(Name::Intrinsic(intrinsic))
}

fn named(name: Name) -> FieldExpr {
    FieldExpr::Attribute(Attribute { name, of_parent: false, place: Place::default() })
}

fn binary(op: BinaryOp, left: FieldExpr, right: FieldExpr) -> FieldExpr {
    let (left, right) = (Box::new(left), Box::new(right));
    FieldExpr::Binary { op, left, right, place: Place::default() }
}

/// The condition that a tag is.
fn tag(key: &str, value: &str) -> FieldExpr {
    match key {
        "root.service.name" => return contains(intrinsic(Intrinsic::RootService), value),
        "root.name" => return contains(intrinsic(Intrinsic::RootName), value),
        "name" => return contains(intrinsic(Intrinsic::Name), value),
        "status.code" => {
            let status = match value {
                "ok" => Status::Ok,
                "error" => Status::Error,
                "unset" => Status::Unset,
                _ => return FieldExpr::Static(Static::Bool(false)),
            };
            let status = FieldExpr::Static(Static::Status(status));
            return binary(BinaryOp::Eq, intrinsic(Intrinsic::Status), status);
        }
        _ => {}
    }
    let attribute = named(Name::Key(SpanScope::Any, key.to_owned()));
    let text = if SEARCHED.contains(&key) {
        contains(attribute.clone(), value)
    } else {
        let value = FieldExpr::Static(Static::Text(value.to_owned()));
        binary(BinaryOp::Eq, attribute.clone(), value)
    };
    let number = value.parse().map(Static::Int).ok();
    let number = number.or_else(|| {
        let float: Option<f64> = value.parse().ok();
        float.filter(|float| float.is_finite()).map(Static::Float)
    });
    match number.or_else(|| value.parse().map(Static::Bool).ok()) {
        Some(other) => {
            let other = binary(BinaryOp::Eq, attribute, FieldExpr::Static(other));
            binary(BinaryOp::Or, text, other)
        }
        None => text,
    }
}

/// The condition that a text occurs in another.
fn contains(attribute: FieldExpr, text: &str) -> FieldExpr {
    let mut pattern = String::from(".*");
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push_str(".*");
    binary(BinaryOp::Regex, attribute, FieldExpr::Static(Static::Text(pattern)))
}

/// Reads logfmt as Tempo does, which refuses more than others.
fn pairs(tags: &str) -> Result<Vec<(String, String)>, TagsError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for line in tags.lines() {
        let mut line = Line { line, pos: 0 };
        while let Some((key, value)) = line.pair()? {
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(TagsError::Twice(key));
            }
            if pairs.len() >= TAGS_MAX {
                return Err(TagsError::TooMany);
            }
            pairs.push((key, value));
        }
    }
    Ok(pairs)
}

#[derive(Debug)]
struct Line<'l> {
    line: &'l str,
    pos: usize,
}

impl<'l> Line<'l> {
    fn rest(&self) -> &'l str {
        self.line.get(self.pos..).unwrap_or_default()
    }

    fn error<T>(&self, reason: impl Into<String>) -> Result<T, TagsError> {
        Err(TagsError::Syntax { reason: reason.into(), position: self.pos + 1 })
    }

    /// Takes what is before a blank or one of these, and says which of them comes then.
    fn take_until(&mut self, ends: &[char]) -> (&'l str, Option<char>) {
        let rest = self.rest();
        let length = rest.find(|c| c <= ' ' || ends.contains(&c)).unwrap_or(rest.len());
        self.pos += length;
        (&rest[..length], self.rest().chars().next().filter(|c| *c > ' '))
    }

    fn pair(&mut self) -> Result<Option<(String, String)>, TagsError> {
        let rest = self.rest();
        self.pos += rest.find(|c| c > ' ').unwrap_or(rest.len());
        if self.rest().is_empty() {
            return Ok(None);
        }
        let (key, end) = self.take_until(&['=', '"']);
        match end {
            Some('=') if !key.is_empty() => self.pos += 1,
            Some(c) => return self.error(format!("unexpected '{c}'")),
            None => return Ok(Some((key.to_owned(), String::new()))),
        }
        let value = if self.rest().starts_with('"') {
            self.quoted()?
        } else {
            let (value, end) = self.take_until(&['=', '"']);
            if let Some(c) = end {
                return self.error(format!("unexpected '{c}'"));
            }
            value.to_owned()
        };
        Ok(Some((key.to_owned(), value)))
    }

    fn quoted(&mut self) -> Result<String, TagsError> {
        let rest = self.rest();
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    self.pos += at + 1;
                    let unescaped = go::unescape(&rest[1..at]);
                    return unescaped.or_else(|_| self.error("invalid quoted value"));
                }
                _ => {}
            }
        }
        self.pos = self.line.len();
        self.error("unterminated quoted value")
    }
}
