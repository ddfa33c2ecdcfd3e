//! TLS as a client: authorities, own certificate, versions, and the name that the server must have.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use crate::scrape::config::http::{TlsConfig, TlsVersion};
use crate::scrape::config::values::Secret;

/// Authorities, certificate and key as PEM; empty where not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TlsMaterial {
    ca: String,
    cert: String,
    key: Secret,
}

impl TlsMaterial {
    /// Reads what stands in files. Blocks.
    pub(super) fn read(config: &TlsConfig) -> Result<Self> {
        let read = |text: &str, file: &Path, what: &str| {
            if file.as_os_str().is_empty() {
                return Ok(text.to_owned());
            }
            std::fs::read_to_string(file)
                .context(|| format!("cannot read the {what} {}", file.display()))
        };
        Ok(Self {
            ca: read(&config.ca, &config.ca_file, "authorities in")?,
            cert: read(&config.cert, &config.cert_file, "certificate in")?,
            key: Secret::new(read(config.key.expose(), &config.key_file, "key in")?),
        })
    }

    /// The settings of the TLS library.
    pub(super) fn client_config(&self, config: &TlsConfig) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions(config)?)
            .context(|| "cannot set the versions of TLS".into())?;
        let verifier = self.verifier(config, &provider)?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        if self.cert.is_empty() && self.key.is_empty() {
            return Ok(builder.with_no_client_auth());
        }
        let chain = certificates(&self.cert, "certificate")?;
        let key = PrivateKeyDer::from_pem_slice(self.key.expose().as_bytes())
            .map_err(|_| Error::invalid("tls_config: the key is no private key in PEM"))?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|_| Error::invalid("tls_config: certificate and key do not fit together"))
    }

    fn verifier(
        &self,
        config: &TlsConfig,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>> {
        let roots = if self.ca.is_empty() { system_roots() } else { Arc::new(self.roots()?) };
        let inner: Option<Arc<WebPkiServerVerifier>> = if config.insecure_skip_verify {
            None
        } else if roots.is_empty() {
            return Ok(Arc::new(Verifier {
                inner: None,
                name: None,
                refuse: true,
                provider: Arc::clone(provider),
            }));
        } else {
            let made = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
            Some(made.build().context(|| "cannot use the authorities".into())?)
        };
        let name = Some(config.server_name.clone()).filter(|name| !name.is_empty());
        let name = name
            .map(ServerName::try_from)
            .transpose()
            .map_err(|_| Error::invalid("tls_config: server_name is no name of a host"))?;
        Ok(Arc::new(Verifier { inner, name, refuse: false, provider: Arc::clone(provider) }))
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca, "authority")? {
            roots.add(certificate).map_err(|error| {
                Error::invalid(format!("tls_config: unable to use ca: {error}"))
            })?;
        }
        Ok(roots)
    }
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|_| Error::invalid(format!("tls_config: the {what} is not PEM")))?;
    if all.is_empty() {
        return Err(Error::invalid(format!("tls_config: there is no {what} in the PEM")));
    }
    Ok(all)
}

/// The authorities that this machine trusts, read once.
fn system_roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    Arc::clone(roots)
}

fn versions(config: &TlsConfig) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let wanted = |version: TlsVersion| {
        config.min_version.is_none_or(|min| version >= min)
            && config.max_version.is_none_or(|max| version <= max)
    };
    let offered = [
        (TlsVersion::Tls12, &rustls::version::TLS12),
        (TlsVersion::Tls13, &rustls::version::TLS13),
    ];
    let kept: Vec<_> =
        offered.iter().filter(|(version, _)| wanted(*version)).map(|(_, it)| *it).collect();
    if kept.is_empty() {
        return Err(Error::invalid(
            "tls_config: min_version and max_version leave neither TLS12 nor TLS13, older versions \
             are not offered",
        ));
    }
    Ok(kept)
}

/// Checks a server's certificate, possibly against another name than that of the URL, or not at
/// all.
#[derive(Debug)]
struct Verifier {
    /// `None` accepts every certificate.
    inner: Option<Arc<WebPkiServerVerifier>>,
    name: Option<ServerName<'static>>,
    /// Whether no authority is trusted at all.
    refuse: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.refuse {
            return Err(rustls::Error::General("no certificate authority is trusted".into()));
        }
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        let name = self.name.as_ref().unwrap_or(server_name);
        inner.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
