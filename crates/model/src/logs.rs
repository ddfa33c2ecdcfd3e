//! The columns of log records (OTLP `logs.proto`, `LogRecord`), as they travel from decoder to
//! disk, and severity levels.

use crate::attributes::AttributesColumn;
use crate::column::{DictColumn, Utf8Column, table};

table! {
    /// Log records, one a row. The schema on disk is drawn in `docs/formats/logs.md`.
    LogColumns {
        /// When it happened, nanoseconds since the epoch; the observed time, or else the time of
        /// arrival, where the client sent none.
        time_ns: Vec<i64>,
        /// When the collector saw it; 0 where the client sent none.
        observed_ns: Vec<i64>,
        /// OTLP severity number, 0 (none) to 24.
        severity_number: Vec<u8>,
        /// The severity as the source spelled it.
        severity_text: DictColumn,
        /// The [`Level`] that number or text mean, as its code.
        level: Vec<u8>,
        /// Labels of the stream that it belongs to, as [`crate::stream::to_text`] writes them; empty
        /// where it came before streams were known.
        stream: DictColumn,
        /// The resource's `service.name`; `unknown_service` where it sent none.
        service: DictColumn,
        /// All attributes of the resource, as a JSON object (see [`crate::attributes`]).
        resource: DictColumn,
        /// Name of the instrumentation scope.
        scope_name: DictColumn,
        /// Version of the instrumentation scope.
        scope_version: DictColumn,
        /// Attributes of the scope, as a JSON object; empty for none.
        scope_attributes: DictColumn,
        /// Schema URL of the scope, or else of the resource.
        schema_url: DictColumn,
        /// The message in text form (see [`crate::attributes`]).
        body: Utf8Column,
        /// The body's [`crate::ValueKind`], as its letter.
        body_kind: Vec<u8>,
        /// The record's attributes.
        attributes: AttributesColumn,
        /// Attributes that the client or a limit dropped.
        dropped_attributes: Vec<u32>,
        /// The trace it was written in; all zero for none.
        trace_id: Vec<[u8; 16]>,
        /// The span it was written in; all zero for none.
        span_id: Vec<[u8; 8]>,
        /// W3C trace flags in the low 8 bits.
        flags: Vec<u32>,
        /// The event's name, for records that are events.
        event_name: DictColumn,
    }
}

/// How severe a record is, folded from OTLP's 24 numbers or from the text that the source wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Neither number nor a known text.
    Unknown = 0,
    /// Numbers 1 to 4.
    Trace = 1,
    /// Numbers 5 to 8.
    Debug = 2,
    /// Numbers 9 to 12.
    Info = 3,
    /// Numbers 13 to 16.
    Warn = 4,
    /// Numbers 17 to 20.
    Error = 5,
    /// Numbers 21 to 24.
    Fatal = 6,
    /// What says so itself; no number means it.
    Critical = 7,
}

impl Level {
    /// All levels, by their codes.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Fatal,
        Self::Critical,
    ];

    /// The level of a record: by number, or else by text (in any case).
    pub fn of(severity_number: u8, severity_text: &str) -> Self {
        match severity_number {
            1..=4 => Self::Trace,
            5..=8 => Self::Debug,
            9..=12 => Self::Info,
            13..=16 => Self::Warn,
            17..=20 => Self::Error,
            21..=24 => Self::Fatal,
            _ => Self::of_text(severity_text),
        }
    }

    /// The level that a text names, in any case.
    pub fn of_text(text: &str) -> Self {
        const NAMES: [(&str, Level); 23] = [
            ("trace", Level::Trace),
            ("trc", Level::Trace),
            ("verbose", Level::Trace),
            ("debug", Level::Debug),
            ("dbg", Level::Debug),
            ("info", Level::Info),
            ("inf", Level::Info),
            ("information", Level::Info),
            ("informational", Level::Info),
            ("notice", Level::Info),
            ("warn", Level::Warn),
            ("wrn", Level::Warn),
            ("warning", Level::Warn),
            ("error", Level::Error),
            ("err", Level::Error),
            ("severe", Level::Error),
            ("fatal", Level::Fatal),
            ("critical", Level::Critical),
            ("crit", Level::Critical),
            ("alert", Level::Fatal),
            ("emerg", Level::Fatal),
            ("emergency", Level::Fatal),
            ("panic", Level::Fatal),
        ];
        NAMES
            .iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name))
            .map_or(Self::Unknown, |(_, level)| *level)
    }

    /// Reads the stored code; a code from a newer version counts as unknown.
    pub fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Unknown)
    }

    /// The name used in the API: `trace`, `debug`, `info`, `warn`, `error`, `fatal`, `critical`,
    /// `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
            Self::Critical => "critical",
        }
    }

    /// The level with this API name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}
