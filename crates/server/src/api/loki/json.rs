//! Writes answers as Loki writes them. (Loki documentation, "HTTP API".)

use watchkeep_engine::logs::{LabelSet, Output, QueryStats, Sample, Series, Stream, Value};
use watchkeep_model::Labels;

use crate::json::{list, number, push, string, timestamp};

/// What is told beside an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    /// How long it took.
    pub(super) seconds: f64,
    /// What was read.
    pub(super) stats: QueryStats,
    /// Lines or series in the answer.
    pub(super) returned: usize,
}

/// The answer to a query.
pub(super) fn query(output: &Output, categorized: bool, seconds: f64) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    out.extend_from_slice(b"{\"status\":\"success\"");
    if !output.warnings.is_empty() {
        out.extend_from_slice(b",\"warnings\":[");
        list(&mut out, &output.warnings, |out, text| string(out, text));
        out.push(b']');
    }
    out.extend_from_slice(b",\"data\":{");
    let returned = value(&mut out, &output.value, categorized);
    out.push(b',');
    stats(&mut out, Figures { seconds, stats: output.stats, returned });
    out.extend_from_slice(b"}}\n");
    out
}

/// `resultType`, `encodingFlags` and `result`; gives the number of lines or series.
fn value(out: &mut Vec<u8>, value: &Value, categorized: bool) -> usize {
    let kind = match value {
        Value::Streams(_) => "streams",
        Value::Matrix(_) => "matrix",
        Value::Vector(_) => "vector",
        Value::Scalar { .. } => "scalar",
    };
    push(out, format_args!("\"resultType\":\"{kind}\","));
    if categorized {
        out.extend_from_slice(b"\"encodingFlags\":[\"categorize-labels\"],");
    }
    out.extend_from_slice(b"\"result\":");
    match value {
        Value::Streams(found) => {
            streams(out, found, categorized);
            found.iter().map(|stream| stream.entries.len()).sum()
        }
        Value::Matrix(found) => {
            out.push(b'[');
            list(out, found, matrix_series);
            out.push(b']');
            found.len()
        }
        Value::Vector(found) => {
            out.push(b'[');
            list(out, found, vector_sample);
            out.push(b']');
            found.len()
        }
        Value::Scalar { time_ms, value } => {
            point(out, *time_ms, *value);
            1
        }
    }
}

/// Streams with their lines.
pub(super) fn streams(out: &mut Vec<u8>, streams: &[Stream], categorized: bool) {
    out.push(b'[');
    list(out, streams, |out, stream| {
        out.extend_from_slice(b"{\"stream\":");
        label_set(out, &stream.labels);
        out.extend_from_slice(b",\"values\":[");
        list(out, &stream.entries, |out, entry| {
            let categories = categorized.then_some((&entry.metadata, &entry.parsed));
            line(out, entry.time_ns, &entry.line, categories);
        });
        out.extend_from_slice(b"]}");
    });
    out.push(b']');
}

/// A line with its time, and where its labels are from if that is asked for.
pub(super) fn line(
    out: &mut Vec<u8>,
    time_ns: i64,
    text: &str,
    categories: Option<(&LabelSet, &LabelSet)>,
) {
    push(out, format_args!("[\"{time_ns}\","));
    string(out, text);
    if let Some((metadata, parsed)) = categories {
        out.extend_from_slice(b",{");
        let kinds = [("structuredMetadata", metadata), ("parsed", parsed)];
        list(out, kinds.iter().filter(|(_, labels)| !labels.is_empty()), |out, kind| {
            push(out, format_args!("\"{}\":", kind.0));
            label_set(out, kind.1);
        });
        out.push(b'}');
    }
    out.push(b']');
}

/// Labels as an object; values may be empty.
pub(super) fn label_set(out: &mut Vec<u8>, labels: &LabelSet) {
    out.push(b'{');
    list(out, labels.iter(), |out, (name, value)| {
        string(out, name);
        out.push(b':');
        string(out, value);
    });
    out.push(b'}');
}

fn matrix_series(out: &mut Vec<u8>, series: &Series) {
    out.extend_from_slice(b"{\"metric\":");
    label_set(out, &series.labels);
    out.extend_from_slice(b",\"values\":[");
    list(out, &series.points, |out, (time_ms, value)| point(out, *time_ms, *value));
    out.extend_from_slice(b"]}");
}

fn vector_sample(out: &mut Vec<u8>, sample: &Sample) {
    out.extend_from_slice(b"{\"metric\":");
    label_set(out, &sample.labels);
    out.extend_from_slice(b",\"value\":");
    point(out, sample.time_ms, sample.value);
    out.push(b'}');
}

/// An instant and a number.
pub(super) fn point(out: &mut Vec<u8>, time_ms: i64, value: f64) {
    out.push(b'[');
    timestamp(out, time_ms);
    out.push(b',');
    number(out, value);
    out.push(b']');
}

/// A success that is a list of texts; without any there is no list.
pub(super) fn texts<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> Vec<u8> {
    let mut out = b"{\"status\":\"success\"".to_vec();
    if texts.len() > 0 {
        out.extend_from_slice(b",\"data\":[");
        list(&mut out, texts, string);
        out.push(b']');
    }
    out.extend_from_slice(b"}\n");
    out
}

/// A success that is a list of label sets.
pub(super) fn label_sets<'t>(sets: impl Iterator<Item = &'t Labels>) -> Vec<u8> {
    let mut out = b"{\"status\":\"success\",\"data\":[".to_vec();
    list(&mut out, sets, crate::json::labels);
    out.extend_from_slice(b"]}\n");
    out
}

/// The member `stats`, in Loki's shape. There are no chunks, caches or other servers here: what is
/// read counts as what the store gave.
pub(super) fn stats(out: &mut Vec<u8>, figures: Figures) {
    const CACHES: [&str; 10] = [
        "chunk",
        "index",
        "result",
        "statsResult",
        "volumeResult",
        "seriesResult",
        "labelResult",
        "instantMetricResult",
        "logResult",
        "taskResult",
    ];
    let Figures { seconds, stats, returned } = figures;
    let per_second = |total: u64| if seconds > 0.0 { (total as f64 / seconds) as u64 } else { 0 };
    let lines = stats.rows + stats.rows_counted;
    push(
        out,
        format_args!(
            "\"stats\":{{\"summary\":{{\"bytesProcessedPerSecond\":{},\
             \"linesProcessedPerSecond\":{},\"totalBytesProcessed\":{},\"totalLinesProcessed\":{lines},\
             \"execTime\":{seconds},\"queueTime\":0,\"subqueries\":0,\"totalEntriesReturned\":{returned},\
             \"splits\":0,\"shards\":0,\"totalPostFilterLines\":{},\
             \"totalStructuredMetadataBytesProcessed\":0}},",
            per_second(stats.bytes),
            per_second(lines),
            stats.bytes,
            stats.rows_kept + stats.rows_counted,
        ),
    );
    let store = |decompressed: (u64, u64), kept: u64| {
        format!(
            "{{\"totalChunksRef\":0,\"totalChunksDownloaded\":0,\"chunksDownloadTime\":0,\
             \"queryReferencedStructuredMetadata\":false,\"queryUsedV2Engine\":false,\
             \"chunk\":{{\"headChunkBytes\":0,\"headChunkLines\":0,\"decompressedBytes\":{},\
             \"decompressedLines\":{},\"compressedBytes\":0,\"totalDuplicates\":0,\
             \"postFilterLines\":{kept},\"headChunkStructuredMetadataBytes\":0,\
             \"decompressedStructuredMetadataBytes\":0}},\"chunkRefsFetchTime\":0,\
             \"congestionControlLatency\":0,\"pipelineWrapperFilteredLines\":0}}",
            decompressed.0, decompressed.1,
        )
    };
    push(
        out,
        format_args!(
            "\"querier\":{{\"store\":{},\"querierExecTime\":{seconds}}},\
             \"ingester\":{{\"totalReached\":0,\"totalChunksMatched\":0,\"totalBatches\":0,\
             \"totalLinesSent\":0,\"store\":{}}},\"cache\":{{",
            store((stats.bytes, lines), stats.rows_kept + stats.rows_counted),
            store((0, 0), 0),
        ),
    );
    list(out, CACHES, |out, name| {
        push(
            out,
            format_args!(
                "\"{name}\":{{\"entriesFound\":0,\"entriesRequested\":0,\"entriesStored\":0,\
                 \"bytesReceived\":0,\"bytesSent\":0,\"requests\":0,\"downloadTime\":0,\
                 \"queryLengthServed\":0}}"
            ),
        );
    });
    out.extend_from_slice(
        b"},\"index\":{\"totalChunks\":0,\"postFilterChunks\":0,\"shardsDuration\":0,\
          \"usedBloomFilters\":false,\"totalStreams\":0,\"chunkRefsLookupTime\":0,\
          \"bloomFilterTime\":0}}",
    );
}
