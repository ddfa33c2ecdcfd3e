//! The labels of one line while it goes through the stages, in the three categories that LogQL
//! knows. Nothing is allocated for a label: its value is a piece of one text that is used again for
//! every line, and its name a number.

use std::ops::Range;
use std::sync::Arc;

use watchkeep_model::Labels;
use watchkeep_model::labels::{RawLabels, write_varint};

use super::names::{Names, Symbol};
use crate::ast::Grouping;

/// Says that a stage failed on the line.
pub const ERROR_LABEL: &str = "__error__";

/// Says how.
pub const ERROR_DETAILS_LABEL: &str = "__error_details__";

/// There when the query itself speaks of [`ERROR_LABEL`]: the error is not to fail the query.
pub const PRESERVE_ERROR_LABEL: &str = "__preserve_error__";

/// The most names that are remembered from line to line; when there are more, all are forgotten.
const NAMES_MAX: usize = 1 << 14;

/// A piece of [`LabelsBuilder::text`].
pub(super) type Piece = Range<usize>;

/// Where a label comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// It is one of the stream's.
    Stream,
    /// It came with the record.
    Metadata,
    /// A stage made it.
    Parsed,
}

/// What is known of a name. What belongs to the line or the stream counts only while its
/// generation is the builder's.
#[derive(Debug, Clone, Default)]
struct Slot {
    stream_generation: u32,
    stream_value: Piece,
    line_generation: u32,
    /// The label was added, as metadata or parsed.
    added: Option<AddedAs>,
    value: Piece,
    /// The label was removed (and perhaps added again later).
    deleted: bool,
    /// The label was parsed before; parsers leave it alone from then on.
    extracted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddedAs {
    Metadata,
    Parsed,
}

/// The labels of a line: those of its stream, of its structured metadata, and those that stages
/// made. A parsed label hides one of the same name of the metadata, which hides one of the stream.
#[derive(Debug, Default)]
pub struct LabelsBuilder {
    pub(super) names: Names,
    slots: Vec<Slot>,
    /// Canonical bytes of the stream's labels.
    stream: Vec<u8>,
    stream_text: String,
    stream_names: Vec<Symbol>,
    stream_generation: u32,
    line_generation: u32,
    /// Added labels, in this order.
    added: Vec<Symbol>,
    /// Whether anything was added or removed.
    any_deleted: bool,
    /// Values of added labels, and the lines that they are cut from.
    pub(super) text: String,
    error: String,
    error_details: String,
    /// Counts up whenever symbols change their meaning.
    epoch: u32,
    hints: Arc<Hints>,
    /// How many of the labels that are needed were not parsed yet.
    missing: usize,
}

/// What parsers may leave out, because nobody looks at it.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// By the number of a name, whether its label is needed; empty when all are.
    pub(super) needed: Vec<bool>,
    /// How many of them are true.
    pub(super) needed_count: usize,
    /// No label is needed at all.
    pub(super) nothing_needed: bool,
    /// The query speaks of [`ERROR_LABEL`].
    pub(super) preserve_error: bool,
}

impl Hints {
    fn needs(&self, symbol: Symbol) -> bool {
        self.needed.is_empty() || self.needed.get(symbol.index()) == Some(&true)
    }
}

impl LabelsBuilder {
    /// A builder for stages that speak of these names, whose symbols are their places.
    pub(super) fn new<'n>(names: impl Iterator<Item = &'n str>, hints: Arc<Hints>) -> Self {
        let names = Names::new(names);
        let slots = vec![Slot::default(); names.len()];
        Self { names, slots, stream_generation: 1, line_generation: 1, hints, ..Self::default() }
    }

    /// Whether parsers need not look for anything (more).
    pub(super) fn wants_nothing(&self) -> bool {
        self.hints.nothing_needed || self.has_all()
    }

    /// Whether every label that is needed was parsed; never when all are needed.
    pub(super) fn has_all(&self) -> bool {
        !self.hints.needed.is_empty() && self.missing == 0
    }

    /// Whether the query needs this label, with a suffix or without.
    pub(super) fn wants_either(&mut self, symbol: Symbol) -> bool {
        if self.hints.needed.is_empty() {
            return true;
        }
        let suffixed = self.suffixed(symbol);
        self.hints.needs(symbol) || self.hints.needs(suffixed)
    }

    /// Whether the query needs a label whose name begins so.
    pub(super) fn wants_prefix(&self, prefix: &str) -> bool {
        let needed = &self.hints.needed;
        let begins = |at: usize| self.names.get(Symbol(at as u32)).starts_with(prefix);
        needed.is_empty() || (0..needed.len()).any(|at| needed[at] && begins(at))
    }

    /// Counts up whenever names were forgotten, so that symbols known before mean nothing any more.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Begins a line of a stream, which becomes the first piece of the text.
    pub(super) fn begin(&mut self, stream: &Labels, line: &str) -> Piece {
        if self.names.len() > NAMES_MAX || self.line_generation == u32::MAX {
            self.forget_names();
        }
        self.line_generation += 1;
        self.added.clear();
        self.any_deleted = false;
        self.missing = self.hints.needed_count;
        self.text.clear();
        self.text.push_str(line);
        self.error.clear();
        self.error_details.clear();
        if self.stream != stream.as_bytes() {
            self.set_stream(stream);
        }
        0..line.len()
    }

    fn forget_names(&mut self) {
        self.names.reset();
        self.slots.clear();
        self.slots.resize(self.names.len(), Slot::default());
        self.stream.clear();
        self.stream_names.clear();
        (self.stream_generation, self.line_generation) = (1, 1);
        self.epoch = self.epoch.wrapping_add(1);
    }

    fn set_stream(&mut self, stream: &Labels) {
        if self.stream_generation == u32::MAX {
            self.forget_names();
            self.line_generation += 1;
        }
        self.stream_generation += 1;
        self.stream.clear();
        self.stream.extend_from_slice(stream.as_bytes());
        self.stream_text.clear();
        self.stream_names.clear();
        for (name, value) in stream.iter() {
            let symbol = self.intern(name);
            let start = self.stream_text.len();
            self.stream_text.push_str(value);
            let slot = &mut self.slots[symbol.index()];
            slot.stream_generation = self.stream_generation;
            slot.stream_value = start..self.stream_text.len();
            self.stream_names.push(symbol);
        }
    }

    pub(super) fn intern(&mut self, name: &str) -> Symbol {
        let symbol = self.names.intern(name);
        if symbol.index() >= self.slots.len() {
            self.slots.resize(symbol.index() + 1, Slot::default());
        }
        symbol
    }

    /// The name with the suffix that parsers give to a label that is there already.
    fn suffixed(&mut self, symbol: Symbol) -> Symbol {
        let suffixed = self.names.suffixed(symbol);
        if suffixed.index() >= self.slots.len() {
            self.slots.resize(suffixed.index() + 1, Slot::default());
        }
        suffixed
    }

    /// The slot, when it says something about this line.
    fn line_slot(&self, symbol: Symbol) -> Option<&Slot> {
        let slot = &self.slots[symbol.index()];
        (slot.line_generation == self.line_generation).then_some(slot)
    }

    /// The slot, made ready to say something about this line.
    fn line_slot_mut(&mut self, symbol: Symbol) -> &mut Slot {
        let slot = &mut self.slots[symbol.index()];
        if slot.line_generation != self.line_generation {
            slot.line_generation = self.line_generation;
            slot.added = None;
            slot.deleted = false;
            slot.extracted = false;
        }
        slot
    }

    /// Whether the stream has the label, removed or not.
    pub(super) fn stream_has(&self, symbol: Symbol) -> bool {
        self.slots[symbol.index()].stream_generation == self.stream_generation
    }

    /// Whether the metadata has the label.
    fn metadata_has(&self, symbol: Symbol) -> bool {
        self.line_slot(symbol).is_some_and(|slot| slot.added == Some(AddedAs::Metadata))
    }

    /// The name under which a parser sets a label: with a suffix where the record had it before.
    pub(super) fn name_for_parsed(&mut self, symbol: Symbol) -> Symbol {
        if self.is_taken(symbol) { self.suffixed(symbol) } else { symbol }
    }

    /// Whether the stream or the metadata has the label.
    pub(super) fn is_taken(&self, symbol: Symbol) -> bool {
        self.stream_has(symbol) || self.metadata_has(symbol)
    }

    /// Whether a parser is to set the label: it is needed, and was not parsed before.
    pub(super) fn is_open(&self, symbol: Symbol) -> bool {
        self.hints.needs(symbol) && !self.line_slot(symbol).is_some_and(|slot| slot.extracted)
    }

    /// What parsers do with a field that they found: it becomes a label unless it is one already.
    pub(super) fn offer(&mut self, name: Symbol, value: Piece) {
        let name = self.name_for_parsed(name);
        if self.is_open(name) {
            self.set_parsed_piece(name, value);
        }
    }

    /// Adds a label of the structured metadata.
    pub(super) fn add_metadata(&mut self, name: &str, value: &str) {
        match name {
            ERROR_LABEL => return value.clone_into(&mut self.error),
            ERROR_DETAILS_LABEL => return value.clone_into(&mut self.error_details),
            _ => {}
        }
        let mut symbol = self.intern(name);
        if self.stream_has(symbol) {
            symbol = self.suffixed(symbol);
        }
        let value = self.push_text(value);
        self.add(symbol, AddedAs::Metadata, value);
    }

    fn add(&mut self, symbol: Symbol, category: AddedAs, value: Piece) {
        let slot = self.line_slot_mut(symbol);
        let known = slot.added.is_some();
        slot.added = Some(category);
        slot.value = value;
        let first = category == AddedAs::Parsed && !std::mem::replace(&mut slot.extracted, true);
        if !known {
            self.added.push(symbol);
        }
        if first && self.hints.needed.get(symbol.index()) == Some(&true) {
            self.missing = self.missing.saturating_sub(1);
        }
    }

    /// Appends to the text of this line.
    pub(super) fn push_text(&mut self, value: &str) -> Piece {
        let start = self.text.len();
        self.text.push_str(value);
        start..self.text.len()
    }

    /// Sets a parsed label.
    pub fn set_parsed(&mut self, name: &str, value: &str) {
        let symbol = self.intern(name);
        let value = self.push_text(value);
        self.set_parsed_piece(symbol, value);
    }

    /// Sets a parsed label to a piece of the text.
    pub(super) fn set_parsed_piece(&mut self, symbol: Symbol, value: Piece) {
        self.add(symbol, AddedAs::Parsed, value);
    }

    /// Removes a label, whichever category it is in.
    pub fn delete(&mut self, name: &str) {
        let symbol = self.intern(name);
        self.delete_symbol(symbol);
    }

    pub(super) fn delete_symbol(&mut self, symbol: Symbol) {
        let slot = self.line_slot_mut(symbol);
        slot.deleted = true;
        if slot.added.take().is_some() {
            self.added.retain(|other| *other != symbol);
        }
        self.any_deleted = true;
    }

    /// The value of a label; `None` when absent. The error labels are not found by this.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_symbol(self.names.find(name)?)
    }

    pub(super) fn get_symbol(&self, symbol: Symbol) -> Option<&str> {
        if let Some(slot) = self.line_slot(symbol) {
            if slot.added.is_some() {
                return Some(&self.text[slot.value.clone()]);
            }
            if slot.deleted {
                return None;
            }
        }
        self.stream_value(symbol)
    }

    /// Where the value of an added label stands in the text.
    pub(super) fn added_piece(&self, symbol: Symbol) -> Option<Piece> {
        let slot = self.line_slot(symbol)?;
        slot.added.is_some().then(|| slot.value.clone())
    }

    fn stream_value(&self, symbol: Symbol) -> Option<&str> {
        let slot = &self.slots[symbol.index()];
        (slot.stream_generation == self.stream_generation)
            .then(|| &self.stream_text[slot.stream_value.clone()])
    }

    /// What failed on this line; empty when nothing did.
    pub fn error(&self) -> &str {
        &self.error
    }

    /// How it failed.
    pub fn error_details(&self) -> &str {
        &self.error_details
    }

    /// Whether something failed on this line.
    pub fn has_error(&self) -> bool {
        !self.error.is_empty()
    }

    /// Notes that something failed. Without details those noted before stay.
    pub(super) fn set_error(&mut self, error: &str, details: Option<&str>) {
        self.error.clear();
        self.error.push_str(error);
        if let Some(details) = details {
            self.error_details.clear();
            self.error_details.push_str(details);
        }
    }

    /// Notes that a parser failed.
    pub(super) fn set_parser_error(&mut self, error: &str, details: Option<&str>) {
        self.set_error(error, details);
        if self.hints.preserve_error {
            self.set_parsed(PRESERVE_ERROR_LABEL, "true");
        }
    }

    pub(super) fn clear_error(&mut self) {
        self.error.clear();
    }

    pub(super) fn clear_error_details(&mut self) {
        self.error_details.clear();
    }

    /// Whether the labels are just those of the stream.
    fn is_unchanged(&self) -> bool {
        self.added.is_empty() && !self.any_deleted && self.error.is_empty()
    }

    /// Calls for each label with its category, in no order; error labels count as parsed.
    pub fn for_each<'b>(&'b self, mut label: impl FnMut(Category, &'b str, &'b str)) {
        self.for_each_symbol(|category, symbol, value| {
            label(category, self.names.get(symbol), value);
        });
        if !self.is_unchanged() {
            let errors = [(ERROR_LABEL, &self.error), (ERROR_DETAILS_LABEL, &self.error_details)];
            for (name, value) in errors.into_iter().filter(|(_, value)| !value.is_empty()) {
                label(Category::Parsed, name, value);
            }
        }
    }

    /// Calls for each label but those of errors.
    pub(super) fn for_each_symbol<'b>(&'b self, mut label: impl FnMut(Category, Symbol, &'b str)) {
        for symbol in &self.stream_names {
            let slot = self.line_slot(*symbol);
            if slot.is_some_and(|slot| slot.deleted || slot.added.is_some()) {
                continue;
            }
            label(Category::Stream, *symbol, self.stream_value(*symbol).unwrap_or_default());
        }
        for symbol in &self.added {
            let slot = &self.slots[symbol.index()];
            let category = match slot.added {
                Some(AddedAs::Metadata) => Category::Metadata,
                _ => Category::Parsed,
            };
            label(category, *symbol, &self.text[slot.value.clone()]);
        }
    }

    /// All labels, as a log result shows them: those with an empty value too.
    pub fn label_set(&self) -> LabelSet {
        let mut bytes = Vec::new();
        self.write_labels(&mut bytes);
        LabelSet(bytes.into())
    }

    /// Appends the bytes of [`LabelsBuilder::label_set`].
    pub fn write_labels(&self, out: &mut Vec<u8>) {
        if self.is_unchanged() {
            return out.extend_from_slice(&self.stream);
        }
        let mut pairs = Vec::with_capacity(self.stream_names.len() + self.added.len() + 2);
        self.for_each(|_, name, value| pairs.push((name, value)));
        write_sorted(&mut pairs, out);
    }

    /// All labels that are not empty.
    pub fn labels(&self) -> Labels {
        let mut pairs = Vec::new();
        self.for_each(|_, name, value| pairs.push((name, value)));
        Labels::from_pairs(pairs)
    }

    /// Labels by category: of the stream, of the structured metadata, parsed.
    pub fn by_category(&self) -> (LabelSet, LabelSet, LabelSet) {
        let mut sets = [Vec::new(), Vec::new(), Vec::new()];
        self.for_each(|category, name, value| sets[category as usize].push((name, value)));
        let [stream, metadata, parsed] = sets.map(|mut pairs| {
            let mut bytes = Vec::new();
            write_sorted(&mut pairs, &mut bytes);
            LabelSet(bytes.into())
        });
        (stream, metadata, parsed)
    }

    /// The labels that a grouping keeps. A line with an error keeps all, or the error would be lost.
    pub fn grouped(&self, grouping: &Grouping) -> Labels {
        let mut pairs = Vec::new();
        self.for_each_grouped(grouping, |name, value| pairs.push((name, value)));
        Labels::from_pairs(pairs)
    }

    /// Appends the bytes of the label set that a grouping keeps, empty values too.
    pub fn write_grouped(&self, grouping: &Grouping, out: &mut Vec<u8>) {
        let mut pairs = Vec::new();
        self.for_each_grouped(grouping, |name, value| pairs.push((name, value)));
        write_sorted(&mut pairs, out);
    }

    fn for_each_grouped<'b>(
        &'b self,
        grouping: &'b Grouping,
        mut label: impl FnMut(&'b str, &'b str),
    ) {
        let names = &grouping.labels;
        if self.has_error() {
            return self.for_each(|_, name, value| label(name, value));
        }
        if grouping.without {
            return self.for_each(|_, name, value| {
                if !names.iter().any(|other| other == name) {
                    label(name, value);
                }
            });
        }
        for (place, name) in names.iter().enumerate() {
            let Some(symbol) = self.names.find(name) else { continue };
            // A label that was removed once stays away from groups, even if it was set again.
            let deleted = self.line_slot(symbol).is_some_and(|slot| slot.deleted);
            if deleted || names[..place].contains(name) {
                continue;
            }
            if let Some(value) = self.get_symbol(symbol) {
                label(name, value);
            }
        }
    }
}

/// Sorts by name and appends canonical bytes. Names differ.
fn write_sorted(pairs: &mut [(&str, &str)], out: &mut Vec<u8>) {
    pairs.sort_unstable();
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        write_varint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Labels sorted by name, of which some may have an empty value, as streams of a log result do
/// where a parser found nothing. The bytes are those of [`Labels`] otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct LabelSet(Box<[u8]>);

impl LabelSet {
    /// Takes what [`LabelsBuilder::write_labels`] or [`LabelsBuilder::write_grouped`] wrote.
    pub fn from_written(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        RawLabels::over(&self.0).map(|label| (text(label.name), text(label.value)))
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels that are not empty.
    pub fn to_labels(&self) -> Labels {
        Labels::from_pairs(self.iter())
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
