//! No bytes make the decoder of remote write 1 panic, or make columns that can not be read or that
//! do not survive being sent again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use watchkeep_model::{DecodeLimits, Labels, NativeHistogram};
use watchkeep_wire::prometheus::remote_write::{Version, Written, encode_v1};

fuzz_target!(|body: &[u8]| {
    let limits = DecodeLimits::default();
    let Ok(decoded) = Version::V1.decode(body, &limits) else { return };
    let columns = decoded.columns;
    columns.check_rows().expect("rows refer to rows");
    for labels in columns.series.labels.iter().chain(columns.exemplars.labels.iter()) {
        Labels::from_canonical(labels).expect("labels are canonical");
    }
    for histogram in columns.histograms.histogram.iter() {
        NativeHistogram::decode(histogram).expect("histograms can be read");
    }
    let sent = encode_v1(&columns).expect("columns are whole");
    let again = Version::V1.decode(&sent, &limits).expect("what was sent is read");
    assert_eq!(Written::of(&again.columns).samples, Written::of(&columns).samples);
});
