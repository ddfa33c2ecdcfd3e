//! Behaviour of the engine over flushes, restarts and retention.
