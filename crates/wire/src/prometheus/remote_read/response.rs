//! Responses of remote read: `prometheus.ReadResponse`, and frames of
//! `prometheus.ChunkedReadResponse`.

use std::cmp::Ordering;

use watchkeep_model::samples::HistogramSample;
use watchkeep_model::{Labels, NativeHistogram, SeriesSamples};

use super::chunks::{
    CHUNK_SAMPLES_MAX, Chunk, Continuation, continuation, histogram_chunk, xor_chunk,
};
use crate::prometheus::histogram::write_histogram;
use crate::protobuf::Writer;
use watchkeep_model::labels::write_varint;

/// A frame of the streamed form ends with the chunk that takes it to so many bytes.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// How Prometheus orders series: by names and values, label by label. Clients merge the series of
/// a query with those of others by this order, so they must come in it.
pub fn compare_labels(a: &Labels, b: &Labels) -> Ordering {
    a.iter().cmp(b.iter())
}

/// Writes the one message of the form `SAMPLES`, query by query.
#[derive(Debug, Default)]
pub struct SamplesResponse {
    writer: Writer,
    samples: usize,
}

impl SamplesResponse {
    /// Adds the answer to the next query; sorts the series as clients need them.
    pub fn push_query(&mut self, mut series: Vec<SeriesSamples>) {
        series.sort_by(|a, b| compare_labels(&a.labels, &b.labels));
        let result = self.writer.begin_message(1);
        for one in &series {
            self.push_series(one);
        }
        self.writer.end_message(result);
    }

    fn push_series(&mut self, series: &SeriesSamples) {
        let message = self.writer.begin_message(1);
        write_labels(&mut self.writer, &series.labels);
        for (time_ms, value) in series.floats.times_ms.iter().zip(&series.floats.values) {
            let sample = self.writer.begin_message(2);
            self.writer.fixed64(1, value.to_bits());
            self.writer.varint(2, *time_ms as u64);
            self.writer.end_message(sample);
        }
        for sample in &series.histograms {
            write_histogram(&mut self.writer, 4, (sample.time_ms, 0), &sample.histogram);
        }
        self.writer.end_message(message);
        self.samples += series.floats.len() + series.histograms.len();
    }

    /// Samples so far, for whoever limits them.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Bytes so far, for whoever limits them.
    pub fn byte_len(&self) -> usize {
        self.writer.position()
    }

    /// The message, to be compressed with [`crate::compression::compress_snappy_block`].
    pub fn into_bytes(self) -> Vec<u8> {
        self.writer.into_bytes()
    }
}

/// Appends labels, each as field 1.
fn write_labels(writer: &mut Writer, labels: &Labels) {
    for (name, value) in labels.iter() {
        let message = writer.begin_message(1);
        writer.bytes(1, name.as_bytes());
        writer.bytes(2, value.as_bytes());
        writer.end_message(message);
    }
}

/// The frames of the answer to the query of a number (from 0), as the series come. These are to
/// come in the order of [`compare_labels`].
pub fn chunked_frames(
    query_index: usize,
    series: impl IntoIterator<Item = SeriesSamples>,
) -> impl Iterator<Item = Vec<u8>> {
    series.into_iter().flat_map(move |series| SeriesFrames::new(query_index, series))
}

/// The frames of one series: each holds its labels and chunks up to [`FRAME_BYTES_MAX`] and at
/// most one chunk more. Chunks are made as frames are asked for.
#[derive(Debug)]
pub struct SeriesFrames {
    query_index: usize,
    series: SeriesSamples,
    /// Next plain sample and next histogram.
    float_at: usize,
    histogram_at: usize,
    /// Whether the next histogram follows a reset that cut its chunk off.
    after_reset: bool,
}

impl SeriesFrames {
    /// Frames for the query of a number (from 0).
    pub fn new(query_index: usize, series: SeriesSamples) -> Self {
        Self { query_index, series, float_at: 0, histogram_at: 0, after_reset: false }
    }

    /// The next chunk: samples of one kind in a row.
    fn chunk(&mut self) -> Option<Chunk> {
        let floats = &self.series.floats;
        let float_ms = floats.times_ms.get(self.float_at).copied();
        let histogram_ms =
            self.series.histograms.get(self.histogram_at).map(|sample| sample.time_ms);
        match (float_ms, histogram_ms) {
            (None, None) => None,
            (Some(float_ms), Some(histogram_ms)) if float_ms > histogram_ms => {
                Some(self.histogram_chunk(Some(float_ms)))
            }
            (None, Some(_)) => Some(self.histogram_chunk(None)),
            (Some(_), before) => Some(self.float_chunk(before)),
        }
    }

    fn float_chunk(&mut self, before: Option<i64>) -> Chunk {
        let floats = &self.series.floats;
        let samples: Vec<(i64, f64)> = floats
            .times_ms
            .iter()
            .copied()
            .zip(floats.values.iter().copied())
            .skip(self.float_at)
            .take(CHUNK_SAMPLES_MAX)
            .take_while(|(time_ms, _)| before.is_none_or(|before| *time_ms <= before))
            .collect();
        self.float_at += samples.len();
        xor_chunk(&samples)
    }

    fn histogram_chunk(&mut self, before: Option<i64>) -> Chunk {
        let mut samples: Vec<(i64, &NativeHistogram)> = Vec::new();
        let after_reset = std::mem::take(&mut self.after_reset);
        for HistogramSample { time_ms, histogram, .. } in
            self.series.histograms.iter().skip(self.histogram_at).take(CHUNK_SAMPLES_MAX)
        {
            if before.is_some_and(|before| *time_ms >= before) {
                break;
            }
            if let Some((_, last)) = samples.last() {
                let next = continuation(last, histogram);
                self.after_reset = next == Continuation::AfterReset;
                if next != Continuation::Same {
                    break;
                }
            }
            samples.push((*time_ms, histogram));
        }
        self.histogram_at += samples.len();
        histogram_chunk(&samples, after_reset)
    }
}

impl Iterator for SeriesFrames {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut chunk = self.chunk()?;
        let mut writer = Writer::default();
        let series = writer.begin_message(1);
        write_labels(&mut writer, &self.series.labels);
        loop {
            let message = writer.begin_message(2);
            writer.varint(1, chunk.min_ms as u64);
            writer.varint(2, chunk.max_ms as u64);
            writer.varint(3, chunk.encoding as u64);
            writer.bytes(4, &chunk.data);
            writer.end_message(message);
            if writer.position() >= FRAME_BYTES_MAX {
                break;
            }
            match self.chunk() {
                Some(next) => chunk = next,
                None => break,
            }
        }
        writer.end_message(series);
        if self.query_index > 0 {
            writer.varint(2, self.query_index as u64);
        }
        let message = writer.into_bytes();
        let mut frame = Vec::with_capacity(message.len() + 14);
        write_varint(&mut frame, message.len() as u64);
        frame.extend_from_slice(&crc32c::crc32c(&message).to_be_bytes());
        frame.extend_from_slice(&message);
        Some(frame)
    }
}
