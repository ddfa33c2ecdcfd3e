//! `| json a="b.c[0]"`: single values of a line, found without reading what does not lead to them.
//! What is broken is passed over where that is possible, so that a line that was cut still yields
//! what stands before the cut.

use super::JSON_PARSER_ERROR;
use super::path::{JsonPath, PathStep};
use super::token::{JsonError, ValueKind, block_end, skip_blanks, string_end, value};
use super::unescape::{push_unescaped, push_value};
use crate::pipeline::labels::{LabelsBuilder, Piece};
use crate::pipeline::names::Symbol;

/// How many paths are looked for at a time: bits of a number.
const PATHS_AT_ONCE: usize = 64;

/// Labels and where their values are.
#[derive(Debug)]
pub(in super::super) struct JsonFields {
    names: Vec<Symbol>,
    paths: Vec<JsonPath>,
}

/// What `| json a="b"` keeps from line to line.
#[derive(Debug, Default)]
pub(in super::super) struct JsonFieldsState {
    unescaped: String,
    key: String,
}

/// The line ends before the value does, or everything was found.
struct Stop;

impl JsonFields {
    pub(in super::super) fn new(fields: Vec<(Symbol, JsonPath)>) -> Self {
        let (names, paths) = fields.into_iter().unzip();
        Self { names, paths }
    }

    /// Sets the labels; to the empty text where the line has nothing at the path.
    pub(in super::super) fn parse(
        &self,
        line: Piece,
        labels: &mut LabelsBuilder,
        state: &mut JsonFieldsState,
    ) {
        if line.is_empty() || labels.wants_nothing() {
            return;
        }
        if !matches!(labels.text.as_bytes()[line.start], b'"' | b'{' | b'[') {
            return labels.set_parser_error(JSON_PARSER_ERROR, None);
        }
        state.unescaped.clear();
        let text = std::mem::take(&mut labels.text);
        let mut error = None;
        let mut found = 0;
        for first in (0..self.paths.len()).step_by(PATHS_AT_ONCE) {
            let count = (self.paths.len() - first).min(PATHS_AT_ONCE);
            let wanted = u64::MAX >> (PATHS_AT_ONCE - count);
            let mut search = Search {
                text: &text,
                bytes: &text.as_bytes()[..line.end],
                paths: &self.paths[first..first + count],
                names: &self.names[first..first + count],
                open: wanted,
                labels,
                state,
                found: 0,
                error: None,
            };
            // Stopping early is as good as coming to the end.
            let _ = search.top(line.start, wanted);
            found += search.found;
            error = search.error.or(error);
        }
        labels.text = text;
        labels.text.push_str(&state.unescaped);
        if let Some(error) = error {
            labels.set_parser_error(JSON_PARSER_ERROR, Some(&error.to_string()));
        }
        if found < self.names.len() {
            self.fill(labels);
        }
    }

    fn fill(&self, labels: &mut LabelsBuilder) {
        for name in &self.names {
            if labels.get_symbol(*name).is_none() {
                labels.set_parsed_piece(*name, 0..0);
            }
        }
    }
}

struct Search<'s> {
    text: &'s str,
    /// The text up to the end of the line.
    bytes: &'s [u8],
    paths: &'s [JsonPath],
    names: &'s [Symbol],
    /// Paths not found yet, a bit each.
    open: u64,
    labels: &'s mut LabelsBuilder,
    state: &'s mut JsonFieldsState,
    found: usize,
    error: Option<JsonError>,
}

/// Numbers of the bits that are set.
fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (bit < PATHS_AT_ONCE).then_some(bit)
    })
}

impl Search<'_> {
    fn top(&mut self, at: usize, paths: u64) -> Result<(), Stop> {
        match self.bytes[at] {
            b'{' => self.object(at + 1, 0, paths).map(drop),
            b'[' => self.array(at, 0, paths).map(drop),
            _ => {
                let (end, _) = string_end(self.bytes, at + 1).ok_or(Stop)?;
                if skip_blanks(self.bytes, end + 1).is_some_and(|at| self.bytes[at] == b':') {
                    self.error = Some(JsonError::Malformed);
                }
                Ok(())
            }
        }
    }

    /// Looks through an object from behind its brace. Paths lead here with their first `level`
    /// steps. Returns where the text goes on.
    fn object(&mut self, mut at: usize, level: usize, paths: u64) -> Result<usize, Stop> {
        loop {
            let rest = self.bytes.get(at..).ok_or(Stop)?;
            at += rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'['))
                .ok_or(Stop)?;
            match self.bytes[at] {
                b'}' => return Ok(at + 1),
                b'"' => {}
                // A value without a key.
                _ => {
                    at = self.skip_block(at)?;
                    continue;
                }
            }
            let key_start = at + 1;
            let (key_end, escaped) = string_end(self.bytes, key_start).ok_or(Stop)?;
            at = skip_blanks(self.bytes, key_end + 1).ok_or(Stop)?;
            if self.bytes[at] == b':' {
                let leading = self.leading(key_start, key_end, escaped, level, paths)?;
                at = skip_blanks(self.bytes, at + 1).ok_or(Stop)?;
                at = self.value(at, level + 1, leading)?;
            }
        }
    }

    /// Those of the paths whose next step is this key.
    #[inline]
    fn leading(
        &mut self,
        start: usize,
        end: usize,
        escaped: bool,
        level: usize,
        paths: u64,
    ) -> Result<u64, Stop> {
        let mut key = &self.text[start..end];
        if escaped {
            self.state.key.clear();
            push_unescaped(key, &mut self.state.key).map_err(|_| Stop)?;
            key = &self.state.key;
        }
        let leads = |bit: &usize| match self.paths[*bit].steps.get(level) {
            Some(PathStep::Field(field)) => field == key,
            _ => false,
        };
        let open = paths & self.open;
        Ok(bits(open).filter(leads).fold(0, |set, bit| set | 1 << bit))
    }

    /// Takes or looks through a value to which paths lead with their first `level` steps.
    #[inline]
    fn value(&mut self, at: usize, level: usize, paths: u64) -> Result<usize, Stop> {
        if paths != 0 {
            self.take(at, level, paths)?;
        }
        let inside = paths & self.open;
        match self.bytes[at] {
            b'"' => string_end(self.bytes, at + 1).map(|(end, _)| end + 1).ok_or(Stop),
            b'{' if inside != 0 => self.object(at + 1, level, inside),
            b'[' if inside != 0 => self.array(at, level, inside),
            b'{' | b'[' => self.skip_block(at),
            _ => Ok(at),
        }
    }

    fn skip_block(&self, at: usize) -> Result<usize, Stop> {
        let (open, close) = if self.bytes[at] == b'{' { (b'{', b'}') } else { (b'[', b']') };
        block_end(self.bytes, at, open, close).ok_or(Stop)
    }

    /// Sets the labels of those paths that end here.
    fn take(&mut self, at: usize, level: usize, paths: u64) -> Result<(), Stop> {
        for bit in bits(paths).filter(|bit| self.paths[*bit].steps.len() == level) {
            self.open &= !(1 << bit);
            match value(self.bytes, at) {
                Ok(value) => {
                    let raw = value.start..value.end;
                    let verbatim = matches!(value.kind, ValueKind::Object);
                    let piece = match value.kind {
                        ValueKind::Null => 0..0,
                        _ if verbatim || self.is_plain(&raw) => raw,
                        _ => self.unescape(raw),
                    };
                    let name = self.labels.name_for_parsed(self.names[bit]);
                    self.labels.set_parsed_piece(name, piece);
                    self.found += 1;
                }
                Err(error) => self.error = Some(error),
            }
        }
        if self.open == 0 { Err(Stop) } else { Ok(()) }
    }

    fn is_plain(&self, raw: &Piece) -> bool {
        // The replacement character begins with this byte.
        memchr::memchr2(b'\\', 0xef, &self.bytes[raw.clone()]).is_none()
    }

    fn unescape(&mut self, raw: Piece) -> Piece {
        let start = self.text.len() + self.state.unescaped.len();
        push_value(&self.text[raw], &mut self.state.unescaped);
        start..self.text.len() + self.state.unescaped.len()
    }

    /// Looks through an array from its bracket on.
    fn array(&mut self, at: usize, level: usize, paths: u64) -> Result<usize, Stop> {
        let index = |bit: usize| match self.paths[bit].steps.get(level) {
            Some(PathStep::Index(index)) => Some(*index),
            _ => None,
        };
        if bits(paths).all(|bit| index(bit).is_none()) {
            return self.skip_block(at);
        }
        let mut next = skip_blanks(self.bytes, at + 1).ok_or(Stop)?;
        for place in 0.. {
            if self.bytes[next] == b']' {
                break;
            }
            let Ok(element) = value(self.bytes, next) else { break };
            let index = |bit: &usize| matches!(self.paths[*bit].steps.get(level), Some(PathStep::Index(at)) if *at == place);
            let leading = bits(paths & self.open).filter(index).fold(0, |set, bit| set | 1 << bit);
            if leading != 0 {
                self.value(next, level + 1, leading)?;
            }
            next = skip_blanks(self.bytes, element.next).ok_or(Stop)?;
            if self.bytes[next] != b',' {
                break;
            }
            next = skip_blanks(self.bytes, next + 1).ok_or(Stop)?;
        }
        match self.bytes[next] {
            b']' => Ok(next + 1),
            _ => self.skip_block(at),
        }
    }
}
