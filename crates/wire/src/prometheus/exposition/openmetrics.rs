//! OpenMetrics text, 0.0.1 and 1.0.0: strict about blanks, with units, exemplars, and the time at
//! which counting began in a series `_created` of its own.

use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::{BuildHasher as _, Hasher as _};

use watchkeep_model::metrics::MetricKind;

use super::cursor::{Cursor, Quoted, Result, unescape};
use super::entry::{Entry, Family, Sample, SampleValue, Series, text};
use super::number::{parse_float, parse_seconds, seconds_to_ms};
use super::text_series::{Braces, TextExemplar, TextSeries, read_braces};
use super::{Options, Step};

const CREATED: &[u8] = b"_created";

/// Reads a body line by line.
#[derive(Debug)]
pub(super) struct OpenMetricsParser<'a> {
    cursor: Cursor<'a>,
    series: TextSeries<'a>,
    time_ms: Option<i64>,
    start_ms: i64,
    value: f64,
    /// The text of the last metadata line.
    said: &'a str,
    starts: Starts,
    skip_created: bool,
}

impl<'a> OpenMetricsParser<'a> {
    pub(super) fn new(body: &'a [u8], options: Options) -> Self {
        let cursor = Cursor::new(body);
        Self {
            cursor,
            series: TextSeries::new(cursor, options.type_and_unit_labels),
            time_ms: None,
            start_ms: 0,
            value: 0.0,
            said: "",
            starts: Starts::default(),
            skip_created: options.skip_created_series,
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
            match self.cursor.peek() {
                None => {
                    return Err(self.cursor.error("the exposition does not end with \"# EOF\""));
                }
                Some(b'#') => return self.comment(),
                Some(_) => {}
            }
            self.series.begin(self.cursor);
            read_sample(&mut self.cursor, &mut self.series).map(|(value, time_ms)| {
                self.value = value;
                self.time_ms = time_ms;
            })?;
            self.start_ms = 0;
            if self.series.family.has_start() {
                if !self.series.name.ends_with(CREATED) {
                    self.start_ms = self.starts.of(&self.series);
                } else if self.skip_created {
                    continue;
                }
            }
            return Ok(Some(Step::Sample));
        }
    }

    /// What [`OpenMetricsParser::advance`] stopped at.
    pub(super) fn entry(&self, step: Step) -> Entry<'_> {
        let family = || self.series.family.name.as_str().into();
        match step {
            Step::Help => Entry::Help { family: family(), help: unescape(self.said, true) },
            Step::Type => {
                let kind = self.series.family.kind.unwrap_or(MetricKind::Unknown);
                Entry::Type { family: family(), kind }
            }
            Step::Unit => Entry::Unit { family: family(), unit: self.said.into() },
            Step::Sample => Entry::Sample(Sample {
                time_ms: self.time_ms,
                start_ms: self.start_ms,
                value: SampleValue::Float(self.value),
                series: Series::Text(&self.series),
            }),
        }
    }

    fn comment(&mut self) -> Result<Option<Step>> {
        let line = self.cursor;
        let cursor = &mut self.cursor;
        let step = if cursor.eat_text(b"# HELP ") {
            Step::Help
        } else if cursor.eat_text(b"# TYPE ") {
            Step::Type
        } else if cursor.eat_text(b"# UNIT ") {
            Step::Unit
        } else if cursor.eat_text(b"# EOF") {
            cursor.eat(b'\n');
            if cursor.at_end() {
                return Ok(None);
            }
            return Err(cursor.error("there is data after \"# EOF\""));
        } else {
            return Err(cursor.expected("\"# HELP \", \"# TYPE \", \"# UNIT \" or \"# EOF\""));
        };
        let Some(name) = cursor.quoted(Quoted::AnyBytes).or_else(|| cursor.name(true)) else {
            return Err(cursor.expected("a metric name after HELP, TYPE or UNIT"));
        };
        let name = text(name, |what| line.error(format!("metric name {what}")))?;
        if !cursor.eat(b' ') || memchr::memchr(b'\n', cursor.rest()).is_none() {
            return Err(cursor.expected("a blank, a text and the end of the line"));
        }
        self.series.family.turn_to(&unescape(name, true));
        let said = cursor.take_line();
        self.said = text(said, |what| line.error(format!("the text of a comment {what}")))?;
        match step {
            Step::Type => self.series.family.kind = Some(kind(self.said, line)?),
            Step::Unit => self.unit(line)?,
            _ => {}
        }
        if self.series.family.has_start() {
            self.starts.look_ahead(self.cursor, &self.series);
        } else {
            self.starts.clear();
        }
        Ok(Some(step))
    }

    fn unit(&mut self, line: Cursor<'_>) -> Result<()> {
        let family = &mut self.series.family;
        self.said.clone_into(&mut family.unit);
        let before = family.name.strip_suffix(self.said);
        if !self.said.is_empty() && !before.is_some_and(|before| before.ends_with('_')) {
            let (unit, name) = (self.said, &family.name);
            return Err(line.error(format!("unit {unit:?} is not the end of metric {name:?}")));
        }
        Ok(())
    }
}

fn kind(name: &str, line: Cursor<'_>) -> Result<MetricKind> {
    Ok(match name {
        "counter" => MetricKind::Counter,
        "gauge" => MetricKind::Gauge,
        "histogram" => MetricKind::Histogram,
        "gaugehistogram" => MetricKind::GaugeHistogram,
        "summary" => MetricKind::Summary,
        "info" => MetricKind::Info,
        "stateset" => MetricKind::StateSet,
        "unknown" => MetricKind::Unknown,
        other => {
            return Err(line.error(format!(
                "expected counter, gauge, histogram, gaugehistogram, summary, info, stateset or \
                 unknown, got {other:?}"
            )));
        }
    })
}

/// Reads a line with a sample, and returns its value and time.
fn read_sample<'a>(
    cursor: &mut Cursor<'a>,
    series: &mut TextSeries<'a>,
) -> Result<(f64, Option<i64>)> {
    series.read(cursor, Braces::Strict)?;
    let value = number(cursor, "a blank and a value after the metric")?;
    let mut time_ms = None;
    if cursor.peek() == Some(b' ') && !cursor.rest().starts_with(b" # {") {
        time_ms = Some(time(cursor)?);
    }
    if cursor.eat_text(b" # {") {
        read_braces(cursor, Braces::Exemplar, None, &mut series.exemplar_pairs)?;
        let value = number(cursor, "a blank and a value after the exemplar's labels")?;
        let time_ms = if cursor.peek() == Some(b' ') { Some(time(cursor)?) } else { None };
        series.exemplar = Some(TextExemplar { value, time_ms });
    }
    if cursor.eat(b'\n') {
        return Ok((value, time_ms));
    }
    if cursor.at_end() {
        return Err(cursor.error("the exposition does not end with \"# EOF\""));
    }
    Err(cursor.expected("a timestamp, an exemplar or the end of the line"))
}

fn word<'a>(cursor: &mut Cursor<'a>, what: &str) -> Result<&'a [u8]> {
    let before = *cursor;
    let blank = cursor.eat(b' ');
    let word = cursor.take_while(|b| b != b' ' && b != b'\n');
    if !blank || word.is_empty() {
        return Err(before.expected(what));
    }
    Ok(word)
}

fn number(cursor: &mut Cursor<'_>, what: &str) -> Result<f64> {
    let word = word(cursor, what)?;
    parse_float(word).ok_or_else(|| {
        cursor.error(format!("value {:?} is not a number", String::from_utf8_lossy(word)))
    })
}

fn time(cursor: &mut Cursor<'_>) -> Result<i64> {
    let word = word(cursor, "a timestamp")?;
    parse_seconds(word).ok_or_else(|| {
        let shown = String::from_utf8_lossy(word);
        cursor.error(format!("timestamp {shown:?} is not a finite number of seconds"))
    })
}

/// When the counting of a family's series began. The lines that say so come after the samples that
/// they are about, so they are looked for when a family begins.
#[derive(Debug, Default)]
struct Starts {
    /// Hash of name and labels, without bound or quantile, to milliseconds.
    known: HashMap<u64, i64>,
    hasher: DefaultHashBuilder,
}

impl Starts {
    fn clear(&mut self) {
        self.known.clear();
    }

    /// Reads the `_created` lines from here to the next line with metadata. One that can not be
    /// read is found again, and reported, when its turn comes.
    fn look_ahead(&mut self, cursor: Cursor<'_>, like: &TextSeries<'_>) {
        self.known.clear();
        let rest = cursor.rest();
        if rest.first() == Some(&b'#') {
            return;
        }
        let end = memchr::memmem::find(rest, b"\n#").map_or(rest.len(), |at| at + 1);
        let lines = rest.get(..end).unwrap_or_default();
        let mut series = TextSeries::new(cursor, false);
        series.family.kind = like.family.kind;
        // A line is read once, however often it says the word.
        let mut read_to = 0;
        for at in memchr::memmem::find_iter(lines, CREATED) {
            if at < read_to {
                continue;
            }
            let before = lines.get(..at).unwrap_or_default();
            let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
            let mut line = Cursor::new(lines.get(start..).unwrap_or_default());
            read_to = start + memchr::memchr(b'\n', line.rest()).unwrap_or(line.rest().len());
            series.begin(line);
            let Ok((value, _)) = read_sample(&mut line, &mut series) else { continue };
            if let Some(name) = series.name.strip_suffix(CREATED) {
                let hash = self.hash(name, &series);
                self.known.entry(hash).or_insert(seconds_to_ms(value));
            }
        }
    }

    fn of(&self, series: &TextSeries<'_>) -> i64 {
        if self.known.is_empty() {
            return 0;
        }
        let family = series.family.name.as_bytes();
        // The family's name as it stands in the line, where escapes make it no prefix.
        let base = if series.name.starts_with(family) { family } else { series.name };
        self.known.get(&self.hash(base, series)).copied().unwrap_or(0)
    }

    fn hash(&self, name: &[u8], series: &TextSeries<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        let mut add = |text: &[u8]| {
            hasher.write(text);
            hasher.write_usize(text.len());
        };
        add(name);
        for (label, value) in &series.pairs {
            if !series.family.is_bound(label) {
                add(label);
                add(value);
            }
        }
        hasher.finish()
    }
}
