//! Speed of decoding remote write, in the shape of what an agent's host sends: `cargo bench -p
//! watchkeep-wire --bench remote_write`. Items are samples.

#![expect(clippy::expect_used, reason = "the bodies are made here")]

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use watchkeep_model::{DecodeLimits, Labels, MetricColumns};
use watchkeep_wire::compression::{compress_snappy_block, decompress_snappy_block};
use watchkeep_wire::prometheus::remote_write::{
    BODY_BYTES_MAX, decode_v1, decode_v2, encode_v1, encode_v2,
};

fn main() {
    divan::main();
}

const SERIES: usize = 2000;

/// One sample each of 2,000 series of about 157 bytes.
fn batch() -> MetricColumns {
    let mut columns = MetricColumns::default();
    for number in 0..SERIES {
        let (host, combo, series) = (number / 100, number / 25, number % 25);
        let text = |text: &str| text.to_owned();
        let (name, extra) = match series {
            0..4 => ("agent_requests_total", Some(("status", format!("{}00", series + 2)))),
            4..8 => ("agent_tokens_total", Some(("type", format!("cached_input_{series}")))),
            8..22 => {
                let bound = f64::from(1 << (series - 8)) / 100.0;
                ("agent_latency_seconds_bucket", Some(("le", bound.to_string())))
            }
            22 => ("agent_latency_seconds_sum", None),
            23 => ("agent_latency_seconds_count", None),
            _ => ("agent_cost_usd_total", None),
        };
        let mut pairs = vec![
            ("__name__", text(name)),
            ("agent", format!("agent-{:02}", host % 50)),
            ("instance", format!("agent-host-{host:03}:9464")),
            ("job", text("agents")),
            ("model", format!("claude-sonnet-{}", combo % 4)),
        ];
        pairs.extend(extra);
        columns.series.labels.push(Labels::from_pairs(pairs).as_bytes());
        columns.series.delta.push(0);
        columns.floats.series.push(number as u32);
        columns.floats.time_ms.push(1_790_000_000_000);
        columns.floats.start_ms.push(0);
        columns.floats.value.push(number as f64 * 17.25);
    }
    columns
}

fn bench<T>(bencher: Bencher<'_, '_>, body: &[u8], run: impl Fn(&[u8]) -> T) {
    bencher
        .counter(BytesCount::new(body.len()))
        .counter(ItemsCount::new(SERIES))
        .bench_local(|| run(divan::black_box(body)));
}

fn body_v1() -> Vec<u8> {
    encode_v1(&batch()).expect("the batch is whole")
}

#[divan::bench]
fn v1(bencher: Bencher<'_, '_>) {
    let limits = DecodeLimits::default();
    bench(bencher, &body_v1(), |body| decode_v1(body, &limits).map(|decoded| decoded.rejected));
}

#[divan::bench]
fn v1_with_snappy(bencher: Bencher<'_, '_>) {
    let limits = DecodeLimits::default();
    let body = body_v1();
    let block = compress_snappy_block(&body).expect("the body is small");
    bencher.counter(BytesCount::new(body.len())).counter(ItemsCount::new(SERIES)).bench_local(
        || {
            let body = decompress_snappy_block(divan::black_box(&block), BODY_BYTES_MAX)?;
            decode_v1(&body, &limits).map(|decoded| decoded.rejected)
        },
    );
}

#[divan::bench]
fn snappy_alone(bencher: Bencher<'_, '_>) {
    let body = body_v1();
    let block = compress_snappy_block(&body).expect("the body is small");
    bencher.counter(BytesCount::new(body.len())).counter(ItemsCount::new(SERIES)).bench_local(
        || decompress_snappy_block(divan::black_box(&block), BODY_BYTES_MAX).map(|body| body.len()),
    );
}

#[divan::bench]
fn v2(bencher: Bencher<'_, '_>) {
    let limits = DecodeLimits::default();
    let body = encode_v2(&batch()).expect("the batch is whole");
    bench(bencher, &body, |body| decode_v2(body, &limits).map(|decoded| decoded.rejected));
}
