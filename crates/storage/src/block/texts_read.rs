//! Reading columns of texts (see [`super::texts`]), and testing them as they are.

use std::sync::OnceLock;

use memchr::memmem::Finder;
use watchkeep_model::Result;

use super::decimals::{self, push_int};
use super::instants::{self, Clock};
use super::numbers::Numbers;
use super::row_set::RowSet;
use super::sections::{BlockSource, Head, Packed, Section, corrupt};
use super::template::Template;
use super::texts::{self, PackedSpans, Spans, once};
use super::words_read::Words;

/// Dictionaries lie in each other so deep.
const DEPTH_MAX: usize = 2;

/// Where columns come from, and the times of the block's rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) source: &'a dyn BlockSource,
    pub(crate) times: &'a Times,
}

/// The times of the rows of a block.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) numbers: Numbers,
    read: OnceLock<Vec<i64>>,
}

impl Times {
    pub(crate) fn new(numbers: Numbers) -> Self {
        Self { numbers, read: OnceLock::new() }
    }

    pub(crate) fn read(&self, source: &dyn BlockSource) -> Result<&[i64]> {
        once(&self.read, || self.numbers.read(source)).map(Vec::as_slice)
    }
}

#[derive(Debug)]
pub(crate) struct Page {
    first: usize,
    count: usize,
    spans: PackedSpans,
    read: OnceLock<Spans>,
}

/// Whole numbers, decoded once.
#[derive(Debug)]
pub(crate) struct Ints {
    numbers: Numbers,
    read: OnceLock<Vec<i64>>,
}

impl Ints {
    fn parse(head: &mut Head<'_>, count: usize) -> Result<Self> {
        Ok(Self { numbers: Numbers::parse(head, count)?, read: OnceLock::new() })
    }

    pub(crate) fn read(&self, source: &dyn BlockSource) -> Result<&[i64]> {
        once(&self.read, || self.numbers.read(source)).map(Vec::as_slice)
    }
}

#[derive(Debug)]
pub(crate) enum Form {
    Constant { value: Packed, read: OnceLock<String> },
    Dictionary { values: Box<Texts>, keys: Numbers, read: OnceLock<(Vec<String>, Vec<u32>)> },
    Plain { pages: Vec<Page> },
    Instants(instants::Style),
    Integers(Ints),
    Decimals { style: decimals::Style, ints: Ints },
    TemplateNumbers { template: Template, ints: Ints },
    TemplateDigits { template: Template, section: Section, read: OnceLock<Vec<u8>> },
    Words(Box<Words>),
}

/// Texts that a form left out: where they are, and what.
#[derive(Debug)]
struct Odd {
    count: usize,
    positions: Numbers,
    texts: PackedSpans,
    read: OnceLock<(Vec<u32>, Spans)>,
}

/// A column of texts, decoded as far as it was asked.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) form: Form,
    pub(crate) count: usize,
    odd: Option<Odd>,
}

impl Texts {
    /// Reads what stands in the head of a column of so many texts.
    pub(crate) fn parse(head: &mut Head<'_>, count: usize) -> Result<Self> {
        Self::parse_nested(head, count, 0)
    }

    fn parse_nested(head: &mut Head<'_>, count: usize, depth: usize) -> Result<Self> {
        let tag = head.byte()?;
        let form = tag & !texts::WITH_ODD;
        if form != tag && !texts::MAY_LEAVE_OUT.contains(&form) {
            return Err(corrupt("a form of texts leaves out what it can not"));
        }
        let odd = if tag & texts::WITH_ODD == 0 { None } else { Some(Odd::parse(head, count)?) };
        let form = match form {
            texts::CONSTANT => Form::Constant { value: head.packed()?, read: OnceLock::new() },
            texts::DICTIONARY if depth < DEPTH_MAX => {
                let len = head.size()?;
                if len > count {
                    return Err(corrupt("a dictionary is larger than its column"));
                }
                let keys = Numbers::parse(head, count)?;
                let values = Box::new(Self::parse_nested(head, len, depth + 1)?);
                Form::Dictionary { values, keys, read: OnceLock::new() }
            }
            texts::PLAIN => Form::Plain { pages: Page::parse_all(head, count)? },
            texts::INSTANTS => {
                let style = instants::Style::from_code(head.byte()?);
                Form::Instants(style.ok_or_else(|| corrupt("a style of times is not known"))?)
            }
            texts::INTEGERS => Form::Integers(Ints::parse(head, count)?),
            texts::DECIMALS => {
                let style = decimals::Style { scale: head.byte()?, least: head.byte()? };
                if style.scale > decimals::SCALE_MAX || style.least > style.scale {
                    return Err(corrupt("a style of decimals is not known"));
                }
                Form::Decimals { style, ints: Ints::parse(head, count)? }
            }
            texts::TEMPLATE_NUMBERS => Form::TemplateNumbers {
                template: parse_template(head, true)?,
                ints: Ints::parse(head, count)?,
            },
            texts::TEMPLATE_DIGITS => Form::TemplateDigits {
                template: parse_template(head, false)?,
                section: head.section()?,
                read: OnceLock::new(),
            },
            texts::WORDS_8 | texts::WORDS_9 | texts::WORDS => {
                Form::Words(Box::new(Words::parse(head, count, form)?))
            }
            _ => return Err(corrupt("a form of texts is not known")),
        };
        Ok(Self { form, count, odd })
    }

    /// Appends the text at a position, which is that of a row of the block.
    pub(crate) fn append(
        &self,
        reader: Reader<'_>,
        index: usize,
        row: usize,
        out: &mut String,
    ) -> Result<()> {
        if index >= self.count {
            return Err(corrupt("a row has no text"));
        }
        if let Some(odd) = &self.odd
            && let Some(text) = odd.get(reader.source, index)?
        {
            out.push_str(text);
            return Ok(());
        }
        let source = reader.source;
        match &self.form {
            Form::Constant { value, read } => {
                out.push_str(once(read, || value.read_text(source))?);
            }
            Form::Dictionary { .. } => {
                let (values, keys) = self.dictionary(reader)?;
                out.push_str(&values[keys[index] as usize]);
            }
            Form::Plain { pages } => {
                let page = &pages[pages.partition_point(|page| page.end() <= index)];
                out.push_str(page.read(source)?.get(index - page.first));
            }
            Form::Instants(style) => {
                let time = reader.times.read(source)?.get(row);
                let time = time.ok_or_else(|| corrupt("a row has no time"))?;
                Clock::default().push(*style, *time, out);
            }
            Form::Integers(ints) => push_int(ints.read(source)?[index], out),
            Form::Decimals { style, ints } => style.push(ints.read(source)?[index], out),
            Form::TemplateNumbers { template, ints } => {
                template.push_number(ints.read(source)?[index], out);
            }
            Form::TemplateDigits { template, section, read } => {
                let packed = once(read, || Ok(section.read(source)?.to_vec()))?;
                let len = template.packed_len();
                let packed = packed.get(index * len..(index + 1) * len);
                template.push_packed(packed.ok_or_else(|| corrupt("digits are missing"))?, out);
            }
            Form::Words(words) => words.append(source, index, out)?,
        }
        Ok(())
    }

    /// Distinct values and the key of each text; a column of another form has none.
    pub(crate) fn dictionary(&self, reader: Reader<'_>) -> Result<(&[String], &[u32])> {
        let Form::Dictionary { values, keys, read } = &self.form else {
            return Ok((&[], &[]));
        };
        let (values, keys) = once(read, || {
            let mut all = Vec::with_capacity(values.count);
            for index in 0..values.count {
                let mut text = String::new();
                values.append(reader, index, usize::MAX, &mut text)?;
                reader.source.note(size_of::<String>() + text.len());
                all.push(text);
            }
            Ok((all, keys.read_u32(reader.source, values.count)?))
        })?;
        Ok((values, keys))
    }

    /// The one text of all positions, if it has that form.
    pub(crate) fn constant(&self, source: &dyn BlockSource) -> Result<Option<&str>> {
        match &self.form {
            Form::Constant { value, read } => {
                Ok(Some(once(read, || value.read_text(source))?.as_str()))
            }
            _ => Ok(None),
        }
    }

    /// The positions of texts that the form left out, and these.
    pub(crate) fn odd(&self, source: &dyn BlockSource) -> Result<Option<&(Vec<u32>, Spans)>> {
        self.odd.as_ref().map(|odd| odd.read(source)).transpose()
    }

    /// The texts of `among`, positions in the column, for which it holds; `row_of` says of which row
    /// each position is, where that is not the same.
    pub(crate) fn holding(
        &self,
        reader: Reader<'_>,
        among: &RowSet,
        row_of: Option<&[u32]>,
        holds: &mut dyn FnMut(&str) -> bool,
    ) -> Result<RowSet> {
        if let Some(value) = self.constant(reader.source)? {
            return Ok(if holds(value) { among.clone() } else { RowSet::none(self.count) });
        }
        if matches!(self.form, Form::Dictionary { .. }) {
            let (values, keys) = self.dictionary(reader)?;
            let holding: Vec<bool> = values.iter().map(|value| holds(value)).collect();
            if !holding.contains(&true) {
                return Ok(RowSet::none(self.count));
            }
            let mut held = RowSet::of(self.count, |index| holding[keys[index] as usize]);
            held.keep(among);
            return Ok(held);
        }
        let mut held = RowSet::none(self.count);
        let mut text = String::new();
        for index in among.iter() {
            text.clear();
            let row = row_of.map_or(index, |rows| rows[index] as usize);
            self.append(reader, index, row, &mut text)?;
            if holds(&text) {
                held.insert(index);
            }
        }
        Ok(held)
    }

    /// Whether each distinct text stands here once, so that a test of texts looks at few.
    pub(crate) fn is_dictionary(&self) -> bool {
        matches!(self.form, Form::Dictionary { .. })
    }

    /// As [`Texts::holding`], for texts that contain the needle.
    pub(crate) fn containing(
        &self,
        reader: Reader<'_>,
        among: &RowSet,
        row_of: Option<&[u32]>,
        needle: &str,
    ) -> Result<RowSet> {
        let only = |allowed: &[u8]| {
            needle.bytes().all(|byte| byte.is_ascii_digit() || allowed.contains(&byte))
        };
        let possible = match &self.form {
            Form::Integers(_) => only(b"-"),
            Form::Decimals { .. } => only(b"-."),
            Form::Instants(_) => only(b"-T:.Z"),
            Form::TemplateNumbers { template, .. } | Form::TemplateDigits { template, .. } => {
                template.may_contain(needle)
            }
            Form::Words(words) => return words.containing(reader.source, among, needle),
            Form::Constant { .. } | Form::Dictionary { .. } | Form::Plain { .. } => true,
        };
        if let Form::TemplateDigits { template, .. } = &self.form
            && template.is_of(needle)
        {
            return self.packed_equal(reader.source, among, needle);
        }
        let finder = Finder::new(needle);
        let mut holds = |text: &str| finder.find(text.as_bytes()).is_some();
        if possible {
            return self.holding(reader, among, row_of, &mut holds);
        }
        let mut held = RowSet::none(self.count);
        if let Some((positions, texts)) = self.odd(reader.source)? {
            for (position, text) in positions.iter().zip(texts.iter()) {
                if among.contains(*position as usize) && holds(text) {
                    held.insert(*position as usize);
                }
            }
        }
        Ok(held)
    }
}

impl Texts {
    /// The texts of `among` that are this one, which has their template.
    fn packed_equal(&self, source: &dyn BlockSource, among: &RowSet, text: &str) -> Result<RowSet> {
        let mut held = RowSet::none(self.count);
        if let Form::TemplateDigits { template, section, read } = &self.form {
            let all = once(read, || Ok(section.read(source)?.to_vec()))?;
            let mut wanted = Vec::new();
            template.pack(text, &mut wanted);
            let texts = all.chunks_exact(wanted.len().max(1)).take(self.count).enumerate();
            for (index, _) in texts.filter(|(_, packed)| *packed == wanted) {
                held.insert(index);
            }
            held.keep(among);
        }
        Ok(held)
    }
}

fn parse_template(head: &mut Head<'_>, decimal: bool) -> Result<Template> {
    Template::parse(head.text()?, decimal).ok_or_else(|| corrupt("a template is malformed"))
}

impl Odd {
    fn parse(head: &mut Head<'_>, of: usize) -> Result<Self> {
        let count = head.size()?;
        if count > of {
            return Err(corrupt("a form leaves out more texts than there are"));
        }
        let positions = Numbers::parse(head, count)?;
        Ok(Self {
            count: of,
            positions,
            texts: PackedSpans::parse(head, count)?,
            read: OnceLock::new(),
        })
    }

    fn read(&self, source: &dyn BlockSource) -> Result<&(Vec<u32>, Spans)> {
        once(&self.read, || {
            let positions = self.positions.read_u32(source, self.count)?;
            if !positions.is_sorted() {
                return Err(corrupt("texts that a form leaves out are not in order"));
            }
            Ok((positions, self.texts.read(source)?))
        })
    }

    fn get(&self, source: &dyn BlockSource, index: usize) -> Result<Option<&str>> {
        let (positions, texts) = self.read(source)?;
        let found = positions.binary_search(&(index as u32)).ok();
        Ok(found.map(|at| texts.get(at)))
    }
}

impl Page {
    fn end(&self) -> usize {
        self.first + self.count
    }

    fn read(&self, source: &dyn BlockSource) -> Result<&Spans> {
        once(&self.read, || self.spans.read(source))
    }

    fn parse_all(head: &mut Head<'_>, count: usize) -> Result<Vec<Self>> {
        let mut first = 0;
        let pages = head.count()?;
        let pages = (0..pages)
            .map(|_| {
                let len = head.size()?;
                if len > count - first {
                    return Err(corrupt("pages hold more texts than their column"));
                }
                let spans = PackedSpans::parse(head, len)?;
                let page = Self { first, count: len, spans, read: OnceLock::new() };
                first += len;
                Ok(page)
            })
            .collect::<Result<Vec<_>>>()?;
        if first != count {
            return Err(corrupt("pages hold fewer texts than their column"));
        }
        Ok(pages)
    }
}
