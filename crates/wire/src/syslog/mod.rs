//! Syslog: messages of RFC 5424 and RFC 3164, and their framing on TCP (RFC 6587, RFC 5425).
//! A message that is of neither form is kept as a text without a head, as relays do.

mod framing;
mod rfc3164;
mod rfc5424;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use framing::{Frame, FrameError, next_frame};

/// Bytes of one message; longer ones end a connection, and are cut in a datagram.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;

/// Parameters of structured data that are kept of one message.
pub const PARAMETERS_MAX: usize = 128;

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message<'m> {
    /// 0 (emergency) to 7 (debug).
    pub severity: Option<u8>,
    /// 0 (kernel) to 23 (local7).
    pub facility: Option<u8>,
    /// Nanoseconds since the epoch; `None` where the message does not say.
    pub time_ns: Option<i64>,
    /// Empty where the message does not say, as the next three.
    pub hostname: &'m str,
    /// The application.
    pub app_name: &'m str,
    /// The process.
    pub proc_id: &'m str,
    /// The kind of message.
    pub msg_id: &'m str,
    /// Structured data: element, parameter, value.
    pub structured_data: Vec<(&'m str, &'m str, Cow<'m, str>)>,
    /// The message proper.
    pub text: &'m str,
}

impl Message<'_> {
    /// The severity's keyword, as Promtail has it in `severity`; empty where none was sent.
    pub fn severity_name(&self) -> &'static str {
        const NAMES: [&str; 8] = [
            "emergency",
            "alert",
            "critical",
            "error",
            "warning",
            "notice",
            "informational",
            "debug",
        ];
        self.severity.and_then(|at| NAMES.get(usize::from(at)).copied()).unwrap_or("")
    }

    /// The facility's keyword; empty where none was sent.
    pub fn facility_name(&self) -> &'static str {
        const NAMES: [&str; 24] = [
            "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
            "authpriv", "ftp", "ntp", "security", "console", "cron2", "local0", "local1", "local2",
            "local3", "local4", "local5", "local6", "local7",
        ];
        self.facility.and_then(|at| NAMES.get(usize::from(at)).copied()).unwrap_or("")
    }
}

/// Reads a message; `arrival_ns` tells the year of times that have none.
pub fn parse(message: &str, arrival_ns: i64) -> Message<'_> {
    let message = message.trim_end_matches(['\n', '\r', '\0']);
    let Some((priority, rest)) = priority(message) else {
        return Message { text: message, ..Message::default() };
    };
    let mut parsed = rfc5424::parse(rest).unwrap_or_else(|| rfc3164::parse(rest, arrival_ns));
    parsed.severity = Some(priority & 7);
    parsed.facility = Some(priority >> 3);
    parsed
}

/// `<PRI>` and what follows.
fn priority(message: &str) -> Option<(u8, &str)> {
    let (digits, rest) = message.strip_prefix('<')?.split_once('>')?;
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let priority: u8 = digits.parse().ok().filter(|priority| *priority <= 191)?;
    Some((priority, rest))
}
