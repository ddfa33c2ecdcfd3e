//! Connections, plain or over TLS.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::super::config::CheckConfig;
use super::words;
use crate::scrape::config::http::TlsConfig;
use crate::scrape::http_client;

/// Something to read and to write.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// How the other side is trusted.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    pub(super) insecure_skip_verify: bool,
    pub(super) ca_file: PathBuf,
}

impl Trust {
    pub(super) fn of(config: &CheckConfig) -> Self {
        Self {
            insecure_skip_verify: config.insecure_skip_verify.unwrap_or(false),
            ca_file: config.ca_file.clone().unwrap_or_default(),
        }
    }

    pub(super) fn config(&self) -> TlsConfig {
        TlsConfig {
            ca_file: self.ca_file.clone(),
            insecure_skip_verify: self.insecure_skip_verify,
            ..TlsConfig::default()
        }
    }

    /// Begins TLS on a connection.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> Result<Box<dyn Duplex>, String> {
        let config = self.config();
        // Files are read, and once those of the system.
        let made = tokio::task::spawn_blocking(move || http_client::tls_client(&config)).await;
        let made = made.map_err(|error| error.to_string())?;
        let config = made.map_err(|error| error.report())?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("{host:?} is no name that TLS can ask for"))?;
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        match connecting.await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(format!("TLS: {}", words(&error))),
        }
    }
}

/// Connects to `host:port`.
pub(super) async fn connect(address: &str) -> Result<TcpStream, String> {
    TcpStream::connect(address).await.map_err(|error| words(&error))
}
