//! What a cache tells of itself.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntGauge, Registry};
use watchkeep_model::Result;
use watchkeep_model::error::IoContext;

/// How much a cache holds, and how often it had what was asked for.
#[derive(Debug)]
pub(crate) struct CacheFigures {
    pub(crate) bytes: IntGauge,
    hits: IntCounter,
    misses: IntCounter,
}

impl CacheFigures {
    /// Of a cache whose metrics are called `wk_storage_{name}_cache_…`.
    pub(crate) fn new(name: &str) -> Self {
        let title = |what: &str| format!("wk_storage_{name}_cache_{what}");
        let bytes =
            IntGauge::new(title("bytes"), "Bytes of what was lately read of parts, in memory.");
        let hits = IntCounter::new(title("hits_total"), "What was still in memory when asked for.");
        let misses = IntCounter::new(title("misses_total"), "What had to be read of parts.");
        let (Ok(bytes), Ok(hits), Ok(misses)) = (bytes, hits, misses) else {
            unreachable!("the names and texts of metrics are valid")
        };
        Self { bytes, hits, misses }
    }

    /// Something was asked for.
    pub(crate) fn asked(&self, was_held: bool) {
        if was_held { self.hits.inc() } else { self.misses.inc() }
    }

    pub(crate) fn register(&self, registry: &Registry) -> Result<()> {
        let all: [Box<dyn Collector>; 3] = [
            Box::new(self.bytes.clone()),
            Box::new(self.hits.clone()),
            Box::new(self.misses.clone()),
        ];
        all.into_iter().try_for_each(|metric| {
            registry.register(metric).context(|| "cannot register metrics of a cache".to_owned())
        })
    }
}
