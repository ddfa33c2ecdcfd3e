//! The schemes by which names of any characters reach clients that know only the old ones (letters,
//! digits, `_`, and `:` for metrics), and back. Prometheus proposal "UTF-8 support", section "Text
//! escaping".

use std::borrow::Cow;
use std::fmt::Write as _;

/// A scheme, as the `escaping` parameter of media types names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EscapingScheme {
    /// Names stay as they are.
    AllowUtf8,
    /// What is not allowed becomes an underscore, which nobody can undo.
    Underscores,
    /// Dots become `_dot_`, underscores are doubled, what else is not allowed becomes two
    /// underscores.
    Dots,
    /// Names that are not allowed get the prefix `U__`, and each of their characters that is not
    /// allowed becomes its code point in hexadecimal between underscores.
    Values,
}

const VALUES_PREFIX: &str = "U__";

/// Most hexadecimal digits of a code point.
const CODE_POINT_DIGITS_MAX: usize = 6;

impl EscapingScheme {
    const ALL: [(&'static str, Self); 4] = [
        ("allow-utf-8", Self::AllowUtf8),
        ("underscores", Self::Underscores),
        ("dots", Self::Dots),
        ("values", Self::Values),
    ];

    /// Reads a scheme's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(other, _)| *other == name).map(|(_, scheme)| *scheme)
    }

    /// The scheme's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, scheme)| *scheme == self).map_or("", |(name, _)| name)
    }

    /// A metric's or label's name, escaped.
    pub fn escape(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::AllowUtf8 => Cow::Borrowed(name),
            Self::Underscores | Self::Values if name.is_empty() || is_legacy_name(name) => {
                Cow::Borrowed(name)
            }
            Self::Underscores => {
                let escaped = |(at, c)| if is_legacy_char(c, at) { c } else { '_' };
                Cow::Owned(name.char_indices().map(escaped).collect())
            }
            Self::Dots => Cow::Owned(escape_dots(name)),
            Self::Values => Cow::Owned(escape_values(name)),
        }
    }

    /// The name that was escaped, as far as the scheme lets one know; a name that is not escaped
    /// by the scheme stays as it is.
    pub fn unescape(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::AllowUtf8 | Self::Underscores => Cow::Borrowed(name),
            Self::Dots => Cow::Owned(name.replace("_dot_", ".").replace("__", "_")),
            Self::Values => unescape_values(name).map_or(Cow::Borrowed(name), Cow::Owned),
        }
    }
}

/// Whether a metric's name consists of the old characters.
pub fn is_legacy_name(name: &str) -> bool {
    !name.is_empty() && name.char_indices().all(|(at, c)| is_legacy_char(c, at))
}

/// Whether a label's name consists of the old characters.
pub fn is_legacy_label_name(name: &str) -> bool {
    is_legacy_name(name) && !name.contains(':')
}

fn is_legacy_char(c: char, at: usize) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':' || c.is_ascii_digit() && at > 0
}

fn escape_dots(name: &str) -> String {
    let mut out = String::with_capacity(name.len() * 2);
    for (at, c) in name.char_indices() {
        match c {
            '.' => out.push_str("_dot_"),
            '_' => out.push_str("__"),
            _ if is_legacy_char(c, at) => out.push(c),
            _ => out.push_str("__"),
        }
    }
    out
}

fn escape_values(name: &str) -> String {
    let mut out = String::with_capacity(name.len() * 2);
    out.push_str(VALUES_PREFIX);
    for (at, c) in name.char_indices() {
        match c {
            '_' => out.push_str("__"),
            _ if is_legacy_char(c, at) => out.push(c),
            _ => write!(out, "_{:x}_", u32::from(c)).expect("writing to a string does not fail"),
        }
    }
    out
}

/// Undoes [`escape_values`]; `None` for what it can not have written.
fn unescape_values(name: &str) -> Option<String> {
    let mut rest = name.strip_prefix(VALUES_PREFIX)?;
    let mut out = String::with_capacity(rest.len());
    while let Some((plain, after)) = rest.split_once('_') {
        out.push_str(plain);
        if let Some(after) = after.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let (digits, after) = after.split_once('_')?;
        let is_code =
            digits.len() <= CODE_POINT_DIGITS_MAX && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_code)?;
        out.push(char::from_u32(code)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_escaped_by_every_scheme() {
        // Name, underscores, dots, values.
        let cases = [
            ("", "", "", ""),
            (
                "no:escaping_required",
                "no:escaping_required",
                "no:escaping__required",
                "no:escaping_required",
            ),
            (
                "mysystem.prod.west.cpu.load",
                "mysystem_prod_west_cpu_load",
                "mysystem_dot_prod_dot_west_dot_cpu_dot_load",
                "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load",
            ),
            ("http.status:sum", "http_status:sum", "http_dot_status:sum", "U__http_2e_status:sum"),
            ("a_b c", "a_b_c", "a__b__c", "U__a__b_20_c"),
            ("0a", "_a", "__a", "U___30_a"),
            ("label with 😱", "label_with__", "label__with____", "U__label_20_with_20__1f631_"),
        ];
        for (name, underscores, dots, values) in cases {
            assert_eq!(EscapingScheme::AllowUtf8.escape(name), name);
            assert_eq!(EscapingScheme::Underscores.escape(name), underscores, "{name}");
            assert_eq!(EscapingScheme::Dots.escape(name), dots, "{name}");
            assert_eq!(EscapingScheme::Values.escape(name), values, "{name}");
            assert_eq!(EscapingScheme::Values.unescape(values), name);
        }
        assert_eq!(EscapingScheme::Dots.unescape("a_dot_b__c"), "a.b_c");
        assert_eq!(EscapingScheme::Underscores.unescape("a__b"), "a__b");
    }

    #[test]
    fn what_the_scheme_can_not_have_written_stays() {
        let broken = [
            "plain",
            "U__a_",
            "U__a_2e",
            "U__a_zz_",
            "U__a_1234567_",
            "U__a_d800_",
            "U__a_110000_",
            "U__a_+e_",
        ];
        for name in broken {
            assert_eq!(EscapingScheme::Values.unescape(name), name);
        }
        assert_eq!(EscapingScheme::Values.unescape("U__a_2E_b"), "a.b");
    }

    #[test]
    fn schemes_have_names() {
        for (name, scheme) in EscapingScheme::ALL {
            assert_eq!((EscapingScheme::from_name(name), scheme.name()), (Some(scheme), name));
        }
        assert_eq!(EscapingScheme::from_name("other"), None);
    }

    proptest! {
        #[test]
        fn values_come_back_and_are_old_characters(name in "\\PC{1,20}|[a-z_.:0-9]{1,20}") {
            let escaped = EscapingScheme::Values.escape(&name);
            prop_assert!(is_legacy_name(&escaped));
            if !name.starts_with(VALUES_PREFIX) {
                prop_assert_eq!(&*EscapingScheme::Values.unescape(&escaped), &*name);
            }
        }

        #[test]
        fn no_name_panics(name: String) {
            for (_, scheme) in EscapingScheme::ALL {
                let _any_name = scheme.unescape(&scheme.escape(&name)).into_owned();
            }
        }
    }
}
