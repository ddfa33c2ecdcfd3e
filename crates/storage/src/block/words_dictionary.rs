//! What each code of a column of words stands for. Nearly all stand for an atom, so a table is kept
//! of the others alone: to read a few texts must not take a table of every word.

use watchkeep_model::Result;

use super::bloom::WORD_BYTES;
use super::phrases::ROUNDS_MAX;
use super::sections::corrupt;
use super::texts::Spans;
use super::words::{ATOMS, END, HEX_DIGITS, INT};

/// Bytes and pieces of all phrases written out.
const EXPANDED_MAX: usize = 4 << 20;

/// Which codes stand for an atom: all but the special ones and those of phrases.
#[derive(Debug)]
pub(super) struct Division {
    /// The other codes, rising.
    others: Vec<u32>,
    /// A bit per code, set for the others, and how many of them are before each word of bits.
    bits: Vec<(u64, u32)>,
}

/// A position among the atoms, or among the other codes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Atom(usize),
    Other(usize),
}

impl Division {
    /// Divides codes below `codes`, of which the others are so many different ones.
    fn new(codes: usize, mut others: Vec<u32>) -> Result<Self> {
        others.sort_unstable();
        if others.last().is_some_and(|code| *code as usize >= codes) {
            return Err(corrupt("a code of words is out of range"));
        }
        if !others.is_sorted_by(|a, b| a < b) {
            return Err(corrupt("words are missing"));
        }
        let mut bits = vec![(0_u64, 0); codes / 64 + 1];
        for code in &others {
            bits[*code as usize / 64].0 |= 1 << (code % 64);
        }
        let mut before = 0;
        for word in &mut bits {
            word.1 = before;
            before += word.0.count_ones();
        }
        Ok(Self { others, bits })
    }

    /// Where a code is, which must be in range.
    #[inline]
    pub(super) fn place(&self, code: u32) -> Place {
        let (bits, before) = self.bits[code as usize / 64];
        let bit = code % 64;
        let before = before + (bits & ((1 << bit) - 1)).count_ones();
        if bits >> bit & 1 == 1 {
            Place::Other(before as usize)
        } else {
            Place::Atom((code - before) as usize)
        }
    }

    /// The code of an atom.
    pub(super) fn code_of(&self, atom: usize) -> u32 {
        let (mut from, mut to) = (0, self.others.len());
        // Below each of the others lie as many atoms as it is above its position.
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.others[middle] as usize - middle <= atom {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        (atom + from) as u32
    }
}

/// What is needed to look for words.
#[derive(Debug)]
pub(super) struct Lexicon {
    pub(super) atoms: Spans,
    pub(super) division: Division,
    /// Phrases: the code of each, and what it is made of.
    pub(super) phrases: Vec<[u32; 3]>,
}

impl Lexicon {
    /// Every code is that of an atom, a special one, or a phrase, which is made of any.
    pub(super) fn new(
        atoms: Spans,
        specials: &[u32; ATOMS as usize],
        phrases: Vec<[u32; 3]>,
    ) -> Result<Self> {
        let others: Vec<u32> =
            specials.iter().copied().chain(phrases.iter().map(|phrase| phrase[0])).collect();
        let division = Division::new(atoms.len() + others.len(), others)?;
        Ok(Self { atoms, division, phrases })
    }
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    kind: Kind,
    /// Whether it begins, and ends, with a word.
    begins: bool,
    ends: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// From here to there in the text of phrases.
    Text(u32, u32),
    Int,
    /// An id of so many digits.
    Hex(usize),
}

/// A piece as it is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'a> {
    Text(&'a str),
    Int,
    /// An id of so many digits.
    Hex(usize),
}

/// What the codes stand for that are not those of atoms, by their position among them.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// Texts of phrases.
    text: String,
    pieces: Vec<Piece>,
    /// Which pieces; none for the end.
    of_other: Vec<(u32, u32)>,
    /// Whole numbers and bytes of ids.
    aside: Vec<[u32; 2]>,
}

const NONE: (u32, u32) = (u32::MAX, 0);

impl Dictionary {
    pub(super) fn new(lexicon: &Lexicon, specials: &[u32; ATOMS as usize]) -> Result<Self> {
        let others = lexicon.division.others.len();
        let mut dictionary = Self {
            text: String::new(),
            pieces: Vec::new(),
            of_other: vec![NONE; others],
            aside: vec![[0; 2]; others],
        };
        for (symbol, code) in specials.iter().enumerate() {
            let kind = match symbol as u32 {
                END => None,
                INT => Some(Kind::Int),
                hex => Some(Kind::Hex(HEX_DIGITS[(hex - INT - 1) as usize])),
            };
            let Place::Other(at) = lexicon.division.place(*code) else { continue };
            dictionary.aside[at] = match kind {
                Some(Kind::Int) => [1, 0],
                Some(Kind::Hex(digits)) => [0, digits as u32 / 2],
                _ => [0, 0],
            };
            let start = dictionary.pieces.len() as u32;
            dictionary.pieces.extend(kind.map(|kind| Piece { kind, begins: true, ends: true }));
            dictionary.of_other[at] = (start, dictionary.pieces.len() as u32);
        }
        dictionary.add_phrases(lexicon)?;
        Ok(dictionary)
    }

    fn add_phrases(&mut self, lexicon: &Lexicon) -> Result<()> {
        let mut left_over: Vec<&[u32; 3]> = lexicon.phrases.iter().collect();
        // A phrase is made of symbols of earlier rounds.
        for _ in 0..ROUNDS_MAX {
            let mut later = Vec::new();
            for phrase in left_over {
                let made = [phrase[1], phrase[2]].map(|code| lexicon.division.place(code));
                let unknown =
                    |place| matches!(place, Place::Other(at) if self.of_other[at] == NONE);
                if made.into_iter().any(unknown) {
                    later.push(phrase);
                } else {
                    self.join(lexicon, phrase[0], made);
                }
                if self.text.len() + self.pieces.len() > EXPANDED_MAX {
                    return Err(corrupt("phrases are too long"));
                }
            }
            left_over = later;
        }
        if self.of_other.contains(&NONE) {
            return Err(corrupt("a phrase is made of itself"));
        }
        Ok(())
    }

    /// Adds a phrase of two codes, joining texts that stand side by side.
    fn join(&mut self, lexicon: &Lexicon, phrase: u32, made: [Place; 2]) {
        let Place::Other(at) = lexicon.division.place(phrase) else { return };
        let start = self.pieces.len();
        for place in made {
            match place {
                Place::Atom(atom) => {
                    let atom = lexicon.atoms.get(atom);
                    let word = is_word(atom);
                    let from = self.begin_text(start, word);
                    self.text.push_str(atom);
                    self.end_text(start, from, word, word);
                }
                Place::Other(part) => {
                    for numbers in 0..2 {
                        let of_part = self.aside[part][numbers];
                        let sum = &mut self.aside[at][numbers];
                        *sum = sum.saturating_add(of_part);
                    }
                    let (from, to) = self.of_other[part];
                    for piece in from..to {
                        let piece = self.pieces[piece as usize];
                        if let Kind::Text(text, end) = piece.kind {
                            let from = self.begin_text(start, piece.begins);
                            self.text.extend_from_within(text as usize..end as usize);
                            self.end_text(start, from, piece.begins, piece.ends);
                        } else {
                            self.pieces.push(piece);
                        }
                    }
                }
            }
        }
        self.of_other[at] = (start as u32, self.pieces.len() as u32);
    }

    /// The text that ends the pieces from `start` on, if one does.
    fn last_text(&mut self, start: usize) -> Option<&mut Piece> {
        let last = self.pieces.get_mut(start..)?.last_mut()?;
        matches!(last.kind, Kind::Text(..)).then_some(last)
    }

    /// Where a text begins that goes behind the pieces from `start` on.
    fn begin_text(&mut self, start: usize, begins: bool) -> u32 {
        let from = self.text.len() as u32;
        if begins && self.last_text(start).is_some_and(|last| last.ends) {
            self.text.push(' ');
        }
        from
    }

    /// Makes a text a piece, or part of the last one.
    fn end_text(&mut self, start: usize, from: u32, begins: bool, ends: bool) {
        let end = self.text.len() as u32;
        match self.last_text(start) {
            Some(last) => {
                if let Kind::Text(_, to) = &mut last.kind {
                    *to = end;
                }
                last.ends = ends;
            }
            None => self.pieces.push(Piece { kind: Kind::Text(from, end), begins, ends }),
        }
    }

    /// Whole numbers and bytes of ids that a code stands for.
    #[inline]
    pub(super) fn aside(&self, lexicon: &Lexicon, code: u32) -> [u32; 2] {
        match lexicon.division.place(code) {
            Place::Atom(_) => [0; 2],
            Place::Other(at) => self.aside[at],
        }
    }

    /// Shows what codes stand for, one after the other, with the spaces between words.
    #[expect(clippy::string_slice, reason = "pieces are whole texts end to end")]
    pub(super) fn show(
        &self,
        lexicon: &Lexicon,
        codes: impl Iterator<Item = u32>,
        mut see: impl FnMut(Shown<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut word = false;
        for code in codes {
            let (from, to) = match lexicon.division.place(code) {
                Place::Atom(at) => {
                    let atom = lexicon.atoms.get(at);
                    let is_word = is_word(atom);
                    if word && is_word {
                        see(Shown::Text(" "))?;
                    }
                    see(Shown::Text(atom))?;
                    word = is_word;
                    continue;
                }
                Place::Other(at) => self.of_other[at],
            };
            for piece in &self.pieces[from as usize..to as usize] {
                if word && piece.begins {
                    see(Shown::Text(" "))?;
                }
                see(match piece.kind {
                    Kind::Text(from, to) => Shown::Text(&self.text[from as usize..to as usize]),
                    Kind::Int => Shown::Int,
                    Kind::Hex(digits) => Shown::Hex(digits),
                })?;
                word = piece.ends;
            }
        }
        Ok(())
    }
}

/// Whether an atom is a word.
#[inline]
fn is_word(atom: &str) -> bool {
    atom.bytes().next().is_some_and(|byte| WORD_BYTES[byte as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_code_has_one_place(is_other in prop::collection::vec(any::<bool>(), 1..300)) {
            let codes = |other: bool| -> Vec<u32> {
                let all = is_other.iter().zip(0..);
                all.filter(|(is, _)| **is == other).map(|(_, code)| code).collect()
            };
            let division = Division::new(is_other.len(), codes(true)).unwrap();
            for (at, code) in codes(true).into_iter().enumerate() {
                prop_assert!(matches!(division.place(code), Place::Other(found) if found == at));
            }
            for (at, code) in codes(false).into_iter().enumerate() {
                prop_assert!(matches!(division.place(code), Place::Atom(found) if found == at));
                prop_assert_eq!(division.code_of(at), code);
            }
        }
    }
}
