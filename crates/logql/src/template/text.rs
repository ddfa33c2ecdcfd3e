//! Functions of texts.

use watchkeep_gotemplate::number::lossy;
use watchkeep_gotemplate::{OUTPUT_BYTES_MAX, Value};

/// Go maps texts character by character: what has no single counterpart stays as it is.
fn map_chars(text: &str, mut map: impl FnMut(char) -> char) -> String {
    text.chars().map(&mut map).collect()
}

fn single(c: char, mut mapped: impl ExactSizeIterator<Item = char>) -> char {
    match (mapped.len(), mapped.next()) {
        (1, Some(mapped)) => mapped,
        _ => c,
    }
}

/// Go's `strings.ToLower`.
pub(super) fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // The one letter whose lower case Rust spells with two characters.
    map_chars(text, |c| if c == 'İ' { 'i' } else { single(c, c.to_lowercase()) })
}

/// Go's `strings.ToUpper`.
pub(super) fn upper(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    map_chars(text, |c| single(c, c.to_uppercase()))
}

/// Go's `strings.Title`: the first letter of every word, where words end at whatever is neither
/// letter, digit nor underscore.
pub(super) fn title(text: &str) -> String {
    let mut before = ' ';
    map_chars(text, |c| {
        let separated = match before {
            '_' => false,
            before if before.is_ascii() => !before.is_ascii_alphanumeric(),
            before => !before.is_alphanumeric() && before.is_whitespace(),
        };
        before = c;
        if separated { single(c, c.to_uppercase()) } else { c }
    })
}

/// At most `count` bytes from the start, or from the end where it is negative.
pub(super) fn trunc(count: i64, text: &str) -> String {
    let bytes = text.as_bytes();
    let length = bytes.len() as i64;
    if count < 0 && length + count.max(-length) > 0 {
        return lossy(&bytes[(length + count) as usize..]);
    }
    if count >= 0 && length > count {
        return lossy(&bytes[..count as usize]);
    }
    text.to_owned()
}

/// The bytes from `start` to `end`; out of range is the error that Go's runtime gives.
pub(super) fn substr(start: i64, end: i64, text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let length = bytes.len() as i64;
    let out_of_range =
        |bounds: String| Err(format!("runtime error: slice bounds out of range {bounds}"));
    let (from, to) = match (start, end) {
        (start, end) if start < 0 => {
            if end < 0 {
                return out_of_range(format!("[:{end}]"));
            }
            if end > length {
                return out_of_range(format!("[:{end}] with length {length}"));
            }
            (0, end)
        }
        (start, end) if end < 0 || end > length => (start, length),
        bounds => bounds,
    };
    if from > to {
        return out_of_range(format!("[{from}:{to}]"));
    }
    Ok(lossy(&bytes[from as usize..to as usize]))
}

/// Refuses texts that would be longer than templates may compute.
pub(super) fn check_length(bytes: usize) -> Result<(), String> {
    if bytes > OUTPUT_BYTES_MAX {
        return Err(format!("a text of {bytes} bytes is longer than {OUTPUT_BYTES_MAX}"));
    }
    Ok(())
}

fn count_of(count: i64) -> Result<usize, String> {
    usize::try_from(count).map_err(|_| "strings: negative Repeat count".to_owned())
}

/// Go's `strings.Repeat`.
pub(super) fn repeat(count: i64, text: &str) -> Result<String, String> {
    let count = count_of(count)?;
    check_length(text.len().saturating_mul(count))?;
    Ok(text.repeat(if text.is_empty() { 0 } else { count }))
}

/// Every line behind `count` spaces.
pub(super) fn indent(count: i64, text: &str) -> Result<String, String> {
    let count = count_of(count)?;
    let lines = 1 + text.matches('\n').count();
    check_length(text.len().saturating_add(lines.saturating_mul(count)))?;
    let spaces = " ".repeat(count);
    Ok(format!("{spaces}{}", text.replace('\n', &format!("\n{spaces}"))))
}

/// The text in a column of `count` characters, at its left.
pub(super) fn align_left(count: i64, text: &str) -> Result<String, String> {
    align(
        count,
        text,
        |text, spaces| format!("{text}{spaces}"),
        |text, count, _| text.chars().take(count).collect(),
    )
}

/// The text in a column of `count` characters, at its right.
pub(super) fn align_right(count: i64, text: &str) -> Result<String, String> {
    align(
        count,
        text,
        |text, spaces| format!("{spaces}{text}"),
        |text, count, length| text.chars().skip(length - count).collect(),
    )
}

fn align(
    count: i64,
    text: &str,
    pad: fn(&str, &str) -> String,
    cut: fn(&str, usize, usize) -> String,
) -> Result<String, String> {
    let Ok(count) = usize::try_from(count) else { return Ok(text.to_owned()) };
    let length = text.chars().count();
    if count <= length {
        return Ok(cut(text, count, length));
    }
    check_length(text.len().saturating_add(count - length))?;
    Ok(pad(text, &" ".repeat(count - length)))
}

/// Go's `strings.Replace`: at most `count` times, any number where it is negative.
pub(super) fn replace(text: &str, old: &str, new: &str, count: i64) -> Result<String, String> {
    let found = match old {
        "" => text.chars().count() + 1,
        old => text.matches(old).count(),
    };
    let replaced = usize::try_from(count).map_or(found, |count| count.min(found));
    let length = text.len().saturating_add(replaced.saturating_mul(new.len()));
    check_length(length.saturating_sub(replaced * old.len()))?;
    Ok(text.replacen(old, new, replaced))
}

/// The second argument unless it is empty: then the first.
pub(super) fn default(args: &[Value]) -> &Value {
    match args {
        [_, given, ..] if given.is_true() => given,
        [default, ..] => default,
        [] => &Value::Nil,
    }
}
