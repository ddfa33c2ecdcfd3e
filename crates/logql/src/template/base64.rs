//! Base64 as Go's standard encoding reads and writes it.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use watchkeep_gotemplate::number::lossy;

/// A text in base64.
pub(super) fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

/// What base64 stands for; padding may be missing. An error is answered as its text.
pub(super) fn decode(text: &str) -> String {
    let mut text = text.to_owned();
    match text.len() % 4 {
        0 | 1 => {}
        rest => text.push_str(&"=".repeat(4 - rest)),
    }
    match decode_bytes(text.as_bytes()) {
        Ok(bytes) => lossy(&bytes),
        Err(at) => format!("illegal base64 data at input byte {at}"),
    }
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// The bytes, or the place of what is wrong as Go counts it. Line breaks are skipped.
fn decode_bytes(source: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(source.len() / 4 * 3);
    let mut group = 0_u32;
    let mut filled = 0_usize;
    let mut at = 0;
    let skip_breaks = |mut at: usize| {
        while matches!(source.get(at), Some(b'\n' | b'\r')) {
            at += 1;
        }
        at
    };
    while let Some(&byte) = source.get(at) {
        at += 1;
        if matches!(byte, b'\n' | b'\r') {
            continue;
        }
        if let Some(value) = sextet(byte) {
            group = group << 6 | value;
            filled += 1;
            if filled == 4 {
                out.extend_from_slice(&group.to_be_bytes()[1..]);
                (group, filled) = (0, 0);
            }
            continue;
        }
        if byte != b'=' || filled < 2 {
            return Err(at - 1);
        }
        if filled == 2 {
            at = skip_breaks(at);
            match source.get(at) {
                None => return Err(source.len()),
                Some(b'=') => at += 1,
                Some(_) => return Err(at - 1),
            }
        }
        at = skip_breaks(at);
        if at < source.len() {
            return Err(at);
        }
        let bytes = (group << (6 * (4 - filled))).to_be_bytes();
        out.extend_from_slice(&bytes[1..filled]);
        return Ok(out);
    }
    if filled > 0 { Err(at - filled) } else { Ok(out) }
}
