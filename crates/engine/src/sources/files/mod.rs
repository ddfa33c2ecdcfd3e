//! Following files: nothing is lost and nothing is doubled when they are rotated or truncated, or
//! when the server is killed.
//!
//! In reading order: [`patterns`] (which files), [`tracked`] (one of them), [`frame`] and [`split`]
//! (records), [`positions`] (what survives a crash), [`tailer`] (all files), and here, what moves it.
//!
//! Files are looked at every `sources.poll_interval`: unlike notifications that works on every file
//! system, also on those of containers and of the network, and costs a call to the system a file.

pub(crate) mod frame;
pub(crate) mod patterns;
mod positions;
pub(crate) mod split;
pub(crate) mod tailer;
#[cfg(test)]
mod tests;
mod tracked;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::time::{Duration, Instant};

use watchkeep_model::error::IoContext as _;
use watchkeep_model::{LogColumns, Result};
use watchkeep_storage::seam::IngestToken;
use watchkeep_wire::loki::{Entries, PushOptions};

use self::positions::{Positions, PositionsFile};
use self::tailer::{Bounds, Round, Source, Tailer};
use super::metrics::SourceMetrics;
use super::record::stream_of;
use super::sink::{Sent, Sink, Stop};

const KIND: &str = "file";

/// Follows files until it is told to stop.
pub(super) struct Follower {
    sink: Sink,
    poll_interval: Duration,
    /// `None` while a blocking thread has it.
    reader: Option<Reader>,
}

/// What blocking threads work with.
struct Reader {
    tailer: Tailer,
    file: PositionsFile,
    /// What was saved last.
    saved: Option<Positions>,
    sink: Sink,
}

/// A round as it is sent.
struct Batch {
    round: Round,
    columns: LogColumns,
    token: IngestToken,
    rejected: u64,
}

impl Follower {
    /// Goes on from the positions in the data directory. Blocks. Fails where they can not be read:
    /// to begin anew would store everything twice.
    pub(super) fn new(
        sources: Vec<Source>,
        bounds: Bounds,
        data_dir: &Path,
        poll_interval: Duration,
        sink: Sink,
    ) -> Result<Self> {
        let file = PositionsFile::new(data_dir);
        let saved = file.read()?;
        let positions = saved
            .clone()
            .unwrap_or_else(|| Positions::new(RandomState::new().build_hasher().finish()));
        let tailer = Tailer::new(sources, bounds, sink.metrics.clone(), positions);
        let reader = Some(Reader { tailer, file, saved, sink: sink.clone() });
        Ok(Self { sink, poll_interval, reader })
    }

    /// Reads and sends until told to stop; positions are saved then.
    pub(super) async fn run(mut self, mut stop: Stop) {
        let pending = self.with_reader(|reader| Ok(reader.pending())).await;
        let mut next = pending.unwrap_or_default();
        while !stop.is_set() {
            let is_idle = next.is_none();
            if let Some(batch) = next.take()
                && !self.send(batch, &mut stop).await
            {
                // It stays pending, and is sent again after the next start.
                return;
            }
            if is_idle && !stop.wait(self.poll_interval).await {
                break;
            }
            match self.with_reader(|reader| reader.next(Instant::now())).await {
                Ok(batch) => next = batch,
                Err(error) => {
                    self.sink.metrics.errors.with_label_values(&["save"]).inc();
                    tracing::error!(error = %error.report(), "cannot follow files");
                    next = None;
                }
            }
        }
        // What was begun and not sent is pending; otherwise the positions are up to date here.
        if next.is_none()
            && let Err(error) = self.with_reader(Reader::save).await
        {
            tracing::error!(error = %error.report(), "cannot save positions of files");
        }
    }

    /// Sends a batch until it is stored or will never be; `false` where it is stopped before.
    async fn send(&mut self, batch: Batch, stop: &mut Stop) -> bool {
        let Batch { round, columns, token, rejected } = batch;
        let sent = self.sink.send(KIND, columns, rejected, Some(token), stop).await;
        if sent == Sent::Stopped {
            return false;
        }
        if let Some(reader) = &mut self.reader {
            reader.tailer.commit(&round);
        }
        let bytes: usize = round.ranges.iter().map(tailer::ReadRange::bytes).sum();
        self.sink.metrics.bytes.with_label_values(&[KIND]).inc_by(bytes as u64);
        true
    }

    async fn with_reader<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Some(mut reader) = self.reader.take() else {
            return Err(watchkeep_model::Error::internal("reading of files broke off before"));
        };
        let working = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut reader);
            (reader, outcome)
        });
        let (reader, outcome) = working.await.context(|| "reading of files broke off".into())?;
        self.reader = Some(reader);
        outcome
    }
}

impl Reader {
    /// What may have been stored before a crash.
    fn pending(&mut self) -> Option<Batch> {
        let round = self.tailer.pending()?;
        let token = self.tailer.positions().token();
        Some(self.batch(round, token))
    }

    /// What is to be sent next. It is written down before it is given out.
    fn next(&mut self, now: Instant) -> Result<Option<Batch>> {
        self.tailer.scan(now);
        let round = self.tailer.read(now);
        if round.ranges.is_empty() {
            self.save()?;
            return Ok(None);
        }
        let positions = self.tailer.begin(&round);
        let token = positions.token();
        self.write(positions)?;
        Ok(Some(self.batch(round, token)))
    }

    fn save(&mut self) -> Result<()> {
        let positions = self.tailer.positions();
        if self.saved.as_ref() == Some(&positions) {
            return Ok(());
        }
        self.write(positions)
    }

    fn write(&mut self, positions: Positions) -> Result<()> {
        self.file.write(&positions)?;
        self.saved = Some(positions);
        Ok(())
    }

    fn batch(&self, round: Round, token: IngestToken) -> Batch {
        let arrival_ns = self.sink.now_ns();
        let limits = self.sink.limits();
        let options = PushOptions { limits: &limits, labels_required: false };
        let mut entries = Entries::new(options);
        let metrics: &SourceMetrics = &self.sink.metrics;
        let (mut dropped, mut cut_lines, mut refused) = (0, 0, 0);
        for range in &round.ranges {
            let maker = &self.tailer.sources[range.source].maker;
            let labels = self.tailer.labels_of(range);
            let stream = stream_of(&labels);
            for record in range.records() {
                let (draft, cut) = maker.make(record, &labels, arrival_ns);
                cut_lines += u64::from(cut > 0);
                let Some(draft) = draft else {
                    dropped += 1;
                    continue;
                };
                let other = (draft.labels != labels).then(|| draft.stream());
                let metadata = draft.metadata.iter().map(|(n, v)| (n.as_str(), v.as_str()));
                let stream = other.as_ref().unwrap_or(&stream);
                if let Err(error) = entries.push(stream, draft.time_ns, &draft.line, metadata) {
                    tracing::debug!(error = %error.report(), "cannot keep a line");
                    refused += 1;
                }
            }
        }
        metrics.dropped.with_label_values(&[KIND]).inc_by(dropped);
        metrics.cut.with_label_values(&[KIND]).inc_by(cut_lines);
        let decoded = entries.finish();
        Batch { round, columns: decoded.columns, token, rejected: decoded.rejected + refused }
    }
}
