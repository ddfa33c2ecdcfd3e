//! Evaluates a predicate on a record batch. Exact: what it lets through matches.

use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{
    Array, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int64Array, MapArray,
    PrimitiveArray, RecordBatch, StringArray, UInt8Array, UInt32Array,
};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;
use memchr::memmem;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use watchkeep_model::{Error, Result, ValueKind};

use crate::schema::{ATTRIBUTE_KINDS, column, dictionary_strings};
use crate::seam::{CompareOp, Field, Literal, Predicate, Scope};

/// Which rows of the batch match. The batch must hold the columns of [`columns_read`].
pub(crate) fn evaluate(predicate: &Predicate, batch: &RecordBatch) -> Result<BooleanArray> {
    Ok(BooleanArray::new(mask(predicate, batch)?, None))
}

/// The columns that a predicate looks at.
pub(crate) fn columns_read(predicate: &Predicate, into: &mut BTreeSet<&'static str>) {
    match predicate {
        Predicate::And(all) | Predicate::Or(all) => {
            for inner in all {
                columns_read(inner, into);
            }
        }
        Predicate::Not(inner) => columns_read(inner, into),
        Predicate::Compare { field, .. }
        | Predicate::Exists(field)
        | Predicate::Contains { field, .. } => match field {
            Field::Column(name) => {
                into.insert(name);
            }
            Field::Attribute(scope, _) => {
                if *scope != Scope::Resource {
                    into.extend(["attributes", ATTRIBUTE_KINDS]);
                }
                if *scope != Scope::Record {
                    into.insert("resource");
                }
            }
        },
    }
}

fn mask(predicate: &Predicate, batch: &RecordBatch) -> Result<BooleanBuffer> {
    let rows = batch.num_rows();
    match predicate {
        Predicate::And(all) => all
            .iter()
            .try_fold(BooleanBuffer::new_set(rows), |so_far, p| Ok(&so_far & &mask(p, batch)?)),
        Predicate::Or(any) => any
            .iter()
            .try_fold(BooleanBuffer::new_unset(rows), |so_far, p| Ok(&so_far | &mask(p, batch)?)),
        Predicate::Not(inner) => Ok(!&mask(inner, batch)?),
        Predicate::Compare { field, op, value } => test(field, batch, &Compare { op: *op, value }),
        Predicate::Exists(field) => test(field, batch, &Exists),
        Predicate::Contains { field, needle, ignore_case: false } => {
            test(field, batch, &Contains(memmem::Finder::new(needle)))
        }
        Predicate::Contains { field, needle, ignore_case: true } if needle.is_ascii() => {
            test(field, batch, &ContainsIgnoringCase(needle.as_bytes()))
        }
        Predicate::Contains { field, needle, ignore_case: true } => {
            test(field, batch, &ContainsLowercase(needle.to_lowercase()))
        }
    }
}

/// A test of one value.
trait Test {
    fn text(&self, kind: ValueKind, text: &str) -> bool;
    fn number(&self, number: i64) -> bool;
    fn bytes(&self, bytes: &[u8]) -> bool;
    fn absent(&self) -> bool;
}

struct Compare<'a> {
    op: CompareOp,
    value: &'a Literal,
}

impl Compare<'_> {
    fn holds(&self, ordering: Option<Ordering>) -> bool {
        match (self.op, ordering) {
            (CompareOp::Ne, ordering) => ordering != Some(Ordering::Equal),
            (_, None) => false,
            (CompareOp::Eq, Some(ordering)) => ordering.is_eq(),
            (CompareOp::Lt, Some(ordering)) => ordering.is_lt(),
            (CompareOp::Le, Some(ordering)) => ordering.is_le(),
            (CompareOp::Gt, Some(ordering)) => ordering.is_gt(),
            (CompareOp::Ge, Some(ordering)) => ordering.is_ge(),
        }
    }
}

impl Test for Compare<'_> {
    fn text(&self, kind: ValueKind, text: &str) -> bool {
        let number = || text.parse::<f64>().ok();
        self.holds(match (self.value, kind) {
            (Literal::Text(wanted), _) => Some(text.cmp(wanted)),
            (Literal::Bool(wanted), ValueKind::Bool) => Some((text == "true").cmp(wanted)),
            (Literal::Int(wanted), ValueKind::Int) => text.parse().ok().map(|n: i64| n.cmp(wanted)),
            (Literal::Int(wanted), ValueKind::Double) => {
                number().and_then(|n| n.partial_cmp(&(*wanted as f64)))
            }
            (Literal::Double(wanted), ValueKind::Int | ValueKind::Double) => {
                number().and_then(|n| n.partial_cmp(wanted))
            }
            _ => None,
        })
    }

    fn number(&self, number: i64) -> bool {
        self.holds(match self.value {
            Literal::Int(wanted) => Some(number.cmp(wanted)),
            Literal::Double(wanted) => (number as f64).partial_cmp(wanted),
            Literal::Text(wanted) => Some(number.to_string().as_str().cmp(wanted)),
            Literal::Bool(_) | Literal::Bytes(_) => None,
        })
    }

    fn bytes(&self, bytes: &[u8]) -> bool {
        self.holds(match self.value {
            Literal::Bytes(wanted) => Some(bytes.cmp(wanted)),
            _ => None,
        })
    }

    fn absent(&self) -> bool {
        self.op == CompareOp::Ne
    }
}

struct Exists;

impl Test for Exists {
    fn text(&self, kind: ValueKind, text: &str) -> bool {
        // An empty text column means absent; an attribute that is there may well be empty.
        kind != ValueKind::String || !text.is_empty()
    }
    fn number(&self, _: i64) -> bool {
        true
    }
    fn bytes(&self, bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| *byte != 0)
    }
    fn absent(&self) -> bool {
        false
    }
}

struct Contains<'a>(memmem::Finder<'a>);

impl Test for Contains<'_> {
    fn text(&self, _: ValueKind, text: &str) -> bool {
        self.0.find(text.as_bytes()).is_some()
    }
    fn number(&self, number: i64) -> bool {
        self.text(ValueKind::Int, &number.to_string())
    }
    fn bytes(&self, _: &[u8]) -> bool {
        false
    }
    fn absent(&self) -> bool {
        false
    }
}

/// For an ASCII needle.
struct ContainsIgnoringCase<'a>(&'a [u8]);

impl Test for ContainsIgnoringCase<'_> {
    fn text(&self, _: ValueKind, text: &str) -> bool {
        let Some(first) = self.0.first() else { return true };
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        let text = text.as_bytes();
        memchr::memchr2_iter(lower, upper, text).any(|at| {
            text.get(at..at + self.0.len()).is_some_and(|here| here.eq_ignore_ascii_case(self.0))
        })
    }
    fn number(&self, number: i64) -> bool {
        self.text(ValueKind::Int, &number.to_string())
    }
    fn bytes(&self, _: &[u8]) -> bool {
        false
    }
    fn absent(&self) -> bool {
        false
    }
}

/// As [`ContainsIgnoringCase`], for text of any script; slower.
struct ContainsLowercase(String);

impl Test for ContainsLowercase {
    fn text(&self, _: ValueKind, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
    fn number(&self, _: i64) -> bool {
        false
    }
    fn bytes(&self, _: &[u8]) -> bool {
        false
    }
    fn absent(&self) -> bool {
        false
    }
}

fn test(field: &Field, batch: &RecordBatch, test: &impl Test) -> Result<BooleanBuffer> {
    match field {
        Field::Column(name) => test_column(name, batch, test),
        Field::Attribute(scope, key) => test_attribute(*scope, key, batch, test),
    }
}

fn test_column(name: &str, batch: &RecordBatch, test: &impl Test) -> Result<BooleanBuffer> {
    let array = batch
        .column_by_name(name)
        .ok_or_else(|| Error::invalid(format!("there is no column {name:?}")))?;
    let rows = batch.num_rows();
    let text = |text: &str| test.text(ValueKind::String, text);
    Ok(match array.data_type() {
        DataType::Utf8 => {
            let array: &StringArray = column(batch, name)?;
            BooleanBuffer::collect_bool(rows, |row| text(array.value(row)))
        }
        DataType::Dictionary(..) => {
            let array: &DictionaryArray<UInt32Type> = column(batch, name)?;
            let values = dictionary_strings(array)?;
            let hits: Vec<bool> = (0..values.len()).map(|key| text(values.value(key))).collect();
            let keys = array.keys().values();
            BooleanBuffer::collect_bool(rows, |row| hits[keys[row] as usize])
        }
        DataType::UInt8 => {
            let array: &UInt8Array = column(batch, name)?;
            BooleanBuffer::collect_bool(rows, |row| test.number(i64::from(array.value(row))))
        }
        DataType::UInt32 => {
            let array: &UInt32Array = column(batch, name)?;
            BooleanBuffer::collect_bool(rows, |row| test.number(i64::from(array.value(row))))
        }
        DataType::Int64 => {
            let array: &Int64Array = column(batch, name)?;
            BooleanBuffer::collect_bool(rows, |row| test.number(array.value(row)))
        }
        DataType::Timestamp(..) => {
            let array: &PrimitiveArray<TimestampNanosecondType> = column(batch, name)?;
            BooleanBuffer::collect_bool(rows, |row| test.number(array.value(row)))
        }
        DataType::FixedSizeBinary(_) => {
            let array: &FixedSizeBinaryArray = column(batch, name)?;
            BooleanBuffer::collect_bool(rows, |row| test.bytes(array.value(row)))
        }
        other => {
            return Err(Error::invalid(format!("column {name:?} of type {other} has no order")));
        }
    })
}

fn test_attribute(
    scope: Scope,
    key: &str,
    batch: &RecordBatch,
    test: &impl Test,
) -> Result<BooleanBuffer> {
    let rows = batch.num_rows();
    let on_resource = match scope {
        Scope::Record => None,
        Scope::Resource | Scope::Any => Some(resource_hits(key, batch, test)?),
    };
    let fallback = |row: usize| match &on_resource {
        Some((hits, keys)) => hits[keys[row] as usize],
        None => test.absent(),
    };
    if scope == Scope::Resource {
        return Ok(BooleanBuffer::collect_bool(rows, fallback));
    }
    let attributes: &MapArray = column(batch, "attributes")?;
    let kinds: &StringArray = column(batch, ATTRIBUTE_KINDS)?;
    let strings = |array: &'_ dyn Array| array.as_any().downcast_ref::<StringArray>().cloned();
    let (Some(keys), Some(values)) =
        (strings(attributes.keys().as_ref()), strings(attributes.values().as_ref()))
    else {
        return Err(Error::internal("attributes are not a map of strings"));
    };
    let offsets = attributes.value_offsets();
    Ok(BooleanBuffer::collect_bool(rows, |row| {
        let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
        match (from..to).find(|entry| keys.value(*entry) == key) {
            None => fallback(row),
            Some(entry) => {
                let letter = kinds.value(row).as_bytes().get(entry - from).copied();
                let kind = letter.and_then(ValueKind::from_letter).unwrap_or(ValueKind::String);
                // To an existing attribute even the empty text is there.
                test.text(
                    if values.value(entry).is_empty() { ValueKind::Empty } else { kind },
                    values.value(entry),
                )
            }
        }
    }))
}

/// Tests the attribute on each distinct resource; the second part is each row's resource.
fn resource_hits<'a>(
    key: &str,
    batch: &'a RecordBatch,
    test: &impl Test,
) -> Result<(Vec<bool>, &'a [u32])> {
    let resources: &DictionaryArray<UInt32Type> = column(batch, "resource")?;
    let values = dictionary_strings(resources)?;
    let hits = (0..values.len())
        .map(|at| match json_attribute(values.value(at), key) {
            None => test.absent(),
            Some((kind, text)) => test.text(kind, &text),
        })
        .collect();
    Ok((hits, resources.keys().values()))
}

/// One attribute of a JSON object as `watchkeep_model::attributes` writes it.
fn json_attribute(object: &str, key: &str) -> Option<(ValueKind, String)> {
    let serde_json::Value::Object(mut members) = serde_json::from_str(object).ok()? else {
        return None;
    };
    Some(match members.remove(key)? {
        serde_json::Value::Null => (ValueKind::Empty, String::new()),
        serde_json::Value::Bool(value) => (ValueKind::Bool, value.to_string()),
        serde_json::Value::String(text) => (ValueKind::String, text),
        serde_json::Value::Number(number) if number.is_f64() => {
            (ValueKind::Double, number.to_string())
        }
        serde_json::Value::Number(number) => (ValueKind::Int, number.to_string()),
        serde_json::Value::Object(inner) if inner.contains_key("$bytes") => {
            let text = inner.get("$bytes").and_then(|text| text.as_str()).unwrap_or_default();
            (ValueKind::Bytes, text.to_owned())
        }
        nested => (ValueKind::Json, nested.to_string()),
    })
}
