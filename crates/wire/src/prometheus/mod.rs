//! The protocols of Prometheus, one folder each.

pub mod exposition;
