//! Free text from words (see [`super::words`]).

use std::sync::OnceLock;

use pco::DecompressorScratch;
use pco::wrapped::{ChunkDecompressor, FileDecompressor};
use watchkeep_model::Result;

use super::codes;
use super::decimals::{int_len, push_int};
use super::numbers::Numbers;
use super::sections::{BlockSource, Head, Section, corrupt};
use super::table::push_hex;
use super::texts::{self, PAGE_TEXTS, PackedSpans, once};
use super::words::{ATOMS, END, SYMBOLS_MAX};
use super::words_dictionary::{Dictionary, Lexicon, Shown};

/// A column of words at rest.
#[derive(Debug)]
pub(crate) struct Words {
    pub(super) count: usize,
    pub(super) specials: [u32; ATOMS as usize],
    phrase_codes: Numbers,
    lefts: Numbers,
    rights: Numbers,
    atoms: PackedSpans,
    pub(super) codes: usize,
    pub(super) page_texts: usize,
    /// The first code that occurs once, where that is told. Those behind it rise from page to page.
    pub(super) once: Option<u32>,
    ints: Numbers,
    hex: Section,
    packing: Packing,
    pub(super) pages: Vec<Page>,
    lexicon: OnceLock<Lexicon>,
    dictionary: OnceLock<Dictionary>,
    read_ints: OnceLock<Vec<i64>>,
    read_hex: OnceLock<Vec<u8>>,
}

/// How the codes of a page are packed.
#[derive(Debug)]
enum Packing {
    /// See [`super::codes`].
    Tokens,
    /// In forms that are not written any more.
    Pco { meta: Section, chunk: OnceLock<Box<ChunkDecompressor<u32>>> },
}

#[derive(Debug)]
pub(super) struct Page {
    pub(super) texts: usize,
    codes: usize,
    /// Codes that occur once before its end; 0 where that is not told.
    pub(super) once_before_end: usize,
    /// Whole numbers and bytes of ids before it, and before the next one.
    before: [usize; 2],
    after: [usize; 2],
    /// Bytes of its tokens, where it has any.
    token_bytes: usize,
    section: Section,
    read: OnceLock<Vec<u32>>,
    /// Where each text begins, and the last one ends: codes in the page, numbers and bytes of ids
    /// in the column.
    starts: OnceLock<Vec<[u32; 3]>>,
}

fn bounded(size: usize) -> Result<usize> {
    if size > SYMBOLS_MAX { Err(corrupt("it has too many words")) } else { Ok(size) }
}

impl Page {
    fn parse_all(
        head: &mut Head<'_>,
        count: usize,
        page_texts: usize,
        form: u8,
    ) -> Result<Vec<Self>> {
        let (mut before, mut once_before_end) = ([0, 0], 0);
        let mut pages = Vec::new();
        for position in 0..count.div_ceil(page_texts) {
            let codes = bounded(head.size()?)?;
            let after = [before[0] + bounded(head.size()?)?, before[1] + bounded(head.size()?)?];
            if form != texts::WORDS_8 {
                once_before_end += bounded(head.size()?)?;
            }
            pages.push(Self {
                once_before_end,
                texts: page_texts.min(count - position * page_texts),
                codes,
                before,
                after,
                token_bytes: if form == texts::WORDS { head.size()? } else { 0 },
                section: head.section()?,
                read: OnceLock::new(),
                starts: OnceLock::new(),
            });
            before = after;
        }
        Ok(pages)
    }
}

impl Words {
    /// Reads what [`super::words::write`] wrote, or an older one did.
    pub(crate) fn parse(head: &mut Head<'_>, count: usize, form: u8) -> Result<Self> {
        let placed = form != texts::WORDS_8;
        let page_texts = if placed { head.size()? } else { PAGE_TEXTS };
        if !(1..=PAGE_TEXTS).contains(&page_texts) {
            return Err(corrupt("a page of words has no such size"));
        }
        let once =
            if placed { Some(u32::try_from(head.varint()?).unwrap_or(u32::MAX)) } else { None };
        let mut specials = [0; ATOMS as usize];
        for special in &mut specials {
            *special = u32::try_from(head.varint()?).unwrap_or(u32::MAX);
        }
        let phrases = bounded(head.size()?)?;
        let phrase_codes = Numbers::parse(head, phrases)?;
        let lefts = Numbers::parse(head, phrases)?;
        let rights = Numbers::parse(head, phrases)?;
        let atoms = bounded(head.size()?)?;
        let codes = atoms + phrases + ATOMS as usize;
        let atoms = PackedSpans::parse(head, atoms)?;
        let int_count = bounded(head.size()?)?;
        let ints = Numbers::parse(head, int_count)?;
        let hex = head.section()?;
        let packing = if form == texts::WORDS {
            Packing::Tokens
        } else {
            Packing::Pco { meta: head.section()?, chunk: OnceLock::new() }
        };
        let pages = Page::parse_all(head, count, page_texts, form)?;
        let ints_of_pages = pages.last().map_or(0, |page| page.after[0]);
        if ints_of_pages != int_count {
            return Err(corrupt("numbers among words are missing"));
        }
        Ok(Self {
            count,
            specials,
            phrase_codes,
            lefts,
            rights,
            atoms,
            codes,
            page_texts,
            once,
            ints,
            hex,
            packing,
            pages,
            lexicon: OnceLock::new(),
            dictionary: OnceLock::new(),
            read_ints: OnceLock::new(),
            read_hex: OnceLock::new(),
        })
    }

    fn dictionary(&self, source: &dyn BlockSource) -> Result<(&Lexicon, &Dictionary)> {
        let lexicon = self.lexicon(source)?;
        let read = || Dictionary::new(lexicon, &self.specials);
        Ok((lexicon, once(&self.dictionary, read)?))
    }

    /// The atoms and the phrases.
    pub(super) fn lexicon(&self, source: &dyn BlockSource) -> Result<&Lexicon> {
        once(&self.lexicon, || {
            let codes = self.phrase_codes.read_u32(source, self.codes)?;
            let lefts = self.lefts.read_u32(source, self.codes)?;
            let rights = self.rights.read_u32(source, self.codes)?;
            let made = lefts.into_iter().zip(rights);
            let phrases = codes.into_iter().zip(made).map(|(code, (a, b))| [code, a, b]);
            Lexicon::new(self.atoms.read(source)?, &self.specials, phrases.collect())
        })
    }

    pub(super) fn page(&self, source: &dyn BlockSource, at: usize) -> Result<&[u32]> {
        let page = &self.pages[at];
        let read = once(&page.read, || {
            let codes = match &self.packing {
                Packing::Tokens => {
                    let bytes = page.section.read(source)?;
                    codes::unpack(page.token_bytes, &bytes, page.codes)?
                }
                Packing::Pco { meta, chunk } => unpack_pco(meta, chunk, page, source)?,
            };
            source.note(size_of_val(codes.as_slice()));
            let end = self.specials[END as usize];
            let sound = codes.iter().all(|code| (*code as usize) < self.codes)
                && codes.iter().filter(|code| **code == end).count() == page.texts
                && codes.last() == Some(&end);
            if sound { Ok(codes) } else { Err(corrupt("a page of words is not what it should be")) }
        })?;
        Ok(read)
    }

    fn starts(&self, source: &dyn BlockSource, at: usize) -> Result<&[[u32; 3]]> {
        let page = &self.pages[at];
        let starts = once(&page.starts, || {
            let [ints, hex] = page.before.map(|before| before as u32);
            let mut place = [0, ints, hex];
            let mut starts = Vec::with_capacity(page.texts + 1);
            source.note((page.texts + 1) * size_of_val(&place));
            starts.push(place);
            let end = self.specials[END as usize];
            let codes = self.page(source, at)?;
            if page.before == page.after {
                let ends = codes.iter().zip(1..).filter(|(code, _)| **code == end);
                starts.extend(ends.map(|(_, after)| [after, ints, hex]));
                return Ok(starts);
            }
            let (lexicon, dictionary) = self.dictionary(source)?;
            for code in codes {
                let [ints, digits] = dictionary.aside(lexicon, *code);
                place[0] += 1;
                place[1] = place[1].saturating_add(ints);
                place[2] = place[2].saturating_add(digits);
                if *code == end {
                    starts.push(place);
                }
            }
            Ok(starts)
        })?;
        Ok(starts)
    }

    /// The codes of a text, and where its whole numbers and ids begin.
    fn codes_of(&self, source: &dyn BlockSource, index: usize) -> Result<(&[u32], [usize; 2])> {
        let (page, at) = (index / self.page_texts, index % self.page_texts);
        let starts = self.starts(source, page)?;
        let ([start, ints, hex], end) = (starts[at], starts[at + 1][0]);
        let codes = &self.page(source, page)?[start as usize..end as usize - 1];
        Ok((codes, [ints as usize, hex as usize]))
    }

    /// Appends a text, which must be one of the column.
    pub(crate) fn append(
        &self,
        source: &dyn BlockSource,
        index: usize,
        out: &mut String,
    ) -> Result<()> {
        let missing = || corrupt("numbers among words are missing");
        let (lexicon, dictionary) = self.dictionary(source)?;
        let (codes, [mut int, mut hex]) = self.codes_of(source, index)?;
        dictionary.show(lexicon, codes.iter().copied(), |shown| {
            match shown {
                Shown::Text(text) => out.push_str(text),
                Shown::Int => {
                    let ints = once(&self.read_ints, || self.ints.read(source))?;
                    push_int(*ints.get(int).ok_or_else(missing)?, out);
                    int += 1;
                }
                Shown::Hex(digits) => {
                    let end = hex + digits / 2;
                    let all = once(&self.read_hex, || Ok(self.hex.read(source)?.to_vec()))?;
                    push_hex(all.get(hex..end).ok_or_else(missing)?, out);
                    hex = end;
                }
            }
            Ok(())
        })
    }

    /// How long a text is, which must be one of the column.
    pub(crate) fn len_of(&self, source: &dyn BlockSource, index: usize) -> Result<u32> {
        let (lexicon, dictionary) = self.dictionary(source)?;
        let (codes, [int, _]) = self.codes_of(source, index)?;
        let ints = once(&self.read_ints, || self.ints.read(source))?;
        let mut ints = ints.iter().skip(int);
        let mut len = 0_u32;
        dictionary.show(lexicon, codes.iter().copied(), |shown| {
            len = len.saturating_add(match shown {
                Shown::Text(text) => text.len() as u32,
                Shown::Int => ints.next().map_or(0, |number| int_len(*number)),
                Shown::Hex(digits) => digits as u32,
            });
            Ok(())
        })?;
        Ok(len)
    }
}

/// Unpacks the codes of a page.
fn unpack_pco(
    meta: &Section,
    chunk: &OnceLock<Box<ChunkDecompressor<u32>>>,
    page: &Page,
    source: &dyn BlockSource,
) -> Result<Vec<u32>> {
    let damaged = |error| corrupt("words do not unpack").with_source(error);
    let chunk = once(chunk, || {
        let meta = meta.read(source)?;
        let (file, rest) = FileDecompressor::new(&meta[..]).map_err(damaged)?;
        Ok(Box::new(file.chunk_decompressor(rest).map_err(damaged)?.0))
    })?;
    let bytes = page.section.read(source)?;
    let mut scratch = DecompressorScratch::default();
    let mut codes = vec![0_u32; page.codes];
    let progress = chunk
        .page_decompressor_with_scratch(&bytes[..], page.codes, &mut scratch)
        .and_then(|mut page| page.read(&mut codes))
        .map_err(damaged)?;
    let is_whole = progress.n_processed == page.codes;
    if is_whole { Ok(codes) } else { Err(corrupt("a page of words is cut")) }
}
