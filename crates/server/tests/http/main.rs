//! The server in this process on port 0, over the in-memory store, driven by clients that nobody
//! here wrote.

#![expect(clippy::unwrap_used, reason = "in a test a failure may panic")]

mod harness;

mod grpc;
mod native;
mod ops;
mod otlp;
