//! Probes against servers that run here and speak as much of each protocol as it takes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::super::config::{CheckConfig, CheckType, Hidden, Statuses};
use super::Probe;
use crate::scrape::environment::Environment;
use crate::scrape::fake_http::{Answer, FakeServer};

fn probe(kind: CheckType, set: impl FnOnce(&mut CheckConfig)) -> Probe {
    let mut config = CheckConfig::new(kind);
    set(&mut config);
    let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
    config.probe(&Environment::new([path])).unwrap()
}

fn of_url(kind: CheckType, url: &str) -> Probe {
    probe(kind, |config| config.url = Some(Hidden::new(url)))
}

/// A port on which nothing listens.
async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// Serves connections one after the other.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream).await;
        }
    });
    address
}

#[tokio::test]
async fn a_port_takes_connections_or_does_not() {
    let address = server(|_| async {}).await;
    let tcp = |address: String| probe(CheckType::Tcp, |config| config.address = Some(address));
    assert_eq!(tcp(address.to_string()).run().await, Ok(()));
    let closed = format!("127.0.0.1:{}", closed_port().await);
    assert_eq!(tcp(closed.clone()).run().await, Err("connection refused".to_owned()));
    assert_eq!(tcp(closed.clone()).target(), closed);
}

#[tokio::test]
async fn a_page_is_judged_by_its_status_and_its_text() {
    let server = FakeServer::start(|request| match request.path() {
        "/ok" => Answer::Whole(200, String::new(), "all systems go".into()),
        "/teapot" => Answer::status(418),
        "/moved" => Answer::Whole(302, "location: /ok\r\n".into(), String::new()),
        "/secret" if request.header("authorization") == "Basic dTpwQHNz" => Answer::status(204),
        "/header" if request.header("x-key") == "k3y" => Answer::status(200),
        _ => Answer::status(503),
    })
    .await;
    let range = |text: &str| Some(Statuses::Text(text.to_owned()));
    for (path, status, text, method, wanted) in [
        ("/ok", None, None, "GET", Ok(())),
        ("/moved", None, None, "GET", Ok(())),
        ("/ok", None, Some("systems"), "GET", Ok(())),
        (
            "/ok",
            None,
            Some("down"),
            "GET",
            Err("the answer does not have the text that is expected"),
        ),
        ("/teapot", None, None, "GET", Err("answered with status 418 I'm a teapot")),
        ("/teapot", range("200,400-499"), None, "GET", Ok(())),
        ("/ok", range("204"), None, "GET", Err("answered with status 200 OK")),
        ("/down", None, None, "head", Err("answered with status 503 Service Unavailable")),
    ] {
        let http = probe(CheckType::Http, |config| {
            config.url = Some(Hidden::new(format!("{}{path}", server.url())));
            config.expect_status = status;
            config.expect_body = text.map(str::to_owned);
            config.method = Some(method.to_owned());
        });
        assert_eq!(http.run().await, wanted.map_err(str::to_owned), "{path}");
    }
    assert!(server.requests().iter().any(|request| request.line.starts_with("HEAD /down")));
    let url = format!("http://u:p%40ss@{}/secret?token=t0ken#part", server.address());
    let secret = of_url(CheckType::Http, &url);
    assert_eq!(secret.run().await, Ok(()));
    assert_eq!(secret.target(), format!("http://{}/secret", server.address()));
    assert_eq!(secret.secrets(), ["token=t0ken", "t0ken", "p@ss"]);
    let shown = format!("{secret:?}");
    assert!(!shown.contains("p@ss") && !shown.contains("t0ken"), "{shown}");
    let header = probe(CheckType::Http, |config| {
        config.url = Some(Hidden::new(format!("{}/header", server.url())));
        config.headers = Some([("X-Key".to_owned(), Hidden::new("k3y"))].into());
    });
    assert_eq!(header.run().await, Ok(()));
    assert_eq!(header.secrets(), ["k3y"]);
    let gone = of_url(CheckType::Http, &format!("http://127.0.0.1:{}/", closed_port().await));
    assert_eq!(gone.run().await, Err("connection refused".to_owned()));
}

#[tokio::test]
async fn a_certificate_is_checked_unless_told_otherwise() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let server = FakeServer::start_tls(settings, |_| Answer::status(200)).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let port = server.address().rsplit_once(':').unwrap().1;
    let https = |set: &dyn Fn(&mut CheckConfig)| {
        probe(CheckType::Http, |config| {
            config.url = Some(Hidden::new(format!("https://localhost:{port}/")));
            set(config);
        })
    };
    let error = https(&|_| {}).run().await.unwrap_err();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(https(&|config| config.insecure_skip_verify = Some(true)).run().await, Ok(()));
    assert_eq!(https(&|config| config.ca_file = Some(ca.clone())).run().await, Ok(()));
    let missing = https(&|config| config.ca_file = Some("/nowhere/ca.pem".into()));
    let error = missing.run().await.unwrap_err();
    assert!(error.contains("/nowhere/ca.pem"), "{error}");
}

/// Reads a command of RESP.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let count: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut parts = Vec::new();
    for _ in 0..count {
        let (mut length, mut text) = (String::new(), String::new());
        stream.read_line(&mut length).await.ok()?;
        stream.read_line(&mut text).await.ok()?;
        assert_eq!(length.trim().strip_prefix('$').unwrap(), (text.len() - 2).to_string());
        parts.push(text.trim_end().to_owned());
    }
    Some(parts)
}

async fn redis(mut stream: BufReader<TcpStream>, password: &str) {
    let mut signed_in = password.is_empty();
    while let Some(parts) = command(&mut stream).await {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let answer = match &*parts {
            ["AUTH", given @ ..] if given.last() == Some(&password) => {
                signed_in = true;
                "+OK"
            }
            ["AUTH", ..] => "-WRONGPASS invalid username-password pair or user is disabled.",
            _ if !signed_in => "-NOAUTH Authentication required.",
            ["SELECT", "3"] => "+OK",
            ["SELECT", _] => "-ERR DB index is out of range",
            ["PING"] => "+PONG",
            _ => "-ERR unknown command",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn redis_is_signed_in_to_and_pinged() {
    let open = server(|stream| redis(BufReader::new(stream), "")).await;
    let closed = server(|stream| redis(BufReader::new(stream), "s3cr:t")).await;
    let strange = server(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _rest = stream.read(&mut [0; 64]).await;
    })
    .await;
    let silent = server(|stream| async { drop(stream) }).await;
    for (url, wanted) in [
        (format!("redis://{open}"), Ok(())),
        (format!("redis://{open}/3"), Ok(())),
        (format!("redis://{open}/77"), Err("SELECT: ERR DB index is out of range")),
        (format!("redis://:s3cr%3At@{closed}"), Ok(())),
        (format!("redis://default:s3cr%3At@{closed}/3"), Ok(())),
        (
            format!("redis://:wrong@{closed}"),
            Err("AUTH: WRONGPASS invalid username-password pair or user is disabled."),
        ),
        (format!("redis://{closed}"), Err("PING: NOAUTH Authentication required.")),
        (
            format!("redis://{strange}"),
            Err("PING was answered with something that is not Redis' protocol"),
        ),
    ] {
        assert_eq!(
            of_url(CheckType::Redis, &url).run().await,
            wanted.map_err(str::to_owned),
            "{url}"
        );
    }
    let error = of_url(CheckType::Redis, &format!("redis://{silent}")).run().await.unwrap_err();
    assert!(error.starts_with("the connection was "), "{error}");
    let target = of_url(CheckType::Redis, "redis://:pw@cache.example/3").target();
    assert_eq!(target, "cache.example:6379/3");
}

/// How a server of PostgreSQL's protocol signs in.
#[derive(Clone, Copy)]
enum SignIn {
    Trust,
    Clear,
    Md5,
    Refuse,
}

async fn message(stream: &mut TcpStream, kind: u8, body: &[u8]) {
    let mut all = vec![kind];
    all.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    all.extend_from_slice(body);
    stream.write_all(&all).await.unwrap();
}

async fn given(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await.ok()?;
    let length = stream.read_u32().await.ok()?;
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

async fn postgres(mut stream: TcpStream, sign_in: SignIn) {
    let failed = |text: &str| format!("SFATAL\0C28P01\0M{text}\0\0").into_bytes();
    loop {
        let length = stream.read_u32().await.unwrap();
        let mut body = vec![0; length as usize - 4];
        stream.read_exact(&mut body).await.unwrap();
        if length == 8 {
            stream.write_all(b"N").await.unwrap();
            continue;
        }
        assert!(body.starts_with(&[0, 3, 0, 0]));
        let text = String::from_utf8_lossy(&body[4..]).into_owned();
        assert!(text.starts_with("user\0ann\0database\0shop\0"), "{text:?}");
        break;
    }
    let wanted: Option<Vec<u8>> = match sign_in {
        SignIn::Trust => None,
        SignIn::Refuse => {
            let text = "password authentication failed for user \"ann\"";
            return message(&mut stream, b'E', &failed(text)).await;
        }
        SignIn::Clear => {
            message(&mut stream, b'R', &3_u32.to_be_bytes()).await;
            Some(b"p w\0".to_vec())
        }
        SignIn::Md5 => {
            message(&mut stream, b'R', b"\0\0\0\x05abcd").await;
            let mut wanted = super::pg_auth::md5("ann", "p w", *b"abcd").into_bytes();
            wanted.push(0);
            Some(wanted)
        }
    };
    if let Some(wanted) = wanted {
        let (kind, body) = given(&mut stream).await.unwrap();
        assert_eq!((kind, body), (b'p', wanted));
    }
    message(&mut stream, b'R', &0_u32.to_be_bytes()).await;
    message(&mut stream, b'S', b"server_version\x0017\0").await;
    message(&mut stream, b'Z', b"I").await;
    assert_eq!(given(&mut stream).await.unwrap(), (b'Q', b"SELECT 1\0".to_vec()));
    message(&mut stream, b'T', b"\0\0").await;
    message(&mut stream, b'D', b"\0\x01\0\0\0\x011").await;
    message(&mut stream, b'C', b"SELECT 1\0").await;
    message(&mut stream, b'Z', b"I").await;
    assert_eq!(given(&mut stream).await.unwrap().0, b'X');
}

#[tokio::test]
async fn postgres_is_signed_in_to_and_asked() {
    for (sign_in, parameters, wanted) in [
        (SignIn::Trust, "", Ok(())),
        (SignIn::Trust, "?sslmode=disable", Ok(())),
        (SignIn::Trust, "?sslmode=require", Err("the server does not speak TLS")),
        (SignIn::Clear, "", Ok(())),
        (SignIn::Md5, "?sslmode=prefer&connect_timeout=3", Ok(())),
        (SignIn::Refuse, "", Err("password authentication failed for user \"ann\"")),
    ] {
        let address = server(move |stream| async move {
            // One that asks for TLS alone goes away.
            let served = tokio::spawn(postgres(stream, sign_in)).await;
            drop(served);
        })
        .await;
        let url = format!("postgres://ann:p%20w@{address}/shop{parameters}");
        let probe = of_url(CheckType::Postgres, &url);
        assert_eq!(probe.run().await, wanted.map_err(str::to_owned), "{parameters}");
        assert_eq!(probe.target(), format!("{address}/shop"));
        assert_eq!(probe.secrets(), ["p w"]);
    }
    let strange = server(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _rest = stream.read(&mut [0; 64]).await;
    })
    .await;
    let url = format!("postgresql://ann@{strange}/shop?sslmode=disable");
    let wanted = "the server does not speak PostgreSQL's protocol";
    assert_eq!(of_url(CheckType::Postgres, &url).run().await, Err(wanted.to_owned()));
}

async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let mut message = Message::from_vec(&buffer[..length]).unwrap();
            let query = message.queries[0].clone();
            message.metadata.message_type = MessageType::Response;
            message.metadata.recursion_available = true;
            let mail = Name::from_ascii("mail.example.").unwrap();
            let found = match (&*query.name().to_string().to_lowercase(), query.query_type()) {
                ("web.example.", RecordType::A) => Some(RData::A(A([10, 0, 0, 1].into()))),
                ("web.example.", RecordType::MX) => Some(RData::MX(MX::new(10, mail))),
                ("web.example.", RecordType::TXT) => {
                    Some(RData::TXT(TXT::new(vec!["v=spf1 ".into(), "-all".into()])))
                }
                ("broken.example.", _) => {
                    message.metadata.response_code = ResponseCode::ServFail;
                    None
                }
                _ => {
                    message.metadata.response_code = ResponseCode::NXDomain;
                    None
                }
            };
            if let Some(data) = found {
                message.add_answer(Record::from_rdata(query.name().clone(), 60, data));
            }
            socket.send_to(&message.to_vec().unwrap(), from).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_record_is_looked_up_and_compared() {
    let server = name_server().await;
    for (name, record, expect, wanted) in [
        ("web.example", "A", None, Ok(())),
        ("web.example.", "a", Some("10.0.0.1"), Ok(())),
        (
            "web.example",
            "A",
            Some("10.0.0.2"),
            Err("10.0.0.2 is not in the answer, which is 10.0.0.1"),
        ),
        ("web.example", "MX", Some("MAIL.example."), Ok(())),
        ("web.example", "MX", Some("10 mail.example"), Ok(())),
        ("web.example", "TXT", Some("v=spf1 -all"), Ok(())),
        ("web.example", "SRV", None, Err("there is no record SRV")),
        ("gone.example", "A", None, Err("there is no record A")),
    ] {
        let dns = probe(CheckType::Dns, |config| {
            config.name = Some(name.to_owned());
            config.record = Some(record.to_owned());
            config.server = Some(server.to_string());
            config.expect = expect.map(str::to_owned);
        });
        assert_eq!(dns.run().await, wanted.map_err(str::to_owned), "{name} {record}");
        assert_eq!(
            dns.target(),
            format!("{} {} of {server}", record.to_uppercase(), "web.example")
                .replace("web.example", name.trim_end_matches('.'))
        );
    }
    let broken = probe(CheckType::Dns, |config| {
        config.name = Some("broken.example".to_owned());
        config.server = Some(server.to_string());
    });
    assert!(broken.run().await.is_err());
}

fn shell(script: &str) -> Probe {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    probe(CheckType::Command, |config| config.command = Some(command))
}

#[tokio::test]
async fn a_program_is_judged_by_how_it_ends() {
    for (script, wanted) in [
        ("exit 0", Ok(())),
        ("echo fine; echo warning >&2", Ok(())),
        ("exit 3", Err("exit status 3")),
        ("echo looking; echo; exit 1", Err("exit status 1: looking")),
        ("echo out; echo first >&2; echo it is down >&2; exit 2", Err("exit status 2: it is down")),
        ("kill -9 $$", Err("ended by signal 9")),
        ("head -c 1000000 /dev/zero; exit 0", Ok(())),
        // What is left behind does not hold it up.
        ("sleep 1000 & exit 0", Ok(())),
        // The server's own environment stays with it.
        ("test -z \"$CARGO_MANIFEST_DIR\" && test -n \"$PATH\"", Ok(())),
        ("read line && exit 1; exit 0", Ok(())),
    ] {
        assert_eq!(shell(script).run().await, wanted.map_err(str::to_owned), "{script}");
    }
    let missing = ["/nowhere/program".to_owned()];
    let missing = probe(CheckType::Command, |config| config.command = Some(missing.to_vec()));
    let error = missing.run().await.unwrap_err();
    assert_eq!(error, "cannot be run: No such file or directory");
    assert_eq!(missing.target(), "/nowhere/program");
    assert_eq!(shell("echo s3cret").target(), "sh");
}

/// Whether a process is there and does something.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let script = format!("sleep 1000 & echo $! > {0}; echo $$ >> {0}; wait", file.display());
    let probe = shell(&script);
    // The program is given up once it is seen to be at work.
    let seen = async {
        loop {
            let pids = tokio::fs::read_to_string(&file).await.unwrap_or_default();
            if pids.lines().count() == 2 {
                return pids;
            }
            tokio::task::yield_now().await;
        }
    };
    let pids = tokio::select! {
        _ = probe.run() => panic!("it ended"),
        pids = seen => pids,
    };
    let asked = Instant::now();
    while pids.lines().any(is_alive) {
        assert!(asked.elapsed() < Duration::from_secs(20), "{pids} are alive");
        tokio::task::yield_now().await;
    }
}
