//! Figures of requests.

/// Requests, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestSums {
    /// How many.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// How long they took together, nanoseconds.
    pub duration_ns: u64,
    /// Start of the newest, nanoseconds since the epoch; 0 where there is none.
    pub last_ns: i64,
}

/// The requests of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRequests {
    /// Its service; empty for this server's own.
    pub service: String,
    /// What it is called: mostly method and route.
    pub name: String,
    /// Its requests.
    pub sums: RequestSums,
}

/// Requests to a server or service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// All.
    pub all: RequestSums,
    /// Those of the last five minutes.
    pub recent: RequestSums,
    /// Start of the first, nanoseconds since the epoch.
    pub first_ns: Option<i64>,
    /// By endpoint.
    pub endpoints: Vec<EndpointRequests>,
    /// Those to endpoints that are not told one by one. With those of `endpoints` they are `all`.
    pub others: RequestSums,
}

impl RequestSums {
    /// Counts a request.
    pub fn count(&mut self, duration_ns: i64, failed: bool, start_ns: i64) {
        self.add(&Self {
            calls: 1,
            errors: u64::from(failed),
            duration_ns: duration_ns.max(0).cast_unsigned(),
            last_ns: start_ns,
        });
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.last_ns =
            if self.calls == 0 { other.last_ns } else { self.last_ns.max(other.last_ns) };
        self.calls += other.calls;
        self.errors += other.errors;
        self.duration_ns = self.duration_ns.saturating_add(other.duration_ns);
    }

    /// The share that failed, percent; 0 without any.
    pub fn error_percent(&self) -> f64 {
        if self.calls == 0 { 0.0 } else { self.errors as f64 * 100.0 / self.calls as f64 }
    }

    /// How long one took on average, seconds; 0 without any.
    pub fn average_seconds(&self) -> f64 {
        if self.calls == 0 { 0.0 } else { self.duration_ns as f64 / self.calls as f64 / 1e9 }
    }
}

impl Requests {
    /// Puts endpoints in order, the busiest first, and adds what is beyond `endpoints_max` to the
    /// others.
    pub fn rank(&mut self, endpoints_max: usize) {
        self.endpoints.sort_by(|a, b| {
            let by_name = || (&a.name, &a.service).cmp(&(&b.name, &b.service));
            b.sums.calls.cmp(&a.sums.calls).then_with(by_name)
        });
        let kept = endpoints_max.min(self.endpoints.len());
        for endpoint in self.endpoints.drain(kept..) {
            self.others.add(&endpoint.sums);
        }
    }
}
