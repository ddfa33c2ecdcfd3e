//! The protocols of Prometheus, one folder each. They know the messages, not how they arrive.

pub mod exposition;
mod histogram;
mod labels;
pub mod remote_read;
pub mod remote_write;
#[cfg(test)]
mod tests;
