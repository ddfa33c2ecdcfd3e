//! Go's `fmt.Sprintf`. Not supported, and answered as Go answers a wrong verb: `%p`, `%x` and `%b`
//! of floats, `%#v`.

use crate::number::quote;
use crate::print::write_default;
use crate::{OUTPUT_BYTES_MAX, Value};

mod verbs;

/// The largest width and precision that a format may ask for, which is Go's.
pub const WIDTH_MAX: usize = 1_000_000;

/// What stands between `%` and the verb.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats values; an error only where the text would be too long.
pub fn sprintf(format: &str, args: &[Value]) -> Result<String, String> {
    let mut printer =
        Printer { out: String::new(), args, next: 0, reordered: false, good_index: true };
    let mut rest = format;
    while let Some(start) = rest.find('%') {
        let (text, directive) = rest.split_at(start);
        printer.out.push_str(text);
        rest = printer.directive(&directive[1..]);
        if printer.out.len() > OUTPUT_BYTES_MAX {
            return Err(format!("a text longer than {OUTPUT_BYTES_MAX} bytes"));
        }
    }
    printer.out.push_str(rest);
    printer.extra();
    Ok(printer.out)
}

struct Printer<'a> {
    out: String,
    args: &'a [Value],
    next: usize,
    /// Whether the format named arguments by index.
    reordered: bool,
    good_index: bool,
}

impl Printer<'_> {
    /// One directive, whose `%` has been read; returns what follows it.
    fn directive<'f>(&mut self, format: &'f str) -> &'f str {
        let mut flags = Flags::default();
        self.good_index = true;
        let mut rest = read_flags(format, &mut flags);
        let mut after_index;
        (rest, after_index) = self.index(rest);
        if let Some(after) = rest.strip_prefix('*') {
            rest = after;
            match self.star() {
                Some(width) => {
                    flags.minus |= width < 0;
                    flags.width = Some(width.unsigned_abs() as usize);
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            after_index = false;
        } else {
            (rest, flags.width) = read_number(rest);
            if after_index && flags.width.is_some() {
                self.good_index = false;
            }
        }
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            if after_index {
                self.good_index = false;
            }
            (rest, after_index) = self.index(rest);
            if let Some(after) = rest.strip_prefix('*') {
                rest = after;
                match self.star() {
                    Some(precision) => flags.precision = usize::try_from(precision).ok(),
                    None => self.out.push_str("%!(BADPREC)"),
                }
                after_index = false;
            } else {
                let precision;
                (rest, precision) = read_number(rest);
                flags.precision = Some(precision.unwrap_or(0));
            }
        }
        if !after_index {
            (rest, _) = self.index(rest);
        }
        let mut chars = rest.chars();
        let Some(verb) = chars.next() else {
            self.out.push_str("%!(NOVERB)");
            return "";
        };
        match self.args.get(self.next) {
            _ if verb == '%' => self.out.push('%'),
            _ if !self.good_index => self.problem(verb, "BADINDEX"),
            None => self.problem(verb, "MISSING"),
            Some(value) => {
                self.next += 1;
                verbs::write(&mut self.out, &flags, verb, value);
            }
        }
        chars.as_str()
    }

    fn problem(&mut self, verb: char, what: &str) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        self.out.push_str(what);
        self.out.push(')');
    }

    /// Reads `[3]`; whether it was there.
    fn index<'f>(&mut self, format: &'f str) -> (&'f str, bool) {
        let Some(inner) = format.strip_prefix('[') else { return (format, false) };
        self.reordered = true;
        let Some((number, rest)) = inner.split_once(']') else {
            self.good_index = false;
            return (inner, false);
        };
        match number.parse::<usize>() {
            Ok(index) if (1..=self.args.len()).contains(&index) => {
                self.next = index - 1;
                (rest, true)
            }
            _ => {
                self.good_index = false;
                (rest, true)
            }
        }
    }

    /// The argument that a `*` stands for.
    fn star(&mut self) -> Option<i64> {
        let value = self.args.get(self.next)?;
        self.next += 1;
        value.as_int().filter(|number| number.unsigned_abs() <= WIDTH_MAX as u64)
    }

    /// Says which arguments were not used.
    fn extra(&mut self) {
        if self.reordered || self.next >= self.args.len() {
            return;
        }
        self.out.push_str("%!(EXTRA ");
        for (index, value) in self.args.iter().skip(self.next).enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            if !matches!(value, Value::Nil) {
                self.out.push_str(value.type_name());
                self.out.push('=');
            }
            write_default(&mut self.out, value);
        }
        self.out.push(')');
    }
}

fn read_flags<'f>(format: &'f str, flags: &mut Flags) -> &'f str {
    let mut rest = format;
    loop {
        match rest.as_bytes().first() {
            Some(b'#') => flags.sharp = true,
            Some(b'0') => flags.zero = true,
            Some(b'+') => flags.plus = true,
            Some(b'-') => flags.minus = true,
            Some(b' ') => flags.space = true,
            _ => return rest,
        }
        rest = &rest[1..];
    }
}

/// A number; one that is too large counts as none, as in Go.
fn read_number(format: &str) -> (&str, Option<usize>) {
    let rest = format.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &format[..format.len() - rest.len()];
    (rest, digits.parse().ok().filter(|number| *number <= WIDTH_MAX))
}

impl Flags {
    /// Appends a text with the padding asked for; `zeros`: whether zeros may be the padding.
    fn pad(&self, out: &mut String, text: &str, zeros: bool) {
        let missing = self.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.minus {
            out.push_str(text);
            out.extend(std::iter::repeat_n(' ', missing));
        } else {
            let padding = if self.zero && zeros { '0' } else { ' ' };
            out.extend(std::iter::repeat_n(padding, missing));
            out.push_str(text);
        }
    }
}

/// A text between quotes as `%q` writes it.
fn quoted(text: &str, flags: &Flags) -> String {
    let backquotes = flags.sharp
        && !text.contains(|c: char| c == '`' || c == '\u{7f}' || (c < ' ' && c != '\t'));
    if backquotes {
        return format!("`{text}`");
    }
    if !flags.plus {
        return quote(text);
    }
    let mut out = String::from('"');
    for c in text.chars() {
        crate::number::push_escaped(&mut out, c, '"', true);
    }
    out.push('"');
    out
}
