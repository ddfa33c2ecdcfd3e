//! Listeners for syslog. What a TCP connection sends waits until there is room, so the sender is
//! slowed; a datagram that finds no room is dropped and counted, for UDP can not be slowed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::stream::label_name;
use watchkeep_model::{Error, Result};
use watchkeep_storage::seam::IngestToken;
use watchkeep_wire::loki::{Entries, PushOptions};
use watchkeep_wire::syslog::{MESSAGE_BYTES_MAX, next_frame, parse};

use super::config::{SyslogProtocol, SyslogSource, SyslogTls};
use super::pipeline::Pipeline;
use super::record::{Draft, cut};
use super::sink::{Sent, Sink, Stop};

const KIND: &str = "syslog";
/// Messages of one append.
const BATCH_MAX: usize = 4096;
/// Bytes read from a connection at one time.
const READ_BYTES: usize = 16 << 10;

/// What a listener does with messages.
#[derive(Debug)]
struct Intake {
    config: SyslogSource,
    pipeline: Pipeline,
    sink: Sink,
    queue: mpsc::Sender<Draft>,
    connections: AtomicUsize,
    connections_max: usize,
}

/// Opens a listener; its tasks end when `stop` is set.
pub(super) async fn listen(
    config: SyslogSource,
    pipeline: Pipeline,
    sink: Sink,
    (queue_max, connections_max): (usize, usize),
    stop: Stop,
) -> Result<Vec<JoinHandle<()>>> {
    let tls = config.tls.as_ref().map(acceptor).transpose()?;
    let (queue, messages) = mpsc::channel(queue_max.max(1));
    let address = config.listen.clone();
    let context = || format!("cannot listen for syslog on {address}");
    let protocol = config.protocol;
    let storing = tokio::spawn(store(messages, sink.clone(), stop.clone()));
    let connections = AtomicUsize::new(0);
    let intake = Arc::new(Intake { config, pipeline, sink, queue, connections, connections_max });
    let listening = if protocol == SyslogProtocol::Udp {
        let socket = UdpSocket::bind(&address).await.context(context)?;
        tracing::info!(address = %shown(socket.local_addr()), "syslog over UDP");
        tokio::spawn(receive(socket, intake, stop))
    } else {
        let listener = TcpListener::bind(&address).await.context(context)?;
        tracing::info!(address = %shown(listener.local_addr()), "syslog over TCP");
        tokio::spawn(accept(listener, tls, intake, stop))
    };
    Ok(vec![listening, storing])
}

fn shown(address: std::io::Result<SocketAddr>) -> String {
    address.map_or_else(|_| "unknown".to_owned(), |address| address.to_string())
}

fn acceptor(tls: &SyslogTls) -> Result<TlsAcceptor> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| {
        Error::invalid(format!("sources.syslog: cannot use the {what}: {error}"))
    };
    let certificates = |path: &std::path::Path, what: &str| -> Result<Vec<CertificateDer<'_>>> {
        let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        all.map_err(|error| wrong(what, &error))
    };
    let chain = certificates(&tls.cert_file, "certificate")?;
    let chain = chain.into_iter().map(CertificateDer::into_owned).collect();
    let key = PrivateKeyDer::from_pem_file(&tls.key_file).map_err(|error| wrong("key", &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("versions of TLS", &error))?;
    let builder = match &tls.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path, "authorities")? {
                roots.add(authority.into_owned()).map_err(|error| wrong("authorities", &error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder
                .with_client_cert_verifier(verifier.map_err(|error| wrong("authorities", &error))?)
        }
    };
    let config =
        builder.with_single_cert(chain, key).map_err(|error| wrong("certificate", &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn receive(socket: UdpSocket, intake: Arc<Intake>, mut stop: Stop) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = stop.set() => return,
        };
        match received {
            Ok((length, _)) => {
                let Some(draft) = intake.draft(&buffer[..length]) else { continue };
                if intake.queue.try_send(draft).is_err() {
                    intake.sink.metrics.datagrams_dropped.inc();
                }
            }
            Err(error) => {
                intake.sink.metrics.errors.with_label_values(&["receive"]).inc();
                tracing::debug!(%error, "cannot receive a datagram of syslog");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    intake: Arc<Intake>,
    mut stop: Stop,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.set() => break,
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = accepted else {
            intake.sink.metrics.errors.with_label_values(&["receive"]).inc();
            // Out of descriptors, most likely: some time passes until there are some.
            if !stop.wait(std::time::Duration::from_millis(100)).await {
                break;
            }
            continue;
        };
        if intake.connections.load(Ordering::Relaxed) >= intake.connections_max {
            intake.sink.metrics.connections_refused.inc();
            continue;
        }
        intake.connections.fetch_add(1, Ordering::Relaxed);
        intake.sink.metrics.connections.inc();
        let (intake, tls, mut stop) = (Arc::clone(&intake), tls.clone(), stop.clone());
        connections.spawn(async move {
            let reading = async {
                match tls {
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => intake.read(stream).await,
                        Err(error) => Err(error.to_string()),
                    },
                    None => intake.read(stream).await,
                }
            };
            let outcome = tokio::select! {
                outcome = reading => outcome,
                () = stop.set() => Ok(()),
            };
            if let Err(error) = outcome {
                intake.sink.metrics.errors.with_label_values(&["receive"]).inc();
                tracing::debug!(%peer, error, "a connection of syslog broke off");
            }
            intake.connections.fetch_sub(1, Ordering::Relaxed);
            intake.sink.metrics.connections.dec();
        });
    }
    while connections.join_next().await.is_some() {}
}

impl Intake {
    async fn read(&self, mut stream: impl AsyncRead + Unpin) -> Result<(), String> {
        let mut buffer: Vec<u8> = Vec::new();
        loop {
            buffer.reserve(READ_BYTES);
            let more = stream.read_buf(&mut buffer).await.map_err(|error| error.to_string())?;
            let mut at = 0;
            while let Some(frame) =
                next_frame(&buffer[at..], more == 0).map_err(|error| error.to_string())?
            {
                if let Some(draft) = self.draft(frame.message)
                    && self.queue.send(draft).await.is_err()
                {
                    return Ok(());
                }
                at += frame.taken;
            }
            buffer.drain(..at);
            if more == 0 {
                return Ok(());
            }
        }
    }

    /// What a message becomes; `None` for an empty one, and where a stage drops it.
    fn draft(&self, bytes: &[u8]) -> Option<Draft> {
        let bytes = &bytes[..bytes.len().min(MESSAGE_BYTES_MAX)];
        let text = String::from_utf8_lossy(bytes);
        if text.trim().is_empty() {
            return None;
        }
        let arrival_ns = self.sink.now_ns();
        let message = parse(&text, arrival_ns);
        let told = message.time_ns.filter(|_| self.config.use_message_time);
        let mut draft = Draft {
            time_ns: told.unwrap_or(arrival_ns),
            labels: self.config.labels.clone(),
            line: message.text.to_owned(),
            ..Draft::default()
        };
        for (name, value) in [
            ("hostname", message.hostname),
            ("app", message.app_name),
            ("severity", message.severity_name()),
            ("facility", message.facility_name()),
        ] {
            if !value.is_empty() {
                draft.labels.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
        }
        for (name, value) in [("proc_id", message.proc_id), ("msg_id", message.msg_id)] {
            if !value.is_empty() {
                draft.metadata.insert(name.to_owned(), value.to_owned());
            }
        }
        for (element, parameter, value) in &message.structured_data {
            let name = label_name(&format!("_sd_{element}_{parameter}")).into_owned();
            draft.metadata.insert(name, value.clone().into_owned());
        }
        if cut(&mut draft.line, self.sink.limits().log_body_bytes_max) > 0 {
            self.sink.metrics.cut.with_label_values(&[KIND]).inc();
        }
        let kept = self.pipeline.run(draft, arrival_ns);
        if kept.is_none() {
            self.sink.metrics.dropped.with_label_values(&[KIND]).inc();
        }
        kept
    }
}

/// Stores what waits until nobody can send more.
async fn store(mut messages: mpsc::Receiver<Draft>, sink: Sink, mut stop: Stop) {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let id = u128::from(RandomState::new().build_hasher().finish()) << 64;
    let mut drafts = Vec::new();
    for round in 0_u128.. {
        drafts.clear();
        if messages.recv_many(&mut drafts, BATCH_MAX).await == 0 {
            return;
        }
        let limits = sink.limits();
        let options = PushOptions { limits: &limits, labels_required: false };
        let mut entries = Entries::new(options);
        let (mut refused, mut bytes) = (0, 0);
        for draft in &drafts {
            let metadata = draft.metadata.iter().map(|(n, v)| (n.as_str(), v.as_str()));
            bytes += draft.line.len() as u64;
            if entries.push(&draft.stream(), draft.time_ns, &draft.line, metadata).is_err() {
                refused += 1;
            }
        }
        let decoded = entries.finish();
        let rejected = decoded.rejected + refused;
        let token = Some(IngestToken(id | round));
        let sent = sink.send(KIND, decoded.columns, rejected, token, &mut stop).await;
        if sent == Sent::Stopped {
            let count = drafts.len();
            tracing::warn!(count, "messages of syslog are lost: the store took none");
            return;
        }
        sink.metrics.bytes.with_label_values(&[KIND]).inc_by(bytes);
    }
}
