//! Trace and span ids: fixed bytes with a hexadecimal text form.

use std::fmt;

use crate::error::{Error, Result};

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The id that means "none": all zero (W3C Trace Context, section 3.2.2).
            pub const NONE: Self = Self([0; $bytes]);

            /// Whether this is a real id, that is, not all zero.
            pub fn is_some(self) -> bool {
                self != Self::NONE
            }

            /// Reads hexadecimal digits of either case; fewer digits than the full width are
            /// padded with zeros on the left, as clients of older tracers print them.
            pub fn parse_hex(text: &str) -> Result<Self> {
                let digits = text.as_bytes();
                let bad = || {
                    Error::invalid(format!(
                        concat!($what, " id must be 1 to {} hexadecimal digits, got {:?}"),
                        $bytes * 2,
                        text.chars().take(64).collect::<String>()
                    ))
                };
                if digits.is_empty() || digits.len() > $bytes * 2 {
                    return Err(bad());
                }
                let mut id = [0; $bytes];
                for (position, digit) in digits.iter().rev().enumerate() {
                    let value = (*digit as char).to_digit(16).ok_or_else(bad)? as u8;
                    id[$bytes - 1 - position / 2] |= value << (4 * (position % 2));
                }
                Ok(Self(id))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let mut text = [0; $bytes * 2];
                for (digits, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    digits[0] = DIGITS[usize::from(byte >> 4)];
                    digits[1] = DIGITS[usize::from(byte & 15)];
                }
                f.write_str(std::str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hex_id!(
    /// Names one trace: 16 bytes.
    TraceId, 16, "trace"
);
hex_id!(
    /// Names one span inside its trace: 8 bytes.
    SpanId, 8, "span"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_round_trips_and_pads() {
        let id = TraceId::parse_hex("0123456789ABCDEFfedcba9876543210").unwrap();
        assert_eq!(id.to_string(), "0123456789abcdeffedcba9876543210");
        assert_eq!(SpanId::parse_hex("abc").unwrap().to_string(), "0000000000000abc");
        for bad in ["", "xyz", "0123456789abcdef0"] {
            assert!(SpanId::parse_hex(bad).is_err(), "{bad:?}");
        }
    }
}
