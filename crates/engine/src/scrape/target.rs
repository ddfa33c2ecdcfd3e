//! A target: where it is, which labels its samples get, and how its last scrape went.

use std::hash::{Hash as _, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use watchkeep_model::Labels;

use super::config::ScrapeConfig;

/// The label that holds host and port.
pub const ADDRESS: &str = "__address__";
/// The label that holds the path.
pub const METRICS_PATH: &str = "__metrics_path__";
/// The label that holds `http` or `https`.
pub const SCHEME: &str = "__scheme__";
/// The label that holds the time between two scrapes.
pub const SCRAPE_INTERVAL: &str = "__scrape_interval__";
/// The label that holds how long a scrape may take.
pub const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
/// Labels that start with this are query parameters.
pub const PARAM_PREFIX: &str = "__param_";
/// Labels that start with this come from discovery and vanish after relabelling.
pub const META_PREFIX: &str = "__meta_";
/// Labels that start with this are not part of a target's samples.
pub const RESERVED_PREFIX: &str = "__";
/// The label that names a Unix socket to reach the target through.
pub const UNIX_SOCKET: &str = "__unix_socket__";
/// The label that says whether native histograms are taken.
pub const SCRAPE_NATIVE_HISTOGRAMS: &str = "__scrape_native_histograms__";
/// The label that says whether classic histograms are taken beside native ones.
pub const ALWAYS_SCRAPE_CLASSIC: &str = "__always_scrape_classic_histograms__";
/// The label that says whether classic histograms become native ones.
pub const CONVERT_CLASSIC: &str = "__convert_classic_histograms_to_nhcb__";

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetHealth {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// The last scrape succeeded.
    Up,
    /// The last scrape failed.
    Down,
}

impl TargetHealth {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What the API shows of a target's last scrape.
#[derive(Debug, Clone, Default)]
pub struct TargetStatus {
    /// How the target is.
    pub health: TargetHealth,
    /// Why the last scrape failed; empty where it did not.
    pub last_error: String,
    /// When the last scrape began.
    pub last_scrape: Option<SystemTime>,
    /// How long the last scrape took.
    pub last_scrape_duration: Duration,
}

/// Metadata of a metric family, as its target describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FamilyMetadata {
    /// The family's name.
    pub family: String,
    /// Its type, as the exposition formats write it.
    pub kind: String,
    /// What it means.
    pub help: String,
    /// Its unit.
    pub unit: String,
}

/// Where a scrape loop keeps the metadata that its target sent.
pub trait MetadataSource: Send + Sync + std::fmt::Debug {
    /// All families.
    fn families(&self) -> Vec<FamilyMetadata>;
    /// One family.
    fn family(&self, name: &str) -> Option<FamilyMetadata>;
}

/// An endpoint that is scraped. Two targets of a job with equal labels and URL are one.
#[derive(Debug)]
pub struct Target {
    labels: Labels,
    discovered: Mutex<Labels>,
    url: String,
    interval: Duration,
    timeout: Duration,
    scrape_native_histograms: bool,
    always_scrape_classic: bool,
    convert_classic: bool,
    /// Why every scrape fails without asking the target.
    forced_error: Mutex<Option<String>>,
    status: Mutex<TargetStatus>,
    metadata: Mutex<Option<Arc<dyn MetadataSource>>>,
}

/// The reading of a label that overrides a setting, or the setting where there is no such label.
fn flag(labels: &Labels, name: &str, setting: bool) -> bool {
    parse_bool(labels.get(name)).unwrap_or(setting)
}

/// Reads what Go's `strconv.ParseBool` reads.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

impl Target {
    /// A target of a job: labels after relabelling, reserved ones included, and before it.
    /// `interval` and `timeout` are what the labels say.
    pub(super) fn new(
        config: &ScrapeConfig,
        labels: Labels,
        discovered: Labels,
        interval: Duration,
        timeout: Duration,
    ) -> Self {
        Self {
            url: url(config, &labels),
            interval,
            timeout,
            scrape_native_histograms: flag(
                &labels,
                SCRAPE_NATIVE_HISTOGRAMS,
                config.scrape_native_histograms,
            ),
            always_scrape_classic: flag(
                &labels,
                ALWAYS_SCRAPE_CLASSIC,
                config.always_scrape_classic_histograms,
            ),
            convert_classic: flag(
                &labels,
                CONVERT_CLASSIC,
                config.convert_classic_histograms_to_nhcb,
            ),
            labels,
            discovered: Mutex::new(discovered),
            forced_error: Mutex::default(),
            status: Mutex::default(),
            metadata: Mutex::default(),
        }
    }

    /// Labels that the target's samples get.
    pub fn public_labels(&self) -> Labels {
        let public = |(name, _): &(&str, &str)| !name.starts_with(RESERVED_PREFIX);
        Labels::from_pairs(self.labels.iter().filter(public))
    }

    /// Labels after relabelling, reserved ones such as `__address__` included.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Labels before relabelling.
    pub fn discovered_labels(&self) -> Labels {
        self.discovered.lock().clone()
    }

    /// Notes other labels before relabelling, which led to the same target.
    pub(super) fn set_discovered_labels(&self, labels: Labels) {
        *self.discovered.lock() = labels;
    }

    /// Why every scrape of this target must fail without asking it, such as too many targets.
    pub fn forced_error(&self) -> Option<String> {
        self.forced_error.lock().clone()
    }

    /// Makes every scrape fail, or lets it be again.
    pub(super) fn set_forced_error(&self, error: Option<String>) {
        *self.forced_error.lock() = error;
    }

    /// What is asked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The path of a Unix socket to reach the target through, if one is set.
    pub fn unix_socket(&self) -> Option<&str> {
        Some(self.labels.get(UNIX_SOCKET)).filter(|path| !path.is_empty())
    }

    /// Time between two scrapes.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long a scrape may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether native histograms are taken from this target.
    pub fn scrape_native_histograms(&self) -> bool {
        self.scrape_native_histograms
    }

    /// Whether classic histograms are taken beside native ones.
    pub fn always_scrape_classic_histograms(&self) -> bool {
        self.always_scrape_classic
    }

    /// Whether classic histograms become native ones with custom buckets.
    pub fn convert_classic_histograms(&self) -> bool {
        self.convert_classic
    }

    /// Time from `now` until the next scrape. Scrapes of a target happen at instants that depend on
    /// the target and the seed alone, which spreads targets evenly and survives a restart.
    pub fn offset(&self, now: SystemTime, seed: u64) -> Duration {
        let interval = self.interval.as_nanos().max(1);
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let base = interval - since % interval;
        let own = u128::from(self.hash() ^ seed) % interval;
        let next = base + own;
        let next = if next > interval { next - interval } else { next };
        Duration::from_nanos(next as u64)
    }

    /// What tells this target from others of its job.
    pub(super) fn key(&self) -> (Labels, String) {
        (self.labels.clone(), self.url.clone())
    }

    fn hash(&self) -> u64 {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        self.labels.hash(&mut hasher);
        hasher.write(self.url.as_bytes());
        hasher.finish()
    }

    /// Notes how a scrape went; `error` is `None` where it succeeded.
    pub fn report(&self, began: SystemTime, took: Duration, error: Option<String>) {
        let health = if error.is_none() { TargetHealth::Up } else { TargetHealth::Down };
        *self.status.lock() = TargetStatus {
            health,
            last_error: error.unwrap_or_default(),
            last_scrape: Some(began),
            last_scrape_duration: took,
        };
    }

    /// How the last scrape went.
    pub fn status(&self) -> TargetStatus {
        self.status.lock().clone()
    }

    /// Shows what is known of the same target under other settings, until it is scraped again.
    pub(super) fn continue_from(&self, before: &Self) {
        *self.status.lock() = before.status();
        *self.metadata.lock() = before.metadata();
    }

    /// Says where the metadata of this target is.
    pub fn set_metadata(&self, source: Arc<dyn MetadataSource>) {
        *self.metadata.lock() = Some(source);
    }

    /// The metadata that the target sent.
    pub fn metadata(&self) -> Option<Arc<dyn MetadataSource>> {
        self.metadata.lock().clone()
    }
}

/// The hash of Fowler, Noll and Vo: the same in every process.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn url(config: &ScrapeConfig, labels: &Labels) -> String {
    let mut params = config.params.clone();
    for (name, value) in labels.iter() {
        let Some(param) = name.strip_prefix(PARAM_PREFIX) else { continue };
        let values = params.entry(param.to_owned()).or_default();
        match values.first_mut() {
            Some(first) => value.clone_into(first),
            None => values.push(value.to_owned()),
        }
    }
    let host = match labels.get(ADDRESS) {
        "" if !labels.get(UNIX_SOCKET).is_empty() => "localhost",
        host => host,
    };
    let path = labels.get(METRICS_PATH);
    let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
    let mut text = format!("{}://{host}{slash}{}", labels.get(SCHEME), escape(path, b"/$&+,:;=@"));
    let mut separator = '?';
    for (name, values) in &params {
        for value in values {
            text.push(separator);
            text.push_str(&escape(name, b" "));
            text.push('=');
            text.push_str(&escape(value, b" "));
            separator = '&';
        }
    }
    text
}

/// A text as a query parameter or a value of a form.
pub(super) fn escape_query(text: &str) -> String {
    escape(text, b" ")
}

/// Writes bytes that stand for themselves neither everywhere nor among `kept` as `%XX`. A blank
/// among `kept` becomes a plus sign, as in query parameters.
fn escape(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte == b' ' && kept.contains(&b' ') {
            out.push('+');
        } else if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn paths_and_parameters_are_escaped_as_browsers_expect() {
        assert_eq!(escape("/a b/ü", b"/$&+,:;=@"), "/a%20b/%C3%BC");
        assert_eq!(escape("{job=\"a b\"}", b" "), "%7Bjob%3D%22a+b%22%7D");
    }
}
