//! From the tree of YAML to the typed configuration, a file for each part of it.

pub(super) mod discovery;
pub(super) mod global;
pub(super) mod http;
pub(super) mod relabel;
pub(super) mod remote;
pub(super) mod scrape;
