//! Free text from words (see [`super::words`]), and finding texts by the words in them.

use std::sync::OnceLock;

use memchr::memmem::Finder;
use pco::DecompressorScratch;
use pco::wrapped::{ChunkDecompressor, FileDecompressor};
use watchkeep_model::Result;

use super::decimals::{int_len, push_int};
use super::numbers::Numbers;
use super::phrases::ROUNDS_MAX;
use super::row_set::RowSet;
use super::sections::{BlockSource, Head, Section, corrupt};
use super::table::push_hex;
use super::template::hex_value;
use super::texts::{PAGE_TEXTS, PackedSpans, once};
use super::words::{ATOMS, END, HEX_DIGITS, INT};
use super::{bloom::WORD_BYTES, words::SYMBOLS_MAX};

/// Bytes and pieces of all phrases written out.
const EXPANDED_MAX: usize = 4 << 20;

/// A column of words at rest.
#[derive(Debug)]
pub(crate) struct Words {
    count: usize,
    specials: [u32; ATOMS as usize],
    phrase_codes: Numbers,
    lefts: Numbers,
    rights: Numbers,
    atoms: PackedSpans,
    codes: usize,
    ints: Numbers,
    hex: Section,
    meta: Section,
    pages: Vec<Page>,
    dictionary: OnceLock<Dictionary>,
    read_ints: OnceLock<Vec<i64>>,
    read_hex: OnceLock<Vec<u8>>,
    chunk: OnceLock<ChunkDecompressor<u32>>,
}

#[derive(Debug)]
struct Page {
    texts: usize,
    codes: usize,
    /// Whole numbers and bytes of ids before it.
    before: [usize; 2],
    section: Section,
    read: OnceLock<Vec<u32>>,
    /// Where each text begins: codes in the page, numbers and bytes of ids in the column.
    starts: OnceLock<Vec<[u32; 3]>>,
}

/// A piece of what a code stands for.
#[derive(Debug, Clone, Copy)]
struct Piece {
    kind: Kind,
    /// Whether it begins, and ends, with a word.
    begins: bool,
    ends: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// From here to there in the dictionary's text.
    Text(u32, u32),
    Int,
    /// An id of so many digits.
    Hex(usize),
}

/// What each code stands for.
#[derive(Debug, Default)]
struct Dictionary {
    end: u32,
    /// Atoms end to end, then texts of phrases.
    text: String,
    /// The code of each atom, and where its text ends.
    atoms: Vec<(u32, u32)>,
    pieces: Vec<Piece>,
    /// The pieces of each code; none for the end.
    of_code: Vec<(u32, u32)>,
    /// Phrases, each after those that it is made of.
    phrases: Vec<[u32; 3]>,
}

impl Words {
    pub(crate) fn parse(head: &mut Head<'_>, count: usize) -> Result<Self> {
        let bounded = |size: usize| {
            if size > SYMBOLS_MAX { Err(corrupt("it has too many words")) } else { Ok(size) }
        };
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
        let meta = head.section()?;
        let mut before = [0, 0];
        let pages = (0..count.div_ceil(PAGE_TEXTS))
            .map(|position| {
                let codes = bounded(head.size()?)?;
                let after =
                    [before[0] + bounded(head.size()?)?, before[1] + bounded(head.size()?)?];
                let page = Page {
                    texts: PAGE_TEXTS.min(count - position * PAGE_TEXTS),
                    codes,
                    before,
                    section: head.section()?,
                    read: OnceLock::new(),
                    starts: OnceLock::new(),
                };
                before = after;
                Ok(page)
            })
            .collect::<Result<Vec<_>>>()?;
        if before[0] != int_count {
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
            ints,
            hex,
            meta,
            pages,
            dictionary: OnceLock::new(),
            read_ints: OnceLock::new(),
            read_hex: OnceLock::new(),
            chunk: OnceLock::new(),
        })
    }

    fn dictionary(&self, source: &dyn BlockSource) -> Result<&Dictionary> {
        once(&self.dictionary, || self.read_dictionary(source))
    }

    fn read_dictionary(&self, source: &dyn BlockSource) -> Result<Dictionary> {
        const NONE: (u32, u32) = (u32::MAX, 0);
        let below = self.codes as u32;
        let mut dictionary =
            Dictionary { of_code: vec![NONE; self.codes], ..Dictionary::default() };
        for (symbol, code) in self.specials.iter().enumerate() {
            if *code >= below {
                return Err(corrupt("a code of words is out of range"));
            }
            let kind = match symbol as u32 {
                END => None,
                INT => Some(Kind::Int),
                hex => Some(Kind::Hex(HEX_DIGITS[(hex - INT - 1) as usize])),
            };
            let piece = kind.map(|kind| Piece { kind, begins: true, ends: true });
            dictionary.set(*code, piece);
        }
        dictionary.end = self.specials[END as usize];
        let phrase_codes = self.phrase_codes.read_u32(source, self.codes)?;
        let lefts = self.lefts.read_u32(source, self.codes)?;
        let rights = self.rights.read_u32(source, self.codes)?;
        let mut is_phrase = vec![false; self.codes];
        for code in &phrase_codes {
            is_phrase[*code as usize] = true;
        }
        let atoms = self.atoms.read(source)?;
        let mut next = 0;
        for code in 0..below {
            if dictionary.of_code[code as usize] != NONE || is_phrase[code as usize] {
                continue;
            }
            if next == atoms.len() {
                return Err(corrupt("words are missing"));
            }
            let (start, end) = atoms.bounds(next);
            let word = atoms.get(next).bytes().next().is_some_and(|b| WORD_BYTES[b as usize]);
            let kind = Kind::Text(start, end);
            dictionary.set(code, Some(Piece { kind, begins: word, ends: word }));
            dictionary.atoms.push((code, end));
            next += 1;
        }
        dictionary.text = atoms.into_text();
        let atoms_len = dictionary.text.len();
        let mut left_over: Vec<[u32; 3]> = phrase_codes
            .iter()
            .zip(lefts.iter().zip(&rights))
            .map(|(code, (left, right))| [*code, *left, *right])
            .collect();
        // A phrase is made of symbols of earlier rounds.
        for _ in 0..ROUNDS_MAX {
            let mut later = Vec::new();
            for phrase in left_over {
                let made = [phrase[1], phrase[2]].map(|code| dictionary.of_code[code as usize]);
                if made.contains(&NONE) {
                    later.push(phrase);
                } else {
                    dictionary.join(phrase, made);
                }
                let expanded = dictionary.text.len() - atoms_len + dictionary.pieces.len();
                if expanded > EXPANDED_MAX + self.codes {
                    return Err(corrupt("phrases are too long"));
                }
            }
            left_over = later;
        }
        if dictionary.of_code.contains(&NONE) {
            return Err(corrupt("a phrase is made of itself"));
        }
        Ok(dictionary)
    }

    fn page(&self, source: &dyn BlockSource, at: usize) -> Result<&[u32]> {
        let page = &self.pages[at];
        let read = once(&page.read, || {
            let damaged = |error| corrupt("words do not unpack").with_source(error);
            let chunk = once(&self.chunk, || {
                let meta = self.meta.read(source)?;
                let (file, rest) = FileDecompressor::new(&meta[..]).map_err(damaged)?;
                Ok(file.chunk_decompressor(rest).map_err(damaged)?.0)
            })?;
            let bytes = page.section.read(source)?;
            let mut scratch = DecompressorScratch::default();
            let mut codes = vec![0_u32; page.codes];
            let progress = chunk
                .page_decompressor_with_scratch(&bytes[..], page.codes, &mut scratch)
                .and_then(|mut page| page.read(&mut codes))
                .map_err(damaged)?;
            let end = self.specials[END as usize];
            let sound = codes.iter().all(|code| (*code as usize) < self.codes)
                && codes.iter().filter(|code| **code == end).count() == page.texts
                && codes.last() == Some(&end);
            if progress.n_processed != page.codes || !sound {
                return Err(corrupt("a page of words is not what it should be"));
            }
            Ok(codes)
        })?;
        Ok(read)
    }

    fn starts(&self, source: &dyn BlockSource, at: usize) -> Result<&[[u32; 3]]> {
        let page = &self.pages[at];
        let starts = once(&page.starts, || {
            let dictionary = self.dictionary(source)?;
            let [ints, hex] = page.before.map(|before| before as u32);
            let mut place = [0, ints, hex];
            let mut starts = Vec::with_capacity(page.texts);
            starts.push(place);
            for code in self.page(source, at)? {
                place[0] += 1;
                if *code == dictionary.end {
                    starts.push(place);
                }
                for piece in dictionary.pieces_of(*code) {
                    match piece.kind {
                        Kind::Text(..) => {}
                        Kind::Int => place[1] = place[1].saturating_add(1),
                        Kind::Hex(digits) => place[2] = place[2].saturating_add(digits as u32 / 2),
                    }
                }
            }
            Ok(starts)
        })?;
        Ok(starts)
    }

    /// Appends a text, which must be one of the column.
    pub(crate) fn append(
        &self,
        source: &dyn BlockSource,
        index: usize,
        out: &mut String,
    ) -> Result<()> {
        let missing = || corrupt("numbers among words are missing");
        let dictionary = self.dictionary(source)?;
        let at = index / PAGE_TEXTS;
        let [start, int, hex] = self.starts(source, at)?[index % PAGE_TEXTS];
        let (mut int, mut hex) = (int as usize, hex as usize);
        let mut word = false;
        for code in &self.page(source, at)?[start as usize..] {
            if *code == dictionary.end {
                break;
            }
            for piece in dictionary.pieces_of(*code) {
                if word && piece.begins {
                    out.push(' ');
                }
                match piece.kind {
                    Kind::Text(start, end) => out.push_str(dictionary.text(start, end)),
                    Kind::Int => {
                        let ints = once(&self.read_ints, || self.ints.read(source))?;
                        push_int(*ints.get(int).ok_or_else(missing)?, out);
                        int += 1;
                    }
                    Kind::Hex(digits) => {
                        let end = hex + digits / 2;
                        let all = once(&self.read_hex, || Ok(self.hex.read(source)?.to_vec()))?;
                        push_hex(all.get(hex..end).ok_or_else(missing)?, out);
                        hex = end;
                    }
                }
                word = piece.ends;
            }
        }
        Ok(())
    }
}

impl Words {
    /// How long a text is, which must be one of the column.
    pub(crate) fn len_of(&self, source: &dyn BlockSource, index: usize) -> Result<u32> {
        let dictionary = self.dictionary(source)?;
        let at = index / PAGE_TEXTS;
        let [start, int, _] = self.starts(source, at)?[index % PAGE_TEXTS];
        let ints = once(&self.read_ints, || self.ints.read(source))?;
        let mut ints = ints.iter().skip(int as usize);
        let (mut len, mut word) = (0_u32, false);
        for code in &self.page(source, at)?[start as usize..] {
            if *code == dictionary.end {
                break;
            }
            for piece in dictionary.pieces_of(*code) {
                let space = u32::from(word && piece.begins);
                word = piece.ends;
                let of_piece = match piece.kind {
                    Kind::Text(start, end) => end - start,
                    Kind::Int => ints.next().map_or(0, |number| int_len(*number)),
                    Kind::Hex(digits) => digits as u32,
                };
                len = len.saturating_add(space + of_piece);
            }
        }
        Ok(len)
    }
}

impl Dictionary {
    fn set(&mut self, code: u32, piece: Option<Piece>) {
        let start = self.pieces.len() as u32;
        self.pieces.extend(piece);
        self.of_code[code as usize] = (start, self.pieces.len() as u32);
    }

    fn pieces_of(&self, code: u32) -> &[Piece] {
        let (start, end) = self.of_code[code as usize];
        &self.pieces[start as usize..end as usize]
    }

    #[expect(clippy::string_slice, reason = "pieces are whole texts end to end")]
    fn text(&self, start: u32, end: u32) -> &str {
        &self.text[start as usize..end as usize]
    }

    /// Adds a phrase of two ranges of pieces, joining texts that stand side by side.
    fn join(&mut self, phrase: [u32; 3], made: [(u32, u32); 2]) {
        let start = self.pieces.len() as u32;
        // Whether the last piece is a text at the end of all text, which can grow.
        let mut grows = false;
        for at in made.into_iter().flat_map(|(start, end)| start..end) {
            let piece = self.pieces[at as usize];
            let Kind::Text(from, to) = piece.kind else {
                self.pieces.push(piece);
                grows = false;
                continue;
            };
            let last = self.pieces.last().copied().filter(|_| grows);
            if last.is_some_and(|last| last.ends && piece.begins) {
                self.text.push(' ');
            }
            let before = self.text.len() as u32;
            self.text.extend_from_within(from as usize..to as usize);
            let end = self.text.len() as u32;
            match self.pieces.last_mut().filter(|_| grows) {
                Some(Piece { kind: Kind::Text(_, to), ends, .. }) => {
                    *to = end;
                    *ends = piece.ends;
                }
                _ => self.pieces.push(Piece { kind: Kind::Text(before, end), ..piece }),
            }
            grows = true;
        }
        self.of_code[phrase[0] as usize] = (start, self.pieces.len() as u32);
        self.phrases.push(phrase);
    }
}

/// How a word of a needle must stand in a text that contains it.
#[derive(Debug, Clone, Copy)]
struct WordOf<'a> {
    word: &'a str,
    /// Whether the text's word begins and ends where the needle's does.
    whole: (bool, bool),
}

impl WordOf<'_> {
    fn fits(self, atom: &str) -> bool {
        match self.whole {
            (true, true) => atom == self.word,
            (true, false) => atom.starts_with(self.word),
            (false, true) => atom.ends_with(self.word),
            (false, false) => atom.contains(self.word),
        }
    }

    /// Whether a number among words, or an id of so many digits, may have the word.
    fn may_be_in(self, kind: Kind) -> bool {
        let mut bytes = self.word.bytes();
        match kind {
            Kind::Text(..) => false,
            Kind::Int => bytes.all(|byte| byte.is_ascii_digit()),
            Kind::Hex(digits) => {
                bytes.len() <= digits && bytes.all(|byte| hex_value(byte).is_some())
            }
        }
    }
}

/// The words of a needle; the first few are enough.
fn words_of(needle: &str) -> Vec<WordOf<'_>> {
    const WORDS: usize = 7;
    let mut words = Vec::new();
    for word in crate::seam::words(needle) {
        let start = word.as_ptr() as usize - needle.as_ptr() as usize;
        let whole = (start > 0, start + word.len() < needle.len());
        words.push(WordOf { word, whole });
    }
    words.truncate(WORDS);
    words
}

/// Of the mask of a code: the needle is one word, and the code surely has it. The other bits say
/// that the code may have the word of the needle in that position.
const SURE: u8 = 0x80;

impl Dictionary {
    /// Marks the codes of atoms that have the word, and those of numbers and ids that may have it.
    fn mark(&self, word: WordOf<'_>, mark: u8, masks: &mut [u8]) {
        let atoms_end = self.atoms.last().map_or(0, |(_, end)| *end);
        let finder = Finder::new(word.word);
        let mut from = 0;
        while let Some(found) =
            finder.find(&self.text.as_bytes()[from as usize..atoms_end as usize])
        {
            let at = from + found as u32;
            let atom = self.atoms.partition_point(|(_, end)| *end <= at);
            let (code, end) = self.atoms[atom];
            let start = if atom == 0 { 0 } else { self.atoms[atom - 1].1 };
            if word.fits(self.text(start, end)) {
                masks[code as usize] |= mark;
            }
            from = end;
        }
        for (mask, code) in masks.iter_mut().zip(0..) {
            if let [Piece { kind, .. }] = self.pieces_of(code)
                && word.may_be_in(*kind)
            {
                *mask |= mark & !SURE;
            }
        }
    }
}

impl Words {
    /// The texts of `among` that contain the needle.
    pub(crate) fn containing(
        &self,
        source: &dyn BlockSource,
        among: &RowSet,
        needle: &str,
    ) -> Result<RowSet> {
        let words = words_of(needle);
        let dictionary = self.dictionary(source)?;
        let mut masks = vec![0_u8; self.codes];
        for (position, word) in words.iter().enumerate() {
            let alone = words.len() == 1 && word.word.len() == needle.len();
            dictionary.mark(*word, 1 << position | if alone { SURE } else { 0 }, &mut masks);
            if masks.iter().all(|mask| mask >> position & 1 == 0) {
                return Ok(RowSet::none(self.count));
            }
        }
        for [phrase, left, right] in &dictionary.phrases {
            masks[*phrase as usize] = masks[*left as usize] | masks[*right as usize];
        }
        let full = (1_u8 << words.len()) - 1;
        let (mut sure, mut perhaps) = (RowSet::none(self.count), RowSet::none(self.count));
        for at in 0..self.pages.len() {
            let first = at * PAGE_TEXTS;
            let texts = first..first + self.pages[at].texts;
            if !among.any_in(texts) {
                continue;
            }
            let (mut index, mut mask) = (first, 0);
            for code in self.page(source, at)? {
                mask |= masks[*code as usize];
                if *code == dictionary.end {
                    if mask & SURE != 0 {
                        sure.insert(index);
                    } else if mask & full == full {
                        perhaps.insert(index);
                    }
                    index += 1;
                    mask = 0;
                }
            }
        }
        sure.keep(among);
        perhaps.keep(among);
        let finder = Finder::new(needle);
        let mut text = String::new();
        for index in perhaps.iter() {
            text.clear();
            self.append(source, index, &mut text)?;
            if finder.find(text.as_bytes()).is_some() {
                sure.insert(index);
            }
        }
        Ok(sure)
    }
}
