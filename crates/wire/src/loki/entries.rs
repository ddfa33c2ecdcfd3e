//! Rows of entries that were not read from a push request: lines of files, of syslog, of plain text.
//! The limits and the columns are those of push.

use watchkeep_model::LogColumns;

use super::rows::{EntryHead, Rows};
use super::{Fault, PushOptions};
use crate::decoded::Decoded;

/// Fills columns entry by entry.
#[derive(Debug)]
pub struct Entries<'a>(Rows<'a>);

impl<'a> Entries<'a> {
    /// Nothing yet.
    pub fn new(options: PushOptions<'a>) -> Self {
        Self(Rows::new(options))
    }

    /// Adds an entry to the stream with these labels (in the form of a selector), or counts it as
    /// rejected where a limit keeps it out. Fails where the labels can not be read.
    pub fn push<'m>(
        &mut self,
        stream: &str,
        time_ns: i64,
        line: &str,
        metadata: impl Iterator<Item = (&'m str, &'m str)> + Clone,
    ) -> watchkeep_model::Result<()> {
        let bytes = |(name, value): (&str, &str)| name.len() + value.len();
        let head = EntryHead {
            line,
            metadata_count: metadata.clone().count(),
            metadata_bytes: metadata.clone().map(bytes).sum(),
        };
        let from = self.0.len();
        if !self.0.admits(&head, || stream.to_owned()).map_err(Fault::into_error)? {
            return Ok(());
        }
        self.0.begin_entry(time_ns, line);
        for (name, value) in metadata {
            self.0.metadata(name, value);
        }
        self.0.end_entry();
        self.0.end_stream(stream, from).map_err(Fault::into_error)
    }

    /// All that was filled.
    pub fn finish(self) -> Decoded<LogColumns> {
        self.0.finish_any()
    }
}
