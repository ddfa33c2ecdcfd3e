//! Sockets and connections: binding with errors that name the flag or key, HTTP/1 and HTTP/2 (with prior
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
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use crate::api::jaeger::udp;
use crate::app::{App, ListenerInfo};
use crate::{legacy, routes};

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
    Prometheus,
    Loki,
    Tempo,
    JaegerQuery,
    JaegerQueryGrpc,
    Zipkin,
    JaegerGrpc,
    JaegerHttp,
    JaegerAgentHttp,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::OtlpGrpc => "otlp-grpc",
            Self::OtlpHttp => "otlp-http",
            Self::Prometheus => "prometheus",
            Self::Loki => "loki",
            Self::Tempo => "tempo",
            Self::JaegerQuery => "jaeger-query",
            Self::JaegerQueryGrpc => "jaeger-query-grpc",
            Self::Zipkin => "zipkin",
            Self::JaegerGrpc => "jaeger-grpc",
            Self::JaegerHttp => "jaeger-http",
            Self::JaegerAgentHttp => "jaeger-agent-http",
        }
    }

    /// How to choose another address.
    fn advice(self) -> String {
        match self {
            Self::Main => "pass another address with --listen".to_owned(),
            Self::OtlpGrpc => "pass another address, or off, with --otlp-grpc-listen".to_owned(),
            Self::OtlpHttp => "pass another address, or off, with --otlp-http-listen".to_owned(),
            _ => legacy_advice(self.name()),
        }
    }

    fn router(self, app: &Arc<App>) -> Router {
        match self {
            Self::Main => routes::main(app),
            // OTLP is sent to the port of Jaeger's collector, and the other way round.
            Self::OtlpGrpc | Self::JaegerGrpc => routes::spans_grpc(app),
            Self::OtlpHttp => routes::otlp_http(app),
            Self::Prometheus => routes::legacy_prometheus(app),
            Self::Loki => routes::legacy_loki(app),
            Self::Tempo => routes::legacy_tempo(app),
            Self::JaegerQuery => routes::legacy_jaeger_query(app),
            Self::JaegerQueryGrpc => routes::legacy_jaeger_query_grpc(app),
            Self::Zipkin => routes::legacy_zipkin(app),
            Self::JaegerHttp => routes::legacy_jaeger_http(app),
            Self::JaegerAgentHttp => routes::legacy_jaeger_agent_http(app),
        }
    }
}

/// The key of a legacy port is its name.
fn legacy_advice(name: &str) -> String {
    format!("set legacy_ports.{} to another address, or to off", name.replace('-', "_"))
}

/// A server whose sockets are open. Connections wait until [`Server::serve`].
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    sockets: Vec<(Role, TcpListener)>,
    packets: Vec<(&'static str, UdpSocket)>,
}

/// The addresses of all TCP listeners that are wanted.
fn addresses(app: &App) -> Vec<(Role, String)> {
    let (config, legacy) = (&app.config, &app.legacy_ports);
    let mut all = vec![(Role::Main, config.listen.clone())];
    for (role, address) in
        [(Role::OtlpGrpc, &config.otlp_grpc_listen), (Role::OtlpHttp, &config.otlp_http_listen)]
    {
        if address != "off" {
            all.push((role, address.clone()));
        }
    }
    let legacy_roles = [
        (Role::Prometheus, &legacy.prometheus),
        (Role::Loki, &legacy.loki),
        (Role::Tempo, &legacy.tempo),
        (Role::JaegerQuery, &legacy.jaeger_query),
        (Role::JaegerQueryGrpc, &legacy.jaeger_query_grpc),
        (Role::Zipkin, &legacy.zipkin),
        (Role::JaegerGrpc, &legacy.jaeger_grpc),
        (Role::JaegerHttp, &legacy.jaeger_http),
        (Role::JaegerAgentHttp, &legacy.jaeger_agent_http),
    ];
    for (role, given) in legacy_roles.into_iter().filter(|_| legacy.enabled) {
        all.extend(legacy::address(given, &config.listen).map(|address| (role, address)));
    }
    all
}

/// The addresses of all UDP ports that are wanted.
fn packet_addresses(app: &App) -> Vec<(&'static str, String)> {
    let legacy = &app.legacy_ports;
    let ports = [
        ("jaeger-agent-compact", &legacy.jaeger_agent_compact),
        ("jaeger-agent-binary", &legacy.jaeger_agent_binary),
        ("jaeger-agent-zipkin", &legacy.jaeger_agent_zipkin),
    ];
    let wanted = ports.into_iter().filter(|_| legacy.enabled);
    wanted
        .filter_map(|(name, given)| Some((name, legacy::address(given, &app.config.listen)?)))
        .collect()
}

impl Server {
    /// Opens all sockets. An error names the flag or key of the address that did not work.
    pub async fn bind(app: App) -> Result<Self> {
        let (mut sockets, mut packets, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
        let told = |found: std::io::Result<SocketAddr>, wanted: &str| {
            found.context(|| format!("cannot tell where {wanted} listens"))
        };
        for (role, wanted) in addresses(&app) {
            let socket = TcpListener::bind(&wanted)
                .await
                .map_err(|error| taken(&wanted, &error, &role.advice()))?;
            let address = told(socket.local_addr(), &wanted)?;
            listeners.push(ListenerInfo { name: role.name(), address });
            sockets.push((role, socket));
        }
        for (name, wanted) in packet_addresses(&app) {
            let socket = UdpSocket::bind(&wanted)
                .await
                .map_err(|error| taken(&format!("{wanted}/udp"), &error, &legacy_advice(name)))?;
            let address = told(socket.local_addr(), &wanted)?;
            listeners.push(ListenerInfo { name, address });
            packets.push((name, socket));
        }
        // A fresh `App` has no listeners yet, so this can not fail.
        let _newly_set = app.listeners.set(listeners);
        Ok(Self { app: Arc::new(app), sockets, packets })
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
                router: role.router(&self.app),
                http: http_settings(&self.app),
                places: Arc::new(Semaphore::new(self.app.config.connections_max)),
                open: self.app.metrics.connections.with_label_values(&[role.name()]),
                head_timeout: self.app.config.head_timeout.0,
                grace: self.app.config.shutdown_grace.0,
            };
            loops.push(tokio::spawn(accepting.run(socket, stopped.clone())));
        }
        for (name, socket) in self.packets {
            let app = Arc::clone(&self.app);
            loops.push(tokio::spawn(udp::serve(app, name, socket, stopped.clone())));
        }
        stop.await;
        // Every loop holds a receiver, so this reaches them all.
        let _loops_are_there = stopping.send(true);
        for listening in loops {
            if let Err(error) = listening.await {
                tracing::error!("a listener ended badly: {error}");
            }
        }
    }
}

fn taken(wanted: &str, error: &std::io::Error, advice: &str) -> Error {
    Error::invalid(format!("cannot listen on {wanted} ({error}): {advice}"))
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
