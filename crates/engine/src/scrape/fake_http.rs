//! A server for tests that answers HTTP/1.1 requests with what a function says, over TCP or a Unix
//! socket. Answers one request a connection.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, BufReader};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Method, path and query.
    pub(crate) line: String,
    /// Headers, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body.
    pub(crate) body: String,
}

impl Request {
    /// Path and query.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The path alone.
    pub(crate) fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// A header; empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What to answer.
pub(crate) enum Answer {
    /// A status, headers (`a: b\r\n…`) and a body.
    Whole(u16, String, String),
    /// A body that comes in pieces, until the sender is dropped.
    Pieces(mpsc::Receiver<String>),
}

impl Answer {
    /// JSON with status 200.
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self::Whole(200, "content-type: application/json\r\n".into(), body.into())
    }

    /// A status without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self::Whole(status, String::new(), String::new())
    }
}

type Handler = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// The server; stops when it is dropped.
pub(crate) struct FakeServer {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl FakeServer {
    /// Serves on a free port.
    pub(crate) async fn start(
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (handler, own): (Handler, _) = (Arc::new(handler), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&own)));
            }
        });
        Self { address, requests, task }
    }

    /// Serves over TLS on a free port.
    pub(crate) async fn start_tls(
        settings: rustls::ServerConfig,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (handler, own): (Handler, _) = (Arc::new(handler), Arc::clone(&requests));
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(settings));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not like the certificate goes away.
                if let Ok(stream) = acceptor.accept(stream).await {
                    tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&own)));
                }
            }
        });
        Self { address, requests, task }
    }

    /// Serves on a Unix socket.
    pub(crate) fn start_unix(
        path: &Path,
        handler: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (handler, own): (Handler, _) = (Arc::new(handler), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&own)));
            }
        });
        Self { address: path.display().to_string(), requests, task }
    }

    /// Host and port, or the path of the socket.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The start of URLs.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().clone()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: Handler,
    requests: Arc<Mutex<Vec<Request>>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = Request::default();
    stream.read_line(&mut request.line).await?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    requests.lock().push(request.clone());
    match handler(&request) {
        Answer::Whole(status, headers, body) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(text.as_bytes()).await?;
        }
        Answer::Pieces(mut pieces) => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            stream.flush().await?;
            while let Some(piece) = pieces.recv().await {
                let text = format!("{:x}\r\n{piece}\r\n", piece.len());
                stream.write_all(text.as_bytes()).await?;
                stream.flush().await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
    }
    stream.flush().await
}
