//! The model that names issues, against a server of OpenAI's API on this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use watchkeep_model::{SystemClock, TenantId, TimeRange};
use watchkeep_storage::memory::MemoryStore;

use super::config::{FeedbackConfig, LlmConfig};
use super::given::Given;
use super::query::FeedbackFilter;
use super::themes::{Analysis, With};
use crate::LimitsConfig;
use crate::engine::Engine;
use crate::humane::HumaneDuration;
use crate::scrape::Environment;

/// What the stub does with one request: a status and a body, or nothing at all.
type Reply = Option<(u16, String)>;

/// Answers requests in turn, the last reply for all that follow; counts them and keeps the last.
struct Stub {
    url: String,
    asked: Arc<AtomicUsize>,
    last: Arc<parking_lot::Mutex<String>>,
}

impl Stub {
    async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (asked, last) =
            (Arc::<AtomicUsize>::default(), Arc::<parking_lot::Mutex<_>>::default());
        let stub = Self { url, asked: Arc::clone(&asked), last: Arc::clone(&last) };
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                let reply = replies[number.min(replies.len() - 1)].clone();
                tokio::spawn(serve(connection, reply, Arc::clone(&last)));
            }
        });
        stub
    }
}

async fn serve(mut connection: TcpStream, reply: Reply, last: Arc<parking_lot::Mutex<String>>) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = connection.read(&mut piece).await.unwrap_or(0);
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let length = text
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if read == 0 || body.is_some() && body >= length {
            *last.lock() = text;
            break;
        }
    }
    let Some((status, body)) = reply else {
        // Silence until the client gives up.
        let _gone = connection.read(&mut piece).await;
        return;
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    let answer = format!("{head}{body}");
    let _closed = connection.write_all(answer.as_bytes()).await;
}

#[expect(clippy::unnecessary_wraps, reason = "a reply may be that none comes")]
fn completion(text: &str) -> Reply {
    let body = serde_json::json!({
        "id": "cmpl-1", "model": "gpt-4o-mini",
        "choices": [{"message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0},
    });
    Some((200, body.to_string()))
}

async fn engine(url: &str) -> Engine {
    let llm = LlmConfig {
        url: url.to_owned(),
        model: "gpt-4o-mini".to_owned(),
        api_key_env: "STUB_KEY".to_owned(),
        timeout: HumaneDuration(Duration::from_millis(500)),
        retries: 1,
        ..LlmConfig::default()
    };
    let environment = Environment::new([("STUB_KEY".to_owned(), "sk-stub".to_owned())]);
    let config = FeedbackConfig { llm, ..FeedbackConfig::default() };
    let engine = Engine::new(LimitsConfig::default(), Arc::new(SystemClock), &Registry::new())
        .unwrap()
        .with_feedback(config, &environment)
        .unwrap();
    engine.attach(Arc::new(MemoryStore::default()));
    for comment in ["wrong price", "the price is wrong", "rude"] {
        let given = Given {
            user: "u".into(),
            rating: Some(1.0),
            comment: comment.into(),
            origin: "api",
            ..Given::default()
        };
        let entry = given.settle(engine.feedback_config(), 1_000).unwrap();
        engine.keep_feedback(&TenantId::default(), vec![entry]).await.unwrap();
    }
    engine
}

async fn themes(engine: &Engine) -> Analysis {
    let filter = FeedbackFilter::all(TimeRange::ALL);
    engine.feedback_themes(&TenantId::default(), filter, With::Auto, 10).await.unwrap()
}

#[tokio::test]
async fn the_model_names_the_issues_once_for_the_same_comments() {
    let stub = Stub::start(vec![completion("1. Wrong prices\n2. Rude tone\n")]).await;
    let engine = engine(&stub.url).await;
    let found = themes(&engine).await;
    assert_eq!(found.issues, ["Wrong prices", "Rude tone"]);
    let used = found.model.unwrap();
    assert_eq!((used.input_tokens, used.is_cached), (1_000_000, false));
    assert!(used.cost_usd.is_some_and(|usd| usd > 0.0), "{used:?}");
    assert!(themes(&engine).await.model.unwrap().is_cached);
    assert_eq!(stub.asked.load(Ordering::SeqCst), 1);
    let request = stub.last.lock().clone();
    assert!(request.to_lowercase().contains("authorization: bearer sk-stub"));
    assert!(request.contains("- wrong price") && request.starts_with("POST /v1/chat/completions"));
}

#[tokio::test]
async fn the_call_is_a_span_of_the_service_watchkeep_with_its_tokens() {
    let stub = Stub::start(vec![completion("Wrong prices")]).await;
    let engine = engine(&stub.url).await;
    themes(&engine).await;
    let operations = engine.store().unwrap().operations(&TenantId::default()).await.unwrap();
    let told: Vec<(&str, &str)> =
        operations.iter().map(|one| (&*one.service, &*one.name)).collect();
    assert_eq!(told, [("watchkeep", "chat gpt-4o-mini")]);
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_not() {
    let busy = Some((503, "{}".to_owned()));
    let stub = Stub::start(vec![busy.clone(), completion("- Slow")]).await;
    let found = themes(&engine(&stub.url).await).await;
    assert_eq!((found.issues, found.fallback), (vec!["Slow".to_owned()], None));
    let cases = [
        (busy, 2, "503"),
        (Some((401, "{}".to_owned())), 1, "401"),
        (Some((200, "no JSON".to_owned())), 1, "completion"),
        (completion("---"), 1, "names no issue"),
        (None, 2, "500ms"),
    ];
    for (reply, attempts, why) in cases {
        let stub = Stub::start(vec![reply]).await;
        let found = themes(&engine(&stub.url).await).await;
        let fallback = found.fallback.unwrap();
        assert!(fallback.contains(why), "{fallback}");
        // What the themes say stands in for it.
        assert_eq!(found.issues, ["Price wrong (2 comments)"]);
        assert!(found.model.is_none());
        assert_eq!(stub.asked.load(Ordering::SeqCst), attempts, "{why}");
    }
}

#[test]
fn a_key_that_is_not_in_the_environment_is_an_error_at_start() {
    let llm = LlmConfig {
        url: "http://127.0.0.1:1".into(),
        model: "m".into(),
        api_key_env: "MISSING".into(),
        ..LlmConfig::default()
    };
    let error = super::llm::Llm::new(&llm, &Environment::new([])).unwrap_err();
    assert!(error.message().contains("MISSING is not set"));
}
