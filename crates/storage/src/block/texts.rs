//! Writing columns of texts: each in the first of the forms that suits it. A form may leave out a
//! few texts, which are then kept beside it. See [`super::texts_read`] for the way back.

use std::sync::OnceLock;

use hashbrown::HashMap;
use watchkeep_model::Result;

use super::bloom::BloomBuilder;
use super::decimals::{self, parse_int};
use super::instants;
use super::numbers::{self, ANY_U32, Numbers, Sequence};
use super::sections::{BlockSource, Head, Packed, Writer, corrupt};
use super::template::Template;
use super::words;

/// A page of words or of plain text ends after so many texts; one of plain text also after so many
/// bytes.
pub(crate) const PAGE_TEXTS: usize = 1024;
const PAGE_BYTES: usize = 128 << 10;
/// A form may leave out one text of so many.
const TEXTS_PER_ODD: usize = 32;
/// A dictionary of up to so many values goes before any other form.
const DICTIONARY_SMALL: usize = 256;
/// A dictionary has up to one value for so many texts; of ids, which take long in any other form,
/// up to one for two.
const TEXTS_PER_VALUE: usize = 4;
const TEXTS_PER_ID: usize = 2;
/// Dictionaries lie in each other so deep.
const DEPTH_MAX: usize = 2;

pub(crate) const CONSTANT: u8 = 0;
pub(crate) const DICTIONARY: u8 = 1;
pub(crate) const PLAIN: u8 = 2;
pub(crate) const INSTANTS: u8 = 3;
pub(crate) const INTEGERS: u8 = 4;
pub(crate) const DECIMALS: u8 = 5;
pub(crate) const TEMPLATE_NUMBERS: u8 = 6;
pub(crate) const TEMPLATE_DIGITS: u8 = 7;
/// Words that do not tell in which pages those that occur once stand, with codes packed by pco; and
/// those that do, too. Read, but not written any more.
pub(crate) const WORDS_8: u8 = 8;
pub(crate) const WORDS_9: u8 = 9;
pub(crate) const WORDS: u8 = 10;
pub(crate) const MAY_LEAVE_OUT: [u8; 3] = [INSTANTS, INTEGERS, DECIMALS];
/// Added to a form that leaves out texts.
pub(crate) const WITH_ODD: u8 = 0x80;

/// Texts, each at its place in a buffer.
#[derive(Debug)]
pub(crate) struct Spans {
    text: String,
    ends: Vec<u32>,
}

impl Spans {
    /// Panics when out of range, like a slice.
    #[expect(clippy::string_slice, reason = "the ends were checked to be character boundaries")]
    pub(crate) fn get(&self, index: usize) -> &str {
        let (start, end) = self.bounds(index);
        &self.text[start as usize..end as usize]
    }

    /// Where a text is in the buffer.
    pub(crate) fn bounds(&self, index: usize) -> (u32, u32) {
        (if index == 0 { 0 } else { self.ends[index - 1] }, self.ends[index])
    }

    /// The buffer.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text that has a byte of the buffer, which must be one.
    pub(crate) fn at(&self, byte: u32) -> usize {
        self.ends.partition_point(|end| *end <= byte)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    pub(crate) fn new(text: String, lengths: Vec<u32>) -> Result<Self> {
        let mut ends = lengths;
        let mut end = 0_u32;
        for length in &mut ends {
            end = end.checked_add(*length).ok_or_else(|| corrupt("texts are too long"))?;
            if !text.is_char_boundary(end as usize) {
                return Err(corrupt("a text ends within a character"));
            }
            *length = end;
        }
        if end as usize != text.len() {
            return Err(corrupt("texts do not fill their buffer"));
        }
        Ok(Self { text, ends })
    }
}

/// Writes texts end to end, and their lengths.
pub(crate) fn write_spans(texts: &[&str], out: &mut Writer) -> Result<()> {
    let lengths: Vec<u32> = texts.iter().map(|text| text.len() as u32).collect();
    numbers::write_u32(&lengths, out)?;
    out.compressed(texts.concat().as_bytes())
}

/// What [`write_spans`] wrote, at rest.
#[derive(Debug, Clone)]
pub(crate) struct PackedSpans {
    lengths: Numbers,
    text: Packed,
}

impl PackedSpans {
    pub(crate) fn parse(head: &mut Head<'_>, count: usize) -> Result<Self> {
        Ok(Self { lengths: Numbers::parse(head, count)?, text: head.packed()? })
    }

    pub(crate) fn read(&self, source: &dyn BlockSource) -> Result<Spans> {
        Spans::new(self.text.read_text(source)?, self.lengths.read_u32(source, ANY_U32)?)
    }
}

/// Decodes once.
#[inline]
pub(crate) fn once<T>(cell: &OnceLock<T>, read: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(known) = cell.get() {
        return Ok(known);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}

/// A column to write.
#[derive(Debug)]
pub(crate) struct Column<'a, 'b> {
    pub(crate) texts: &'a [&'b str],
    /// The time of each text's row, where texts may be times.
    pub(crate) times: Option<&'a [i64]>,
    /// Gets the words of the texts.
    pub(crate) bloom: Option<&'a mut BloomBuilder>,
}

/// Each distinct text once in the order of first sight, and a key per text; `None` where there are
/// more than `max`.
fn dictionary<'b>(texts: &[&'b str], max: usize) -> Option<(Vec<&'b str>, Vec<u32>)> {
    let mut keys = Vec::with_capacity(texts.len());
    let mut values: Vec<&str> = Vec::new();
    let mut known: HashMap<&str, u32> = HashMap::new();
    for text in texts {
        let next = values.len() as u32;
        let key = *known.entry(text).or_insert(next);
        if key == next {
            if values.len() == max {
                return None;
            }
            values.push(text);
        }
        keys.push(key);
    }
    Some((values, keys))
}

/// Writes a column of distinct texts and keys.
pub(crate) fn write_dictionary(
    values: &[&str],
    keys: &[u32],
    bloom: Option<&mut BloomBuilder>,
    out: &mut Writer,
) -> Result<()> {
    if values.len() <= 1 || values.len() > keys.len() / TEXTS_PER_VALUE {
        let texts: Vec<&str> = keys.iter().map(|key| values[*key as usize]).collect();
        return Column { texts: &texts, times: None, bloom }.write(out);
    }
    out.byte(DICTIONARY);
    out.size(values.len());
    numbers::write_u32(keys, out)?;
    Column { texts: values, times: None, bloom }.write_nested(1, out)
}

/// Values that stand for texts, and the positions of those for which none does.
struct Odd<T> {
    values: Vec<T>,
    at: Vec<u32>,
}

/// Applies a form to each text; `None` where it leaves out too many.
fn all_but_odd<T: Copy>(
    texts: &[&str],
    otherwise: T,
    mut value_of: impl FnMut(usize, &str) -> Option<T>,
) -> Option<Odd<T>> {
    let mut odd = Odd { values: Vec::with_capacity(texts.len()), at: Vec::new() };
    let mut last = otherwise;
    for (index, text) in texts.iter().enumerate() {
        match value_of(index, text) {
            Some(value) => last = value,
            None if odd.at.len() < texts.len() / TEXTS_PER_ODD => odd.at.push(index as u32),
            None => return None,
        }
        odd.values.push(last);
    }
    Some(odd)
}

impl Column<'_, '_> {
    /// Writes the column. The reader must be told how many texts there are.
    pub(crate) fn write(self, out: &mut Writer) -> Result<()> {
        self.write_nested(0, out)
    }

    fn write_nested(mut self, depth: usize, out: &mut Writer) -> Result<()> {
        let first = self.texts.first().copied().unwrap_or("");
        if self.texts.iter().all(|text| *text == first) {
            out.byte(CONSTANT);
            self.add_words(first);
            return out.compressed(first.as_bytes());
        }
        if self.write_instants(out)? || self.write_integers(out)? || self.write_decimals(out)? {
            return Ok(());
        }
        let template = Template::of(self.texts);
        let id = template.as_ref().is_some_and(|template| !template.decimal);
        let per_value = if id { TEXTS_PER_ID } else { TEXTS_PER_VALUE };
        let small = template.is_some() && !id;
        let max = if small { DICTIONARY_SMALL } else { self.texts.len() / per_value };
        if depth < DEPTH_MAX
            && let Some((values, keys)) = dictionary(self.texts, max)
        {
            out.byte(DICTIONARY);
            out.size(values.len());
            numbers::write_u32(&keys, out)?;
            let nested = Column { texts: &values, times: None, bloom: self.bloom };
            return nested.write_nested(depth + 1, out);
        }
        if let Some(template) = template {
            return self.write_template(&template, out);
        }
        if words::write(self.texts, self.bloom.as_deref_mut(), out)? {
            return Ok(());
        }
        self.texts.iter().for_each(|text| {
            if let Some(bloom) = &mut self.bloom {
                bloom.add_text(text);
            }
        });
        write_plain(self.texts, out)
    }

    fn add_words(&mut self, text: &str) {
        if let Some(bloom) = &mut self.bloom {
            bloom.add_text(text);
        }
    }

    fn add_all_words(&mut self) {
        let texts = self.texts;
        for text in texts {
            self.add_words(text);
        }
    }

    /// Writes the form, and the texts that it leaves out.
    fn write_form(&self, form: u8, odd: &[u32], out: &mut Writer) -> Result<()> {
        if odd.is_empty() {
            out.byte(form);
            return Ok(());
        }
        out.byte(form | WITH_ODD);
        out.size(odd.len());
        let positions: Vec<i64> = odd.iter().map(|at| i64::from(*at)).collect();
        numbers::write(&positions, Sequence::Rising, out)?;
        let texts: Vec<&str> = odd.iter().map(|at| self.texts[*at as usize]).collect();
        write_spans(&texts, out)
    }

    fn write_instants(&mut self, out: &mut Writer) -> Result<bool> {
        let Some(times) = self.times else { return Ok(false) };
        let mut seen = self.texts.iter().zip(times).take(TEXTS_PER_ODD);
        let style = seen.find_map(|(text, time_ns)| instants::Style::of(text, *time_ns));
        let Some(style) = style else { return Ok(false) };
        let (mut clock, mut buffer) = (instants::Clock::default(), String::new());
        let odd = all_but_odd(self.texts, (), |index, text| {
            buffer.clear();
            clock.push(style, times[index], &mut buffer);
            (buffer == text).then_some(())
        });
        let Some(odd) = odd else { return Ok(false) };
        self.write_form(INSTANTS, &odd.at, out)?;
        out.byte(style.code());
        if let Some(bloom) = &mut self.bloom {
            add_instants(self.texts, bloom);
        }
        Ok(true)
    }

    fn write_integers(&mut self, out: &mut Writer) -> Result<bool> {
        let Some(odd) = all_but_odd(self.texts, 0, |_, text| parse_int(text)) else {
            return Ok(false);
        };
        self.write_form(INTEGERS, &odd.at, out)?;
        numbers::write(&odd.values, numbers::sequence_of(&odd.values), out)?;
        self.add_all_words();
        Ok(true)
    }

    fn write_decimals(&mut self, out: &mut Writer) -> Result<bool> {
        let Some(style) = decimals::Style::of(self.texts) else { return Ok(false) };
        let Some(odd) = all_but_odd(self.texts, 0, |_, text| style.parse(text)) else {
            return Ok(false);
        };
        self.write_form(DECIMALS, &odd.at, out)?;
        out.byte(style.scale);
        out.byte(style.least);
        numbers::write(&odd.values, numbers::sequence_of(&odd.values), out)?;
        self.add_all_words();
        Ok(true)
    }

    fn write_template(&mut self, template: &Template, out: &mut Writer) -> Result<()> {
        out.byte(if template.decimal { TEMPLATE_NUMBERS } else { TEMPLATE_DIGITS });
        out.text(&template.text);
        if let Some(bloom) = &mut self.bloom {
            let (same, differing) = template.words();
            for word in same {
                bloom.add(word.as_bytes());
            }
            for text in self.texts {
                for word in &differing {
                    bloom.add(&text.as_bytes()[word.clone()]);
                }
            }
        }
        if template.decimal {
            let values: Vec<i64> = self.texts.iter().map(|text| template.number(text)).collect();
            return numbers::write(&values, numbers::sequence_of(&values), out);
        }
        let mut packed = Vec::with_capacity(self.texts.len() * template.packed_len());
        self.texts.iter().for_each(|text| template.pack(text, &mut packed));
        out.section(&packed);
        Ok(())
    }
}

/// Adds the words of instants; of those in the same second as the one before, only what differs.
fn add_instants(texts: &[&str], bloom: &mut BloomBuilder) {
    let mut last = "";
    for text in texts {
        match (text.rsplit_once('.'), last.rsplit_once('.')) {
            (Some((second, fraction)), Some((before, _))) if second == before => {
                bloom.add(fraction.as_bytes());
            }
            _ => bloom.add_text(text),
        }
        last = text;
    }
}

fn write_plain(texts: &[&str], out: &mut Writer) -> Result<()> {
    out.byte(PLAIN);
    let (mut pages, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (index, text) in texts.iter().enumerate() {
        bytes += text.len();
        if index + 1 - from == PAGE_TEXTS || bytes >= PAGE_BYTES || index + 1 == texts.len() {
            pages.push(&texts[from..=index]);
            (from, bytes) = (index + 1, 0);
        }
    }
    out.size(pages.len());
    for page in pages {
        out.size(page.len());
        write_spans(page, out)?;
    }
    Ok(())
}
