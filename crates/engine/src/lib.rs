//! The application between the protocols and the store: it takes decoded columns in, answers the
//! questions that the API asks, and keeps both within named limits.
//!
//! In reading order: [`config`] (the limits), [`engine`] (what holds everything together and knows
//! whether the store is ready), [`ingest`], [`query`], [`promql`], [`logs`], [`traces`], [`scrape`],
//! [`sources`], [`span_metrics`], [`analysis`], [`redaction`], [`agents`], [`prices`], [`budgets`],
//! [`feedback`], [`health`], [`documents`].
//!
//! # Invariants
//! - No HTTP status code, header or gRPC code is known here; errors are kinds.
//! - Every call names a tenant.
//! - What comes in is counted once: accepted after the store acknowledged it, or rejected.
//! - Nothing reads the environment or a clock that it was not handed.

pub mod agents;
pub mod analysis;
mod blocking;
pub mod budgets;
pub mod config;
pub mod documents;
pub mod engine;
pub mod feedback;
pub mod health;
pub mod humane;
pub mod ingest;
pub mod logs;
pub mod metrics;
pub mod prices;
pub mod promql;
pub mod query;
pub mod redaction;
pub mod scrape;
pub mod sources;
pub mod span_metrics;
mod totals;
pub mod traces;

pub use agents::config::AgentsConfig;
pub use budgets::config::BudgetsConfig;
pub use config::LimitsConfig;
pub use documents::Documents;
pub use engine::{Engine, Phase};
pub use feedback::config::FeedbackConfig;
pub use health::config::HealthConfig;
pub use logs::config::LokiConfig;
pub use prices::config::PricesConfig;
pub use redaction::config::RedactionConfig;
pub use sources::Sources;
pub use sources::config::SourcesConfig;
pub use span_metrics::config::SpanMetricsConfig;
pub use traces::config::TracesConfig;
