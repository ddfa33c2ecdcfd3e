//! The Prometheus text format, 0.0.4 and 1.0.0 (quoted UTF-8 names). What is accepted is what
//! Prometheus accepts, which is a little more than the format's description.

use watchkeep_model::metrics::MetricKind;

use super::cursor::{Cursor, Quoted, Result, is_blank, unescape};
use super::entry::{Entry, Family, Sample, SampleValue, Series, text};
use super::number::parse_float;
use super::text_series::{Braces, TextSeries};
use super::{Options, Step};

/// Reads a body line by line.
#[derive(Debug)]
pub(super) struct TextParser<'a> {
    cursor: Cursor<'a>,
    series: TextSeries<'a>,
    time_ms: Option<i64>,
    value: f64,
    /// The text of the last metadata line.
    said: &'a str,
}

impl<'a> TextParser<'a> {
    pub(super) fn new(body: &'a [u8], options: Options) -> Self {
        let cursor = Cursor::new(body);
        Self {
            cursor,
            series: TextSeries::new(cursor, options.type_and_unit_labels),
            time_ms: None,
            value: 0.0,
            said: "",
        }
    }

    pub(super) fn family(&self) -> &Family {
        &self.series.family
    }

    pub(super) fn series(&self) -> &TextSeries<'a> {
        &self.series
    }

    /// Moves to the next statement.
    pub(super) fn advance(&mut self) -> Result<Option<Step>> {
        loop {
            self.cursor.skip_blanks();
            match self.cursor.peek() {
                None => return Ok(None),
                Some(b'\n') => {
                    self.cursor.take(1);
                }
                Some(b'#') => {
                    if let Some(step) = self.comment()? {
                        return Ok(Some(step));
                    }
                }
                Some(_) => return self.sample().map(|()| Some(Step::Sample)),
            }
        }
    }

    /// What [`TextParser::advance`] stopped at.
    pub(super) fn entry(&self, step: Step) -> Entry<'_> {
        let family = || self.series.family.name.as_str().into();
        match step {
            Step::Help => Entry::Help { family: family(), help: unescape(self.said, false) },
            Step::Type => {
                let kind = self.series.family.kind.unwrap_or(MetricKind::Unknown);
                Entry::Type { family: family(), kind }
            }
            Step::Unit => Entry::Unit { family: family(), unit: self.said.into() },
            Step::Sample => Entry::Sample(Sample {
                time_ms: self.time_ms,
                start_ms: 0,
                value: SampleValue::Float(self.value),
                series: Series::Text(&self.series),
            }),
        }
    }

    /// Reads a line that begins with `#`; `None` where it says nothing of a family.
    fn comment(&mut self) -> Result<Option<Step>> {
        let line = self.cursor;
        self.cursor.eat(b'#');
        let spaced = self.cursor.skip_blanks();
        let step = if !spaced {
            None
        } else if self.cursor.eat_text(b"HELP") {
            Some(Step::Help)
        } else if self.cursor.eat_text(b"TYPE") {
            Some(Step::Type)
        } else {
            None
        };
        let Some(step) = step.filter(|_| self.cursor.skip_blanks()) else {
            self.cursor.take_line();
            return Ok(None);
        };
        let Some(name) = self.cursor.quoted(Quoted::AnyBytes).or_else(|| self.cursor.name(true))
        else {
            return Err(self.cursor.expected("a metric name after HELP or TYPE"));
        };
        let name = text(name, |what| line.error(format!("metric name {what}")))?;
        self.series.family.turn_to(&unescape(name, true));
        let said = self.cursor.take_line();
        // One byte parts the name from the text, whatever it is.
        let said =
            if said.iter().all(|b| is_blank(*b)) { &[] } else { said.get(1..).unwrap_or(&[]) };
        self.said = text(said, |what| line.error(format!("the text of a comment {what}")))?;
        if step == Step::Type {
            self.series.family.kind = Some(match self.said {
                "counter" => MetricKind::Counter,
                "gauge" => MetricKind::Gauge,
                "histogram" => MetricKind::Histogram,
                "summary" => MetricKind::Summary,
                "untyped" => MetricKind::Unknown,
                other => {
                    return Err(line.error(format!(
                        "expected counter, gauge, histogram, summary or untyped, got {other:?}"
                    )));
                }
            });
        }
        Ok(Some(step))
    }

    fn sample(&mut self) -> Result<()> {
        let cursor = &mut self.cursor;
        self.series.begin(*cursor);
        self.series.read(cursor, Braces::Loose)?;
        cursor.skip_blanks();
        let number = cursor.take_while(|b| !matches!(b, b'{' | b' ' | b'\t' | b'\n'));
        if number.is_empty() {
            return Err(cursor.expected("a value after the metric"));
        }
        self.value = parse_float(number).ok_or_else(|| {
            cursor.error(format!("value {:?} is not a number", String::from_utf8_lossy(number)))
        })?;
        self.time_ms = None;
        cursor.skip_blanks();
        if end_of_line(cursor) {
            return Ok(());
        }
        let digits = cursor.take_while(|b| b.is_ascii_digit());
        if digits.is_empty() {
            return Err(cursor.expected("a timestamp in whole milliseconds or the end of the line"));
        }
        let time = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        self.time_ms =
            Some(time.ok_or_else(|| cursor.error("the timestamp is out of the range of 64 bits"))?);
        cursor.skip_blanks();
        if end_of_line(cursor) {
            return Ok(());
        }
        Err(cursor.expected("the end of the line after the timestamp"))
    }
}

#[inline]
fn end_of_line(cursor: &mut Cursor<'_>) -> bool {
    cursor.eat(b'\n') || cursor.at_end()
}
