//! The columns that push requests fill, stream by stream and entry by entry.

use hashbrown::HashMap;
use watchkeep_model::spans::UNKNOWN_SERVICE;
use watchkeep_model::stream::{label_name, to_text};
use watchkeep_model::{Labels, Level, LogColumns, ValueKind};

use super::{
    ENTRIES_MAX, Fault, LABEL_NAME_BYTES_MAX, LABEL_VALUE_BYTES_MAX, NO_STREAMS, PushOptions,
    labels,
};
use crate::decoded::{Decoded, Rejections, Warnings};

/// Bytes of the label set of a stream; a longer one is refused, as in Loki.
const LABELS_BYTES_MAX: usize = 1 << 24;

/// Names of metadata that hold a trace's id.
const TRACE_NAMES: [&str; 3] = ["trace_id", "traceid", "traceID"];

/// A stream as the columns know it.
#[derive(Debug, Clone, Copy)]
struct StreamKeys {
    stream: u32,
    service: u32,
}

/// Fills columns.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    options: PushOptions<'a>,
    columns: LogColumns,
    pub(super) warnings: Warnings,
    rejections: Rejections,
    /// Room for lines whose escapes are undone.
    pub(super) scratch: String,
    /// Streams by the text of their labels; why a stream is rejected.
    known: HashMap<String, Result<StreamKeys, String>>,
}

/// An entry whose metadata has been counted, but not written.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryHead<'t> {
    pub(super) line: &'t str,
    pub(super) metadata_count: usize,
    pub(super) metadata_bytes: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(options: PushOptions<'a>) -> Self {
        Self {
            options,
            columns: LogColumns::default(),
            warnings: Warnings::default(),
            rejections: Rejections::default(),
            scratch: String::new(),
            known: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.columns.time_ns.len()
    }

    /// Makes room for entries with so many bytes of lines together.
    pub(super) fn reserve(&mut self, entries: usize, line_bytes: usize) {
        let columns = &mut self.columns;
        columns.time_ns.reserve(entries);
        columns.trace_id.reserve(entries);
        columns.span_id.reserve(entries);
        columns.body.reserve(entries, line_bytes);
    }

    /// Whether an entry may be kept; counts it where not. `stream` shows its stream.
    #[inline]
    pub(super) fn admits(
        &mut self,
        head: &EntryHead<'_>,
        stream: impl FnOnce() -> String,
    ) -> Result<bool, Fault> {
        if self.len() >= ENTRIES_MAX {
            return Err(Fault::TooLarge("a push request holds at most 4000000 entries"));
        }
        let limits = self.options.limits;
        let reason = if head.line.len() > limits.log_body_bytes_max {
            format!(
                "max entry size '{}' bytes exceeded for stream '{}' while adding an entry with \
                 length '{}' bytes (limits.log_body_bytes_max)",
                limits.log_body_bytes_max,
                stream(),
                head.line.len()
            )
        } else if head.metadata_count > limits.attributes_per_item_max {
            format!(
                "stream '{}' has too many structured metadata labels: '{}', limit: '{}' \
                 (limits.attributes_per_item_max)",
                stream(),
                head.metadata_count,
                limits.attributes_per_item_max
            )
        } else if head.metadata_bytes > limits.attribute_value_bytes_max {
            format!(
                "stream '{}' has structured metadata too large: '{}' bytes, limit: '{}' bytes \
                 (limits.attribute_value_bytes_max)",
                stream(),
                head.metadata_bytes,
                limits.attribute_value_bytes_max
            )
        } else {
            return Ok(true);
        };
        self.rejections.add_with(reason, 1, String::new);
        Ok(false)
    }

    /// Adds an entry without its metadata: [`Rows::metadata`] adds that, [`Rows::end_entry`] ends it.
    #[inline]
    pub(super) fn begin_entry(&mut self, time_ns: i64, line: &str) {
        self.columns.time_ns.push(time_ns);
        self.columns.body.push(line);
        self.columns.trace_id.push([0; 16]);
        self.columns.span_id.push([0; 8]);
    }

    /// Adds a piece of metadata to the entry begun last. Names are made names of labels; an empty
    /// value is none.
    pub(super) fn metadata(&mut self, name: &str, value: &str) {
        let name = label_name(name);
        if value.is_empty() || name.is_empty() {
            return;
        }
        if TRACE_NAMES.contains(&&*name) {
            if let (Some(id), Some(place)) = (trace_id(value), self.columns.trace_id.last_mut()) {
                *place = id;
            }
        } else if &*name == "span_id"
            && let (Some(id), Some(place)) = (hex(value), self.columns.span_id.last_mut())
        {
            *place = id;
        }
        self.columns.attributes.push_entry(&name, ValueKind::String, value);
    }

    #[inline]
    pub(super) fn end_entry(&mut self) {
        self.columns.attributes.end_row();
    }

    /// Ends a stream: all rows since `from` are its entries. `text` holds its labels.
    pub(super) fn end_stream(&mut self, text: &str, from: usize) -> Result<(), Fault> {
        if text.len() > LABELS_BYTES_MAX {
            return Err(Fault::TooLarge("the labels of a stream take at most 16 MiB"));
        }
        if let Some(known) = self.known.get(text).cloned() {
            self.fill(known, from);
            return Ok(());
        }
        let labels = labels::parse(text)
            .map_err(|why| Fault::Malformed(format!("couldn't parse labels: {why}")))?;
        let keys = self.keys_of(&labels);
        self.known.insert(text.to_owned(), keys.clone());
        self.fill(keys, from);
        Ok(())
    }

    fn keys_of(&mut self, labels: &Labels) -> Result<StreamKeys, String> {
        let text = to_text(labels);
        let count = labels.raw().filter(|label| label.name != b"service_name").count();
        let count_max = self.options.limits.labels_per_series_max;
        if labels.is_empty() && self.options.labels_required {
            return Err("error at least one label pair is required per stream".to_owned());
        }
        if count > count_max {
            return Err(format!(
                "entry for stream '{text}' has {count} label names; limit {count_max} \
                 (limits.labels_per_series_max)"
            ));
        }
        for (name, value) in labels.iter() {
            if name.len() > LABEL_NAME_BYTES_MAX {
                return Err(format!("stream '{text}' has label name too long: '{name}'"));
            }
            if value.len() > LABEL_VALUE_BYTES_MAX {
                return Err(format!("stream '{text}' has label value too long: '{value}'"));
            }
        }
        let named = ["service_name", "service"].map(|name| labels.get(name));
        let service = named.into_iter().find(|name| !name.is_empty()).unwrap_or(UNKNOWN_SERVICE);
        Ok(StreamKeys {
            stream: self.columns.stream.intern(&text),
            service: self.columns.service.intern(service),
        })
    }

    /// Writes the columns that all entries of a stream share, or takes the entries back.
    fn fill(&mut self, keys: Result<StreamKeys, String>, from: usize) {
        let rows = self.len().saturating_sub(from);
        match keys {
            Ok(keys) => {
                self.columns.stream.push_key_times(keys.stream, rows);
                self.columns.service.push_key_times(keys.service, rows);
            }
            Err(reason) if rows > 0 => {
                self.rejections.add_with(reason, rows as u64, String::new);
                self.take_back(from);
            }
            Err(_) => {}
        }
    }

    fn take_back(&mut self, from: usize) {
        let columns = &mut self.columns;
        columns.time_ns.truncate(from);
        columns.trace_id.truncate(from);
        columns.span_id.truncate(from);
        columns.body.truncate(from);
        columns.attributes.truncate(from);
    }

    /// All that was filled; columns that a push request says nothing about are filled in. Fails where
    /// there was no stream at all.
    pub(super) fn finish(self) -> Result<Decoded<LogColumns>, Fault> {
        if self.known.is_empty() {
            return Err(Fault::Malformed(NO_STREAMS.to_owned()));
        }
        Ok(self.finish_any())
    }

    /// As [`Rows::finish`], also where there was no stream at all.
    pub(super) fn finish_any(mut self) -> Decoded<LogColumns> {
        let rows = self.len();
        let columns = &mut self.columns;
        columns.observed_ns.resize(rows, 0);
        columns.severity_number.resize(rows, 0);
        columns.level.resize(rows, Level::Unknown as u8);
        columns.body_kind.resize(rows, ValueKind::String as u8);
        columns.dropped_attributes.resize(rows, 0);
        columns.flags.resize(rows, 0);
        if rows > 0 {
            let resource = columns.resource.intern("{}");
            columns.resource.push_key_times(resource, rows);
            for column in [
                &mut columns.severity_text,
                &mut columns.scope_name,
                &mut columns.scope_version,
                &mut columns.scope_attributes,
                &mut columns.schema_url,
                &mut columns.event_name,
            ] {
                let none = column.intern("");
                column.push_key_times(none, rows);
            }
        }
        Decoded {
            rejected: self.rejections.total,
            message: self.rejections.message("entries"),
            columns: self.columns,
            warnings: self.warnings,
        }
    }
}

/// 32 hexadecimal digits, or 16 of an id of 64 bits.
fn trace_id(text: &str) -> Option<[u8; 16]> {
    if text.len() != 16 {
        return hex(text);
    }
    let low: [u8; 8] = hex(text)?;
    Some(u128::from(u64::from_be_bytes(low)).to_be_bytes())
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| (*pair.get(at)? as char).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(bytes)
}
