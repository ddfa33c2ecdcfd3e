//! How a client of HTTP is configured: credentials, TLS, proxy, redirects, headers. Sections like
//! this one stand in scrape configurations and in most kinds of discovery.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::values::{Secret, is_default};

/// The settings of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpClientConfig {
    /// User name and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    /// An `Authorization` header. `bearer_token` and `bearer_token_file` become this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// Tokens from an OAuth 2.0 server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<Box<OAuth2>>,
    /// TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_config: TlsConfig,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be spoken.
    pub enable_http2: bool,
    /// The proxy.
    #[serde(flatten)]
    pub proxy: ProxyConfig,
    /// Headers that every request has.
    #[serde(skip_serializing_if = "is_default")]
    pub http_headers: BTreeMap<String, HeaderValues>,
}

impl Default for HttpClientConfig {
    fn default() -> Self {
        Self {
            basic_auth: None,
            authorization: None,
            oauth2: None,
            tls_config: TlsConfig::default(),
            follow_redirects: true,
            enable_http2: true,
            proxy: ProxyConfig::default(),
            http_headers: BTreeMap::new(),
        }
    }
}

/// User name and password, each as text or from a file that is read for every request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BasicAuth {
    /// The name.
    #[serde(skip_serializing_if = "is_default")]
    pub username: String,
    /// The file that holds the name.
    #[serde(skip_serializing_if = "is_default")]
    pub username_file: PathBuf,
    /// The password.
    #[serde(skip_serializing_if = "is_default")]
    pub password: Secret,
    /// The file that holds the password.
    #[serde(skip_serializing_if = "is_default")]
    pub password_file: PathBuf,
}

/// An `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Authorization {
    /// The scheme, `Bearer` unless set.
    #[serde(rename = "type")]
    pub scheme: String,
    /// What follows the scheme.
    #[serde(skip_serializing_if = "is_default")]
    pub credentials: Secret,
    /// The file that holds what follows the scheme, read for every request.
    #[serde(skip_serializing_if = "is_default")]
    pub credentials_file: PathBuf,
}

/// The client credentials grant of OAuth 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct OAuth2 {
    /// Who asks.
    pub client_id: String,
    /// The secret of who asks.
    #[serde(skip_serializing_if = "is_default")]
    pub client_secret: Secret,
    /// The file that holds the secret.
    #[serde(skip_serializing_if = "is_default")]
    pub client_secret_file: PathBuf,
    /// The scopes asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub scopes: Vec<String>,
    /// Where tokens come from.
    pub token_url: String,
    /// Further parameters of the request for a token.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint_params: BTreeMap<String, String>,
    /// TLS towards the token server.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_config: TlsConfig,
    /// The proxy towards the token server.
    #[serde(flatten)]
    pub proxy: ProxyConfig,
}

/// TLS as a client: each of the three texts is given inline or as a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TlsConfig {
    /// Authorities that are trusted, PEM.
    #[serde(skip_serializing_if = "is_default")]
    pub ca: String,
    /// Own certificate, PEM.
    #[serde(skip_serializing_if = "is_default")]
    pub cert: String,
    /// Own key, PEM.
    #[serde(skip_serializing_if = "is_default")]
    pub key: Secret,
    /// The file of the authorities.
    #[serde(skip_serializing_if = "is_default")]
    pub ca_file: PathBuf,
    /// The file of the certificate.
    #[serde(skip_serializing_if = "is_default")]
    pub cert_file: PathBuf,
    /// The file of the key.
    #[serde(skip_serializing_if = "is_default")]
    pub key_file: PathBuf,
    /// The name that the server's certificate must have.
    #[serde(skip_serializing_if = "is_default")]
    pub server_name: String,
    /// Whether the server's certificate is not checked.
    pub insecure_skip_verify: bool,
    /// The oldest version that is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_version: Option<TlsVersion>,
    /// The newest version that is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_version: Option<TlsVersion>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum TlsVersion {
    /// 1.0.
    #[serde(rename = "TLS10")]
    Tls10,
    /// 1.1.
    #[serde(rename = "TLS11")]
    Tls11,
    /// 1.2.
    #[serde(rename = "TLS12")]
    Tls12,
    /// 1.3.
    #[serde(rename = "TLS13")]
    Tls13,
}

/// Which proxy requests go through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ProxyConfig {
    /// The proxy; shown without its password.
    #[serde(skip_serializing_if = "is_default", serialize_with = "redacted_url")]
    pub proxy_url: Secret,
    /// Hosts that are asked directly, separated by commas.
    #[serde(skip_serializing_if = "is_default")]
    pub no_proxy: String,
    /// Whether the variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name the proxy.
    #[serde(skip_serializing_if = "is_default")]
    pub proxy_from_environment: bool,
    /// Headers of the `CONNECT` request.
    #[serde(skip_serializing_if = "is_default")]
    pub proxy_connect_header: BTreeMap<String, Vec<Secret>>,
}

/// The values of one header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HeaderValues {
    /// Values that may be shown.
    #[serde(skip_serializing_if = "is_default")]
    pub values: Vec<String>,
    /// Values that may not.
    #[serde(skip_serializing_if = "is_default")]
    pub secrets: Vec<Secret>,
    /// Files that hold values, read for every request.
    #[serde(skip_serializing_if = "is_default")]
    pub files: Vec<PathBuf>,
}

pub(super) fn redacted_url<S: serde::Serializer>(url: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&super::values::redacted_url(url.expose()))
}
