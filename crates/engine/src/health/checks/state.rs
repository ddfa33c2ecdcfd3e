//! How a check stands: what results make of it.

/// What was found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckStatus {
    /// It has not run, or not failed often enough.
    #[default]
    Unknown,
    /// It succeeded last, or has not failed often enough since.
    Healthy,
    /// It failed as often as it takes.
    Unhealthy,
}

impl CheckStatus {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// When it ended, nanoseconds since the epoch.
    pub time_ns: i64,
    /// How long it took.
    pub duration_ns: i64,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// What is known of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckState {
    /// How it stands.
    pub status: CheckStatus,
    /// Since when, nanoseconds since the epoch; none before the first run.
    pub since_ns: Option<i64>,
    /// The last run.
    pub last: Option<Outcome>,
    /// Failures since the last success.
    pub failed_in_a_row: u32,
}

impl CheckState {
    /// Takes a result; it takes so many failures in a row to be unhealthy, and one success to be healthy.
    pub(super) fn take(&mut self, outcome: Outcome, failures: u32) {
        let status = if outcome.error.is_none() {
            self.failed_in_a_row = 0;
            CheckStatus::Healthy
        } else {
            self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
            if self.failed_in_a_row >= failures { CheckStatus::Unhealthy } else { self.status }
        };
        if status != self.status {
            self.status = status;
            self.since_ns = Some(outcome.time_ns);
        }
        self.last = Some(outcome);
    }
}
