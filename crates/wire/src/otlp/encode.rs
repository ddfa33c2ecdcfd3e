//! Answers to OTLP requests.
