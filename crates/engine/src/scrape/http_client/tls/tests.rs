//! Handshakes with a server whose certificate is made for the test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::scrape::config::HttpClientConfig;
use crate::scrape::config::http::TlsConfig;
use crate::scrape::config::values::Secret;
use crate::scrape::environment::Environment;
use crate::scrape::fake_http::{Answer, FakeServer};
use crate::scrape::http_client::HttpClient;

/// An authority.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a name, and its key.
fn certificate(
    by: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, by).unwrap(), key)
}

/// A server that proves to be `server.example`, and may ask the client for a certificate.
async fn server(by: &CertifiedIssuer<'static, KeyPair>, asks_client: bool) -> FakeServer {
    let (own, key) = certificate(by, "server.example");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = if asks_client {
        let mut roots = RootCertStore::empty();
        roots.add(by.der().clone()).unwrap();
        let made = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(made.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let settings = builder.with_single_cert(vec![own.der().clone()], key).unwrap();
    FakeServer::start_tls(settings, |_| Answer::json("secured")).await
}

async fn ask(server: &FakeServer, tls_config: TlsConfig) -> Result<u16, String> {
    let config = HttpClientConfig { tls_config, ..HttpClientConfig::default() };
    let client = HttpClient::new(&config, &Environment::default()).unwrap();
    let url = format!("https://{}/", server.address());
    let sent = client.send(client.get(&url)).await;
    sent.map(|response| response.status().as_u16()).map_err(|error| error.report())
}

#[tokio::test]
async fn a_server_must_prove_its_name_by_a_trusted_authority() {
    let authority = authority();
    let server = server(&authority, false).await;
    let trusting = TlsConfig { ca: authority.pem(), ..TlsConfig::default() };
    let named = TlsConfig { server_name: "server.example".into(), ..trusting.clone() };
    assert_eq!(ask(&server, named.clone()).await, Ok(200));
    // The address in the URL is not in the certificate.
    assert!(ask(&server, trusting).await.unwrap_err().contains("certificate"));
    let wrong = TlsConfig { server_name: "other.example".into(), ..named.clone() };
    assert!(ask(&server, wrong).await.unwrap_err().contains("certificate"));
    let stranger = TlsConfig { ca: self::authority().pem(), ..named };
    assert!(ask(&server, stranger).await.unwrap_err().contains("certificate"));
    let careless = TlsConfig { insecure_skip_verify: true, ..TlsConfig::default() };
    assert_eq!(ask(&server, careless).await, Ok(200));
}

#[tokio::test]
async fn a_client_shows_its_certificate_and_takes_up_a_new_one_from_disk() {
    let authority = authority();
    let server = server(&authority, true).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |by: &CertifiedIssuer<'static, KeyPair>| {
        let (certificate, key) = certificate(by, "client.example");
        std::fs::write(path("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    };
    let trusting = TlsConfig {
        ca: authority.pem(),
        server_name: "server.example".into(),
        ..TlsConfig::default()
    };
    assert!(ask(&server, trusting.clone()).await.is_err(), "no certificate was shown");
    write(&self::authority());
    let config = HttpClientConfig {
        tls_config: TlsConfig {
            cert_file: path("cert.pem"),
            key_file: path("key.pem"),
            ..trusting.clone()
        },
        ..HttpClientConfig::default()
    };
    let client = HttpClient::new(&config, &Environment::default()).unwrap();
    let url = format!("https://{}/", server.address());
    assert!(client.send(client.get(&url)).await.is_err(), "of an unknown authority");
    write(&authority);
    assert_eq!(client.send(client.get(&url)).await.unwrap().status(), 200);

    let (certificate, key) = certificate(&authority, "client.example");
    let inline =
        TlsConfig { cert: certificate.pem(), key: Secret::new(key.serialize_pem()), ..trusting };
    assert_eq!(ask(&server, inline).await, Ok(200));
}
