//! Which format a body is in, and which a client wants.

use super::super::escape::EscapingScheme;
use super::super::write::{ResponseFormat, negotiate_accept};
use super::super::{Format, Negotiated, negotiate};

#[test]
fn known_media_types_name_a_format() {
    let cases = [
        ("text/plain", Format::Text),
        ("text/plain; version=0.0.4", Format::Text),
        ("Text/Plain;charset=\"utf-8\"; version=1.0.0;escaping=values", Format::Text),
        ("text/plain;", Format::Text),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", Format::OpenMetrics),
        (
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
             encoding=delimited",
            Format::Protobuf,
        ),
    ];
    for (content_type, format) in cases {
        let expect = Ok(Negotiated { format, warning: None });
        assert_eq!(negotiate(Some(content_type), None), expect, "{content_type}");
        let other = Some(Format::OpenMetrics);
        assert_eq!(negotiate(Some(content_type), other), expect, "{content_type}");
    }
}

#[test]
fn anything_else_needs_a_fallback() {
    let cases = [
        (None, "blank Content-Type"),
        (Some(""), "blank Content-Type"),
        (Some("text/html"), "received unsupported Content-Type \"text/html\""),
        (Some("text/plain; version"), "cannot parse Content-Type"),
        (Some("text/plain; =x"), "cannot parse Content-Type"),
        (Some("text/plain; a=\"b"), "cannot parse Content-Type"),
        (Some("text/plain; a=b c"), "cannot parse Content-Type"),
        (Some("a/b/c"), "cannot parse Content-Type"),
        (Some("/"), "cannot parse Content-Type"),
    ];
    for (content_type, why) in cases {
        let refused = negotiate(content_type, None).unwrap_err();
        assert!(refused.contains(why), "{content_type:?}: {refused}");
        assert!(refused.ends_with("no fallback_scrape_protocol specified for target"));
        let used = negotiate(content_type, Some(Format::Text)).unwrap();
        assert_eq!(used.format, Format::Text);
        assert!(used.warning.unwrap().ends_with("using fallback_scrape_protocol \"text/plain\""));
    }
}

const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                        encoding=delimited";

#[test]
fn the_format_liked_most_is_answered() {
    use EscapingScheme::{AllowUtf8, Underscores, Values};
    let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                      application/openmetrics-text;version=0.0.1;q=0.5,\
                      text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                      text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let protobuf_first = format!("{PROTOBUF};q=0.6,{prometheus}");
    let low = format!("text/plain;q=0.9,{PROTOBUF};q=0.1");
    let cases: [(&str, bool, Format, EscapingScheme); 9] = [
        ("", false, Format::Text, Underscores),
        ("*/*", true, Format::Text, Underscores),
        (prometheus, false, Format::Text, AllowUtf8),
        (prometheus, true, Format::OpenMetrics, AllowUtf8),
        (&protobuf_first, false, Format::Protobuf, Underscores),
        (&low, false, Format::Text, Underscores),
        ("text/plain; escaping=values", false, Format::Text, Values),
        ("text/plain; escaping=unknown", false, Format::Text, Underscores),
        ("application/vnd.google.protobuf", false, Format::Text, Underscores),
    ];
    for (accept, with_openmetrics, format, escaping) in cases {
        let got = negotiate_accept(Some(accept), with_openmetrics);
        assert_eq!((got.format, got.escaping), (format, escaping), "{accept}");
        assert_eq!(got.openmetrics_1_0, format == Format::OpenMetrics, "{accept}");
    }
    assert_eq!(negotiate_accept(None, true).format, Format::Text);
}

#[test]
fn an_answer_says_what_it_is() {
    let cases = [
        (Format::Text, false, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
        (
            Format::OpenMetrics,
            true,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (
            Format::OpenMetrics,
            false,
            "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=underscores",
        ),
        (
            Format::Protobuf,
            false,
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
             encoding=delimited; escaping=underscores",
        ),
    ];
    for (format, openmetrics_1_0, expect) in cases {
        let escaping = EscapingScheme::Underscores;
        let response = ResponseFormat { format, openmetrics_1_0, escaping };
        assert_eq!(response.content_type(), expect);
        assert_eq!(negotiate(Some(expect), None).unwrap().format, format);
    }
}
