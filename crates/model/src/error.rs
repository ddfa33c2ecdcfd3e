//! The few kinds of error, each of which tells the caller what to do. How a kind becomes a status
//! code or a body is each surface's own affair (the server maps it); no layer below knows HTTP.

use std::time::Duration;

/// Shorthand used throughout the workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do about an error. A new kind is added only when a caller would act
/// differently.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong: mend it. Retrying the same bytes fails again.
    Invalid,
    /// The request is well formed and asks for something that is not offered.
    Unsupported,
    /// A named limit was exceeded: shrink the request, or raise the configuration key.
    LimitExceeded {
        /// The configuration key that holds the limit.
        key: &'static str,
    },
    /// A request body, before or after decompression, is larger than allowed.
    TooLarge {
        /// The configuration key that holds the limit.
        key: &'static str,
    },
    /// No such object: check the name.
    NotFound,
    /// The server has more work than it can take: retry after the given time.
    Overloaded {
        /// When a retry has a chance.
        retry_after: Duration,
    },
    /// The server can not serve this now (starting, stopping, or its disk failed).
    Unavailable {
        /// When a retry has a chance.
        retry_after: Duration,
    },
    /// The work took longer than allowed: narrow the request.
    Timeout,
    /// Bytes on disk are damaged: call the operator.
    Corrupt,
    /// A bug, or an operating system error that nobody expected.
    Internal,
}

impl ErrorKind {
    /// A short name that is safe as a metric label and in response bodies.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::TooLarge { .. } => "too_large",
            Self::NotFound => "not_found",
            Self::Overloaded { .. } => "overloaded",
            Self::Unavailable { .. } => "unavailable",
            Self::Timeout => "timeout",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

/// An error: a kind for programs, a message for people, and the cause if there is one.
///
/// Messages are lowercase, without a full stop, and say what was attempted on what. The message
/// never repeats the cause; [`Error::report`] prints the whole chain.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without a cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The request is wrong; see [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A bug or an unexpected failure; see [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Damaged bytes; see [`ErrorKind::Corrupt`]. The message names file and offset.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller should do.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The message for people, without the causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The message followed by every cause, for logs and terminals.
    pub fn report(&self) -> String {
        let mut text = self.message.clone();
        let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(self);
        while let Some(next) = cause {
            text.push_str(": ");
            text.push_str(&next.to_string());
            cause = next.source();
        }
        text
    }
}

/// Turns an IO result into ours, saying what was attempted.
pub trait IoContext<T> {
    /// Wraps the error as [`ErrorKind::Internal`] with a message made only on failure.
    fn context(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E> IoContext<T> for std::result::Result<T, E>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn context(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::internal(message()).with_source(error))
    }
}
