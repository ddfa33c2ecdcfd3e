//! Texts of one length that differ in digits only, such as `req-0123456789abcdef` or `u-00123`.

use std::ops::Range;

use super::bloom::WORD_BYTES;
use super::decimals::push_digits;

/// Longer texts have no template.
const LEN_MAX: usize = 128;
/// As many decimal digits make a number.
const DECIMALS_MAX: usize = 18;

/// Which characters are the same in all texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// A text in which [`HOLE`] stands for each character that differs.
    pub(crate) text: String,
    /// Whether what differs are decimal digits, and few enough for a number.
    pub(crate) decimal: bool,
}

/// Stands for a character that differs: one that no text with a template has.
const HOLE: u8 = 0;

pub(crate) fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl Template {
    /// The template of texts, where they have one.
    pub(crate) fn of(texts: &[&str]) -> Option<Self> {
        let mut template = texts.first()?.as_bytes().to_vec();
        if template.len() > LEN_MAX || !template.is_ascii() || template.contains(&HOLE) {
            return None;
        }
        let first = template.clone();
        for text in texts {
            if text.len() != template.len() {
                return None;
            }
            for (place, byte) in template.iter_mut().zip(text.bytes()) {
                if *place != byte {
                    *place = HOLE;
                    hex_value(byte)?;
                }
            }
        }
        let holes: Vec<usize> = (0..template.len()).filter(|at| template[*at] == HOLE).collect();
        if holes.iter().any(|at| hex_value(first[*at]).is_none()) {
            return None;
        }
        let digit = |text: &&str| holes.iter().all(|at| text.as_bytes()[*at].is_ascii_digit());
        let decimal = holes.len() <= DECIMALS_MAX && texts.iter().all(digit);
        Some(Self { text: String::from_utf8(template).ok()?, decimal })
    }

    /// The words of all texts, and where in each text words are that differ.
    pub(crate) fn words(&self) -> (Vec<&str>, Vec<Range<usize>>) {
        let inside = |byte: u8| byte == HOLE || WORD_BYTES[usize::from(byte)];
        let (mut same, mut differing) = (Vec::new(), Vec::new());
        let mut start = 0;
        for word in self.text.split(|c: char| !c.is_ascii() || !inside(c as u8)) {
            let range = start..start + word.len();
            start = range.end + 1;
            if word.bytes().any(|byte| byte == HOLE) {
                differing.push(range);
            } else if !word.is_empty() {
                same.push(word);
            }
        }
        (same, differing)
    }

    /// Reads what was written; `None` where it is none.
    pub(crate) fn parse(text: &str, decimal: bool) -> Option<Self> {
        let template = Self { text: text.to_owned(), decimal };
        let fits = text.len() <= LEN_MAX && text.is_ascii();
        (fits && !(decimal && template.holes() > DECIMALS_MAX)).then_some(template)
    }

    /// How many characters differ.
    pub(crate) fn holes(&self) -> usize {
        self.text.bytes().filter(|byte| *byte == HOLE).count()
    }

    /// Bytes that a text takes in [`Template::pack`].
    pub(crate) fn packed_len(&self) -> usize {
        self.holes().div_ceil(2)
    }

    /// The number of the digits that differ.
    pub(crate) fn number(&self, text: &str) -> i64 {
        let differing = self.text.bytes().zip(text.bytes()).filter(|(place, _)| *place == HOLE);
        differing.fold(0, |number, (_, digit)| number * 10 + i64::from(digit.wrapping_sub(b'0')))
    }

    /// Appends the digits that differ, two a byte.
    pub(crate) fn pack(&self, text: &str, out: &mut Vec<u8>) {
        let mut half = None;
        for (place, byte) in self.text.bytes().zip(text.bytes()) {
            if place != HOLE {
                continue;
            }
            let value = hex_value(byte).unwrap_or(0);
            half = match half {
                None => Some(value << 4),
                Some(high) => {
                    out.push(high | value);
                    None
                }
            };
        }
        out.extend(half);
    }

    /// Appends the text of a number.
    pub(crate) fn push_number(&self, number: i64, out: &mut String) {
        let mut digits = String::new();
        push_digits(number.unsigned_abs(), self.holes(), &mut digits);
        let digits = digits.as_bytes();
        let digits = &digits[digits.len() - self.holes().min(digits.len())..];
        self.fill(digits.iter().copied(), out);
    }

    /// Appends the text of packed digits.
    pub(crate) fn push_packed(&self, packed: &[u8], out: &mut String) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = packed.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        self.fill(digits.map(|digit| DIGITS[usize::from(digit)]), out);
    }

    fn fill(&self, mut digits: impl Iterator<Item = u8>, out: &mut String) {
        let mut text = [0; LEN_MAX];
        for (byte, place) in text.iter_mut().zip(self.text.bytes()) {
            *byte = if place == HOLE { digits.next().unwrap_or(b'0') } else { place };
        }
        // Both the template and the digits are ASCII.
        out.push_str(std::str::from_utf8(&text[..self.text.len()]).unwrap_or_default());
    }

    /// Whether the text has this template.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        text.len() == self.text.len() && self.may_contain(text)
    }

    /// Whether a text of this template can contain the needle.
    pub(crate) fn may_contain(&self, needle: &str) -> bool {
        let fits = |window: &[u8]| {
            window.iter().zip(needle.bytes()).all(|(place, byte)| {
                if *place == HOLE { hex_value(byte).is_some() } else { *place == byte }
            })
        };
        needle.is_empty() || self.text.as_bytes().windows(needle.len()).any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_cut_out_and_put_back() {
        let cases: [(&[&str], bool); 4] = [
            (&["req-00ff", "req-1234", "req-abcd"], false),
            (&["u-00123", "u-04567"], true),
            (&["a1b", "a2b"], true),
            (&["0f-9", "1e-8", "23-a"], false),
        ];
        for (texts, decimal) in cases {
            let template = Template::of(texts).unwrap();
            assert_eq!(template.decimal, decimal, "{texts:?}");
            for text in texts {
                let (mut packed, mut back) = (Vec::new(), String::new());
                template.pack(text, &mut packed);
                assert_eq!(packed.len(), template.packed_len());
                template.push_packed(&packed, &mut back);
                assert_eq!(&back, text);
                if decimal {
                    back.clear();
                    template.push_number(template.number(text), &mut back);
                    assert_eq!(&back, text);
                }
                assert!(template.may_contain(text) && template.may_contain(&text[1..]));
            }
            assert!(!template.may_contain("zz"));
        }
    }

    #[test]
    fn texts_that_differ_otherwise_have_no_template() {
        for texts in [&["a", "ab"][..], &["x1", "y1"], &["1F", "2F", "2G"], &["é1", "é2"]] {
            assert_eq!(Template::of(texts), None, "{texts:?}");
        }
    }
}
