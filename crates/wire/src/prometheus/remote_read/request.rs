//! Requests of remote read: `prometheus.ReadRequest`.

use watchkeep_model::{Error, MatchOp, Matcher, Result};

use crate::compression::decompress_snappy_block;
use crate::protobuf::{Malformed, Reader};

/// Most bytes of a request before snappy; clients send a few hundred.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Most queries of a request; Prometheus sends one.
pub const QUERIES_MAX: usize = 1000;

/// Most matchers of a request, whichever queries they belong to.
pub const MATCHERS_MAX: usize = 10_000;

/// In which form samples travel back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseType {
    /// One `prometheus.ReadResponse`, compressed with snappy.
    #[default]
    Samples,
    /// Frames that each hold a `prometheus.ChunkedReadResponse`.
    StreamedXorChunks,
}

impl ResponseType {
    /// The `Content-Type` of such a response.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Samples => "application/x-protobuf",
            Self::StreamedXorChunks => {
                "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
            }
        }
    }

    /// The `Content-Encoding` of such a response.
    pub fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Samples => Some("snappy"),
            Self::StreamedXorChunks => None,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadRequest {
    /// Answered one after the other.
    pub queries: Vec<Query>,
    /// The first of the accepted forms that is offered.
    pub response_type: ResponseType,
}

/// The samples of some series in a range of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// First millisecond.
    pub start_ms: i64,
    /// Last millisecond.
    pub end_ms: i64,
    /// Conditions that all hold for a series.
    pub matchers: Vec<Matcher>,
    /// What the client is going to do with the samples.
    pub hints: Option<Hints>,
}

/// What the client is going to do with the samples; an answer need not heed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Step of the query, 0 for an instant.
    pub step_ms: i64,
    /// The function or aggregation around the selector.
    pub function: String,
    /// First millisecond that is needed.
    pub start_ms: i64,
    /// Last millisecond that is needed.
    pub end_ms: i64,
    /// Labels of the aggregation.
    pub grouping: Vec<String>,
    /// Whether it is `by` these labels, or `without` them.
    pub by: bool,
    /// Range of the selector.
    pub range_ms: i64,
}

/// Why a request is refused.
enum Fault {
    Malformed(Malformed),
    Refused(Error),
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Decodes the body of a request, which is compressed with snappy.
pub fn decode_request(body: &[u8]) -> Result<ReadRequest> {
    let body = decompress_snappy_block(body, REQUEST_BYTES_MAX)?;
    request(Reader::new(&body)).map_err(|fault| match fault {
        Fault::Malformed(malformed) => {
            Error::invalid(format!("malformed remote read request: {malformed}"))
        }
        Fault::Refused(error) => error,
    })
}

fn refuse<T>(message: String) -> Result<T, Fault> {
    Err(Fault::Refused(Error::invalid(message)))
}

fn request(mut reader: Reader<'_>) -> Result<ReadRequest, Fault> {
    let mut request = ReadRequest::default();
    let mut accepted = Vec::new();
    let mut matchers = 0;
    while let Some(field) = reader.field()? {
        match field.number {
            1 if request.queries.len() >= QUERIES_MAX => {
                return refuse(format!(
                    "a remote read request holds at most {QUERIES_MAX} queries"
                ));
            }
            1 => request.queries.push(query(field.message()?, &mut matchers)?),
            2 => field.each_varint(|number| accepted.push(number))?,
            _ => {}
        }
    }
    let offered = accepted.iter().find_map(|number| match number {
        0 => Some(ResponseType::Samples),
        1 => Some(ResponseType::StreamedXorChunks),
        _ => None,
    });
    match offered {
        Some(response_type) => request.response_type = response_type,
        None if accepted.is_empty() => {}
        None => {
            return refuse(
                "none of the accepted response types is offered; offered: SAMPLES, \
                 STREAMED_XOR_CHUNKS"
                    .to_owned(),
            );
        }
    }
    Ok(request)
}

fn query(mut reader: Reader<'_>, matchers: &mut usize) -> Result<Query, Fault> {
    let mut query = Query::default();
    while let Some(field) = reader.field()? {
        match field.number {
            1 => query.start_ms = field.varint()? as i64,
            2 => query.end_ms = field.varint()? as i64,
            3 => {
                *matchers += 1;
                if *matchers > MATCHERS_MAX {
                    return refuse(format!(
                        "a remote read request holds at most {MATCHERS_MAX} matchers"
                    ));
                }
                query.matchers.push(matcher(field.message()?)?);
            }
            4 => query.hints = Some(hints(field.message()?)?),
            _ => {}
        }
    }
    Ok(query)
}

fn matcher(mut reader: Reader<'_>) -> Result<Matcher, Fault> {
    let (mut operator, mut name, mut value) = (0, String::new(), String::new());
    while let Some(field) = reader.field()? {
        match field.number {
            1 => operator = field.int32()?,
            2 => name = text(field.bytes()?)?,
            3 => value = text(field.bytes()?)?,
            _ => {}
        }
    }
    let operator = match operator {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        other => return refuse(format!("a matcher has the unknown type {other}")),
    };
    Matcher::new(name, operator, value).map_err(Fault::Refused)
}

fn hints(mut reader: Reader<'_>) -> Result<Hints, Fault> {
    let mut hints = Hints::default();
    while let Some(field) = reader.field()? {
        match field.number {
            1 => hints.step_ms = field.varint()? as i64,
            2 => hints.function = text(field.bytes()?)?,
            3 => hints.start_ms = field.varint()? as i64,
            4 => hints.end_ms = field.varint()? as i64,
            5 => hints.grouping.push(text(field.bytes()?)?),
            6 => hints.by = field.bool()?,
            7 => hints.range_ms = field.varint()? as i64,
            _ => {}
        }
    }
    Ok(hints)
}

fn text(bytes: &[u8]) -> Result<String, Fault> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => refuse("a text of a remote read request is not UTF-8".to_owned()),
    }
}
