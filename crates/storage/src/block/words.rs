//! Free text as words. Each distinct run of word characters, and each run of other characters that
//! is not one space between words, is an atom with a number; numbers and hexadecimal ids stand
//! aside. Atoms that often follow each other become phrases, so that what a program prints from a
//! format costs little. See [`super::words_read`] for the way back.

use std::ops::Range;

use hashbrown::HashMap;
use pco::wrapped::FileCompressor;
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};
use watchkeep_model::{Error, Result};

use super::bloom::{BloomBuilder, WORD_BYTES};
use super::decimals::{parse_int, push_int};
use super::numbers::{self, Sequence};
use super::phrases::Phrases;
use super::sections::Writer;
use super::template::hex_value;
use super::texts::{PAGE_TEXTS, write_spans};

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
/// Measured: level 6 makes a block 0.2 % larger and is no faster.
const LEVEL: usize = 8;

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

/// Shows the runs of a text: each, whether it is a word, and its first eight bytes with what follows
/// them in the text, zeros behind its end. A space between words is left out.
#[expect(clippy::string_slice, reason = "runs end beside ASCII bytes")]
pub(crate) fn for_each_run<'a>(text: &'a str, mut see: impl FnMut(&'a str, bool, u64)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(first) = bytes.get(at) {
        let is_word = |byte: &u8| WORD_BYTES[*byte as usize];
        // Nearly every word is followed by one space.
        if *first == b' ' && at > 0 && bytes.get(at + 1).is_some_and(is_word) {
            at += 1;
            continue;
        }
        let word = is_word(first);
        let (head, len) = run(&bytes[at..], word);
        let end = at + len;
        let between = at > 0 && end < bytes.len();
        let space = *first == b' ' && len == 1;
        if word || !between || !space {
            see(&text[at..end], word, head);
        }
        at = end;
    }
}

/// The first eight bytes, and how many at the start are all of words, or all are not: eight at a
/// time, as where a run ends is never guessed right.
fn run(bytes: &[u8], word: bool) -> (u64, usize) {
    let others = |head: u64| word_bytes(head) ^ if word { HIGH_BITS } else { 0 };
    let Some(first) = bytes.first_chunk::<8>() else {
        let mut head = [0; 8];
        head[..bytes.len()].copy_from_slice(bytes);
        let head = u64::from_le_bytes(head);
        let len = others(head).trailing_zeros() as usize / 8;
        return (head, len.min(bytes.len()));
    };
    let head = u64::from_le_bytes(*first);
    let (mut found, mut len) = (others(head), 0);
    while found == 0 {
        len += 8;
        let Some(next) = bytes[len..].first_chunk::<8>() else {
            let same = |byte: &&u8| WORD_BYTES[**byte as usize] == word;
            return (head, len + bytes[len..].iter().take_while(same).count());
        };
        found = others(u64::from_le_bytes(*next));
    }
    (head, len + found.trailing_zeros() as usize / 8)
}

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Of eight bytes which are in [`WORD_BYTES`]: the high bit of each.
fn word_bytes(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let ascii = bytes & !HIGH_BITS;
    let lower = ascii | (ONES * 0x20);
    // There is no carry: a byte below 128, and at most 128 more.
    let reach = |bytes: u64, least: u8| bytes + ONES * u64::from(128 - least);
    let digits = reach(ascii, b'0') & !reach(ascii, b'9' + 1);
    let letters = reach(lower, b'a') & !reach(lower, b'z' + 1);
    let underscores = reach(ascii, b'_') & !reach(ascii, b'_' + 1);
    (bytes | digits | letters | underscores) & HIGH_BITS
}

/// Runs and their symbols.
#[derive(Debug, Default)]
struct Interner<'a> {
    /// Of up to seven bytes: these, and how many.
    tiny: HashMap<u64, u32, std::hash::BuildHasherDefault<Mix>>,
    /// Of up to sixteen: length, and eight bytes at both ends, which overlap.
    short: HashMap<(usize, u64, u64), u32, std::hash::BuildHasherDefault<Mix>>,
    long: HashMap<&'a str, u32>,
}

/// Mixes the numbers that a run is. Runs that collide on purpose make one block slow to write.
#[derive(Debug, Default)]
struct Mix(u64);

impl std::hash::Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.0 ^ value ^ FACTOR) * u128::from(FACTOR.rotate_left(13));
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl<'a> Interner<'a> {
    /// The symbol of a run, which begins with these bytes; the next one if it is new.
    fn intern(&mut self, run: &'a str, head: u64, next: u32) -> u32 {
        let len = run.len();
        if len < 8 {
            let key = head & ((1 << (8 * len)) - 1) | (len as u64) << 56;
            return *self.tiny.entry(key).or_insert(next);
        }
        match run.as_bytes().last_chunk::<8>() {
            Some(end) if len <= 16 => {
                *self.short.entry((len, head, u64::from_le_bytes(*end))).or_insert(next)
            }
            _ => *self.long.entry(run).or_insert(next),
        }
    }
}

impl<'a> Symbols<'a> {
    fn of(texts: &[&'a str]) -> Self {
        let mut symbols = Self::default();
        let mut known = Interner::default();
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

    fn push(&mut self, run: &'a str, word: bool, head: u64, known: &mut Interner<'a>) {
        let first = run.as_bytes()[0];
        // Only what starts with a hexadecimal digit can be special.
        if word && first.is_ascii_hexdigit() {
            match special(run) {
                Some((INT, number)) => {
                    self.sequence.push(INT);
                    return self.ints.push(number);
                }
                Some((symbol, _)) => {
                    self.sequence.push(symbol);
                    let (pairs, _) = run.as_bytes().as_chunks::<2>();
                    let value = |byte| hex_value(byte).unwrap_or(0);
                    return self.hex.extend(pairs.iter().map(|[a, b]| value(*a) << 4 | value(*b)));
                }
                None => {}
            }
        }
        let next = ATOMS + self.atoms.len() as u32;
        let symbol = known.intern(run, head, next);
        if symbol == next {
            self.atoms.push(run);
        }
        self.sequence.push(symbol);
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
    form: u8,
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
    let sequence = phrases.apply(&symbols.sequence, &mut symbols.pages);
    symbols.sequence = sequence;
    let page_texts = page_texts(symbols.sequence.len().div_ceil(texts.len().max(1)));
    symbols.pages = symbols.pages.into_iter().step_by(page_texts / PAGE_TEXTS_MIN).collect();
    let codes = Codes::of(&symbols.sequence, first as usize + phrases.pairs.len());
    out.byte(form);
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

/// Writes the codes: what pco knows of all of them, then each page.
fn write_codes(symbols: &Symbols<'_>, codes: &Codes, out: &mut Writer) -> Result<()> {
    let sequence: Vec<u32> =
        symbols.sequence.iter().map(|symbol| codes.code_of[*symbol as usize]).collect();
    let ends = symbols.pages.iter().skip(1).copied();
    let ends = ends.chain([[sequence.len(), symbols.ints.len(), symbols.hex.len()]]);
    let lengths: Vec<[usize; 3]> = symbols
        .pages
        .iter()
        .zip(ends)
        .map(|(start, end)| [end[0] - start[0], end[1] - start[1], end[2] - start[2]])
        .collect();
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::NoOp)
        .with_paging_spec(PagingSpec::Exact(lengths.iter().map(|page| page[0]).collect()));
    let failed = |error| Error::internal("cannot compress words").with_source(error);
    let file = FileCompressor::default();
    let mut chunk = file.chunk_compressor(&sequence, &config).map_err(failed)?;
    let meta = file.write_header(Vec::new()).and_then(|bytes| chunk.write_meta(bytes));
    out.section(&meta.map_err(failed)?);
    let mut rest = &sequence[..];
    for (position, [len, ints, hex]) in lengths.into_iter().enumerate() {
        let (page, after) = rest.split_at(len);
        rest = after;
        out.size(len);
        out.size(ints);
        out.size(hex);
        out.size(page.iter().filter(|code| codes.once.contains(*code)).count());
        out.section(&chunk.write_page(position, Vec::new()).map_err(failed)?);
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn runs_are_found_eight_bytes_at_a_time(
            text in prop_oneof![".{0,40}", "[ -~]{0,60}", "([a-z_0-9]{1,20}[ ,]{1,3}){0,9}"],
        ) {
            let mut found = Vec::new();
            for_each_run(&text, |run, word, head| {
                let (mut bytes, len) = ([0; 8], run.len().min(8));
                bytes[..len].copy_from_slice(&run.as_bytes()[..len]);
                assert_eq!(&head.to_le_bytes()[..len], &bytes[..len]);
                found.push((run, word));
            });
            prop_assert_eq!(found, runs_of(&text));
        }

        #[test]
        fn every_run_has_a_symbol_of_its_own(
            runs in prop::collection::vec("[ab\u{0} é]{1,19}", 1..40),
        ) {
            let (mut known, mut numbers) = (Interner::default(), HashMap::new());
            for (run, next) in runs.iter().zip(0..) {
                let mut head = [0; 8];
                let len = run.len().min(8);
                head[..len].copy_from_slice(&run.as_bytes()[..len]);
                let symbol = known.intern(run, u64::from_le_bytes(head), next);
                prop_assert_eq!(symbol, *numbers.entry(run.as_str()).or_insert(next));
            }
        }
    }
}
