//! The write-ahead log: the place where an append becomes durable.
//!
//! One thread owns the files. Appends queue up; the thread writes all that have gathered as one
//! group, syncs once, and answers them all: while it syncs, the next group gathers, so the disk
//! sets the pace and no timer does. A large record is a group of its own. Segments are zero-filled before use and reused after, because
//! a sync that need not change the file's size is several times cheaper.
//!
//! After a failed write or sync the log refuses every append until the process is started again:
//! what the kernel dropped can not be known (see the PostgreSQL project's "fsync errors").
//!
//! The files are drawn in `docs/formats/wal.md`.

mod direct;
mod file;
mod replay;
mod segment;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

pub(crate) use direct::Payload;
pub(crate) use replay::{Recovered, replay};
pub(crate) use writer::{Wal, WalConfig};
