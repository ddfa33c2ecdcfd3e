//! What the telemetry of agents means: spans, log records and metrics of any dialect become steps
//! in one normal form, steps become money.
//!
//! In reading order: [`record`] (how a span or log record is shown to the readers), [`step`] and
//! [`usage`] (the normal form), [`dialect`] (what each dialect calls things), [`content`] (messages,
//! tool calls, documents), [`price`] (what tokens cost), [`loops`] (agents that turn in circles),
//! [`feedback`] (ratings and themes), [`redact`] (what must not be stored).
//!
//! # Invariants
//! - No IO, no clock: everything is a function of what is handed in.
//! - What is not understood is reported, never guessed silently.
//! - `Debug` shows no prompt, completion or argument.

pub mod content;
pub mod dialect;
pub mod feedback;
pub mod loops;
pub mod price;
pub mod record;
pub mod redact;
pub mod step;
pub mod usage;

pub use record::{Attribute, Record};
pub use step::{Kind, Step};
pub use usage::{Bucket, Usage};
