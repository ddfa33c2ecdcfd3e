//! The surfaces, one folder each: `mod` has the routes, `handlers` what they do, `dto` the shapes
//! of their answers, `error` how a kind of error becomes a status and a body.

pub mod jaeger;
pub(crate) mod langfuse;
pub(crate) mod loki;
pub(crate) mod monitoring;
pub mod native;
pub(crate) mod ops;
pub(crate) mod otlp;
pub(crate) mod prometheus;
pub(crate) mod tempo;
pub(crate) mod web;
pub(crate) mod zipkin;
