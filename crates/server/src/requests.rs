//! What requests were answered, by endpoint: what `/api/monitoring` tells of the server itself. Bounded by
//! the routes that there are and the methods that have a name; a request costs a look into a table and a
//! few additions, and allocates nothing once its route is known.
//!
//! A request is counted when the head of its answer is there, so that an answer that streams (lines that
//! are followed, gRPC, remote read) is not slow because somebody listens to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::Method;
use watchkeep_engine::health::monitoring::RECENT_SECONDS;
use watchkeep_engine::health::monitoring::endpoint::METHODS;
use watchkeep_engine::health::monitoring::requests::{EndpointRequests, RequestSums, Requests};

/// What is called by paths that are no route: files of the UI, and what is not there.
const OTHER_PATHS: &str = "other paths";
/// What stands for a method that is not one of [`METHODS`].
const OTHER_METHOD: &str = "OTHER";

/// The requests of one endpoint.
#[derive(Debug, Default)]
struct Endpoint {
    calls: AtomicU64,
    errors: AtomicU64,
    duration_ns: AtomicU64,
    last_ns: AtomicI64,
}

impl Endpoint {
    fn add(&self, sums: &RequestSums) {
        self.calls.fetch_add(sums.calls, Relaxed);
        self.errors.fetch_add(sums.errors, Relaxed);
        self.duration_ns.fetch_add(sums.duration_ns, Relaxed);
        self.last_ns.fetch_max(sums.last_ns, Relaxed);
    }

    fn sums(&self) -> RequestSums {
        RequestSums {
            calls: self.calls.load(Relaxed),
            errors: self.errors.load(Relaxed),
            duration_ns: self.duration_ns.load(Relaxed),
            last_ns: self.last_ns.load(Relaxed),
        }
    }
}

/// The requests of one route, by method; the last are those of other methods.
#[derive(Debug, Default)]
struct Route([Endpoint; METHODS.len() + 1]);

/// The requests that were answered in one second.
#[derive(Debug, Default, Clone, Copy)]
struct Second {
    /// Which, since the epoch.
    at: i64,
    sums: RequestSums,
}

/// Requests since the start.
#[derive(Debug)]
pub(crate) struct RequestStats {
    routes: RwLock<HashMap<Box<str>, Arc<Route>>>,
    others: Arc<Route>,
    /// The last seconds, each at its number modulo their number.
    recent: Box<[Mutex<Second>]>,
}

impl Default for RequestStats {
    fn default() -> Self {
        Self {
            routes: RwLock::default(),
            others: Arc::default(),
            recent: (0..RECENT_SECONDS).map(|_| Mutex::default()).collect(),
        }
    }
}

/// Where a request is counted.
#[derive(Debug)]
struct Place {
    route: Arc<Route>,
    method: usize,
}

/// A request that is being answered. One that is dropped counts too: its client went away, and it
/// took as long as that; or its handler panicked, and it failed.
#[derive(Debug)]
pub(crate) struct UnderWay {
    stats: Arc<RequestStats>,
    place: Place,
    start_ns: i64,
    started: Instant,
    is_counted: bool,
}

impl UnderWay {
    /// A request begins. `route` is the template that its path matched, if one did.
    pub(crate) fn begin(
        stats: &Arc<RequestStats>,
        method: &Method,
        route: Option<&str>,
        now_ns: i64,
    ) -> Self {
        Self {
            place: stats.place(method, route),
            stats: Arc::clone(stats),
            start_ns: now_ns,
            started: Instant::now(),
            is_counted: false,
        }
    }

    /// The head of its answer is there. Tells how long that took.
    pub(crate) fn answered(mut self, failed: bool) -> Duration {
        self.count(failed)
    }

    fn count(&mut self, failed: bool) -> Duration {
        let took = self.started.elapsed();
        self.is_counted = true;
        self.stats.count(&self.place, self.start_ns, took, failed);
        took
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.is_counted {
            self.count(std::thread::panicking());
        }
    }
}

impl RequestStats {
    /// Where requests of a method to a route are counted; `None` where no route matched.
    fn place(&self, method: &Method, route: Option<&str>) -> Place {
        let method = METHODS.iter().position(|name| *name == method.as_str());
        let route = match route {
            Some(route) => self.route(route),
            None => Arc::clone(&self.others),
        };
        Place { route, method: method.unwrap_or(METHODS.len()) }
    }

    fn route(&self, path: &str) -> Arc<Route> {
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = known.get(path) {
            return Arc::clone(route);
        }
        drop(known);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(path.into()).or_default())
    }

    /// Counts a request that began at an instant, took so long, and perhaps failed.
    fn count(&self, place: &Place, start_ns: i64, took: Duration, failed: bool) {
        let duration_ns = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
        let mut request = RequestSums::default();
        request.count(duration_ns, failed, start_ns);
        place.route.0[place.method].add(&request);
        let at = second_of(start_ns.saturating_add(duration_ns));
        let mut second = self.slot(at).lock().unwrap_or_else(PoisonError::into_inner);
        if second.at != at {
            *second = Second { at, sums: RequestSums::default() };
        }
        second.sums.add(&request);
    }

    fn slot(&self, at: i64) -> &Mutex<Second> {
        &self.recent[at.rem_euclid(self.recent.len() as i64) as usize]
    }

    /// All figures, with endpoints in no order.
    pub(crate) fn requests(&self, started_ns: i64, now_ns: i64) -> Requests {
        let mut requests = Requests { first_ns: Some(started_ns), ..Requests::default() };
        let mut take = |endpoint: &Endpoint, name: String| {
            let sums = endpoint.sums();
            if sums.calls > 0 {
                requests.all.add(&sums);
                requests.endpoints.push(EndpointRequests { service: String::new(), name, sums });
            }
        };
        let methods = || METHODS.into_iter().chain([OTHER_METHOD]);
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        for (path, route) in routes.iter() {
            for (method, endpoint) in methods().zip(&route.0) {
                take(endpoint, format!("{method} {path}"));
            }
        }
        drop(routes);
        for (method, endpoint) in methods().zip(&self.others.0) {
            take(endpoint, format!("{method} {OTHER_PATHS}"));
        }
        let now = second_of(now_ns);
        for slot in &self.recent {
            let second = *slot.lock().unwrap_or_else(PoisonError::into_inner);
            if (now - RECENT_SECONDS as i64 + 1..=now).contains(&second.at) {
                requests.recent.add(&second.sums);
            }
        }
        requests
    }
}

fn second_of(instant_ns: i64) -> i64 {
    instant_ns.div_euclid(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn stats(requests: &[(&str, Option<&str>, i64, u64, bool)]) -> RequestStats {
        let stats = RequestStats::default();
        for (method, route, second, millis, failed) in requests {
            let place = stats.place(&method.parse().unwrap(), *route);
            stats.count(&place, second * SECOND, Duration::from_millis(*millis), *failed);
        }
        stats
    }

    #[test]
    fn requests_are_counted_by_method_and_route() {
        let stats = stats(&[
            ("GET", Some("/traces/{id}"), 1_000, 10, false),
            ("GET", Some("/traces/{id}"), 1_001, 30, true),
            ("POST", Some("/traces/{id}"), 1_000, 1, false),
            ("BREW", Some("/traces/{id}"), 1_000, 1, true),
            ("STEEP", Some("/traces/{id}"), 1_000, 1, true),
            ("GET", None, 1_000, 1, false),
        ]);
        let mut requests = stats.requests(900 * SECOND, 1_010 * SECOND);
        requests.rank(10);
        let told: Vec<_> = requests
            .endpoints
            .iter()
            .map(|one| (one.name.as_str(), one.sums.calls, one.sums.errors, one.sums.last_ns))
            .collect();
        assert_eq!(
            told,
            [
                ("GET /traces/{id}", 2, 1, 1_001 * SECOND),
                ("OTHER /traces/{id}", 2, 2, 1_000 * SECOND),
                ("GET other paths", 1, 0, 1_000 * SECOND),
                ("POST /traces/{id}", 1, 0, 1_000 * SECOND),
            ]
        );
        assert_eq!(requests.endpoints[0].sums.average_seconds(), 0.02);
        assert_eq!((requests.all.calls, requests.all.errors), (6, 3));
        assert_eq!(requests.recent, requests.all);
        assert_eq!(requests.first_ns, Some(900 * SECOND));
    }

    #[test]
    fn a_request_is_recent_for_five_minutes_after_its_answer() {
        let first = [("GET", Some("/x"), 1_000, 2_000, true)];
        let cases = [(1_001, 0), (1_002, 1), (1_301, 1), (1_302, 0), (9_000, 0)];
        for (now, recent) in cases {
            let requests = stats(&first).requests(0, now * SECOND);
            assert_eq!(requests.recent.calls, recent, "{now}");
            assert_eq!(requests.all.calls, 1);
        }
        // Answered at 1002 and 1302, which share a place.
        let later = [first[0], ("GET", Some("/x"), 1_300, 2_000, false)];
        let requests = stats(&later).requests(0, 1_302 * SECOND);
        assert_eq!((requests.recent.calls, requests.recent.errors), (1, 0));
        assert_eq!((requests.all.calls, requests.all.errors), (2, 1));
    }

    #[test]
    fn a_request_that_is_dropped_counts_and_one_that_panicked_failed() {
        let stats = Arc::new(RequestStats::default());
        let begin = || UnderWay::begin(&stats, &Method::GET, Some("/x"), SECOND);
        let counted = || {
            let all = stats.requests(0, SECOND).all;
            (all.calls, all.errors)
        };
        begin().answered(false);
        assert_eq!(counted(), (1, 0));
        begin().answered(true);
        assert_eq!(counted(), (2, 1));
        drop(begin());
        assert_eq!(counted(), (3, 1));
        let panicked = std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let _under_way = begin();
                panic!("as a handler might");
            });
            work.join()
        });
        assert!(panicked.is_err());
        assert_eq!(counted(), (4, 2));
    }

    #[test]
    fn threads_lose_no_request() {
        let stats = RequestStats::default();
        std::thread::scope(|scope| {
            for route in ["/a", "/b", "/a", "/b"] {
                let stats = &stats;
                scope.spawn(move || {
                    for number in 0..1_000 {
                        let place = stats.place(&Method::GET, Some(route));
                        let failed = number % 10 == 0;
                        stats.count(&place, number * SECOND / 100, Duration::ZERO, failed);
                    }
                });
            }
        });
        let requests = stats.requests(0, 9 * SECOND);
        assert_eq!((requests.all.calls, requests.all.errors), (4_000, 400));
        assert_eq!((requests.recent.calls, requests.recent.errors), (4_000, 400));
        assert!(requests.endpoints.iter().all(|endpoint| endpoint.sums.calls == 2_000));
    }
}
