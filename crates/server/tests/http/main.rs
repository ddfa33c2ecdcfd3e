//! The server in this process on port 0, over the in-memory store, driven by clients that nobody
//! here wrote.

#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers too")]

mod harness;

mod agents;
mod analysis;
mod budgets;
mod feedback;
mod grpc;
mod health;
mod jaeger;
mod jaeger_query;
mod legacy;
mod monitoring;
mod native;
mod ops;
mod otlp;
mod prices;
mod prometheus;
mod series_max;
mod tempo;
mod zipkin;
mod zipkin_query;
