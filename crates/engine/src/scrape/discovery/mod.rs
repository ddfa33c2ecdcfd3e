//! Finding targets: each kind of discovery keeps a set of groups of targets up to date. When one
//! fails, that is logged and counted, and what it last found stays.
//!
//! In reading order: [`group`], [`provider`] (a discovery that runs), then the kinds.

mod consul;
pub(crate) mod dns;
mod docker;
mod file;
pub mod group;
mod http;
mod kubernetes;
pub mod provider;

pub use group::{LabelMap, TargetGroup};
pub use provider::{DiscoveryMetrics, Provider, ProviderConfig};

#[cfg(test)]
mod tests;
