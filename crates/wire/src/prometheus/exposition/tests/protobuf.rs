//! The protobuf format, with messages written here by hand.

use watchkeep_model::labels::write_varint;

use super::super::{Format, Options};
use super::shown;
use crate::protobuf::Writer;

fn message(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.into_bytes()
}

fn label(name: &str, value: &str) -> Vec<u8> {
    message(|w| {
        w.bytes(1, name.as_bytes());
        w.bytes(2, value.as_bytes());
    })
}

fn family(name: &str, kind: u64, unit: &str, metrics: &[Vec<u8>]) -> Vec<u8> {
    let body = message(|w| {
        w.bytes(1, name.as_bytes());
        w.bytes(2, b"help");
        w.varint(3, kind);
        for metric in metrics {
            w.bytes(4, metric);
        }
        w.bytes(5, unit.as_bytes());
    });
    let mut out = Vec::new();
    write_varint(&mut out, body.len() as u64);
    out.extend(body);
    out
}

fn number(w: &mut Writer, field: u32, value: f64) {
    w.fixed64(field, value.to_bits());
}

fn timestamp(seconds: u64, nanos: u64) -> Vec<u8> {
    message(|w| {
        w.varint(1, seconds);
        w.varint(2, nanos);
    })
}

fn exemplar(id: &str, value: f64, time: Option<u64>) -> Vec<u8> {
    message(|w| {
        w.bytes(1, &label("id", id));
        number(w, 2, value);
        if let Some(time) = time {
            w.bytes(3, &timestamp(time, 0));
        }
    })
}

fn classic_bucket(count: u64, bound: f64, exemplar: Option<Vec<u8>>) -> Vec<u8> {
    message(|w| {
        w.varint(1, count);
        number(w, 2, bound);
        if let Some(exemplar) = exemplar {
            w.bytes(3, &exemplar);
        }
    })
}

fn read(body: &[u8], options: Options) -> Vec<String> {
    shown(body, Format::Protobuf, options)
}

#[test]
fn numbers_have_labels_times_exemplars_and_starts() {
    let counter = message(|w| {
        w.bytes(1, &label("l", "v"));
        w.bytes(
            3,
            &message(|w| {
                number(w, 1, 5.0);
                w.bytes(2, &exemplar("x", 0.5, Some(3)));
                w.bytes(3, &timestamp(7, 8_900_000));
            }),
        );
        w.varint(6, 1234);
    });
    let gauge = message(|w| w.bytes(2, &message(|w| number(w, 1, -1.5))));
    let untyped = message(|w| w.bytes(5, &message(|w| number(w, 1, 2.0))));
    let body = [
        family("c", 0, "", &[counter]),
        family("none", 0, "", &[]),
        family("g.h", 1, "s", &[gauge.clone(), gauge]),
        family("u", 3, "", &[untyped]),
    ]
    .concat();
    let expect = [
        "HELP c \"help\"",
        "TYPE c counter",
        "c{l=\"v\"} 5 @1234 start=7008 # {id=\"x\"} 0.5 @3000",
        "HELP g.h \"help\"",
        "UNIT g.h s",
        "TYPE g.h gauge",
        "g.h{} -1.5",
        "g.h{} -1.5",
        "HELP u \"help\"",
        "TYPE u unknown",
        "u{} 2",
    ];
    assert_eq!(read(&body, Options::default()), expect);
}

#[test]
fn summaries_become_their_series() {
    let metric = message(|w| {
        w.bytes(
            4,
            &message(|w| {
                w.varint(1, 3);
                number(w, 2, 9.5);
                for quantile in [0.0, 0.99] {
                    w.bytes(
                        3,
                        &message(|w| {
                            number(w, 1, quantile);
                            number(w, 2, quantile * 10.0);
                        }),
                    );
                }
                w.bytes(4, &timestamp(1, 0));
            }),
        );
    });
    let lines = read(&family("s", 2, "", &[metric]), Options::default());
    let expect = [
        "s_count{} 3 start=1000",
        "s_sum{} 9.5 start=1000",
        "s{quantile=\"0.0\"} 0 start=1000",
        "s{quantile=\"0.99\"} 9.9 start=1000",
    ];
    assert_eq!(lines[2..], expect);
}

/// With classic buckets up to 1, and, where asked, native ones of schema 0.
fn histogram(classic: bool, native: bool) -> Vec<u8> {
    message(|w| {
        w.bytes(
            7,
            &message(|w| {
                w.varint(1, 6);
                number(w, 2, 9.5);
                if classic {
                    w.bytes(3, &classic_bucket(2, 0.5, Some(exemplar("a", 0.25, None))));
                    w.bytes(3, &classic_bucket(5, 1.0, Some(exemplar("b", 0.75, Some(4)))));
                }
                if native {
                    w.sint32(5, 0);
                    number(w, 6, 0.001);
                    w.varint(7, 1);
                    w.bytes(
                        12,
                        &message(|w| {
                            w.sint32(1, 1);
                            w.varint(2, 2);
                        }),
                    );
                    // Two observations, then one more than that: +2, +1 as zigzag.
                    w.varint(13, 4);
                    w.varint(13, 2);
                }
            }),
        );
    })
}

const CLASSIC: [&str; 5] = [
    "h_count{} 6",
    "h_sum{} 9.5",
    "h_bucket{le=\"0.5\"} 2 # {id=\"a\"} 0.25",
    "h_bucket{le=\"1.0\"} 5 # {id=\"b\"} 0.75 @4000",
    "h_bucket{le=\"+Inf\"} 6",
];
const NATIVE: &str = "h{} schema=0 count=6 sum=9.5 [0.001:1 2:2 4:3]";
const CONVERTED: &str = "h{} schema=-53 count=6 sum=9.5 [0.5:2 1:3 inf:1] # {id=\"b\"} 0.75 @4000";

#[test]
fn histograms_come_as_the_options_say() {
    let body = |classic, native| {
        family("h", 4, "", &[histogram(classic, native), histogram(classic, native)])
    };
    let native_with_exemplars = format!("{NATIVE} # {{id=\"b\"}} 0.75 @4000");
    let default = Options::default();
    let keep = Options { keep_classic_histograms: true, ..default };
    let convert = Options { convert_classic_histograms: true, ..default };
    let both = Options { keep_classic_histograms: true, ..convert };
    let ignore = Options { ignore_native_histograms: true, ..default };
    let classic_then = |last: &[&'static str]| [&CLASSIC[..], last].concat();
    let cases: [(&str, bool, bool, Options, Vec<&str>); 8] = [
        ("classic alone", true, false, default, classic_then(&[])),
        ("native alone", false, true, default, vec![NATIVE]),
        ("both", true, true, default, vec![&native_with_exemplars]),
        ("both kept", true, true, keep, [&[&*native_with_exemplars], &CLASSIC[..]].concat()),
        ("classic converted", true, false, convert, vec![CONVERTED]),
        ("classic converted and kept", true, false, both, classic_then(&[CONVERTED])),
        ("native ignored", true, true, ignore, classic_then(&[])),
        (
            "native ignored without buckets",
            false,
            true,
            ignore,
            vec!["h_count{} 6", "h_sum{} 9.5", "h_bucket{le=\"+Inf\"} 6"],
        ),
    ];
    for (what, classic, native, options, expect) in cases {
        let lines = read(&body(classic, native), options);
        assert_eq!(lines[2..], [expect.clone(), expect].concat(), "{what}");
    }
    let gauges = family("h", 5, "", &[histogram(false, true)]);
    assert_eq!(read(&gauges, default)[1..], ["TYPE h gaugehistogram", NATIVE]);
}

#[test]
fn fractional_counts_are_read() {
    let metric = message(|w| {
        w.bytes(
            7,
            &message(|w| {
                number(w, 4, 2.5);
                number(w, 8, 0.5);
                w.bytes(12, &message(|w| w.varint(2, 1)));
                number(w, 14, 2.0);
            }),
        );
    });
    let lines = read(&family("h", 4, "", &[metric]), Options::default());
    assert_eq!(lines[2], "h{} schema=0 count=2.5 sum=0 [0:0.5 1:2]");
}

#[test]
fn contradictions_and_damage_are_errors() {
    let spans = |length: u64| {
        let metric = message(|w| {
            w.bytes(7, &message(|w| w.bytes(12, &message(|w| w.varint(2, length)))));
        });
        family("h", 4, "", &[metric])
    };
    let cases = [
        (
            spans(u64::from(u32::MAX)),
            "histogram \"h\": positive side: spans require 4294967295 buckets, have 0",
        ),
        (family("", 0, "", &[vec![]]), "a metric family has no name"),
        (family("a", 9, "", &[vec![]]), "metric \"a\" has the unknown type 9"),
        (vec![5, 1], "a metric family is longer than the 1 bytes that are left"),
        (vec![0xff], "a metric family is longer than the 0 bytes that are left"),
        (vec![1, 0x0b], "malformed protobuf in a metric family: group without an end at byte 0"),
    ];
    for (body, expect) in cases {
        let lines = read(&body, Options::default());
        assert_eq!(lines.last(), Some(&format!("error: {expect}")), "{body:02x?}");
    }
    let name = family("a", 1, "", &[message(|w| w.bytes(1, &message(|w| w.bytes(1, b"\xff"))))]);
    let lines = read(&name, Options::default());
    assert_eq!(lines.last().unwrap(), "error: label name \"\u{fffd}\" is not UTF-8");
}
