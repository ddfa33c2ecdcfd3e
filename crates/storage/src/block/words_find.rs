//! Finding texts by the words in them, on codes: which codes may have a word of the needle, which
//! pages have such codes, and which texts of those pages. See [`super::words`].

use memchr::memmem::Finder;
use watchkeep_model::Result;

use super::phrases::ROUNDS_MAX;
use super::row_set::RowSet;
use super::sections::BlockSource;
use super::template::hex_value;
use super::words::{END, HEX_DIGITS, INT};
use super::words_dictionary::{Kind, Lexicon};
use super::words_read::Words;

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

/// Marks the codes of atoms that have the word.
fn mark_atoms(lexicon: &Lexicon, word: WordOf<'_>, mark: u8, masks: &mut [u8]) {
    let text = lexicon.atoms.text().as_bytes();
    let finder = Finder::new(word.word);
    let mut from = 0;
    while let Some(found) = finder.find(&text[from as usize..]) {
        let atom = lexicon.atoms.at(from + found as u32);
        if word.fits(lexicon.atoms.get(atom)) {
            masks[lexicon.division.code_of(atom) as usize] |= mark;
        }
        from = lexicon.atoms.bounds(atom).1;
    }
}

impl Words {
    /// By code, which words of the needle it may have.
    fn masks(&self, lexicon: &Lexicon, words: &[WordOf<'_>], needle: &str) -> Vec<u8> {
        let mut masks = vec![0_u8; self.codes];
        for (position, word) in words.iter().enumerate() {
            let mark = 1 << position;
            let alone = words.len() == 1 && word.word.len() == needle.len();
            mark_atoms(lexicon, *word, mark | if alone { SURE } else { 0 }, &mut masks);
            let kinds = HEX_DIGITS.iter().map(|digits| Kind::Hex(*digits));
            for (kind, symbol) in std::iter::once(Kind::Int).chain(kinds).zip(INT as usize..) {
                if word.may_be_in(kind) {
                    masks[self.specials[symbol] as usize] |= mark;
                }
            }
        }
        // A phrase is made of symbols of earlier rounds.
        for _ in 0..ROUNDS_MAX {
            let mut changed = false;
            for [phrase, left, right] in &lexicon.phrases {
                let mask = masks[*left as usize] | masks[*right as usize];
                changed |= masks[*phrase as usize] | mask != masks[*phrase as usize];
                masks[*phrase as usize] |= mask;
            }
            if !changed {
                break;
            }
        }
        masks
    }

    /// The pages that may have every word; `None` where all may.
    fn pages_with(&self, masks: &[u8], words: usize) -> Option<Vec<bool>> {
        let once = self.once? as usize;
        let mut pages: Option<Vec<bool>> = None;
        for position in 0..words {
            let has = |mask: &u8| mask >> position & 1 != 0;
            if masks.get(..once)?.iter().any(has) {
                continue;
            }
            let mut of_word = vec![false; self.pages.len()];
            for (nth, _) in masks[once..].iter().enumerate().filter(|(_, mask)| has(mask)) {
                let page = self.pages.partition_point(|page| page.once_before_end <= nth);
                // Codes behind those that occur once stand nowhere.
                if let Some(of_word) = of_word.get_mut(page) {
                    *of_word = true;
                }
            }
            match &mut pages {
                Some(pages) => pages.iter_mut().zip(of_word).for_each(|(all, one)| *all &= one),
                None => pages = Some(of_word),
            }
        }
        pages
    }

    /// The texts of `among` that contain the needle.
    pub(crate) fn containing(
        &self,
        source: &dyn BlockSource,
        among: &RowSet,
        needle: &str,
    ) -> Result<RowSet> {
        let words = words_of(needle);
        let masks = self.masks(self.lexicon(source)?, &words, needle);
        let full = (1_u8 << words.len()) - 1;
        if masks.iter().fold(0, |all, mask| all | mask) & full != full {
            return Ok(RowSet::none(self.count));
        }
        let pages = self.pages_with(&masks, words.len());
        let end = self.specials[END as usize];
        let (mut sure, mut perhaps) = (RowSet::none(self.count), RowSet::none(self.count));
        for at in 0..self.pages.len() {
            let first = at * self.page_texts;
            let texts = first..first + self.pages[at].texts;
            if pages.as_ref().is_some_and(|pages| !pages[at]) || !among.any_in(texts) {
                continue;
            }
            let (mut index, mut mask) = (first, 0);
            for code in self.page(source, at)? {
                mask |= masks[*code as usize];
                if *code == end {
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
