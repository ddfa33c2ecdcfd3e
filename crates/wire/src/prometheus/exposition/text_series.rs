//! The series of a line of either text format, and the braces around its labels.

use std::borrow::Cow;

use watchkeep_model::labels::METRIC_NAME;

use super::cursor::{Cursor, Quoted, Result, unescape};
use super::entry::{Exemplar, Family, LabelPairs, normal_bound, text};

/// A series as it stands in the text: slices between quotes, escapes as they are.
#[derive(Debug, Clone)]
pub(super) struct TextSeries<'a> {
    /// Where the line begins.
    pub(super) start: Cursor<'a>,
    /// Name and labels as they stand there.
    pub(super) key: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) pairs: Vec<(&'a [u8], &'a [u8])>,
    pub(super) exemplar: Option<TextExemplar>,
    pub(super) exemplar_pairs: Vec<(&'a [u8], &'a [u8])>,
    /// What is known of its family.
    pub(super) family: Family,
    /// Whether type and unit become labels.
    pub(super) type_and_unit_labels: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct TextExemplar {
    pub(super) value: f64,
    pub(super) time_ms: Option<i64>,
}

/// How strictly braces are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Braces {
    /// Prometheus text: blanks anywhere between tokens, commas may be left out.
    Loose,
    /// OpenMetrics: no blanks.
    Strict,
    /// OpenMetrics, of an exemplar: no metric's name inside either.
    Exemplar,
}

impl<'a> TextSeries<'a> {
    pub(super) fn new(start: Cursor<'a>, type_and_unit_labels: bool) -> Self {
        Self {
            start,
            key: &[],
            name: &[],
            pairs: Vec::new(),
            exemplar: None,
            exemplar_pairs: Vec::new(),
            family: Family::default(),
            type_and_unit_labels,
        }
    }

    /// Forgets the line before.
    pub(super) fn begin(&mut self, start: Cursor<'a>) {
        self.start = start;
        self.name = &[];
        self.pairs.clear();
        self.exemplar = None;
        self.exemplar_pairs.clear();
    }

    pub(super) fn key(&self) -> &'a [u8] {
        self.key
    }

    /// Reads name and labels up to the value.
    #[inline]
    pub(super) fn read(&mut self, cursor: &mut Cursor<'a>, braces: Braces) -> Result<()> {
        let start = *cursor;
        let blanks = |cursor: &mut Cursor<'a>| braces == Braces::Loose && cursor.skip_blanks();
        if let Some(name) = cursor.name(true) {
            self.name = name;
            self.key = name;
            let after_name = *cursor;
            blanks(cursor);
            if !cursor.eat(b'{') {
                *cursor = after_name;
                return Ok(());
            }
        } else if !cursor.eat(b'{') {
            return Err(cursor.expected("a metric name, a comment or the end"));
        }
        read_braces(cursor, braces, Some(&mut self.name), &mut self.pairs)?;
        if self.name.is_empty() {
            return Err(start.error("the labels have no metric name beside or among them"));
        }
        self.key = cursor.since(&start);
        Ok(())
    }

    /// The name without escapes.
    pub(super) fn plain_name(&self) -> Result<Cow<'a, str>> {
        Ok(unescape(text(self.name, |what| self.start.error(format!("metric name {what}")))?, true))
    }

    pub(super) fn labels(&self) -> Result<LabelPairs<'a>> {
        let mut out = LabelPairs::with_capacity(self.pairs.len() + 1);
        out.push((Cow::Borrowed(METRIC_NAME), self.plain_name()?));
        for (name, value) in &self.pairs {
            let (plain_name, plain) = self.pair(name, value)?;
            let plain = if self.family.is_bound(name) { normal_bound(plain) } else { plain };
            out.push((plain_name, plain));
        }
        if self.type_and_unit_labels {
            self.family.add_type_and_unit(&mut out);
        }
        Ok(out)
    }

    fn pair(&self, name: &'a [u8], value: &'a [u8]) -> Result<(Cow<'a, str>, Cow<'a, str>)> {
        let name = text(name, |what| self.start.error(format!("label name {what}")))?;
        let value = text(value, |what| self.start.error(format!("label value {what}")))?;
        Ok((unescape(name, true), unescape(value, true)))
    }

    pub(super) fn has_exemplar(&self) -> bool {
        self.exemplar.is_some()
    }

    pub(super) fn exemplars(&self) -> Result<Vec<Exemplar<'a>>> {
        let Some(TextExemplar { value, time_ms }) = self.exemplar else { return Ok(Vec::new()) };
        let labels = self
            .exemplar_pairs
            .iter()
            .map(|(name, value)| self.pair(name, value))
            .collect::<Result<LabelPairs<'a>>>()?;
        Ok(vec![Exemplar { labels, value, time_ms }])
    }
}

/// Reads what is between braces, the closing one included. A quoted text without a value is the
/// metric's name.
#[inline]
pub(super) fn read_braces<'a>(
    cursor: &mut Cursor<'a>,
    braces: Braces,
    mut metric: Option<&mut &'a [u8]>,
    pairs: &mut Vec<(&'a [u8], &'a [u8])>,
) -> Result<()> {
    let loose = braces == Braces::Loose;
    let names = if braces == Braces::Exemplar { Quoted::OneLine } else { Quoted::AnyBytes };
    let values = if loose { Quoted::AnyBytes } else { Quoted::OneLine };
    let blanks = |cursor: &mut Cursor<'a>| loose && cursor.skip_blanks();
    loop {
        blanks(cursor);
        if cursor.eat(b'}') {
            return Ok(());
        }
        let quoted = cursor.quoted(names);
        let Some(name) = quoted.or_else(|| cursor.name(false)) else {
            return Err(cursor.expected("a label name or \"}\""));
        };
        blanks(cursor);
        let alone = quoted.is_some() && matches!(cursor.peek(), Some(b',' | b'}'));
        if let (true, Some(metric)) = (alone, metric.as_deref_mut()) {
            if !metric.is_empty() {
                return Err(cursor.error("a second metric name in one line"));
            }
            *metric = name;
            cursor.eat(b',');
            continue;
        }
        if !cursor.eat(b'=') {
            return Err(cursor.expected("\"=\" after a label name"));
        }
        blanks(cursor);
        let Some(value) = cursor.quoted(values) else {
            return Err(cursor.expected("a label value in double quotes"));
        };
        pairs.push((name, value));
        blanks(cursor);
        if !cursor.eat(b',') && !loose && cursor.peek() != Some(b'}') {
            return Err(cursor.expected("\",\" or \"}\" after a label value"));
        }
    }
}
