//! One parser in front of the three formats.

use watchkeep_model::NativeHistogram;

use super::content_type::Format;
use super::cursor::Result;
use super::entry::Entry;
use super::nhcb::Converter;
use super::openmetrics::OpenMetricsParser;
use super::protobuf::ProtobufParser;
use super::text::TextParser;

/// What a reader wants of an exposition; the names of Prometheus' settings are in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Turn classic histograms into native ones with custom buckets
    /// (`convert_classic_histograms_to_nhcb`).
    pub convert_classic_histograms: bool,
    /// Keep the classic series of a histogram that also is, or becomes, a native one
    /// (`always_scrape_classic_histograms`).
    pub keep_classic_histograms: bool,
    /// Read native histograms as classic ones (`scrape_native_histograms: false`).
    pub ignore_native_histograms: bool,
    /// Leave out the `_created` series of OpenMetrics, whose values are the samples' start times
    /// in any case.
    pub skip_created_series: bool,
    /// Add type and unit of a family as the labels `__type__` and `__unit__`.
    pub type_and_unit_labels: bool,
}

/// What a parser stopped at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Help,
    Type,
    Unit,
    Sample,
}

/// Walks an exposition.
#[derive(Debug)]
pub struct Parser<'a> {
    source: Source<'a>,
    converter: Option<Converter>,
    step: Option<Step>,
    /// Whether the end, or an error, was met.
    ended: bool,
}

#[derive(Debug)]
pub(super) enum Source<'a> {
    Text(TextParser<'a>),
    OpenMetrics(OpenMetricsParser<'a>),
    Protobuf(Box<ProtobufParser<'a>>),
}

impl<'a> Parser<'a> {
    /// A parser at the start of a body.
    pub fn new(body: &'a [u8], format: Format, options: Options) -> Self {
        let source = match format {
            Format::Text => Source::Text(TextParser::new(body, options)),
            Format::OpenMetrics => Source::OpenMetrics(OpenMetricsParser::new(body, options)),
            Format::Protobuf => Source::Protobuf(Box::new(ProtobufParser::new(body, options))),
        };
        // The protobuf parser has whole histograms before it and converts them itself.
        let convert = options.convert_classic_histograms && format != Format::Protobuf;
        let converter = convert.then(|| Converter::new(options.keep_classic_histograms));
        Self { source, converter, step: None, ended: false }
    }

    /// The next statement; `None` at the end. After an error there is nothing more to read.
    #[expect(clippy::should_implement_trait, reason = "an entry borrows from the parser")]
    pub fn next(&mut self) -> Result<Option<Entry<'_>>> {
        if self.converter.is_some() {
            return self.next_converted();
        }
        Ok(advance(&mut self.source, &mut self.ended)?.map(|step| self.source.entry(step)))
    }

    fn next_converted(&mut self) -> Result<Option<Entry<'_>>> {
        let Some(converter) = &mut self.converter else { return Ok(None) };
        loop {
            // A statement that waited for a histogram before it to be given out.
            let step = if let Some(step) = self.step.take() {
                Some(step)
            } else {
                let step = advance(&mut self.source, &mut self.ended)?;
                if converter.ends_before(&self.source, step) {
                    self.step = step;
                    break;
                }
                step
            };
            let Some(step) = step else { return Ok(None) };
            if converter.takes(&self.source, step)? {
                continue;
            }
            return Ok(Some(self.source.entry(step)));
        }
        Ok(converter.converted())
    }
}

fn advance(source: &mut Source<'_>, ended: &mut bool) -> Result<Option<Step>> {
    if *ended {
        return Ok(None);
    }
    let step = source.advance();
    *ended = !matches!(step, Ok(Some(_)));
    step
}

impl Source<'_> {
    fn advance(&mut self) -> Result<Option<Step>> {
        match self {
            Self::Text(parser) => parser.advance(),
            Self::OpenMetrics(parser) => parser.advance(),
            Self::Protobuf(parser) => parser.advance(),
        }
    }

    pub(super) fn entry(&self, step: Step) -> Entry<'_> {
        match self {
            Self::Text(parser) => parser.entry(step),
            Self::OpenMetrics(parser) => parser.entry(step),
            Self::Protobuf(parser) => parser.entry(step),
        }
    }
}

/// Whether a histogram can be stored.
pub(super) fn is_sound(histogram: &NativeHistogram) -> bool {
    watchkeep_model::histogram::validate(histogram).is_ok()
}
