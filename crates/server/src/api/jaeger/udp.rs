//! The agent's UDP ports: datagrams are queued up to a bound, decoded and stored together. Nobody is
//! told what becomes of one but the counters.

use std::net::SocketAddr;
use std::sync::Arc;

use prometheus::IntCounter;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use watchkeep_model::column::Table as _;
use watchkeep_model::{SpanColumns, TenantId};
use watchkeep_wire::jaeger::decode_packet;

use crate::app::App;

/// Datagrams that are stored together.
const BATCH_MAX: usize = 128;

/// What becomes of the datagrams of one port.
#[derive(Debug, Clone)]
struct Outcomes {
    stored: IntCounter,
    malformed: IntCounter,
    too_large: IntCounter,
    queue_full: IntCounter,
    not_stored: IntCounter,
    errors: IntCounter,
}

impl Outcomes {
    fn of(app: &App, listener: &str) -> Self {
        let of = |outcome| app.metrics.packets.with_label_values(&[listener, outcome]);
        Self {
            stored: of("stored"),
            malformed: of("malformed"),
            too_large: of("too_large"),
            queue_full: of("queue_full"),
            not_stored: of("not_stored"),
            errors: of("receive_error"),
        }
    }
}

/// Takes datagrams until it is told to stop, and stores what waits then.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: &'static str,
    socket: UdpSocket,
    stopped: watch::Receiver<bool>,
) {
    let outcomes = Outcomes::of(&app, listener);
    let (queue, waiting) = mpsc::channel(app.jaeger.packets_queued_max.max(1));
    let storing = tokio::spawn(store(Arc::clone(&app), waiting, outcomes.clone()));
    let bytes_max = app.jaeger.packet_bytes_max.bytes();
    receive(&socket, queue, bytes_max, &outcomes, stopped).await;
    if let Err(error) = storing.await {
        tracing::error!(listener, "storing datagrams ended badly: {error}");
    }
}

async fn receive(
    socket: &UdpSocket,
    queue: mpsc::Sender<Box<[u8]>>,
    bytes_max: usize,
    outcomes: &Outcomes,
    mut stopped: watch::Receiver<bool>,
) {
    // One byte more, so that a longer datagram shows.
    let mut buffer = vec![0; bytes_max + 1];
    loop {
        let received: std::io::Result<(usize, SocketAddr)> = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match received {
            Ok((length, _)) if length > bytes_max => outcomes.too_large.inc(),
            Ok((length, _)) => {
                let packet = buffer.get(..length).unwrap_or_default();
                if queue.try_send(packet.into()).is_err() {
                    outcomes.queue_full.inc();
                }
            }
            Err(error) => {
                outcomes.errors.inc();
                tracing::debug!(%error, "cannot receive a datagram");
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Stores what waits until nobody can send more.
async fn store(app: Arc<App>, mut waiting: mpsc::Receiver<Box<[u8]>>, outcomes: Outcomes) {
    let tenant = TenantId::default();
    let mut packets = Vec::new();
    while waiting.recv_many(&mut packets, BATCH_MAX).await > 0 {
        let limits = app.engine.limits().decode();
        let arrival_ns = app.engine.clock().now_ns();
        let (mut columns, mut rejected, mut decoded_packets) = (SpanColumns::default(), 0, 0);
        for packet in packets.drain(..) {
            match decode_packet(&packet, &limits, arrival_ns) {
                Ok(decoded) => {
                    app.engine.count_losses(&decoded.warnings.counts());
                    columns.extend_from(&decoded.columns);
                    rejected += decoded.rejected;
                    decoded_packets += 1;
                }
                Err(error) => {
                    outcomes.malformed.inc();
                    tracing::debug!("a datagram is dropped: {}", error.message());
                }
            }
        }
        if decoded_packets == 0 {
            continue;
        }
        match app.engine.ingest_spans(&tenant, columns, rejected).await {
            Ok(()) => outcomes.stored.inc_by(decoded_packets),
            Err(error) => {
                outcomes.not_stored.inc_by(decoded_packets);
                app.engine.count_refused(&error);
                app.error_log.note(app.engine.clock(), "jaeger", &error);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn datagrams_beyond_the_queue_and_those_too_long_are_dropped_and_counted() {
        let counter = |name: &str| IntCounter::new(name, name).unwrap();
        let outcomes = Outcomes {
            stored: counter("stored"),
            malformed: counter("malformed"),
            too_large: counter("too_large"),
            queue_full: counter("queue_full"),
            not_stored: counter("not_stored"),
            errors: counter("errors"),
        };
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let (queue, mut waiting) = mpsc::channel(2);
        let seen = outcomes.clone();
        let receiving =
            tokio::spawn(async move { receive(&socket, queue, 4, &seen, stopped).await });
        for packet in [&b"1234"[..], b"12345", b"5", b"6", b"7"] {
            sender.send_to(packet, address).await.unwrap();
        }
        while outcomes.queue_full.get() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!((outcomes.too_large.get(), outcomes.queue_full.get()), (1, 2));
        assert_eq!(waiting.recv().await.as_deref(), Some(&b"1234"[..]));
        assert_eq!(waiting.recv().await.as_deref(), Some(&b"5"[..]));
        stop.send(true).unwrap();
        receiving.await.unwrap();
        assert_eq!(waiting.recv().await, None, "the queue ends with the port");
    }
}
