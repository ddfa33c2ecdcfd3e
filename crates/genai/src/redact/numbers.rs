//! Telephone numbers, cards and bank accounts. Numbers are everywhere, so each needs its whole shape:
//! what stands before and after, how digits are grouped, and the check digits where there are some.

use std::ops::RangeInclusive;

use super::detect::{Detector, begins_word, ends_word};

/// Digits of the number of a card.
pub(super) const CARD_DIGITS: RangeInclusive<usize> = 13..=19;
/// Bytes of a number with what separates its digits.
const RUN_BYTES_MAX: usize = 48;

/// Tells what is found, each place once.
pub(super) fn find(text: &str, mut add: impl FnMut(Detector, (usize, usize))) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(more) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit))
    {
        let digit = at + more;
        if let Some((detector, start, end)) = found_at(bytes, digit) {
            add(detector, (start, end));
            at = end;
        } else {
            let run = bytes.get(digit..).unwrap_or_default();
            at = digit + run.iter().take_while(|byte| byte.is_ascii_digit()).count();
        }
    }
}

fn found_at(bytes: &[u8], digit: usize) -> Option<(Detector, usize, usize)> {
    if let Some((start, end)) = iban(bytes, digit) {
        return Some((Detector::Iban, start, end));
    }
    if let Some(end) = card(bytes, digit) {
        return Some((Detector::Card, digit, end));
    }
    let (start, end) = international(bytes, digit)
        .or_else(|| north_american(bytes, digit))
        .or_else(|| national(bytes, digit))?;
    Some((Detector::Phone, start, end))
}

fn byte_before(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at.checked_sub(1)?).copied()
}

/// Whether a decimal number goes on here: `.5`, `,5`.
fn continues_number(bytes: &[u8], end: usize) -> bool {
    matches!(bytes.get(end), Some(b'.' | b',' | b'-' | b':' | b'/'))
        && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
}

/// The end of a card's number that begins at a digit. Other numbers may follow after a space, such
/// as the date that it is good for.
fn card(bytes: &[u8], start: usize) -> Option<usize> {
    let before = byte_before(bytes, start);
    if !begins_word(bytes, start) || matches!(before, Some(b'.' | b'-' | b'+')) {
        return None;
    }
    let (digits, groups, _) = grouped(bytes, start, b" -")?;
    (1..=groups.len()).rev().find_map(|count| {
        let groups = groups.get(..count)?;
        let is_grouped = matches!(groups, [_] | [4, 4, 4, 4] | [4, 6, 4 | 5] | [4, 4, 4, 4, 3]);
        let digits = digits.get(..groups.iter().sum())?;
        let end = start + digits.len() + count - 1;
        let goes_on = matches!(bytes.get(end), Some(b'.' | b'-'))
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        let fits = CARD_DIGITS.contains(&digits.len()) && is_grouped && ends_word(bytes, end);
        (fits && !goes_on && is_issued(digits) && luhn(digits)).then_some(end)
    })
}

/// Whether cards with these first digits and this length are issued by one of the large schemes.
fn is_issued(digits: &[u8]) -> bool {
    let first = |count: usize| {
        digits.iter().take(count).fold(0_u32, |number, digit| number * 10 + u32::from(*digit))
    };
    let length = digits.len();
    match (first(1), first(2), first(3), first(4)) {
        (4, ..) => matches!(length, 13 | 16 | 19),
        (_, 51..=55, ..) | (_, _, _, 2221..=2720) => length == 16,
        (_, 34 | 37, ..) => length == 15,
        (_, _, 300..=305, _) | (_, 36 | 38 | 39, ..) => (14..=19).contains(&length),
        (_, _, _, 6011 | 3528..=3589) | (_, 65 | 62, ..) | (_, _, 644..=649, _) => {
            (16..=19).contains(&length)
        }
        (_, 50 | 56..=58 | 67, ..) => (13..=19).contains(&length),
        _ => false,
    }
}

/// Luhn's check (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u8]) -> bool {
    let mut sum = 0_u32;
    for (place, digit) in digits.iter().rev().enumerate() {
        let value = u32::from(*digit) << (place % 2);
        sum += if value > 9 { value - 9 } else { value };
    }
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// Digits from a place on with at most one separator, always the same, between groups: the digits,
/// the sizes of the groups, and the end.
fn grouped(bytes: &[u8], start: usize, separators: &[u8]) -> Option<(Vec<u8>, Vec<usize>, usize)> {
    let run = bytes.get(start..)?;
    let mut digits = Vec::with_capacity(20);
    let mut groups = vec![0_usize];
    let mut separator = None;
    let mut end = start;
    for (at, byte) in run.iter().enumerate().take(RUN_BYTES_MAX) {
        if byte.is_ascii_digit() {
            digits.push(byte - b'0');
            *groups.last_mut()? += 1;
            end = start + at + 1;
        } else if separators.contains(byte)
            && separator.is_none_or(|known| known == *byte)
            && run.get(at + 1).is_some_and(u8::is_ascii_digit)
        {
            separator = Some(*byte);
            groups.push(0);
        } else {
            break;
        }
    }
    Some((digits, groups, end))
}

/// `+49 30 123456`, `+1 (415) 555-2671`, `+4915112345678`, and the same with `00` and separators.
fn international(bytes: &[u8], digit: usize) -> Option<(usize, usize)> {
    let has_plus = byte_before(bytes, digit) == Some(b'+');
    let has_zeros = bytes.get(digit..digit + 2) == Some(b"00");
    let start = if has_plus { digit - 1 } else { digit };
    // `00` is in many numbers; a plus sign says more.
    let not_before: &[u8] = if has_plus { b"+" } else { b"+.-/:" };
    let is_free = begins_word(bytes, start)
        && !byte_before(bytes, start).is_some_and(|byte| not_before.contains(&byte));
    if !(has_plus || has_zeros) || !is_free {
        return None;
    }
    let from = if has_plus { digit } else { digit + 2 };
    if !bytes.get(from).is_some_and(|first| (b'1'..=b'9').contains(first)) {
        return None;
    }
    let (count, separated, end) = dialled(bytes, from);
    let least = if separated { 8 } else { 9 };
    let fits = (least..=15).contains(&count) && (has_plus || separated);
    (fits && ends_word(bytes, end) && !continues_number(bytes, end)).then_some((start, end))
}

/// Digits of a number that is dialled, with what people put between them: how many, whether
/// anything stands between them, and the end.
fn dialled(bytes: &[u8], from: usize) -> (usize, bool, usize) {
    let run = bytes.get(from..).unwrap_or_default();
    let (mut count, mut separated, mut end) = (0, false, from);
    let mut since_digit = 0;
    for (at, byte) in run.iter().enumerate().take(RUN_BYTES_MAX) {
        if byte.is_ascii_digit() {
            count += 1;
            separated |= since_digit > 0;
            since_digit = 0;
            end = from + at + 1;
        } else if b" -./()".contains(byte) && since_digit < 2 {
            since_digit += 1;
        } else {
            break;
        }
    }
    (count, separated, end)
}

/// `(415) 555-2671`, `415-555-2671`, `415.555.2671`, `1-415-555-2671` (North American plan).
fn north_american(bytes: &[u8], digit: usize) -> Option<(usize, usize)> {
    let is_bracketed = byte_before(bytes, digit) == Some(b'(');
    let mut start = if is_bracketed { digit - 1 } else { digit };
    let number = |from: usize, count: usize| {
        let digits = bytes.get(from..from + count)?;
        digits.iter().all(u8::is_ascii_digit).then_some(digits)
    };
    let is_code = |digits: &[u8]| matches!(digits.first(), Some(b'2'..=b'9'));
    let mut from = digit;
    if !is_bracketed
        && bytes.get(digit) == Some(&b'1')
        && matches!(bytes.get(digit + 1), Some(b'-' | b'.' | b' '))
    {
        from = digit + 2;
        if bytes.get(from) == Some(&b'(') {
            from += 1;
        }
    }
    if from == digit
        && is_bracketed
        && bytes.get(start.wrapping_sub(2)..start) == Some(b"1 ")
        && begins_word(bytes, start - 2)
    {
        start -= 2;
    }
    let is_open = byte_before(bytes, from) == Some(b'(');
    number(from, 3).filter(|digits| is_code(digits))?;
    let mut at = from + 3;
    let separator = if is_open {
        if bytes.get(at) != Some(&b')') {
            return None;
        }
        at += 1;
        if bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        None
    } else {
        let separator = bytes.get(at).copied().filter(|byte| b"-.".contains(byte))?;
        at += 1;
        Some(separator)
    };
    number(at, 3).filter(|digits| is_code(digits))?;
    at += 3;
    let between = bytes.get(at).copied().filter(|byte| b"-. ".contains(byte))?;
    if separator.is_some_and(|separator| separator != between) {
        return None;
    }
    number(at + 1, 4)?;
    let end = at + 5;
    let is_free = begins_word(bytes, start)
        && !matches!(byte_before(bytes, start), Some(b'.' | b'-' | b'/' | b'+'));
    (is_free && ends_word(bytes, end) && !continues_number(bytes, end)).then_some((start, end))
}

/// `030 1234567`, `0171/1234567`, `020 7946 0958`, `06 12 34 56 78`: a trunk zero, groups with the
/// same separator, nine to twelve digits.
fn national(bytes: &[u8], digit: usize) -> Option<(usize, usize)> {
    let is_bracketed = byte_before(bytes, digit) == Some(b'(');
    let start = if is_bracketed { digit - 1 } else { digit };
    let before = byte_before(bytes, start);
    let is_free = before
        .is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'(,;:=>[".contains(&byte))
        || (begins_word(bytes, start) && before.is_some_and(|byte| byte.is_ascii_alphabetic()));
    // One of a list of numbers.
    let follows_number = before == Some(b' ')
        && start.checked_sub(2).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let is_free = is_free && !follows_number;
    let area = bytes.get(digit..digit + 2)?;
    if !is_free || area.first() != Some(&b'0') || !matches!(area.get(1), Some(b'1'..=b'9')) {
        return None;
    }
    let run = bytes.get(digit..)?;
    let first = run.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = digit + first;
    let (separator, from) = match (bytes.get(after), bytes.get(after + 1)) {
        (Some(b')'), Some(b' ')) if is_bracketed => (b' ', after + 2),
        (Some(separator @ (b' ' | b'-' | b'/')), _) if !is_bracketed => (*separator, after + 1),
        _ => return None,
    };
    let rest = if separator == b'/' { b' ' } else { separator };
    let (digits, groups, end) = grouped(bytes, from, &[rest])?;
    let count = first + digits.len();
    let is_french = first == 2 && groups == [2, 2, 2, 2];
    let is_wide = (3..=6).contains(&first)
        && groups.iter().all(|size| *size >= 2)
        && groups.len() <= 4
        && !groups.iter().all(|size| *size == 2 && first == 2);
    let fits = (9..=12).contains(&count) && (is_french || is_wide);
    let is_done = bytes
        .get(end)
        .is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'),;.<]!?\\}&|".contains(byte));
    (fits && is_done && !continues_number(bytes, end)).then_some((start, end))
}

/// Lengths of account numbers by country (ISO 13616 registry).
const IBAN_LENGTHS: [(&[u8; 2], usize); 82] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
];

/// An account number of which `digit` is the first digit.
fn iban(bytes: &[u8], digit: usize) -> Option<(usize, usize)> {
    let start = digit.checked_sub(2)?;
    let country = bytes.get(start..digit)?;
    if !country.iter().all(u8::is_ascii_alphabetic) || !begins_word(bytes, start) {
        return None;
    }
    let upper = country.to_ascii_uppercase();
    let (_, length) = IBAN_LENGTHS.iter().find(|(known, _)| known.as_slice() == upper)?;
    let mut symbols = Vec::with_capacity(*length);
    let mut end = start;
    for (at, byte) in bytes.get(start..)?.iter().enumerate().take(RUN_BYTES_MAX) {
        if byte.is_ascii_alphanumeric() {
            symbols.push(byte.to_ascii_uppercase());
            end = start + at + 1;
        } else if !matches!(byte, b' ' | b'-') || symbols.len() % 4 != 0 {
            return None;
        }
        if symbols.len() == *length {
            break;
        }
    }
    let fits = symbols.len() == *length && ends_word(bytes, end);
    (fits && mod_97(&symbols) == 1).then_some((start, end))
}

/// The remainder that is 1 for a sound number (ISO 7064, MOD 97-10).
fn mod_97(symbols: &[u8]) -> u32 {
    let (head, rest) = symbols.split_at(4.min(symbols.len()));
    rest.iter().chain(head).fold(0, |remainder, symbol| match symbol {
        b'0'..=b'9' => (remainder * 10 + u32::from(symbol - b'0')) % 97,
        _ => (remainder * 100 + u32::from(symbol - b'A') + 10) % 97,
    })
}
