//! The format that an `Accept` header asks for.

use super::ResponseFormat;
use crate::prometheus::exposition::content_type::Format;
use crate::prometheus::exposition::escape::EscapingScheme;

/// Media ranges that are looked at.
const RANGES_MAX: usize = 64;

/// A media range with its parameters in lower case.
struct Range<'a> {
    media_type: String,
    parameters: Vec<(String, &'a str)>,
    quality: f64,
}

impl Range<'_> {
    fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

/// The format that is liked most of those that there are; Prometheus text where none is. Names are
/// escaped with underscores unless the header says how. OpenMetrics is offered only where asked:
/// what Prometheus answers to federation is never OpenMetrics.
pub fn negotiate_accept(accept: Option<&str>, with_openmetrics: bool) -> ResponseFormat {
    let mut ranges: Vec<Range<'_>> =
        accept.unwrap_or_default().split(',').take(RANGES_MAX).map(range).collect();
    ranges.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    let mut escaping = EscapingScheme::Underscores;
    for range in &ranges {
        // What is asked of a format that is not there goes for the next one, too.
        escaping = EscapingScheme::from_name(range.parameter("escaping")).unwrap_or(escaping);
        let version = range.parameter("version");
        let answer = |format| ResponseFormat {
            format,
            openmetrics_1_0: format == Format::OpenMetrics && version == "1.0.0",
            escaping,
        };
        match &*range.media_type {
            "application/vnd.google.protobuf"
                if range.parameter("proto") == "io.prometheus.client.MetricFamily"
                    && range.parameter("encoding") == "delimited" =>
            {
                return answer(Format::Protobuf);
            }
            "text/plain" if matches!(version, "" | "0.0.4") => return answer(Format::Text),
            "application/openmetrics-text"
                if with_openmetrics && matches!(version, "" | "0.0.1" | "1.0.0") =>
            {
                return answer(Format::OpenMetrics);
            }
            _ => {}
        }
    }
    ResponseFormat { format: Format::Text, openmetrics_1_0: false, escaping }
}

fn range(text: &str) -> Range<'_> {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let parameters: Vec<(String, &str)> = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
        .collect();
    let quality = parameters.iter().find(|(name, _)| name == "q");
    let quality = quality.and_then(|(_, value)| value.parse().ok()).unwrap_or(1.0);
    Range { media_type, parameters, quality }
}
