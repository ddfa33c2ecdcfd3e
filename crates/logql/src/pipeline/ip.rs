//! `ip("…")`: a single address, a range `a-b` or a CIDR prefix, looked for among the addresses that
//! a text holds.

use std::net::IpAddr;

/// What `ip(…)` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpPattern {
    first: IpAddr,
    last: IpAddr,
}

/// Why a text is no pattern of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ip: invalid pattern: {0:?}")]
pub struct IpPatternError(String);

impl IpPattern {
    /// Parses `10.0.0.1`, `10.0.0.0/8`, `10.0.0.1-10.0.0.9` and the like of IPv6.
    pub fn parse(text: &str) -> Result<Self, IpPatternError> {
        Self::parse_single(text)
            .or_else(|| Self::parse_prefix(text))
            .or_else(|| Self::parse_range(text))
            .ok_or_else(|| IpPatternError(text.to_owned()))
    }

    fn parse_single(text: &str) -> Option<Self> {
        let address = text.parse().ok()?;
        Some(Self { first: address, last: address })
    }

    fn parse_prefix(text: &str) -> Option<Self> {
        let (address, bits) = text.rsplit_once('/')?;
        let canonical = bits == "0" || !bits.starts_with('0');
        if !canonical || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let bits: u32 = bits.parse().ok()?;
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let host = u32::MAX.checked_shr(bits).unwrap_or(0);
                let first = address.to_bits() & !host;
                (bits <= 32).then(|| Self {
                    first: IpAddr::V4(first.into()),
                    last: IpAddr::V4((first | host).into()),
                })
            }
            IpAddr::V6(address) => {
                let host = u128::MAX.checked_shr(bits).unwrap_or(0);
                let first = address.to_bits() & !host;
                (bits <= 128).then(|| Self {
                    first: IpAddr::V6(first.into()),
                    last: IpAddr::V6((first | host).into()),
                })
            }
        }
    }

    fn parse_range(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last })
    }

    fn contains(&self, address: IpAddr) -> bool {
        // Families are never mixed: an IPv4 address orders before every IPv6 one.
        self.first <= address && address <= self.last
    }

    /// Whether an address in the text is one of the pattern's.
    pub fn found_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let part_of_address = if begins_v4(rest) {
                |byte: &u8| byte.is_ascii_digit() || *byte == b'.'
            } else if begins_v6(rest) {
                |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
            } else {
                at += 1;
                continue;
            };
            let end = rest.iter().position(|byte| !part_of_address(byte));
            let end = at + end.unwrap_or(rest.len());
            if text[at..end].parse().is_ok_and(|address| self.contains(address)) {
                return true;
            }
            at = end + 1;
        }
        false
    }
}

/// A digit, and a dot at most two digits later.
fn begins_v4(bytes: &[u8]) -> bool {
    matches!(bytes, [digit, next @ ..] if digit.is_ascii_digit() && next.len() >= 3
        && next[..3].contains(&b'.'))
}

/// Up to four hexadecimal digits and a colon, or two colons and a digit.
fn begins_v6(bytes: &[u8]) -> bool {
    if let [b':', b':', digit, ..] = bytes {
        return digit.is_ascii_hexdigit();
    }
    let digits = bytes.iter().take(4).take_while(|byte| byte.is_ascii_hexdigit()).count();
    digits > 0 && bytes.get(digits) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_the_addresses_of_a_text() {
        let cases = [
            ("10.0.0.1", "from 10.0.0.1:80", true),
            ("10.0.0.1", "from 10.0.0.11", false),
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "a 11.0.0.1 b 10.1.1.1", true),
            ("10.0.0.7/32", "10.0.0.7", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("10.0.0.1-10.0.0.9", "10.0.0.9", true),
            ("10.0.0.1-10.0.0.9", "10.0.0.10", false),
            ("::1", "from ::1 on", true),
            ("2001:db8::/32", "peer [2001:db8:1::7]:443", true),
            ("2001:db8::/32", "10.0.0.1", false),
            ("::/0", "10.0.0.1", false),
            ("::1-::5", "x ::4", true),
            ("10.0.0.1", "", false),
            ("10.0.0.1", "version 1.2.3 at 10.0.0.1", true),
            // What looks like an address takes its whole run of digits and dots with it.
            ("10.0.0.1", "1.10.0.0.1", false),
        ];
        for (pattern, text, expect) in cases {
            assert_eq!(
                IpPattern::parse(pattern).unwrap().found_in(text),
                expect,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/08", "::/129", "10.0.0.9-10.0.0.1", "a"]
        {
            let error = IpPattern::parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("ip: invalid pattern: {text:?}"));
        }
    }
}
