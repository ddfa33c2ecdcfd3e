//! Groups and counts rows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampNanosecondType, UInt32Type};
use arrow_array::{
    Array, ArrayRef, Int64Array, PrimitiveArray, RecordBatch, StringArray, UInt8Array, UInt64Array,
};
use arrow_schema::DataType;
use hashbrown::HashMap;
use watchkeep_model::error::IoContext;
use watchkeep_model::{Error, ErrorKind, Result};

use super::piece::TableSnapshot;
use super::scan::Reading;
use crate::schema::{column, dictionary_strings};
use crate::seam::{AggregateRequest, Bucket, Field, Frame, Projection, ScanStats};

/// A group: the start of its step, and the texts of its fields.
type Group = (i64, Vec<String>);

/// Runs an aggregation, giving its frames to `emit`.
pub(crate) fn aggregate(
    snapshot: &TableSnapshot,
    request: &AggregateRequest,
    emit: &mut dyn FnMut(Frame) -> bool,
) -> Result<()> {
    let mut columns = vec![request.table.time_column()];
    for field in &request.group_by {
        match field {
            Field::Column(name) => columns.push(name),
            Field::Attribute(..) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "grouping by an attribute is not supported yet",
                ));
            }
        }
    }
    if request.bucket.is_some_and(|bucket| bucket.step_ns <= 0) {
        return Err(Error::invalid("the step of an aggregation must be more than 0"));
    }
    let reading = Reading::of(
        request.table,
        request.range,
        &request.predicate,
        Projection::Columns(columns.clone()),
    );
    let (pieces, parts_skipped) = snapshot.pieces(request.range)?;
    let mut counts: HashMap<Group, u64> = HashMap::new();
    for (_, piece) in &pieces {
        count(&reading.read(piece)?, &columns, request.bucket, &mut counts)?;
        if counts.len() > request.groups_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded { key: "limits.query_groups_max" },
                format!("the answer has more than {} groups", request.groups_max),
            ));
        }
    }
    let rows = answer(request, &counts)?;
    if emit(Frame::Rows(rows)) {
        let rows = counts.len() as u64;
        emit(Frame::Done(ScanStats { rows, parts_skipped, ..ScanStats::default() }));
    }
    Ok(())
}

fn count(
    rows: &RecordBatch,
    columns: &[&'static str],
    bucket: Option<Bucket>,
    counts: &mut HashMap<Group, u64>,
) -> Result<()> {
    let times: &PrimitiveArray<TimestampNanosecondType> = column(rows, columns[0])?;
    let fields: Vec<Texts<'_>> =
        columns[1..].iter().map(|name| Texts::of(rows, name)).collect::<Result<_>>()?;
    let mut texts = vec![String::new(); fields.len()];
    for row in 0..rows.num_rows() {
        let step = bucket.map_or(0, |bucket| {
            let steps =
                times.value(row).saturating_sub(bucket.origin_ns).div_euclid(bucket.step_ns);
            bucket.origin_ns.saturating_add(steps.saturating_mul(bucket.step_ns))
        });
        for (text, field) in texts.iter_mut().zip(&fields) {
            text.clear();
            field.write(row, text);
        }
        // Most rows fall into a group that is there: look before anything is allocated.
        let group = (step, texts);
        match counts.get_mut(&group) {
            Some(count) => *count += 1,
            None => {
                counts.insert(group.clone(), 1);
            }
        }
        texts = group.1;
    }
    Ok(())
}

/// A column as texts.
enum Texts<'a> {
    Plain(&'a StringArray),
    Dictionary(&'a StringArray, &'a [u32]),
    Small(&'a UInt8Array),
}

impl<'a> Texts<'a> {
    fn of(rows: &'a RecordBatch, name: &str) -> Result<Self> {
        let array = rows
            .column_by_name(name)
            .ok_or_else(|| Error::invalid(format!("there is no column {name:?}")))?;
        match array.data_type() {
            DataType::Utf8 => Ok(Self::Plain(array.as_string())),
            DataType::Dictionary(..) => {
                let array = array.as_dictionary::<UInt32Type>();
                Ok(Self::Dictionary(dictionary_strings(array)?, array.keys().values()))
            }
            DataType::UInt8 => Ok(Self::Small(array.as_primitive())),
            other => Err(Error::new(
                ErrorKind::Unsupported,
                format!("grouping by column {name:?} of type {other} is not supported"),
            )),
        }
    }

    fn write(&self, row: usize, out: &mut String) {
        match self {
            Self::Plain(array) => out.push_str(array.value(row)),
            Self::Dictionary(values, keys) => out.push_str(values.value(keys[row] as usize)),
            Self::Small(array) => out.push_str(&array.value(row).to_string()),
        }
    }
}

fn answer(request: &AggregateRequest, counts: &HashMap<Group, u64>) -> Result<RecordBatch> {
    let mut groups: Vec<(&Group, &u64)> = counts.iter().collect();
    groups.sort_unstable();
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    if request.bucket.is_some() {
        let steps = Int64Array::from_iter_values(groups.iter().map(|((step, _), _)| *step));
        columns.push(("bucket".to_owned(), Arc::new(steps)));
    }
    for position in 0..request.group_by.len() {
        let texts =
            StringArray::from_iter_values(groups.iter().map(|((_, texts), _)| &texts[position]));
        columns.push((format!("group_{position}"), Arc::new(texts)));
    }
    let totals = UInt64Array::from_iter_values(groups.iter().map(|(_, count)| **count));
    columns.push(("count".to_owned(), Arc::new(totals)));
    RecordBatch::try_from_iter(columns).context(|| "cannot assemble groups".to_owned())
}
