//! Answers as frames, without a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use http_body_util::BodyExt as _;
use tonic::Code;
use watchkeep_wire::compression::decompress;

use super::*;

#[derive(Clone, PartialEq, Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

fn text(length: usize) -> Text {
    Text { text: "x".repeat(length) }
}

/// The messages of a body and its trailers.
async fn read(response: Response) -> (Vec<Text>, HeaderMap) {
    let coding = response.headers().get("grpc-encoding").cloned();
    let coding = coding.as_ref().map(|name| name.to_str().unwrap());
    let mut body = response.into_body();
    let (mut messages, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame.unwrap().into_data() {
            Ok(data) => {
                let (message, is_compressed) = unframe(&data).unwrap();
                let coding = if is_compressed { coding } else { None };
                let plain = decompress(coding, &message, 1 << 20).unwrap();
                messages.push(Text::decode(&*plain).unwrap());
            }
            Err(frame) => trailers = frame.into_trailers().unwrap(),
        }
    }
    (messages, trailers)
}

#[tokio::test]
async fn an_answer_is_compressed_as_the_client_accepts_it_and_only_where_it_helps() {
    for coding in [None, Some(Coding::Gzip), Some(Coding::Zstd)] {
        for message in [text(0), text(10), text(100_000)] {
            let response = success(&message.encode_to_vec(), coding);
            let named = response.headers().get("grpc-encoding").map(|name| name.to_str().unwrap());
            assert_eq!(named, coding.map(Coding::name));
            let (messages, trailers) = read(response).await;
            assert_eq!(messages, [message]);
            assert_eq!(trailers["grpc-status"], "0");
        }
    }
}

#[tokio::test]
async fn a_stream_tells_messages_and_then_how_it_ended() {
    let response = answer::stream(None, None, |frames: Frames<Text>| async move {
        // More than may wait for the client.
        for length in 0..20 {
            assert!(frames.send(&text(length)).await?);
        }
        Err(Error::new(ErrorKind::NotFound, "no more, né"))
    });
    let (messages, trailers) = read(response).await;
    assert_eq!(messages, (0..20).map(text).collect::<Vec<_>>());
    assert_eq!(trailers["grpc-status"], (Code::NotFound as i32).to_string());
    assert_eq!(trailers["grpc-message"], "no%20more,%20n%C3%A9");
}

#[tokio::test]
async fn a_stream_that_nobody_reads_stops_its_work() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Dropped(Arc::clone(&dropped));
    let response = answer::stream(None, None, |frames: Frames<Text>| async move {
        let _guard = guard;
        while frames.send(&text(1)).await? {}
        Ok(())
    });
    let mut body = response.into_body();
    assert!(body.frame().await.is_some());
    assert!(!dropped.load(Ordering::SeqCst));
    drop(body);
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_stream_ends_at_its_deadline() {
    let time = Some(Duration::from_millis(1));
    let response = answer::stream(None, time, |frames: Frames<Text>| async move {
        frames.send(&text(3)).await?;
        std::future::pending().await
    });
    let (messages, trailers) = read(response).await;
    assert_eq!(messages, [text(3)]);
    assert_eq!(trailers["grpc-status"], (Code::DeadlineExceeded as i32).to_string());
}

#[test]
fn deadlines_and_codings_are_read_as_the_protocol_says() {
    let with = |name: &'static str, value: &'static str| {
        let mut request = http::Request::new(Body::empty());
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        request.into_parts().0.headers
    };
    for (value, expect) in [
        ("5S", Some(Duration::from_secs(5))),
        ("99999999H", Some(Duration::from_hours(99_999_999))),
        ("7u", Some(Duration::from_micros(7))),
        ("100000000S", None),
        ("S", None),
        ("", None),
        ("-1S", None),
        ("1x", None),
    ] {
        assert_eq!(time_of(&with("grpc-timeout", value)), expect, "{value}");
    }
    for (value, expect) in [
        ("identity,deflate,gzip", Some(Coding::Gzip)),
        ("gzip, zstd", Some(Coding::Zstd)),
        ("identity", None),
    ] {
        assert_eq!(accepted_by(&with("grpc-accept-encoding", value)), expect, "{value}");
    }
}
