//! Events and links of the rows of a block, as tables of their own. A row whose JSON is not what our
//! decoders write is kept as text, so that whatever was stored comes back byte by byte.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use watchkeep_model::{AttributesColumn, FieldColumn, Result, SpanField, Utf8Column};

use super::json::{self, Child, Kind};
use crate::block::attributes::{self, Attributes};
use crate::block::bloom::BloomBuilder;
use crate::block::numbers::{self, ANY_U32, Numbers, Sequence};
use crate::block::sections::{Head, Section, Writer, corrupt};
use crate::block::table::{hex, push_hex};
use crate::block::texts::{self, once};
use crate::block::texts_read::{Reader, Texts};

/// Events, or links, of a block in tables; rows that would need more are kept as text.
const CHILDREN_MAX: usize = 1 << 20;
/// Bytes of the two ids of a link.
const LINK_IDS: usize = 24;
/// What is told of a row: nothing, a text, or one more than its children.
const NONE: u32 = 0;
const TEXT: u32 = 1;

/// The children of the rows of a block, taken apart.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    kind: Kind,
    codes: Vec<u32>,
    texts: Vec<&'a str>,
    /// Of events the distance from the span's start.
    times: Vec<i64>,
    /// Of links both ids.
    ids: Vec<u8>,
    /// Of events the name, of links the trace state.
    names: Utf8Column,
    attributes: AttributesColumn,
    dropped: Vec<u32>,
    flags: Vec<u32>,
}

impl<'a> Parts<'a> {
    /// Takes apart the JSON of rows, which start at these times.
    pub(super) fn of(kind: Kind, column: &'a Utf8Column, rows: &[u32], starts: &[i64]) -> Self {
        let mut parts = Self {
            kind,
            codes: Vec::with_capacity(rows.len()),
            texts: Vec::new(),
            times: Vec::new(),
            ids: Vec::new(),
            names: Utf8Column::default(),
            attributes: AttributesColumn::default(),
            dropped: Vec::new(),
            flags: Vec::new(),
        };
        let mut again = String::new();
        for (row, start_ns) in rows.iter().zip(starts) {
            let text = column.get(*row as usize);
            if text.is_empty() {
                parts.codes.push(NONE);
                continue;
            }
            let before = parts.dropped.len();
            again.clear();
            if parts.push(text, *start_ns) && {
                parts.write_json(before, *start_ns, &mut again);
                again == text
            } {
                parts.codes.push((parts.dropped.len() - before) as u32 + TEXT);
            } else {
                parts.truncate(before);
                parts.codes.push(TEXT);
                parts.texts.push(text);
            }
        }
        parts
    }

    /// Appends the children of a row; false where they are not what decoders write.
    fn push(&mut self, text: &str, start_ns: i64) -> bool {
        let taken = json::children(self.kind, text, &mut self.attributes, |child| {
            match child {
                Child::Event { time_ns, name, dropped } => {
                    self.times.push(time_ns.wrapping_sub(start_ns));
                    self.names.push(&name);
                    self.dropped.push(dropped);
                }
                Child::Link { ids, trace_state, dropped, flags } => {
                    self.ids.extend_from_slice(&ids);
                    self.names.push(&trace_state);
                    self.dropped.push(dropped);
                    self.flags.push(flags);
                }
            }
            self.dropped.len() <= CHILDREN_MAX
        });
        taken.is_some() && self.attributes.len() == self.dropped.len()
    }

    fn truncate(&mut self, children: usize) {
        self.times.truncate(children);
        self.ids.truncate(children * LINK_IDS);
        self.names.truncate(children);
        self.attributes.truncate(children);
        self.dropped.truncate(children);
        self.flags.truncate(children);
    }

    /// The JSON of the children from one on.
    fn write_json(&self, from: usize, start_ns: i64, out: &mut String) {
        let mut writer = json::ChildWriter::new(self.kind, out);
        for at in from..self.dropped.len() {
            let (name, dropped) = (self.names.get(at), self.dropped[at]);
            match self.kind {
                Kind::Events => {
                    let time_ns = start_ns.wrapping_add(self.times[at]);
                    writer.begin_event(time_ns, name);
                }
                Kind::Links => writer.begin_link(&self.ids[at * LINK_IDS..][..LINK_IDS], name),
            }
            for (key, kind, text) in self.attributes.row(at) {
                writer.attribute(key, kind, text);
            }
            writer.end(dropped, self.flags.get(at).copied());
        }
        writer.finish();
    }

    /// Writes them; returns the keys of their attributes.
    pub(super) fn write(
        &self,
        bloom: &mut BloomBuilder,
        out: &mut Writer,
    ) -> Result<BTreeSet<String>> {
        numbers::write_u32(&self.codes, out)?;
        out.size(self.texts.len());
        if !self.texts.is_empty() {
            texts::Column { texts: &self.texts, times: None, bloom: Some(bloom) }.write(out)?;
        }
        let count = self.dropped.len();
        out.size(count);
        if count == 0 {
            return Ok(BTreeSet::new());
        }
        match self.kind {
            Kind::Events => numbers::write(&self.times, Sequence::Any, out)?,
            Kind::Links => {
                out.section(&self.ids);
                numbers::write_u32(&self.flags, out)?;
                for ids in self.ids.chunks_exact(LINK_IDS) {
                    bloom.add_whole(hex(&ids[..16]).as_bytes());
                    bloom.add_whole(hex(&ids[16..]).as_bytes());
                }
            }
        }
        let names: Vec<&str> = self.names.iter().collect();
        texts::Column { texts: &names, times: None, bloom: Some(bloom) }.write(out)?;
        numbers::write_u32(&self.dropped, out)?;
        let rows: Vec<_> = (0..count as u32).map(|row| (0, row)).collect();
        let mut parts = attributes::Parts::of(&[&self.attributes], &rows);
        let keys = std::mem::take(&mut parts.keys);
        parts.write(None, bloom, out)?;
        Ok(keys)
    }

    /// Texts of rows that are kept as text.
    pub(super) fn texts(&self) -> &[&'a str] {
        &self.texts
    }

    /// The attributes of all children.
    pub(super) fn attributes(&self) -> &AttributesColumn {
        &self.attributes
    }
}

/// The children of the rows of a block, at rest.
#[derive(Debug)]
pub(super) struct Children {
    kind: Kind,
    codes: Numbers,
    text_count: usize,
    texts: Option<Texts>,
    count: usize,
    table: Option<ChildTable>,
    layout: OnceLock<Layout>,
}

#[derive(Debug)]
struct ChildTable {
    kind: Kind,
    times: Numbers,
    ids: Section,
    flags: Numbers,
    names: Texts,
    dropped: Numbers,
    attributes: Attributes,
    read: OnceLock<Plain>,
}

/// What is read of a table as a whole.
#[derive(Debug)]
struct Plain {
    times: Vec<i64>,
    ids: Vec<u8>,
    flags: Vec<u32>,
    dropped: Vec<u32>,
}

/// Which children each row has.
#[derive(Debug)]
struct Layout {
    /// Where the children of each row end.
    ends: Vec<u32>,
    /// Rows that are kept as text.
    texts: Vec<u32>,
}

impl Layout {
    fn children(&self, row: usize) -> std::ops::Range<usize> {
        let from = if row == 0 { 0 } else { self.ends[row - 1] };
        from as usize..self.ends[row] as usize
    }
}

impl Children {
    pub(super) fn parse(head: &mut Head<'_>, kind: Kind, rows: usize) -> Result<Self> {
        let codes = Numbers::parse(head, rows)?;
        let text_count = head.size()?;
        if text_count > rows {
            return Err(corrupt("more rows are kept as text than there are"));
        }
        let texts = if text_count == 0 { None } else { Some(Texts::parse(head, text_count)?) };
        let count = head.size()?;
        if count > CHILDREN_MAX {
            return Err(corrupt("it has too many events or links"));
        }
        let table = if count == 0 { None } else { Some(ChildTable::parse(head, kind, count)?) };
        Ok(Self { kind, codes, text_count, texts, count, table, layout: OnceLock::new() })
    }

    /// Whether no row has any.
    pub(super) fn is_empty(&self) -> bool {
        self.text_count == 0 && self.count == 0
    }

    fn layout(&self, reader: Reader<'_>) -> Result<&Layout> {
        once(&self.layout, || {
            let mut codes = self.codes.read_u32(reader.source, CHILDREN_MAX + 2)?;
            let (mut end, mut texts) = (0_usize, Vec::new());
            for (row, code) in codes.iter_mut().enumerate() {
                match *code {
                    NONE => {}
                    TEXT => texts.push(row as u32),
                    children => end += (children - TEXT) as usize,
                }
                *code = end.min(CHILDREN_MAX) as u32;
            }
            if end != self.count || texts.len() != self.text_count {
                return Err(corrupt("its events or links have another number"));
            }
            Ok(Layout { ends: codes, texts })
        })
    }

    /// Whether one of the rows, or of all, is kept as text.
    pub(super) fn has_texts(&self, reader: Reader<'_>, rows: Option<&[u32]>) -> Result<bool> {
        if self.text_count == 0 {
            return Ok(false);
        }
        let texts = &self.layout(reader)?.texts;
        Ok(rows.is_none_or(|rows| rows.iter().any(|row| texts.binary_search(row).is_ok())))
    }

    /// Appends the JSON of a row that starts at this time.
    pub(super) fn append(
        &self,
        reader: Reader<'_>,
        row: usize,
        start_ns: i64,
        out: &mut String,
    ) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let layout = self.layout(reader)?;
        if let Some(texts) = &self.texts
            && let Ok(at) = layout.texts.binary_search(&(row as u32))
        {
            return texts.append(reader, at, row, out);
        }
        let Some(table) = &self.table else { return Ok(()) };
        let children = layout.children(row);
        if children.is_empty() {
            return Ok(());
        }
        let plain = table.plain(reader, self.count)?;
        let (mut entries, mut name) = (AttributesColumn::default(), String::new());
        let mut writer = json::ChildWriter::new(self.kind, out);
        for at in children {
            name.clear();
            table.names.append(reader, at, usize::MAX, &mut name)?;
            match self.kind {
                Kind::Events => {
                    writer.begin_event(start_ns.wrapping_add(plain.times[at]), &name);
                }
                Kind::Links => writer.begin_link(&plain.ids[at * LINK_IDS..][..LINK_IDS], &name),
            }
            entries.truncate(0);
            table.attributes.append(reader, at, &mut entries)?;
            for (key, kind, text) in entries.row(0) {
                writer.attribute(key, kind, text);
            }
            writer.end(plain.dropped[at], plain.flags.get(at).copied());
        }
        writer.finish();
        Ok(())
    }

    /// A field of the children of rows, or of all; none of the rows may be kept as text.
    pub(super) fn field(
        &self,
        reader: Reader<'_>,
        field: &SpanField,
        rows: Option<&[u32]>,
    ) -> Result<FieldColumn> {
        let Some(table) = &self.table else { return Ok(FieldColumn::Absent) };
        let layout = self.layout(reader)?;
        let (ends, which) = match rows {
            None => (layout.ends.clone(), None),
            Some(rows) => {
                let (mut ends, mut which) = (Vec::with_capacity(rows.len()), Vec::new());
                for row in rows {
                    which.extend(layout.children(*row as usize).map(|at| at as u32));
                    ends.push(which.len() as u32);
                }
                (ends, Some(which))
            }
        };
        let values = table.field(reader, field, self.count, which.as_deref())?;
        if values == FieldColumn::Absent {
            return Ok(FieldColumn::Absent);
        }
        Ok(FieldColumn::Repeated { ends, values: Box::new(values) })
    }
}

impl ChildTable {
    fn parse(head: &mut Head<'_>, kind: Kind, count: usize) -> Result<Self> {
        let none = || Numbers::constant_of(0, 0);
        let (times, ids, flags) = match kind {
            Kind::Events => (Numbers::parse(head, count)?, Section::Inline(Vec::new()), none()),
            Kind::Links => (none(), head.section()?, Numbers::parse(head, count)?),
        };
        Ok(Self {
            kind,
            times,
            ids,
            flags,
            names: Texts::parse(head, count)?,
            dropped: Numbers::parse(head, count)?,
            attributes: Attributes::parse(head, count)?,
            read: OnceLock::new(),
        })
    }

    fn plain(&self, reader: Reader<'_>, count: usize) -> Result<&Plain> {
        once(&self.read, || {
            let ids = self.ids.read(reader.source)?.to_vec();
            if self.kind == Kind::Links && ids.len() != count * LINK_IDS {
                return Err(corrupt("ids of links are missing"));
            }
            let flags = self.flags.read_u32(reader.source, ANY_U32)?;
            let times = self.times.read(reader.source)?;
            Ok(Plain { times, ids, flags, dropped: self.dropped.read_u32(reader.source, ANY_U32)? })
        })
    }

    fn field(
        &self,
        reader: Reader<'_>,
        field: &SpanField,
        count: usize,
        which: Option<&[u32]>,
    ) -> Result<FieldColumn> {
        let picked = |at: usize| which.map_or(at, |which| which[at] as usize);
        let len = which.map_or(count, <[u32]>::len);
        let ids = |range: std::ops::Range<usize>| -> Result<FieldColumn> {
            let plain = self.plain(reader, count)?;
            let mut values = Utf8Column::default();
            for at in (0..len).map(picked) {
                let ids = &plain.ids[at * LINK_IDS..][range.clone()];
                values.push_with(|text| push_hex(ids, text));
            }
            Ok(FieldColumn::Text { keys: (0..len as u32).collect(), values })
        };
        match field {
            SpanField::EventName => {
                let (keys, values) = self.names.column(reader, which, None)?;
                Ok(FieldColumn::Text { keys, values })
            }
            SpanField::EventTimeSinceStart => {
                let times = &self.plain(reader, count)?.times;
                let values = (0..len).map(|at| times[picked(at)]).collect();
                Ok(FieldColumn::Int { values, present: None })
            }
            SpanField::LinkTraceId => ids(0..16),
            SpanField::LinkSpanId => ids(16..LINK_IDS),
            SpanField::Attribute(_, key) => {
                super::attribute::column(reader, &self.attributes, count, key, which)
            }
            _ => Ok(FieldColumn::Absent),
        }
    }
}
