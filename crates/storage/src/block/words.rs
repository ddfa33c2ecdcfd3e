//! Free text as words. Each distinct run of word characters, and each run of other characters that
//! is not one space between words, is an atom with a number; numbers and hexadecimal ids stand
//! aside. Atoms that often follow each other become phrases, so that what a program prints from a
//! format costs little. See [`super::words_read`] for the way back.

use std::ops::Range;

use hashbrown::HashMap;
use watchkeep_model::Result;

use super::bloom::{BloomBuilder, WORD_BYTES};
use super::codes;
use super::decimals::{parse_int, push_int};
use super::numbers::{self, Sequence};
use super::phrases::Phrases;
use super::sections::Writer;
use super::template::hex_value;
use super::texts::{self, PAGE_TEXTS, write_spans};

/// What is not an atom: the end of a text, a whole number, and an id of so many hexadecimal digits.
pub(crate) const END: u32 = 0;
pub(crate) const INT: u32 = 1;
/// Symbols after [`INT`], by the number of digits.
pub(crate) const HEX_DIGITS: [usize; 3] = [8, 16, 32];
/// The first symbol of an atom.
pub(crate) const ATOMS: u32 = 5;

/// Symbols of a column, of a page, and so on.
pub(crate) const SYMBOLS_MAX: usize = 1 << 22;
/// Whole numbers of fewer digits are atoms.
const INT_DIGITS_MIN: usize = 3;
/// A column with fewer than so many symbols for an atom has no words.
const SYMBOLS_PER_ATOM: usize = 2;
/// A page has so many texts, or twice that or four times and so on up to [`PAGE_TEXTS`], as long as
/// it has about so many codes: to read one text takes unpacking its page.
const PAGE_TEXTS_MIN: usize = 64;
const PAGE_CODES: usize = 1 << 13;

/// A run has about so many bytes, with the space behind it.
const RUN_BYTES: usize = 6;

/// Texts as symbols.
#[derive(Debug, Default)]
struct Symbols<'a> {
    sequence: Vec<u32>,
    atoms: Vec<&'a str>,
    ints: Vec<i64>,
    hex: Vec<u8>,
    /// By page: symbols, whole numbers and bytes of ids before it.
    pages: Vec<[usize; 3]>,
}

/// What a run of word characters is.
pub(crate) fn special(word: &str) -> Option<(u32, i64)> {
    let bytes = word.as_bytes();
    if bytes.len() >= INT_DIGITS_MIN
        && bytes[0].is_ascii_digit()
        && let Some(number) = parse_int(word)
    {
        return Some((INT, number));
    }
    let at = HEX_DIGITS.iter().position(|digits| *digits == bytes.len())?;
    let hex = bytes.iter().all(|byte| hex_value(*byte).is_some());
    (hex && bytes.iter().any(u8::is_ascii_digit)).then_some((INT + 1 + at as u32, 0))
}

/// Bytes that are looked at together.
const WINDOW: usize = 64;

/// Shows the runs of a text: each, whether it is a word, and its first sixteen bytes with what follows
/// them in the text, zeros behind its end. A space between words is left out.
#[expect(clippy::string_slice, reason = "runs end beside ASCII bytes")]
pub(crate) fn for_each_run<'a>(text: &'a str, mut see: impl FnMut(&'a str, bool, u128)) {
    let bytes = text.as_bytes();
    let mut show = |start: usize, end: usize, word: bool| {
        let between = start > 0 && end < bytes.len();
        if word || !between || end - start > 1 || bytes[start] != b' ' {
            see(&text[start..end], word, head(&bytes[start..]));
        }
    };
    let Some(first) = bytes.first() else { return };
    let (mut start, mut word) = (0, WORD_BYTES[*first as usize]);
    // Where a run ends is never guessed right: so the ends of a whole window are found at once.
    for (window, from) in bytes.chunks(WINDOW).zip((0..).step_by(WINDOW)) {
        let words = word_mask(window);
        let mut ends = words ^ (words << 1 | u64::from(word));
        ends &= u64::MAX >> (WINDOW - window.len());
        while ends != 0 {
            let end = from + ends.trailing_zeros() as usize;
            show(start, end, word);
            (start, word) = (end, !word);
            ends &= ends - 1;
        }
    }
    show(start, bytes.len(), word);
}

/// The first sixteen bytes; zeros where there are fewer.
fn head(bytes: &[u8]) -> u128 {
    let Some(head) = bytes.first_chunk::<16>() else {
        let mut head = [0; 16];
        head[..bytes.len()].copy_from_slice(bytes);
        return u128::from_le_bytes(head);
    };
    u128::from_le_bytes(*head)
}

/// The product of this and eight bytes of 0 or 1 has these bits in its highest byte.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Of up to 64 bytes which are in [`WORD_BYTES`], the first one lowest.
fn word_mask(bytes: &[u8]) -> u64 {
    let mut window = [0; WINDOW];
    window[..bytes.len()].copy_from_slice(bytes);
    // The compiler makes this loop work on many bytes at a time.
    for byte in &mut window {
        let letter = u8::from((*byte | 0x20).wrapping_sub(b'a') < 26);
        let digit = u8::from(byte.wrapping_sub(b'0') < 10);
        *byte = letter | digit | u8::from(*byte == b'_') | *byte >> 7;
    }
    let (eights, _) = window.as_chunks::<8>();
    let bits = eights.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
    bits.rev().fold(0, |mask, bits| mask << 8 | bits)
}

/// Atoms and their symbols.
///
/// What is looked up is mostly one of a few words, which come first, so what they need lies close
/// together: a number of four bytes in a table that is at most half full, and their bytes in order.
#[derive(Debug)]
struct Interner<'a> {
    /// Symbols of atoms of up to fifteen bytes; open addressing, 0 where free.
    slots: Vec<u32>,
    /// By symbol, from [`ATOMS`]: the bytes of such an atom, and in the highest byte how many; 0 of a
    /// longer one.
    keys: Vec<u128>,
    long: HashMap<&'a str, u32>,
}

/// Slots at the start.
const SLOTS_MIN: usize = 1 << 10;

/// The bytes of a key by how long it is.
const KEY_BYTES: [u128; 16] = {
    let mut masks = [0; 16];
    let mut len = 1;
    while len < masks.len() {
        masks[len] = masks[len - 1] << 8 | 0xff;
        len += 1;
    }
    masks
};

/// Mixes the numbers that an atom is. Atoms that collide on purpose make one block slow to write.
fn mix(key: u128) -> usize {
    let halves = [key as u64 ^ 0x9e37_79b9_7f4a_7c15, (key >> 64) as u64 ^ 0x2d35_8dcc_aa6c_78a5];
    let product = u128::from(halves[0]) * u128::from(halves[1]);
    (product as u64 ^ (product >> 64) as u64) as usize
}

impl<'a> Interner<'a> {
    fn new() -> Self {
        Self { slots: vec![0; SLOTS_MIN], keys: Vec::new(), long: HashMap::new() }
    }

    /// What a run of up to fifteen bytes, which begins with these, is looked up by.
    fn key(run: &str, head: u128) -> Option<u128> {
        let mask = KEY_BYTES.get(run.len())?;
        Some(head & mask | (run.len() as u128) << 120)
    }

    /// Where a key is, or may go, and its symbol, 0 in the latter case.
    fn slot(&self, key: u128) -> (usize, u32) {
        let mask = self.slots.len() - 1;
        let mut at = mix(key) & mask;
        loop {
            let symbol = self.slots[at];
            if symbol == 0 || self.keys[(symbol - ATOMS) as usize] == key {
                return (at, symbol);
            }
            at = (at + 1) & mask;
        }
    }

    /// The symbol of a run, which begins with these bytes, if it is an atom already.
    #[inline]
    fn get(&self, run: &str, head: u128) -> Option<u32> {
        match Self::key(run, head) {
            Some(key) => Some(self.slot(key).1).filter(|symbol| *symbol != 0),
            None => self.get_long(run),
        }
    }

    // Apart, so that the rest becomes part of the loop that asks.
    #[cold]
    fn get_long(&self, run: &str) -> Option<u32> {
        self.long.get(run).copied()
    }

    /// Gives a run that is no atom yet the next symbol.
    fn add(&mut self, run: &'a str, head: u128) -> u32 {
        let symbol = ATOMS + self.keys.len() as u32;
        let Some(key) = Self::key(run, head) else {
            self.keys.push(0);
            self.long.insert(run, symbol);
            return symbol;
        };
        if self.keys.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let (at, _) = self.slot(key);
        self.slots[at] = symbol;
        self.keys.push(key);
        symbol
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for (symbol, key) in (ATOMS..).zip(&self.keys).filter(|(_, key)| **key != 0) {
            let (at, _) = self.slot(*key);
            self.slots[at] = symbol;
        }
    }
}

impl<'a> Symbols<'a> {
    fn of(texts: &[&'a str]) -> Self {
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        let mut symbols = Self {
            sequence: Vec::with_capacity(texts.len() + bytes / RUN_BYTES),
            ..Self::default()
        };
        let mut known = Interner::new();
        for (index, text) in texts.iter().enumerate() {
            if index.is_multiple_of(PAGE_TEXTS_MIN) {
                let place = [symbols.sequence.len(), symbols.ints.len(), symbols.hex.len()];
                symbols.pages.push(place);
            }
            for_each_run(text, |run, word, head| symbols.push(run, word, head, &mut known));
            symbols.sequence.push(END);
        }
        symbols
    }

    fn push(&mut self, run: &'a str, word: bool, head: u128, known: &mut Interner<'a>) {
        match known.get(run, head) {
            Some(symbol) => self.sequence.push(symbol),
            None => self.push_unknown(run, word, head, known),
        }
    }

    /// Appends what is no atom yet, which may be because it is special.
    #[cold]
    fn push_unknown(&mut self, run: &'a str, word: bool, head: u128, known: &mut Interner<'a>) {
        match special(run).filter(|_| word) {
            Some((INT, number)) => {
                self.sequence.push(INT);
                self.ints.push(number);
            }
            Some((symbol, _)) => {
                self.sequence.push(symbol);
                let (pairs, _) = run.as_bytes().as_chunks::<2>();
                let value = |byte| hex_value(byte).unwrap_or(0);
                self.hex.extend(pairs.iter().map(|[a, b]| value(*a) << 4 | value(*b)));
            }
            None => {
                self.atoms.push(run);
                self.sequence.push(known.add(run, head));
            }
        }
    }
}

/// Codes: symbols by falling frequency, those that are equally frequent in the order in which they
/// come first. So the codes that occur once rise from page to page.
#[derive(Debug)]
struct Codes {
    symbol_of: Vec<u32>,
    code_of: Vec<u32>,
    /// Those that occur once.
    once: Range<u32>,
}

impl Codes {
    fn of(sequence: &[u32], symbols: usize) -> Self {
        let mut counts = vec![(0_u32, u32::MAX); symbols];
        for (symbol, position) in sequence.iter().zip(0_u32..) {
            let (count, first) = &mut counts[*symbol as usize];
            *count += 1;
            *first = (*first).min(position);
        }
        let mut symbol_of: Vec<u32> = (0..symbols as u32).collect();
        symbol_of.sort_unstable_by_key(|symbol| {
            let (count, first) = counts[*symbol as usize];
            (std::cmp::Reverse(count), first, *symbol)
        });
        let above =
            |least: u32| symbol_of.partition_point(|symbol| counts[*symbol as usize].0 > least);
        let once = above(1) as u32..above(0) as u32;
        let mut code_of = vec![0; symbols];
        for (code, symbol) in symbol_of.iter().enumerate() {
            code_of[*symbol as usize] = code as u32;
        }
        Self { symbol_of, code_of, once }
    }
}

/// Writes texts as words; false, and nothing written, where that does not suit them.
pub(crate) fn write(
    texts: &[&str],
    bloom: Option<&mut BloomBuilder>,
    out: &mut Writer,
) -> Result<bool> {
    let mut symbols = Symbols::of(texts);
    let few = symbols.sequence.len() < symbols.atoms.len() * SYMBOLS_PER_ATOM;
    let many = symbols.sequence.len().max(symbols.hex.len()) > SYMBOLS_MAX;
    if few || many {
        return Ok(false);
    }
    if let Some(bloom) = bloom {
        add_words(&symbols, bloom);
    }
    let first = ATOMS + symbols.atoms.len() as u32;
    let phrases = Phrases::find(&symbols.sequence, first);
    symbols.sequence = phrases.apply(symbols.sequence, &mut symbols.pages);
    let page_texts = page_texts(symbols.sequence.len().div_ceil(texts.len().max(1)));
    symbols.pages = symbols.pages.into_iter().step_by(page_texts / PAGE_TEXTS_MIN).collect();
    let codes = Codes::of(&symbols.sequence, first as usize + phrases.pairs.len());
    out.byte(texts::WORDS);
    out.size(page_texts);
    out.varint(u64::from(codes.once.start));
    // Codes of the specials, then of the phrases as they rise; the rest are atoms in order.
    (0..ATOMS).for_each(|symbol| out.varint(u64::from(codes.code_of[symbol as usize])));
    let is_phrase = |symbol: &u32| *symbol >= first;
    let numbered = || codes.symbol_of.iter().zip(0_u32..);
    let of_phrases: Vec<i64> =
        numbered().filter(|(s, _)| is_phrase(s)).map(|(_, code)| i64::from(code)).collect();
    out.size(of_phrases.len());
    numbers::write(&of_phrases, Sequence::Rising, out)?;
    let pairs = codes.symbol_of.iter().filter(|symbol| is_phrase(symbol));
    let pairs: Vec<(u32, u32)> =
        pairs.map(|symbol| phrases.pairs[(symbol - first) as usize]).collect();
    let code_of = |symbol: u32| codes.code_of[symbol as usize];
    numbers::write_u32(&pairs.iter().map(|(left, _)| code_of(*left)).collect::<Vec<_>>(), out)?;
    numbers::write_u32(&pairs.iter().map(|(_, right)| code_of(*right)).collect::<Vec<_>>(), out)?;
    let atoms = codes.symbol_of.iter().filter(|s| **s >= ATOMS && !is_phrase(s));
    let atoms: Vec<&str> = atoms.map(|symbol| symbols.atoms[(symbol - ATOMS) as usize]).collect();
    out.size(atoms.len());
    write_spans(&atoms, out)?;
    out.size(symbols.ints.len());
    numbers::write(&symbols.ints, Sequence::Any, out)?;
    out.section(&symbols.hex);
    write_codes(&symbols, &codes, out)?;
    Ok(true)
}

/// Texts of a page, by the codes that a text has.
fn page_texts(codes_per_text: usize) -> usize {
    let fits = |texts: &usize| texts * codes_per_text <= PAGE_CODES;
    let doubled = |texts: &usize| Some(texts * 2).filter(|texts| *texts <= PAGE_TEXTS);
    let sizes = std::iter::successors(Some(PAGE_TEXTS_MIN), doubled);
    sizes.take_while(fits).last().unwrap_or(PAGE_TEXTS_MIN)
}

/// Writes the codes of each page.
fn write_codes(symbols: &Symbols<'_>, codes: &Codes, out: &mut Writer) -> Result<()> {
    let ends = symbols.pages.iter().skip(1).copied();
    let ends = ends.chain([[symbols.sequence.len(), symbols.ints.len(), symbols.hex.len()]]);
    for (start, end) in symbols.pages.iter().zip(ends) {
        let page = symbols.sequence[start[0]..end[0]].iter();
        let page: Vec<u32> = page.map(|symbol| codes.code_of[*symbol as usize]).collect();
        (0..3).for_each(|at| out.size(end[at] - start[at]));
        out.size(page.iter().filter(|code| codes.once.contains(*code)).count());
        let (token_bytes, packed) = codes::pack(&page)?;
        out.size(token_bytes);
        out.section(&packed);
    }
    Ok(())
}

fn add_words(symbols: &Symbols<'_>, bloom: &mut BloomBuilder) {
    symbols.atoms.iter().for_each(|atom| bloom.add_text(atom));
    let mut text = String::new();
    for number in &symbols.ints {
        text.clear();
        push_int(*number, &mut text);
        bloom.add(text.as_bytes());
    }
    let mut hex = &symbols.hex[..];
    for symbol in symbols.sequence.iter().filter(|symbol| (INT + 1..ATOMS).contains(*symbol)) {
        let (id, rest) = hex.split_at(HEX_DIGITS[(*symbol - INT - 1) as usize] / 2);
        bloom.add(super::table::hex(id).as_bytes());
        hex = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::sections::{Head, read_head};
    use crate::block::words_read::Words;
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::path::Path;

    /// Runs byte by byte.
    fn runs_of(text: &str) -> Vec<(&str, bool)> {
        let is_word = |at: usize| WORD_BYTES[text.as_bytes()[at] as usize];
        let mut starts: Vec<usize> =
            (0..text.len()).filter(|at| *at == 0 || is_word(*at) != is_word(at - 1)).collect();
        starts.push(text.len());
        let inner = |pair: &[usize]| pair[0] > 0 && pair[1] < text.len();
        let runs = starts.windows(2).filter(|pair| !inner(pair) || &text[pair[0]..pair[1]] != " ");
        runs.map(|pair| (&text[pair[0]..pair[1]], is_word(pair[0]))).collect()
    }

    /// Texts of a few pages, with phrases, whole numbers, ids, and words that occur once.
    fn specimen() -> Vec<String> {
        let verbs = ["read", "wrote", "skipped", "asked for"];
        let text = |at: u64| {
            let verb = verbs[(at * at % 7 % 4) as usize];
            let id = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            match at % 5 {
                0 => format!("agent {} {verb} the page {id:016x}, again", at % 11),
                1 => format!("took {} ms; only here: word{at}x", at * 37 % 1009),
                2 => format!("{verb} Übergröße (no. {})", at % 13),
                3 => String::new(),
                _ => format!("the answer of the model was {verb} {} times", at % 3),
            }
        };
        (0..1500).map(text).collect()
    }

    /// `form-9.block` was written by the code that wrote that form.
    #[test]
    fn words_of_the_form_with_pco_stay_readable() {
        let path = "../../testdata/formats/words/form-9.block";
        let block = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let head_bytes = 16 + u32::from_le_bytes(*block[8..].first_chunk().unwrap()) as usize;
        let block = Bytes::from(block);
        let head = read_head(&block, head_bytes, *b"WKTEXTS\x01").unwrap();
        let mut head = Head::new(&head);
        assert_eq!(head.byte().unwrap(), texts::WORDS_9);
        let texts = specimen();
        let words = Words::parse(&mut head, texts.len(), texts::WORDS_9).unwrap();
        for (at, text) in texts.iter().enumerate() {
            let mut found = String::new();
            words.append(&block, at, &mut found).unwrap();
            assert_eq!(&found, text);
        }
    }

    proptest! {
        #[test]
        fn runs_are_found_many_bytes_at_a_time(
            text in prop_oneof![".{0,40}", "[ -~]{0,60}", "[ a]{0,200}", "[a-c]{60,70}[ ,]{1,2}[a-c]{60,70}", "([a-z_0-9]{1,20}[ ,]{1,3}){0,9}"],
        ) {
            let mut found = Vec::new();
            for_each_run(&text, |run, word, head| {
                let (mut bytes, len) = ([0; 16], run.len().min(16));
                bytes[..len].copy_from_slice(&run.as_bytes()[..len]);
                assert_eq!(&head.to_le_bytes()[..len], &bytes[..len]);
                found.push((run, word));
            });
            prop_assert_eq!(found, runs_of(&text));
        }

        #[test]
        fn every_run_has_a_symbol_of_its_own(
            runs in prop::collection::vec("[ab\u{0} é]{1,19}", 1..1200),
        ) {
            let (mut known, mut numbers) = (Interner::new(), HashMap::new());
            for run in &runs {
                let head = head(run.as_bytes());
                let symbol = known.get(run, head).unwrap_or_else(|| known.add(run, head));
                let next = ATOMS + numbers.len() as u32;
                prop_assert_eq!(symbol, *numbers.entry(run.as_str()).or_insert(next));
            }
        }
    }
}
