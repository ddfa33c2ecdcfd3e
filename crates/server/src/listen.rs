//! Sockets and connections: binding with errors that name the flag, HTTP/1 and HTTP/2 (with prior
//! knowledge) on one port, bounded numbers of connections, and an orderly stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use prometheus::IntGauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use crate::app::{App, ListenerInfo};
use crate::routes;

/// Streams of one HTTP/2 connection that may be open at one time.
const STREAMS_PER_CONNECTION_MAX: u32 = 256;
/// Bytes that a client may send on one stream before the server has read them.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// How often an idle HTTP/2 connection is asked whether it still lives.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_mins(1);
/// Pause after the system refused to accept a connection (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The address of the peer, for handlers that ask where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Main,
    OtlpGrpc,
    OtlpHttp,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::OtlpGrpc => "otlp-grpc",
            Self::OtlpHttp => "otlp-http",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::Main => "--listen",
            Self::OtlpGrpc => "--otlp-grpc-listen",
            Self::OtlpHttp => "--otlp-http-listen",
        }
    }
}

/// A server whose sockets are open. Connections wait until [`Server::serve`].
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    sockets: Vec<(Role, TcpListener)>,
}

impl Server {
    /// Opens all sockets. An error names the flag of the address that did not work.
    pub async fn bind(app: App) -> Result<Self> {
        let config = &app.config;
        let mut sockets = Vec::new();
        let mut listeners = Vec::new();
        for (role, address) in [
            (Role::Main, &config.listen),
            (Role::OtlpGrpc, &config.otlp_grpc_listen),
            (Role::OtlpHttp, &config.otlp_http_listen),
        ] {
            if address == "off" && role != Role::Main {
                continue;
            }
            let socket = bind(role, address).await?;
            let address =
                socket.local_addr().context(|| format!("cannot tell where {address} listens"))?;
            listeners.push(ListenerInfo { name: role.name(), address });
            sockets.push((role, socket));
        }
        // A fresh `App` has no listeners yet, so this can not fail.
        let _newly_set = app.listeners.set(listeners);
        Ok(Self { app: Arc::new(app), sockets })
    }

    /// The open listeners with their real ports.
    pub fn listeners(&self) -> &[ListenerInfo] {
        self.app.listeners.get().map_or(&[], Vec::as_slice)
    }

    /// Serves until `stop` ends; then takes no more connections, and returns when the requests in
    /// progress have ended or `server.shutdown_grace` has passed.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let mut loops = Vec::new();
        for (role, socket) in self.sockets {
            let accepting = Accepting {
                router: match role {
                    Role::Main => routes::main(&self.app),
                    Role::OtlpGrpc => routes::otlp_grpc(&self.app),
                    Role::OtlpHttp => routes::otlp_http(&self.app),
                },
                http: http_settings(&self.app),
                places: Arc::new(Semaphore::new(self.app.config.connections_max)),
                open: self.app.metrics.connections.with_label_values(&[role.name()]),
                head_timeout: self.app.config.head_timeout.0,
                grace: self.app.config.shutdown_grace.0,
            };
            loops.push(tokio::spawn(accepting.run(socket, stopped.clone())));
        }
        stop.await;
        // Every loop holds a receiver, so this reaches them all.
        let _loops_are_there = stopping.send(true);
        for accepting in loops {
            if let Err(error) = accepting.await {
                tracing::error!("a listener ended badly: {error}");
            }
        }
    }
}

async fn bind(role: Role, address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match role {
            Role::Main => "pass another address with",
            _ => "pass another address, or off, with",
        };
        Error::invalid(format!("cannot listen on {address} ({error}): {advice} {}", role.flag()))
    })
}

fn http_settings(app: &App) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(app.config.head_timeout.0);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(Some(KEEP_ALIVE_INTERVAL));
    http
}

/// The loop of one listener.
struct Accepting {
    router: Router,
    http: Builder<TokioExecutor>,
    places: Arc<Semaphore>,
    open: IntGauge,
    head_timeout: Duration,
    grace: Duration,
}

/// A connection that was accepted, and its place among those that may be open.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
}

impl Accepting {
    async fn run(self, socket: TcpListener, mut stopped: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        loop {
            let (stream, peer, place) = tokio::select! {
                next = self.next(&socket) => next,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            let connection = Connection { stream, peer, place };
            self.spawn(connection, graceful.watcher(), stopped.clone());
        }
        drop(socket);
        if tokio::time::timeout(self.grace, graceful.shutdown()).await.is_err() {
            tracing::warn!(grace = ?self.grace, "requests were cut off when the grace time ended");
        }
    }

    /// Waits for a place, then for a connection to fill it.
    async fn next(&self, socket: &TcpListener) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .expect("the semaphore of places is never closed");
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => return (stream, peer, place),
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn(&self, connection: Connection, watcher: Watcher, mut stopped: watch::Receiver<bool>) {
        let Connection { stream, peer, place } = connection;
        // Small answers must not wait for more; where the system refuses, they do.
        let _best_effort = stream.set_nodelay(true);
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        });
        let (http, open, head_timeout) = (self.http.clone(), self.open.clone(), self.head_timeout);
        open.inc();
        tokio::spawn(async move {
            // HTTP/1 and HTTP/2 have timeouts of their own, which start with the first byte.
            let mut first_byte = [0];
            let has_begun = tokio::select! {
                peeked = stream.peek(&mut first_byte) => matches!(peeked, Ok(1)),
                () = tokio::time::sleep(head_timeout) => false,
                _ = stopped.wait_for(|stopped| *stopped) => false,
            };
            if has_begun {
                let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection.into_owned()).await {
                    tracing::debug!(%peer, "a connection ended badly: {error}");
                }
            }
            open.dec();
            drop(place);
        });
    }
}
