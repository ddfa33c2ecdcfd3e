//! Free text from words (see [`super::words`]).

use std::sync::OnceLock;

use pco::DecompressorScratch;
use pco::wrapped::{ChunkDecompressor, FileDecompressor};
use watchkeep_model::Result;

use super::decimals::{int_len, push_int};
use super::numbers::Numbers;
use super::phrases::ROUNDS_MAX;
use super::sections::{BlockSource, Head, Section, corrupt};
use super::table::push_hex;
use super::texts::{PAGE_TEXTS, PackedSpans, Spans, once};
use super::words::{ATOMS, END, HEX_DIGITS, INT};
use super::{bloom::WORD_BYTES, words::SYMBOLS_MAX};

/// Bytes and pieces of all phrases written out.
const EXPANDED_MAX: usize = 4 << 20;

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
    meta: Section,
    pub(super) pages: Vec<Page>,
    lexicon: OnceLock<Lexicon>,
    dictionary: OnceLock<Dictionary>,
    read_ints: OnceLock<Vec<i64>>,
    read_hex: OnceLock<Vec<u8>>,
    chunk: OnceLock<ChunkDecompressor<u32>>,
}

#[derive(Debug)]
pub(super) struct Page {
    pub(super) texts: usize,
    codes: usize,
    /// Codes that occur once before its end; 0 where that is not told.
    pub(super) once_before_end: usize,
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
pub(super) enum Kind {
    /// From here to there in the dictionary's text.
    Text(u32, u32),
    Int,
    /// An id of so many digits.
    Hex(usize),
}

/// What is needed to look for words.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) atoms: Spans,
    /// The code of each atom.
    pub(super) codes: Vec<u32>,
    /// Phrases: the code of each, and what it is made of.
    pub(super) phrases: Vec<[u32; 3]>,
}

/// What each code stands for.
#[derive(Debug, Default)]
struct Dictionary {
    end: u32,
    /// Atoms end to end, then texts of phrases.
    text: String,
    pieces: Vec<Piece>,
    /// The pieces of each code; none for the end.
    of_code: Vec<(u32, u32)>,
    /// Whole numbers and bytes of ids that each code stands for.
    aside: Vec<[u32; 2]>,
}

impl Words {
    /// Reads what [`super::words::write`] wrote; `placed` says whether it tells where codes stand that
    /// occur once.
    pub(crate) fn parse(head: &mut Head<'_>, count: usize, placed: bool) -> Result<Self> {
        let bounded = |size: usize| {
            if size > SYMBOLS_MAX { Err(corrupt("it has too many words")) } else { Ok(size) }
        };
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
        let meta = head.section()?;
        let (mut before, mut once_before_end) = ([0, 0], 0);
        let pages = (0..count.div_ceil(page_texts))
            .map(|position| {
                let codes = bounded(head.size()?)?;
                let after =
                    [before[0] + bounded(head.size()?)?, before[1] + bounded(head.size()?)?];
                if placed {
                    once_before_end += bounded(head.size()?)?;
                }
                let page = Page {
                    once_before_end,
                    texts: page_texts.min(count - position * page_texts),
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
            page_texts,
            once,
            ints,
            hex,
            meta,
            pages,
            lexicon: OnceLock::new(),
            dictionary: OnceLock::new(),
            read_ints: OnceLock::new(),
            read_hex: OnceLock::new(),
            chunk: OnceLock::new(),
        })
    }

    fn dictionary(&self, source: &dyn BlockSource) -> Result<&Dictionary> {
        once(&self.dictionary, || self.read_dictionary(source))
    }

    /// The atoms and the phrases.
    pub(super) fn lexicon(&self, source: &dyn BlockSource) -> Result<&Lexicon> {
        once(&self.lexicon, || self.read_lexicon(source))
    }

    fn read_lexicon(&self, source: &dyn BlockSource) -> Result<Lexicon> {
        let below = self.codes as u32;
        if self.specials.iter().any(|code| *code >= below) {
            return Err(corrupt("a code of words is out of range"));
        }
        let phrase_codes = self.phrase_codes.read_u32(source, self.codes)?;
        let lefts = self.lefts.read_u32(source, self.codes)?;
        let rights = self.rights.read_u32(source, self.codes)?;
        let made = lefts.iter().zip(&rights);
        let phrases: Vec<[u32; 3]> =
            phrase_codes.iter().zip(made).map(|(code, (a, b))| [*code, *a, *b]).collect();
        let mut taken = vec![false; self.codes];
        for code in self.specials.iter().chain(&phrase_codes) {
            taken[*code as usize] = true;
        }
        let free = taken.iter().zip(0_u32..).filter(|(taken, _)| !**taken);
        let codes: Vec<u32> = free.map(|(_, code)| code).collect();
        let atoms = self.atoms.read(source)?;
        if codes.len() != atoms.len() {
            return Err(corrupt("words are missing"));
        }
        Ok(Lexicon { atoms, codes, phrases })
    }

    fn read_dictionary(&self, source: &dyn BlockSource) -> Result<Dictionary> {
        const NONE: (u32, u32) = (u32::MAX, 0);
        let lexicon = self.lexicon(source)?;
        let mut dictionary = Dictionary {
            of_code: vec![NONE; self.codes],
            aside: vec![[0; 2]; self.codes],
            ..Dictionary::default()
        };
        for (symbol, code) in self.specials.iter().enumerate() {
            let kind = match symbol as u32 {
                END => None,
                INT => Some(Kind::Int),
                hex => Some(Kind::Hex(HEX_DIGITS[(hex - INT - 1) as usize])),
            };
            dictionary.aside[*code as usize] = match kind {
                Some(Kind::Int) => [1, 0],
                Some(Kind::Hex(digits)) => [0, digits as u32 / 2],
                _ => [0, 0],
            };
            let piece = kind.map(|kind| Piece { kind, begins: true, ends: true });
            dictionary.set(*code, piece);
        }
        dictionary.end = self.specials[END as usize];
        for (code, atom) in lexicon.codes.iter().zip(0..) {
            let (start, end) = lexicon.atoms.bounds(atom);
            let first = lexicon.atoms.get(atom).bytes().next();
            let word = first.is_some_and(|byte| WORD_BYTES[byte as usize]);
            let kind = Kind::Text(start, end);
            dictionary.set(*code, Some(Piece { kind, begins: word, ends: word }));
        }
        lexicon.atoms.text().clone_into(&mut dictionary.text);
        let atoms_len = dictionary.text.len();
        let mut left_over = lexicon.phrases.clone();
        // A phrase is made of symbols of earlier rounds.
        for _ in 0..ROUNDS_MAX {
            let mut later = Vec::new();
            for phrase in left_over {
                let made = [phrase[1], phrase[2]].map(|code| dictionary.of_code[code as usize]);
                if made.contains(&NONE) {
                    later.push(phrase);
                } else {
                    let [left, right] =
                        [phrase[1], phrase[2]].map(|code| dictionary.aside[code as usize]);
                    dictionary.aside[phrase[0] as usize] =
                        [left[0].saturating_add(right[0]), left[1].saturating_add(right[1])];
                    dictionary.join(phrase[0], made);
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

    pub(super) fn page(&self, source: &dyn BlockSource, at: usize) -> Result<&[u32]> {
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
                let [ints, digits] = dictionary.aside[*code as usize];
                place =
                    [place[0] + 1, place[1].saturating_add(ints), place[2].saturating_add(digits)];
                if *code == dictionary.end {
                    starts.push(place);
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
        let at = index / self.page_texts;
        let [start, int, hex] = self.starts(source, at)?[index % self.page_texts];
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
        let at = index / self.page_texts;
        let [start, int, _] = self.starts(source, at)?[index % self.page_texts];
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
    fn join(&mut self, phrase: u32, made: [(u32, u32); 2]) {
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
        self.of_code[phrase as usize] = (start, self.pieces.len() as u32);
    }
}
