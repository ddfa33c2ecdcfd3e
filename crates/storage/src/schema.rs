//! Tables as Arrow: the schemas, and the step from columns to record batches, which copies no
//! text.
//!
//! Every column keeps its name from `watchkeep_model`. Its type:
//!
//! | in the model | in Arrow |
//! |---|---|
//! | `Vec<u8>`, `Vec<u32>`, `Vec<f64>` | `UInt8`, `UInt32`, `Float64` |
//! | `Vec<i64>` that is an instant | `Timestamp(Nanosecond, "UTC")` |
//! | `Vec<i64>` otherwise | `Int64` |
//! | `Vec<[u8; N]>` | `FixedSizeBinary(N)` |
//! | `Utf8Column`, `BinaryColumn` | `Utf8`, `Binary` |
//! | `DictColumn` | `Dictionary(UInt32, Utf8)` |
//! | `AttributesColumn` | `Map(Utf8, Utf8)` of key and text form, and beside it the column [`ATTRIBUTE_KINDS`] (`Utf8`): a letter for each entry's type, in the same order |
//!
//! Nothing is ever null: an absent string is empty, an absent id all zero.

use std::sync::Arc;

use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int64Array,
    MapArray, PrimitiveArray, RecordBatch, StringArray, StructArray, UInt8Array, UInt32Array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use watchkeep_model::column::{ColumnMut, ColumnRef, Table};
use watchkeep_model::{AttributesColumn, DictColumn, Error, Result, Utf8Column, ValueKind};

/// Name of the column with the types of the entries of `attributes`.
pub const ATTRIBUTE_KINDS: &str = "attribute_kinds";

/// Columns that are instants; other 64-bit integers are plain numbers.
const INSTANTS: [&str; 3] = ["start_ns", "time_ns", "observed_ns"];

/// The Arrow schema of a table.
pub fn schema_of<T: Table>() -> SchemaRef {
    let mut fields = Vec::new();
    T::default().visit(&mut |name, column| {
        let data_type = match column {
            ColumnRef::U8(_) => DataType::UInt8,
            ColumnRef::U32(_) => DataType::UInt32,
            ColumnRef::I64(_) if INSTANTS.contains(&name) => {
                DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
            }
            ColumnRef::I64(_) => DataType::Int64,
            ColumnRef::F64(_) => DataType::Float64,
            ColumnRef::Id8(_) => DataType::FixedSizeBinary(8),
            ColumnRef::Id16(_) => DataType::FixedSizeBinary(16),
            ColumnRef::Utf8(_) => DataType::Utf8,
            ColumnRef::Binary(_) => DataType::Binary,
            ColumnRef::Dict(_) => {
                DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8))
            }
            ColumnRef::Attributes(_) => {
                fields.push(Field::new(name, DataType::Map(entries_field(), false), false));
                fields.push(Field::new(ATTRIBUTE_KINDS, DataType::Utf8, false));
                return;
            }
            _ => unreachable!("every kind of column has an Arrow type"),
        };
        fields.push(Field::new(name, data_type, false));
    });
    Arc::new(Schema::new(fields))
}

fn entries_field() -> FieldRef {
    Arc::new(Field::new("entries", DataType::Struct(entry_fields()), false))
}

fn entry_fields() -> Fields {
    Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Utf8, false),
    ])
}

/// Turns a table into a record batch of its schema.
pub fn to_record_batch<T: Table>(table: T) -> Result<RecordBatch> {
    to_record_batch_of(table, &|_| true)
}

/// Turns some columns of a table (by their names in the schema) into a record batch.
pub fn to_record_batch_of<T: Table>(
    mut table: T,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<RecordBatch> {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    table.visit_mut(&mut |name, column| {
        convert(name, column, &mut arrays).map_err(|error| {
            Error::internal(format!("cannot convert column {name}")).with_source(error)
        })
    })?;
    let schema = schema_of::<T>();
    let kept = schema.fields().iter().zip(arrays).filter(|(field, _)| wanted(field.name()));
    let (fields, arrays): (Vec<FieldRef>, Vec<ArrayRef>) =
        kept.map(|(field, array)| (Arc::clone(field), array)).unzip();
    // Also checks that all columns have the same length.
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| Error::internal("cannot assemble a record batch").with_source(error))
}

fn convert(
    name: &str,
    column: ColumnMut<'_>,
    arrays: &mut Vec<ArrayRef>,
) -> Result<(), ArrowError> {
    use std::mem::take;
    let array: ArrayRef = match column {
        ColumnMut::U8(values) => Arc::new(UInt8Array::from(take(values))),
        ColumnMut::U32(values) => Arc::new(UInt32Array::from(take(values))),
        ColumnMut::I64(values) if INSTANTS.contains(&name) => Arc::new(
            PrimitiveArray::<TimestampNanosecondType>::from(take(values)).with_timezone("UTC"),
        ),
        ColumnMut::I64(values) => Arc::new(Int64Array::from(take(values))),
        ColumnMut::F64(values) => Arc::new(Float64Array::from(take(values))),
        ColumnMut::Id8(values) => fixed(8, take(values).into_flattened())?,
        ColumnMut::Id16(values) => fixed(16, take(values).into_flattened())?,
        ColumnMut::Utf8(values) => Arc::new(strings(take(values))?),
        ColumnMut::Binary(values) => {
            let (offsets, bytes) = values.parts();
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets.to_vec()));
            Arc::new(BinaryArray::try_new(offsets, Buffer::from(bytes), None)?)
        }
        ColumnMut::Dict(values) => Arc::new(dictionary(take(values))?),
        ColumnMut::Attributes(values) => {
            let (map, kinds) = attributes(take(values))?;
            arrays.push(Arc::new(map));
            Arc::new(kinds)
        }
        _ => unreachable!("every kind of column has an Arrow type"),
    };
    arrays.push(array);
    Ok(())
}

fn fixed(width: i32, bytes: Vec<u8>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(FixedSizeBinaryArray::try_new(width, Buffer::from_vec(bytes), None)?))
}

fn strings(column: Utf8Column) -> Result<StringArray, ArrowError> {
    let (offsets, text) = column.into_parts();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::try_new(offsets, Buffer::from_vec(text.into_bytes()), None)
}

fn dictionary(column: DictColumn) -> Result<DictionaryArray<UInt32Type>, ArrowError> {
    let (values, keys) = column.into_parts();
    DictionaryArray::try_new(UInt32Array::from(keys), Arc::new(strings(values)?))
}

fn attributes(column: AttributesColumn) -> Result<(MapArray, StringArray), ArrowError> {
    let (offsets, keys, values, kinds) = column.into_parts();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let kinds = StringArray::try_new(offsets.clone(), Buffer::from_vec(kinds), None)?;
    let keys: StringArray = keys.iter().map(Some).collect();
    let entries = StructArray::try_new(
        entry_fields(),
        vec![Arc::new(keys), Arc::new(strings(values)?)],
        None,
    )?;
    Ok((MapArray::try_new(entries_field(), offsets, entries, None, false)?, kinds))
}

/// Turns a record batch back into the table that [`to_record_batch`] made it of.
pub fn from_record_batch<T: Table>(batch: &RecordBatch) -> Result<T> {
    let mut table = T::default();
    table.visit_mut(&mut |name, into| fill(name, into, batch))?;
    table.check()?;
    Ok(table)
}

fn fill(name: &str, into: ColumnMut<'_>, batch: &RecordBatch) -> Result<()> {
    match into {
        ColumnMut::U8(values) => {
            *values = column::<UInt8Array>(batch, name)?.values().to_vec();
        }
        ColumnMut::U32(values) => {
            *values = column::<UInt32Array>(batch, name)?.values().to_vec();
        }
        ColumnMut::I64(values) if INSTANTS.contains(&name) => {
            let array: &PrimitiveArray<TimestampNanosecondType> = column(batch, name)?;
            *values = array.values().to_vec();
        }
        ColumnMut::I64(values) => *values = column::<Int64Array>(batch, name)?.values().to_vec(),
        ColumnMut::F64(values) => *values = column::<Float64Array>(batch, name)?.values().to_vec(),
        ColumnMut::Id8(values) => *values = ids(batch, name)?,
        ColumnMut::Id16(values) => *values = ids(batch, name)?,
        ColumnMut::Utf8(values) => {
            let array: &StringArray = column(batch, name)?;
            (0..array.len()).for_each(|row| values.push(array.value(row)));
        }
        ColumnMut::Binary(values) => {
            let array: &BinaryArray = column(batch, name)?;
            (0..array.len()).for_each(|row| values.push(array.value(row)));
        }
        ColumnMut::Dict(values) => {
            let array: &DictionaryArray<UInt32Type> = column(batch, name)?;
            let texts = dictionary_strings(array)?;
            let keys: Vec<u32> =
                (0..texts.len()).map(|key| values.intern(texts.value(key))).collect();
            for key in array.keys().values() {
                let key = keys.get(*key as usize).ok_or_else(|| {
                    Error::internal(format!("a key of column {name} is not in its dictionary"))
                })?;
                values.push_key(*key);
            }
        }
        ColumnMut::Attributes(values) => fill_attributes(name, values, batch)?,
        _ => unreachable!("every kind of column has an Arrow type"),
    }
    Ok(())
}

fn ids<const N: usize>(batch: &RecordBatch, name: &str) -> Result<Vec<[u8; N]>> {
    let array: &FixedSizeBinaryArray = column(batch, name)?;
    let id = |row| array.value(row).try_into();
    (0..array.len()).map(id).collect::<Result<_, _>>().map_err(|error| {
        Error::internal(format!("column {name} has ids of another width")).with_source(error)
    })
}

fn fill_attributes(name: &str, into: &mut AttributesColumn, batch: &RecordBatch) -> Result<()> {
    let map: &MapArray = column(batch, name)?;
    let kinds: &StringArray = column(batch, ATTRIBUTE_KINDS)?;
    let strings = |array: &ArrayRef| array.as_any().downcast_ref::<StringArray>().cloned();
    let (Some(keys), Some(values)) = (strings(map.keys()), strings(map.values())) else {
        return Err(Error::internal(format!("column {name} does not hold strings")));
    };
    let offsets = map.value_offsets();
    for (row, ends) in offsets.windows(2).enumerate() {
        let entries = ends[0] as usize..ends[1] as usize;
        for (entry, letter) in entries.zip(kinds.value(row).bytes()) {
            let kind = ValueKind::from_letter(letter).unwrap_or(ValueKind::String);
            into.push_entry(keys.value(entry), kind, values.value(entry));
        }
        into.end_row();
    }
    Ok(())
}

/// The column of this name and type. A miss is a bug: batches of one table have one schema.
pub fn column<'a, A: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a A> {
    batch.column_by_name(name).and_then(|array| array.as_any().downcast_ref()).ok_or_else(|| {
        Error::internal(format!("a batch has no column {name} of the expected type"))
    })
}

/// The strings of a dictionary column.
pub fn dictionary_strings(array: &DictionaryArray<UInt32Type>) -> Result<&StringArray> {
    array
        .values()
        .as_any()
        .downcast_ref()
        .ok_or_else(|| Error::internal("a dictionary does not hold strings"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeep_model::{LogColumns, SpanColumns, Value};

    #[test]
    fn every_column_becomes_an_array_of_its_schema() {
        let mut attributes = AttributesColumn::default();
        attributes.push_row([("k", &Value::Int(1)), ("t", &Value::String("x".into()))]);
        let spans = SpanColumns {
            trace_id: vec![[1; 16]],
            span_id: vec![[2; 8]],
            parent_span_id: vec![[0; 8]],
            start_ns: vec![5],
            duration_ns: vec![7],
            kind: vec![2],
            status_code: vec![0],
            flags: vec![1],
            dropped_attributes: vec![0],
            dropped_events: vec![0],
            dropped_links: vec![0],
            attributes,
            ..SpanColumns::default()
        };
        assert!(to_record_batch(spans.clone()).is_err(), "columns of unequal length are refused");
        let mut spans = spans;
        for text in [
            &mut spans.name,
            &mut spans.status_message,
            &mut spans.trace_state,
            &mut spans.events,
            &mut spans.links,
        ] {
            text.push("op");
        }
        for text in [
            &mut spans.service,
            &mut spans.resource,
            &mut spans.scope_name,
            &mut spans.scope_version,
            &mut spans.scope_attributes,
            &mut spans.schema_url,
        ] {
            text.push("gateway");
        }
        let mut twice = spans.clone();
        twice.extend_from(&spans);
        let batch = to_record_batch(twice.clone()).unwrap();
        assert!(from_record_batch::<SpanColumns>(&batch).unwrap() == twice);
        assert!(from_record_batch::<SpanColumns>(&batch.slice(1, 1)).unwrap() == spans);
        let batch = batch.slice(0, 1);
        assert_eq!(batch.num_rows(), 1);
        let kinds: &StringArray = column(&batch, ATTRIBUTE_KINDS).unwrap();
        assert_eq!(kinds.value(0), "is");
        assert_eq!(to_record_batch(LogColumns::default()).unwrap().num_rows(), 0);
    }
}
