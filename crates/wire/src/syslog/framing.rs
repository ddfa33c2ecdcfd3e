//! Messages in a stream of bytes (RFC 6587): counted (`LENGTH SP MESSAGE`) or ended by a line feed.
//! Which one it is, each message says by its first byte: a counted one begins with a digit.

use super::MESSAGE_BYTES_MAX;

/// Digits of a count.
const DIGITS_MAX: usize = 7;

/// A message at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'b> {
    /// The message.
    pub message: &'b [u8],
    /// Bytes that it takes up with what is around it.
    pub taken: usize,
}

/// Why a stream can not be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// A count that is none, or one beyond bounds.
    Count,
    /// No end within bounds.
    TooLong,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count => {
                f.write_str("a message does not begin with a count of bytes that can be")
            }
            Self::TooLong => write!(f, "a message is longer than {MESSAGE_BYTES_MAX} bytes"),
        }
    }
}

impl std::error::Error for FrameError {}

/// The message at the start of the bytes; `None` where more of it must come first. At the end of
/// the stream what is left is a message too.
pub fn next_frame(bytes: &[u8], is_end: bool) -> Result<Option<Frame<'_>>, FrameError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    if first.is_ascii_digit() {
        return counted(bytes);
    }
    match memchr::memchr2(b'\n', b'\0', bytes) {
        Some(end) if end <= MESSAGE_BYTES_MAX => {
            let message = bytes.get(..end).unwrap_or_default();
            Ok(Some(Frame { message, taken: end + 1 }))
        }
        None if bytes.len() <= MESSAGE_BYTES_MAX => {
            Ok(is_end.then_some(Frame { message: bytes, taken: bytes.len() }))
        }
        _ => Err(FrameError::TooLong),
    }
}

fn counted(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > DIGITS_MAX {
        return Err(FrameError::Count);
    }
    match bytes.get(digits) {
        None => return Ok(None),
        Some(b' ') => {}
        Some(_) => return Err(FrameError::Count),
    }
    let text = std::str::from_utf8(bytes.get(..digits).unwrap_or_default());
    let count: usize = text.ok().and_then(|text| text.parse().ok()).ok_or(FrameError::Count)?;
    if count > MESSAGE_BYTES_MAX {
        return Err(FrameError::TooLong);
    }
    let start = digits + 1;
    let message = bytes.get(start..start + count);
    Ok(message.map(|message| Frame { message, taken: start + count }))
}
