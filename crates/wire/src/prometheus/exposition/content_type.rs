//! Which format a body is in, by its `Content-Type`.

/// A format that [`super::Parser`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text, 0.0.4 and 1.0.0.
    Text,
    /// OpenMetrics text, 0.0.1 and 1.0.0.
    OpenMetrics,
    /// Delimited `io.prometheus.client.MetricFamily` messages.
    Protobuf,
}

impl Format {
    /// The format's media type, without parameters.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::OpenMetrics => "application/openmetrics-text",
            Self::Protobuf => "application/vnd.google.protobuf",
        }
    }
}

/// The outcome of [`negotiate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// How to read the body.
    pub format: Format,
    /// Why the fallback had to be used.
    pub warning: Option<String>,
}

/// The format that a `Content-Type` names. One that is missing or says nothing that is known is
/// read as `fallback`, with a warning, or is an error where there is none.
pub fn negotiate(
    content_type: Option<&str>,
    fallback: Option<Format>,
) -> Result<Negotiated, String> {
    let content_type = content_type.unwrap_or_default();
    let why = if content_type.is_empty() {
        "non-compliant scrape target sending blank Content-Type".to_owned()
    } else {
        match media_type(content_type) {
            None => format!("cannot parse Content-Type {content_type:?}"),
            Some(media_type) => {
                let known = [Format::Text, Format::OpenMetrics, Format::Protobuf];
                let named = known.iter().find(|format| format.media_type() == media_type);
                if let Some(format) = named {
                    return Ok(Negotiated { format: *format, warning: None });
                }
                format!("received unsupported Content-Type {content_type:?}")
            }
        }
    };
    match fallback {
        Some(format) => {
            let used = format.media_type();
            let warning = Some(format!("{why}, using fallback_scrape_protocol {used:?}"));
            Ok(Negotiated { format, warning })
        }
        None => Err(format!("{why} and no fallback_scrape_protocol specified for target")),
    }
}

/// The media type in lower case; `None` where the header is malformed.
fn media_type(content_type: &str) -> Option<String> {
    let (media_type, parameters) =
        content_type.split_once(';').map_or((content_type, None), |(a, b)| (a, Some(b)));
    let media_type = media_type.trim().to_ascii_lowercase();
    let mut halves = media_type.split('/');
    let well_formed = halves.next().is_some_and(is_token)
        && halves.next().is_none_or(is_token)
        && halves.next().is_none();
    if !well_formed {
        return None;
    }
    let mut rest = parameters.unwrap_or_default();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(media_type);
        }
        rest = parameter(rest)?;
    }
}

fn is_token(text: &str) -> bool {
    let tchar = |b: u8| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b);
    !text.is_empty() && text.bytes().all(tchar)
}

/// Passes one `name=value` and the semicolon after it.
fn parameter(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=')?;
    if !is_token(name.trim()) {
        return None;
    }
    let value = value.trim_start();
    let rest = if let Some(quoted) = value.strip_prefix('"') {
        let mut escaped = false;
        let end = quoted.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        quoted.get(end + 1..)?
    } else {
        let end = value.find(';').unwrap_or(value.len());
        if !is_token(value.get(..end)?.trim_end()) {
            return None;
        }
        value.get(end..)?
    };
    let rest = rest.trim_start();
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(';') }
}
