//! The server: HTTP and gRPC in front of the engine. One folder a surface under [`api`], each with
//! the same files; what they share is beside it.
//!
//! In reading order: [`config`], [`app`] (what handlers are given), [`listen`] (sockets and
//! connections), [`routes`] (which listener serves what), [`api`].
//!
//! # Invariants
//! - Errors become status codes in exactly one function a surface.
//! - Every request body is read through [`body`], which bounds and accounts for it.
//! - Handlers hold no state of their own: what lives longer than a request is in [`app::App`].

pub mod api;
pub mod app;
mod body;
pub mod config;
mod decode;
mod error_log;
mod form;
mod grpc;
mod json;
mod legacy;
pub mod listen;
mod metrics;
mod requests;
mod routes;
mod span_intake;
mod tenant;

pub use api::jaeger::config::JaegerConfig;
pub use api::native::openapi_json;
pub use app::{About, App};
pub use config::{OtlpConfig, ServerConfig};
pub use legacy::LegacyPortsConfig;
pub use listen::Server;
