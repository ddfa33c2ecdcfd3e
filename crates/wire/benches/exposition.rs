//! Megabytes of expositions read a second: `cargo bench -p watchkeep-wire --bench exposition`.

use std::fmt::Write as _;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use watchkeep_model::DecodeLimits;
use watchkeep_wire::prometheus::exposition::write::{
    ExpositionWriter, FamilyMetadata, WrittenSample, WrittenValue, negotiate_accept,
};
use watchkeep_wire::prometheus::exposition::{Entry, Format, Options, Parser, decode_exposition};

fn main() {
    divan::main();
}

const FAMILIES: usize = 100;
const SERIES: usize = 50;
const ROWS: usize = FAMILIES * SERIES;

/// Families like those of a service: about 110 bytes a line.
fn text(openmetrics: bool) -> Vec<u8> {
    let mut out = String::new();
    for family in 0..FAMILIES {
        let name = format!("service_http_requests_{family}");
        writeln!(out, "# HELP {name} Requests that the service has answered, by route.")
            .and_then(|()| writeln!(out, "# TYPE {name} counter"))
            .expect("writing to a string does not fail");
        for series in 0..SERIES {
            let value = (family * 7919 + series * 104_729) as f64 * 1.25;
            writeln!(
                out,
                "{name}_total{{method=\"GET\",route=\"/api/v1/resource/{series}\",code=\"200\",\
                 handler=\"main\"}} {value}"
            )
            .expect("writing to a string does not fail");
        }
    }
    if openmetrics {
        out.push_str("# EOF\n");
    }
    out.into_bytes()
}

fn protobuf() -> Vec<u8> {
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                  encoding=delimited";
    let mut writer = ExpositionWriter::new(&negotiate_accept(Some(accept), false));
    for family in 0..FAMILIES {
        let name = format!("service_http_requests_{family}_total");
        for series in 0..SERIES {
            let route = format!("/api/v1/resource/{series}");
            let labels =
                [("method", "GET"), ("route", &*route), ("code", "200"), ("handler", "main")];
            let value = (family * 7919 + series * 104_729) as f64 * 1.25;
            writer.push(&WrittenSample {
                name: &name,
                labels: &labels,
                time_ms: None,
                value: WrittenValue::Float(value),
                metadata: FamilyMetadata::default(),
            });
        }
    }
    writer.finish()
}

fn read(bencher: Bencher<'_, '_>, body: &[u8], format: Format, with_labels: bool) {
    bencher.counter(BytesCount::new(body.len())).counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mut parser = Parser::new(body, format, Options::default());
        let mut seen = 0;
        while let Ok(Some(entry)) = parser.next() {
            if let Entry::Sample(sample) = entry {
                seen += sample.key().len();
                if with_labels {
                    seen += sample.labels().map_or(0, |labels| labels.len());
                }
            }
        }
        seen
    });
}

/// As a scrape of known series does it.
#[divan::bench]
fn text_keys(bencher: Bencher<'_, '_>) {
    read(bencher, &text(false), Format::Text, false);
}

/// As the first scrape does it.
#[divan::bench]
fn text_labels(bencher: Bencher<'_, '_>) {
    read(bencher, &text(false), Format::Text, true);
}

#[divan::bench]
fn openmetrics_keys(bencher: Bencher<'_, '_>) {
    read(bencher, &text(true), Format::OpenMetrics, false);
}

#[divan::bench]
fn protobuf_keys(bencher: Bencher<'_, '_>) {
    read(bencher, &protobuf(), Format::Protobuf, false);
}

#[divan::bench]
fn import_text(bencher: Bencher<'_, '_>) {
    let (body, limits) = (text(false), DecodeLimits::default());
    bencher.counter(BytesCount::new(body.len())).counter(ItemsCount::new(ROWS)).bench_local(|| {
        decode_exposition(&body, None, 1, &[], &limits).map(|decoded| decoded.columns.samples())
    });
}
