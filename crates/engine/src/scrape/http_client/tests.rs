//! What requests carry, and what becomes of failures.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{HttpClient, read_body};
use crate::scrape::config::{HttpClientConfig, load};
use crate::scrape::environment::Environment;
use crate::scrape::fake_http::{Answer, FakeServer, Request};

fn config(yaml: &str) -> HttpClientConfig {
    let text = format!("scrape_configs: [{{job_name: a, {yaml}}}]");
    let loaded = load(&text, Path::new("."), &Environment::default());
    loaded.unwrap_or_else(|error| panic!("{text}: {error}")).config.scrape_configs.remove(0).http
}

fn client(yaml: &str) -> HttpClient {
    HttpClient::new(&config(yaml), &Environment::default()).unwrap()
}

async fn get(client: &HttpClient, url: &str) -> (u16, String) {
    let response = client.send(client.get(url)).await.unwrap();
    let status = response.status().as_u16();
    (status, String::from_utf8(read_body(response, 1000).await.unwrap()).unwrap())
}

async fn header_sent(yaml: &str, name: &str) -> String {
    let server = FakeServer::start(|_| Answer::status(200)).await;
    get(&client(yaml), &server.url()).await;
    server.requests()[0].header(name).to_owned()
}

#[tokio::test]
async fn credentials_and_headers_go_with_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, " from-file\n").unwrap();
    let file = file.display();
    for (yaml, name, expected) in [
        ("basic_auth: {username: me, password: pw}".to_owned(), "authorization", "Basic bWU6cHc="),
        ("bearer_token: x".to_owned(), "authorization", "Bearer x"),
        (format!("bearer_token_file: '{file}'"), "authorization", "Bearer from-file"),
        ("authorization: {type: Custom, credentials: x}".to_owned(), "authorization", "Custom x"),
        (
            format!("authorization: {{credentials_file: '{file}'}}"),
            "authorization",
            "Bearer from-file",
        ),
        ("http_headers: {X-A: {values: [v]}}".to_owned(), "x-a", "v"),
        ("http_headers: {X-A: {secrets: [s]}}".to_owned(), "x-a", "s"),
        (format!("http_headers: {{X-A: {{files: ['{file}']}}}}"), "x-a", "from-file"),
    ] {
        assert_eq!(header_sent(&yaml, name).await, expected, "{yaml}");
    }
    assert!(header_sent("scheme: http", "user-agent").await.starts_with("Watchkeep/"));
}

#[tokio::test]
async fn a_secret_that_rotates_needs_no_reload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old").unwrap();
    let client = client(&format!("bearer_token_file: '{}'", file.display()));
    let server = FakeServer::start(|_| Answer::status(200)).await;
    get(&client, &server.url()).await;
    std::fs::write(&file, "new").unwrap();
    get(&client, &server.url()).await;
    let sent: Vec<String> =
        server.requests().iter().map(|it| it.header("authorization").to_owned()).collect();
    assert_eq!(sent, ["Bearer old", "Bearer new"]);
    std::fs::remove_file(&file).unwrap();
    let error = client.send(client.get(&server.url())).await.unwrap_err();
    assert!(error.message().contains("cannot read the secret in"), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_unless_forbidden() {
    let server = FakeServer::start(|request: &Request| match request.path() {
        "/" => Answer::Whole(302, "location: /there\r\n".into(), String::new()),
        _ => Answer::json("arrived"),
    })
    .await;
    assert_eq!(get(&client("scheme: http"), &server.url()).await, (200, "arrived".into()));
    let (status, _) = get(&client("follow_redirects: false"), &server.url()).await;
    assert_eq!(status, 302);
}

#[tokio::test]
async fn tokens_are_fetched_once_and_kept() {
    let asked = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&asked);
    let tokens = FakeServer::start(move |request: &Request| {
        own.fetch_add(1, Ordering::Relaxed);
        if request.header("authorization").is_empty() {
            return Answer::json(
                r#"{"access_token": "t1", "token_type": "bearer", "expires_in": 3600}"#,
            );
        }
        // Insists on credentials in the body.
        Answer::status(401)
    })
    .await;
    let yaml = format!(
        "oauth2: {{client_id: id, client_secret: hush, token_url: '{}/token', scopes: [a, b], endpoint_params: {{x: 'y z'}}}}",
        tokens.url()
    );
    let client = client(&yaml);
    let server = FakeServer::start(|_| Answer::status(200)).await;
    get(&client, &server.url()).await;
    get(&client, &server.url()).await;
    let sent = server.requests();
    assert!(sent.iter().all(|it| it.header("authorization") == "Bearer t1"), "{sent:?}");
    let asked = tokens.requests();
    assert_eq!(asked.len(), 2, "once in each way, and then not again");
    assert_eq!(
        asked[1].body,
        "grant_type=client_credentials&scope=a+b&client_id=id&client_secret=hush&x=y+z"
    );
}

#[tokio::test]
async fn a_proxy_gets_the_requests() {
    let proxy = FakeServer::start(|_| Answer::json("by proxy")).await;
    let (address, target) = (proxy.address(), "http://target.invalid/metrics");
    let by_url = client(&format!("proxy_url: 'http://{address}'"));
    assert_eq!(get(&by_url, target).await.1, "by proxy");
    let environment = Environment::new([("http_proxy".into(), format!("http://{address}"))]);
    let by_environment =
        HttpClient::new(&config("proxy_from_environment: true"), &environment).unwrap();
    assert_eq!(get(&by_environment, target).await.1, "by proxy");

    let server = FakeServer::start(|_| Answer::json("direct")).await;
    let excepted = client(&format!("proxy_url: 'http://{address}', no_proxy: '127.0.0.1'"));
    assert_eq!(get(&excepted, &server.url()).await.1, "direct");
    // Without the setting, the environment does not count.
    let plain = HttpClient::new(&config("scheme: http"), &environment).unwrap();
    assert_eq!(get(&plain, &server.url()).await.1, "direct");
}

#[tokio::test]
async fn failures_name_no_secret() {
    let client = client("basic_auth: {username: me, password: hush}");
    // Nobody listens: the port was free a moment ago.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://user:hush@127.0.0.1:{port}/");
    let error = client.send(client.get(&url)).await.unwrap_err();
    let shown = format!("{error:?} {}", error.report());
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("refused"), "{shown}");
    assert!(!format!("{client:?}").contains("hush"));
}

#[test]
fn tls_settings_that_can_not_be_used_are_refused() {
    for (yaml, expected) in [
        ("ca: nonsense", "there is no authority in the PEM"),
        ("ca_file: /no/such/file", "cannot read the authorities in /no/such/file"),
        ("cert: x, key: y", "there is no certificate in the PEM"),
        ("max_version: TLS11", "leave neither TLS12 nor TLS13"),
        ("server_name: 'not a name'", "server_name is no name of a host"),
    ] {
        let config = config(&format!("tls_config: {{{yaml}}}"));
        let error = HttpClient::new(&config, &Environment::default()).unwrap_err();
        assert!(error.report().contains(expected), "{yaml}: {}", error.report());
    }
    for good in ["insecure_skip_verify: true", "min_version: TLS13", "server_name: a.example"] {
        client(&format!("tls_config: {{{good}}}"));
    }
}

#[tokio::test]
async fn a_body_larger_than_allowed_is_refused() {
    let server = FakeServer::start(|_| Answer::json("x".repeat(1001))).await;
    let client = client("scheme: http");
    let response = client.send(client.get(&server.url())).await.unwrap();
    assert!(read_body(response, 1000).await.is_err());
}
