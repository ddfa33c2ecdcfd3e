//! Upper and lower case one character at a time, as Go's `strings` package maps them: a character
//! never becomes several, and its neighbours do not matter.

/// The text in lower case.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

/// The text in upper case.
pub(super) fn upper(text: &str) -> String {
    text.chars().map(upper_char).collect()
}

fn lower_char(c: char) -> char {
    // The only character whose full mapping has several characters and that has a simple one.
    if c == 'İ' {
        return 'i';
    }
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

fn upper_char(c: char) -> char {
    let mut mapped = c.to_uppercase();
    if let (Some(only), None) = (mapped.next(), mapped.next()) {
        return only;
    }
    // Greek letters with iota below: the full mapping writes the iota beside, the simple one is
    // the title case letter.
    let offset = match c {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        _ => 0,
    };
    char::from_u32(c as u32 + offset).unwrap_or(c)
}
