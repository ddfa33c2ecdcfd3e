//! Logs errors that are ours, not the client's, at most one a second: a full disk would otherwise
//! fill the log as well.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use watchkeep_model::{Clock, Error, ErrorKind};

/// Remembers when it last wrote.
#[derive(Debug)]
pub(crate) struct ErrorLog {
    last_ns: AtomicI64,
    suppressed: AtomicU64,
}

impl Default for ErrorLog {
    fn default() -> Self {
        Self { last_ns: AtomicI64::new(i64::MIN), suppressed: AtomicU64::new(0) }
    }
}

impl ErrorLog {
    const INTERVAL_NS: i64 = 1_000_000_000;

    /// Logs the error with all its causes if it is one for the operator.
    pub(crate) fn note(&self, clock: &dyn Clock, surface: &'static str, error: &Error) {
        if !matches!(error.kind(), ErrorKind::Internal | ErrorKind::Corrupt) {
            return;
        }
        let now_ns = clock.now_ns();
        let last_ns = self.last_ns.load(Ordering::Relaxed);
        let is_due = now_ns.saturating_sub(last_ns) >= Self::INTERVAL_NS;
        let is_ours = is_due
            && self
                .last_ns
                .compare_exchange(last_ns, now_ns, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_ours {
            let suppressed = self.suppressed.swap(0, Ordering::Relaxed);
            tracing::error!(surface, suppressed, "{}", error.report());
        } else {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The message that a client gets: that of the error, or a plain one where it might tell what is
/// nobody's business outside.
pub(crate) fn public_message(error: &Error) -> &str {
    match error.kind() {
        ErrorKind::Internal => "internal error; see the server's log",
        ErrorKind::Corrupt => "stored data is damaged; see the server's log",
        _ => error.message(),
    }
}
