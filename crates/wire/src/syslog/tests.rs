//! Messages and frames of all forms.

use proptest::prelude::*;

use super::*;

/// 2024-11-18T10:00:00Z.
const AT: i64 = 1_731_924_000_000_000_000;

#[test]
fn messages_of_rfc_5424_are_read() {
    let text = "<165>1 2024-11-18T12:00:00.003+02:00 web-1 agent 812 ID47 \
                [x@1 a=\"1\" b=\"q\\\"\\]\\\\ \\n\"][y] \u{feff}hello\n";
    let message = parse(text, 0);
    assert_eq!((message.facility, message.severity), (Some(20), Some(5)));
    assert_eq!((message.facility_name(), message.severity_name()), ("local4", "notice"));
    assert_eq!(message.time_ns, Some(AT + 3_000_000));
    let head = [message.hostname, message.app_name, message.proc_id, message.msg_id];
    assert_eq!(head, ["web-1", "agent", "812", "ID47"]);
    let data: Vec<_> = message.structured_data.iter().map(|(i, n, v)| (*i, *n, &**v)).collect();
    assert_eq!(data, [("x@1", "a", "1"), ("x@1", "b", "q\"]\\ \\n")]);
    assert_eq!(message.text, "hello");
    let nothing = parse("<0>1 - - - - - -", 0);
    let expected = Message { severity: Some(0), facility: Some(0), ..Message::default() };
    assert_eq!(nothing, expected);
}

#[test]
fn messages_of_rfc_3164_are_read_as_far_as_they_go() {
    let cases = [
        ("<34>Nov 18 10:00:00 mymachine su: failed", Some(AT), "mymachine", "su", "", "failed"),
        ("<34>Nov 18 10:00:00 h app[12]: x", Some(AT), "h", "app", "12", "x"),
        ("<34>Nov 18 10:00:00 app[12]: x", Some(AT), "", "app", "12", "x"),
        ("<34>2024-11-18T10:00:00Z h app: x", Some(AT), "h", "app", "", "x"),
        ("<34>app: x", None, "", "app", "", "x"),
        ("<34>just words", None, "", "", "", "just words"),
        ("<34>Nov 31 10:00:00 h x", None, "", "", "", "Nov 31 10:00:00 h x"),
        ("<34>1 broken head", None, "", "", "", "1 broken head"),
        ("<192>x", None, "", "", "", "<192>x"),
        ("no priority", None, "", "", "", "no priority"),
        ("", None, "", "", "", ""),
    ];
    for (text, time_ns, host, app, process, line) in cases {
        let message = parse(text, AT + 60_000_000_000);
        let got = (message.time_ns, message.hostname, message.app_name, message.proc_id);
        assert_eq!(got, (time_ns, host, app, process), "{text}");
        assert_eq!(message.text, line, "{text}");
    }
}

#[test]
fn the_year_is_the_one_that_ends_before_the_arrival() {
    let january = 1_735_689_600_000_000_000; // 2025-01-01T00:00:00Z
    let last = parse("<34>Dec 31 23:59:59 h x: y", january).time_ns;
    assert_eq!(last, Some(january - 1_000_000_000));
    let ahead = parse("<34>Jan  1 00:00:01 h x: y", january - 1_000_000_000).time_ns;
    assert_eq!(ahead, Some(january + 1_000_000_000));
}

fn frames(bytes: &[u8], is_end: bool) -> (Vec<String>, Result<usize, FrameError>) {
    let (mut all, mut at) = (Vec::new(), 0);
    loop {
        match next_frame(&bytes[at..], is_end) {
            Ok(Some(frame)) => {
                all.push(String::from_utf8_lossy(frame.message).into_owned());
                at += frame.taken;
            }
            Ok(None) => return (all, Ok(bytes.len() - at)),
            Err(error) => return (all, Err(error)),
        }
    }
}

#[test]
fn streams_are_cut_into_messages() {
    let text = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    assert_eq!(frames(b"5 <1>\na<1>b\n3 <1", false), (text(&["<1>\na", "<1>b"]), Ok(4)));
    assert_eq!(frames(b"<1>a\0<1>b", true), (text(&["<1>a", "<1>b"]), Ok(0)));
    assert_eq!(frames(b"<1>a", false), (text(&[]), Ok(4)));
    assert_eq!(frames(b"12x", false).1, Err(FrameError::Count));
    assert_eq!(frames(b"99999999 x", false).1, Err(FrameError::Count));
    assert_eq!(frames(b"999999 x", false).1, Err(FrameError::TooLong));
    assert_eq!(frames(&vec![b'x'; MESSAGE_BYTES_MAX + 1], false).1, Err(FrameError::TooLong));
}

proptest! {
    #[test]
    fn no_message_panics(text in r#"(<[0-9]{1,3}>)?(1 )?[-0-9TZ:. a-zNov\[\]="\\é]{0,80}"#) {
        parse(&text, AT);
    }

    #[test]
    fn no_stream_panics(bytes in prop::collection::vec(prop_oneof![Just(b'1'), Just(b' '), Just(b'\n'), any::<u8>()], 0..60)) {
        let _either = frames(&bytes, true);
    }
}
