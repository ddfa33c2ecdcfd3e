//! Bytes of foreign protocols to columns of the model and back, one folder a protocol.
//!
//! # Invariants
//! - No IO, no HTTP, no storage, no clock: bytes and the time of arrival come in as arguments.
//! - No bytes from outside panic, recurse without bound, or allocate what they claim to need.
//! - A message that can not be read is an error that names the place; a record that can not be
//!   kept is left out and counted, and the records beside it are kept.

#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::string_slice))]

pub mod compression;
pub mod decoded;
pub mod jaeger;
pub mod loki;
pub mod otlp;
pub mod prometheus;
pub mod protobuf;
mod spans;
pub mod syslog;
pub mod thrift;
#[cfg(test)]
mod thrift_writer;
pub mod zipkin;
