//! The store of metrics: a head in memory, immutable parts on disk, and queries over both.
