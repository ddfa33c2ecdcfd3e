//! Remote read: requests to matchers, and samples back, either whole (`SAMPLES`) or as a stream of
//! frames of compressed chunks (`STREAMED_XOR_CHUNKS`). Specification: "Prometheus Remote Read API".

mod chunks;
mod request;
mod response;

pub use request::{
    Hints, MATCHERS_MAX, QUERIES_MAX, Query, REQUEST_BYTES_MAX, ReadRequest, ResponseType,
    decode_request,
};
pub use response::{
    FRAME_BYTES_MAX, SamplesResponse, SeriesFrames, chunked_frames, compare_labels,
};
