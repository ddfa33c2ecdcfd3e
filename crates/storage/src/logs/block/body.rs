//! The bodies of the rows of a block. A line that is one JSON object is its shape, the line with
//! its values cut out, and its values; any other line is kept whole.

use std::sync::OnceLock;

use hashbrown::HashMap;
use memchr::memmem::Finder;
use watchkeep_model::Result;

use super::align::{Condition, Way, Ways, ways};
use super::json::{Hole, Shape, take_apart};
use crate::block::RowSet;
use crate::block::bloom::BloomBuilder;
use crate::block::sections::{Head, Packed, Writer, corrupt};
use crate::block::shred::{COLUMNS_MAX, SHAPES_MAX, Shredded, Shredder, WHOLE};
use crate::block::texts::once;
use crate::block::texts_read::Reader;

/// Ends the text of a shape: a control character, as no line of JSON has.
const SHAPE_END: char = '\u{1e}';
/// A line is compared with so many shapes, those seen last, before it is parsed.
const RECENT: usize = 4;

/// Path, kind, and how often that pair stands before in the line.
type Place = (String, Hole, u32);

#[derive(Debug)]
struct Lines<'a> {
    shredder: Shredder<'a>,
    whole: Vec<&'a str>,
    shapes: Vec<Shape>,
    texts: Vec<String>,
    known: HashMap<String, u32>,
    columns: HashMap<Place, u32>,
    recent: Vec<u32>,
    /// By two shapes how many of their values stand at the same places.
    common: HashMap<(u32, u32), usize>,
    /// Where the values of the line at hand are.
    values: Vec<(u32, u32)>,
}

impl<'a> Lines<'a> {
    #[expect(clippy::string_slice, reason = "values lie between ASCII characters")]
    fn push(&mut self, line: &'a str) {
        if let Some(shape) = self.shape_of(line) {
            let values = self.values.iter();
            let values = values.map(|(start, end)| &line[*start as usize..*end as usize]);
            self.shredder.push(shape, values);
        } else {
            self.shredder.shape_of_row.push(WHOLE);
            self.whole.push(line);
        }
    }

    /// The shape of a line, leaving where its values are; `None` where it is kept whole.
    fn shape_of(&mut self, line: &str) -> Option<u32> {
        self.values.clear();
        for position in 0..self.recent.len() {
            let id = self.recent[position];
            if let Some(before) = position.checked_sub(1) {
                let common = self.common(self.recent[before], id);
                self.values.truncate(common);
            }
            if self.shapes[id as usize].matches(line, &mut self.values) {
                self.recent[..=position].rotate_right(1);
                return Some(id);
            }
        }
        if !line.trim_start().starts_with('{') {
            return None;
        }
        let taken = take_apart(line)?;
        let id = match self.known.get(&taken.shape) {
            Some(id) => *id,
            None => self.add(&taken.shape, taken.paths)?,
        };
        self.values = taken.values;
        self.recent.truncate(RECENT - 1);
        self.recent.insert(0, id);
        Some(id)
    }

    fn common(&mut self, one: u32, other: u32) -> usize {
        let shapes = &self.shapes;
        let of = || shapes[one as usize].common(&shapes[other as usize]);
        *self.common.entry((one, other)).or_insert_with(of)
    }

    /// Adds a shape; `None` if there would be too many.
    fn add(&mut self, text: &str, paths: Vec<String>) -> Option<u32> {
        let fits = self.columns.len() + paths.len() < COLUMNS_MAX;
        if !fits || self.shapes.len() == SHAPES_MAX {
            return None;
        }
        let shape = Shape::parse(text);
        let mut seen: HashMap<(String, Hole), u32> = HashMap::new();
        let mut columns = Vec::with_capacity(paths.len());
        for (path, hole) in paths.into_iter().zip(&shape.holes) {
            let again = seen.entry((path.clone(), *hole)).or_default();
            let place = (path, *hole, *again);
            *again += 1;
            let next = self.shredder.columns.len() as u32;
            let column = *self.columns.entry(place).or_insert(next);
            if column == next {
                self.shredder.columns.push(Vec::new());
            }
            columns.push(column);
        }
        let id = self.shapes.len() as u32;
        self.shredder.shapes.push(columns);
        self.shapes.push(shape);
        self.texts.push(text.to_owned());
        self.known.insert(text.to_owned(), id);
        Some(id)
    }
}

/// Writes the bodies of some rows.
pub(super) fn write(
    bodies: &[&str],
    times: &[i64],
    bloom: &mut BloomBuilder,
    out: &mut Writer,
) -> Result<()> {
    let mut lines = Lines {
        shredder: Shredder::new(),
        whole: Vec::new(),
        shapes: vec![Shape { literals: vec![String::new(); 2], holes: vec![Hole::Array] }],
        texts: Vec::new(),
        known: HashMap::new(),
        columns: HashMap::new(),
        recent: Vec::new(),
        common: HashMap::new(),
        values: Vec::new(),
    };
    for body in bodies {
        lines.push(body);
    }
    let mut texts = String::new();
    for text in &lines.texts {
        bloom.add_text(text);
        texts.push_str(text);
        texts.push(SHAPE_END);
    }
    out.compressed(texts.as_bytes())?;
    lines.shredder.write(&lines.whole, Some(times), bloom, out)
}

/// The bodies of a block at rest.
#[derive(Debug)]
pub(super) struct Bodies {
    texts: Packed,
    shapes: OnceLock<Vec<Shape>>,
    pub(super) shredded: Shredded,
}

impl Bodies {
    pub(super) fn parse(head: &mut Head<'_>, rows: usize) -> Result<Self> {
        let texts = head.packed()?;
        Ok(Self { texts, shapes: OnceLock::new(), shredded: Shredded::parse(head, rows)? })
    }

    /// All shapes, first that of lines that are kept whole.
    pub(super) fn shapes(&self, reader: Reader<'_>) -> Result<&[Shape]> {
        let shapes = once(&self.shapes, || {
            let texts = self.texts.read_text(reader.source)?;
            let whole = Shape { literals: vec![String::new(); 2], holes: vec![Hole::Array] };
            let texts = texts.split_terminator(SHAPE_END).map(Shape::parse);
            let shapes: Vec<Shape> = std::iter::once(whole).chain(texts).collect();
            let columns = self.shredded.shapes.iter().map(Vec::len);
            if !columns.eq(shapes.iter().map(|shape| shape.holes.len())) {
                return Err(corrupt("shapes and their columns differ in number"));
            }
            Ok(shapes)
        })?;
        Ok(shapes)
    }

    /// Appends the body of a row.
    pub(super) fn append(&self, reader: Reader<'_>, row: usize, out: &mut String) -> Result<()> {
        let id = self.shredded.shape_of(reader, row)? as usize;
        let shape = &self.shapes(reader)?[id];
        let columns = &self.shredded.shapes[id];
        for (literal, column) in shape.literals.iter().zip(columns) {
            out.push_str(literal);
            self.shredded.append(reader, *column, row, out)?;
        }
        if let Some(literal) = shape.literals.last() {
            out.push_str(literal);
        }
        Ok(())
    }

    /// The rows of `among` for whose body it holds.
    pub(super) fn holding(
        &self,
        reader: Reader<'_>,
        among: &RowSet,
        holds: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RowSet> {
        let mut held = RowSet::none(among.rows());
        let mut body = String::new();
        for row in among.iter() {
            body.clear();
            self.append(reader, row, &mut body)?;
            if holds(&body) {
                held.insert(row);
            }
        }
        Ok(held)
    }

    /// The rows of `among` whose body contains the needle.
    pub(super) fn containing(
        &self,
        reader: Reader<'_>,
        among: &RowSet,
        needle: &str,
    ) -> Result<RowSet> {
        if needle.is_empty() {
            return Ok(among.clone());
        }
        let shapes = self.shapes(reader)?;
        let classes: Vec<usize> = (0..shapes.len()).collect();
        let rows = self.shredded.classes(reader, among, &classes, shapes.len())?;
        let mut known: HashMap<(u32, Condition), RowSet> = HashMap::new();
        let mut found = RowSet::none(among.rows());
        for ((shape, columns), rows) in shapes.iter().zip(&self.shredded.shapes).zip(&rows) {
            if rows.is_empty() {
                continue;
            }
            match ways(shape, needle) {
                Ways::Always => found.add(rows),
                Ways::When(ways) => {
                    for way in ways {
                        let all =
                            self.where_all_hold(reader, among, rows, columns, way, &mut known)?;
                        found.add(&all);
                    }
                }
                Ways::Unclear => {
                    let finder = Finder::new(needle);
                    let mut holds = |body: &str| finder.find(body.as_bytes()).is_some();
                    found.add(&self.holding(reader, rows, &mut holds)?);
                }
            }
        }
        Ok(found)
    }

    fn where_all_hold(
        &self,
        reader: Reader<'_>,
        among: &RowSet,
        rows: &RowSet,
        columns: &[u32],
        way: Way,
        known: &mut HashMap<(u32, Condition), RowSet>,
    ) -> Result<RowSet> {
        let mut all = rows.clone();
        for (hole, condition) in way {
            if all.is_empty() {
                break;
            }
            let key = (columns[hole], condition);
            if let Some(holding) = known.get(&key) {
                all.keep(holding);
                continue;
            }
            let (column, condition) = &key;
            let holding =
                self.shredded.where_values(reader, *column, among, |texts, among, row_of| {
                    let part = condition.part();
                    let mut some = if part.is_empty() {
                        among.clone()
                    } else {
                        texts.containing(reader, among, row_of, part)?
                    };
                    if !matches!(condition, Condition::Contains(_)) && !some.is_empty() {
                        let mut holds = |text: &str| condition.holds(text);
                        some = texts.holding(reader, &some, row_of, &mut holds)?;
                    }
                    Ok(some)
                })?;
            all.keep(&holding);
            known.insert(key, holding);
        }
        Ok(all)
    }
}
