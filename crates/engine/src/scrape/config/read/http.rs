//! Reads the settings of clients of HTTP, and refuses what Prometheus refuses.

use std::collections::BTreeMap;

use watchkeep_model::{Error, Result};

use crate::scrape::config::http::{
    Authorization, BasicAuth, HeaderValues, HttpClientConfig, OAuth2, ProxyConfig, TlsConfig,
    TlsVersion,
};
use crate::scrape::config::section::{Reading, Section, entries, texts_of};
use crate::scrape::config::values::Secret;
use crate::scrape::config::yaml::error_at;

/// Headers that the client sets itself.
const RESERVED_HEADERS: [&str; 11] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
];

/// Takes the keys of a client from a section that has others too.
pub(in crate::scrape) fn client(
    section: &mut Section<'_>,
    reading: &mut Reading,
    defaults: HttpClientConfig,
) -> Result<HttpClientConfig> {
    let mut config = HttpClientConfig {
        basic_auth: basic_auth(section, reading)?,
        authorization: authorization(section, reading)?,
        oauth2: oauth2(section, reading)?.map(Box::new),
        tls_config: tls(section, reading)?,
        follow_redirects: section.boolean_or("follow_redirects", defaults.follow_redirects)?,
        enable_http2: section.boolean_or("enable_http2", defaults.enable_http2)?,
        proxy: proxy(section)?,
        http_headers: headers(section, reading)?,
    };
    let token = section.secret("bearer_token")?;
    let token_file = section.path("bearer_token_file", reading)?;
    check(&config, &token, &token_file).map_err(|error| section.fail(error.message()))?;
    let has_token = !token.is_empty() || !token_file.as_os_str().is_empty();
    if config.authorization.is_none() && has_token {
        config.authorization = Some(Authorization {
            scheme: "Bearer".into(),
            credentials: token,
            credentials_file: token_file,
        });
    }
    Ok(config)
}

fn several(conditions: &[bool]) -> bool {
    conditions.iter().filter(|set| **set).count() > 1
}

fn check(config: &HttpClientConfig, token: &Secret, token_file: &std::path::Path) -> Result<()> {
    let fail = |message: &str| Err(Error::invalid(message));
    let is_set = |path: &std::path::Path| !path.as_os_str().is_empty();
    let has_token = !token.is_empty() || is_set(token_file);
    if !token.is_empty() && is_set(token_file) {
        return fail("at most one of bearer_token & bearer_token_file must be configured");
    }
    if (config.basic_auth.is_some() || config.oauth2.is_some()) && has_token {
        return fail(
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        );
    }
    if let Some(auth) = &config.basic_auth {
        if several(&[!auth.username.is_empty(), is_set(&auth.username_file)]) {
            return fail(
                "at most one of basic_auth username, username_file & username_ref must be configured",
            );
        }
        if several(&[!auth.password.is_empty(), is_set(&auth.password_file)]) {
            return fail(
                "at most one of basic_auth password, password_file & password_ref must be configured",
            );
        }
    }
    if let Some(auth) = &config.authorization {
        if has_token {
            return fail("authorization is not compatible with bearer_token & bearer_token_file");
        }
        if several(&[!auth.credentials.is_empty(), is_set(&auth.credentials_file)]) {
            return fail(
                "at most one of authorization credentials & credentials_file must be configured",
            );
        }
        if auth.scheme.eq_ignore_ascii_case("basic") {
            return fail(
                r#"authorization type cannot be set to "basic", use "basic_auth" instead"#,
            );
        }
    }
    let schemes =
        [config.basic_auth.is_some(), config.oauth2.is_some(), config.authorization.is_some()];
    if several(&schemes) {
        return fail("at most one of basic_auth, oauth2 & authorization must be configured");
    }
    if let Some(oauth) = &config.oauth2 {
        if oauth.client_id.is_empty() {
            return fail("oauth2 client_id must be configured");
        }
        if oauth.token_url.is_empty() {
            return fail("oauth2 token_url must be configured");
        }
        if several(&[!oauth.client_secret.is_empty(), is_set(&oauth.client_secret_file)]) {
            return fail(
                "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured",
            );
        }
    }
    Ok(())
}

/// References to a secret manager, which Prometheus' own binary does not offer either.
fn reference(section: &mut Section<'_>, key: &'static str) -> Result<()> {
    match section.line_of(key) {
        Some(line) => {
            Err(error_at(line, format!("{key}: there is no manager of secrets to refer to")))
        }
        None => Ok(()),
    }
}

fn basic_auth(section: &mut Section<'_>, reading: &mut Reading) -> Result<Option<BasicAuth>> {
    let Some(mut own) = section.section("basic_auth", "basic_auth")? else { return Ok(None) };
    reference(&mut own, "username_ref")?;
    reference(&mut own, "password_ref")?;
    let auth = BasicAuth {
        username: own.text_or_empty("username")?,
        username_file: own.path("username_file", reading)?,
        password: own.secret("password")?,
        password_file: own.path("password_file", reading)?,
    };
    own.finish()?;
    Ok(Some(auth))
}

fn authorization(
    section: &mut Section<'_>,
    reading: &mut Reading,
) -> Result<Option<Authorization>> {
    let Some(mut own) = section.section("authorization", "authorization")? else {
        return Ok(None);
    };
    reference(&mut own, "credentials_ref")?;
    let scheme = own.text_or_empty("type")?.trim().to_owned();
    let auth = Authorization {
        scheme: if scheme.is_empty() { "Bearer".into() } else { scheme },
        credentials: own.secret("credentials")?,
        credentials_file: own.path("credentials_file", reading)?,
    };
    own.finish()?;
    Ok(Some(auth))
}

fn oauth2(section: &mut Section<'_>, reading: &mut Reading) -> Result<Option<OAuth2>> {
    let Some(mut own) = section.section("oauth2", "oauth2")? else { return Ok(None) };
    reference(&mut own, "client_secret_ref")?;
    reference(&mut own, "client_certificate_key_ref")?;
    for key in [
        "client_certificate_key_id",
        "client_certificate_key",
        "client_certificate_key_file",
        "signature_algorithm",
        "grant_type",
        "iss",
        "audience",
        "claims",
    ] {
        let line = own.line_of(key);
        let usual = key == "grant_type"
            && matches!(own.text(key)?.as_deref(), None | Some("" | "client_credentials"));
        if let Some(line) = line.filter(|_| !usual) {
            let message = format!("oauth2 {key}: grants with a signed JWT are not offered");
            return Err(error_at(line, message));
        }
    }
    let oauth = OAuth2 {
        client_id: own.text_or_empty("client_id")?,
        client_secret: own.secret("client_secret")?,
        client_secret_file: own.path("client_secret_file", reading)?,
        scopes: own.texts("scopes")?,
        token_url: own.text_or_empty("token_url")?,
        endpoint_params: own.text_map("endpoint_params")?,
        tls_config: tls(&mut own, reading)?,
        proxy: proxy(&mut own)?,
    };
    own.finish()?;
    Ok(Some(oauth))
}

/// Takes `tls_config` from a section.
pub(in crate::scrape) fn tls(
    section: &mut Section<'_>,
    reading: &mut Reading,
) -> Result<TlsConfig> {
    let Some(mut own) = section.section("tls_config", "tls_config")? else {
        return Ok(TlsConfig::default());
    };
    for key in ["ca_ref", "cert_ref", "key_ref"] {
        reference(&mut own, key)?;
    }
    let version = |text: &str| match text {
        "TLS10" => Ok(TlsVersion::Tls10),
        "TLS11" => Ok(TlsVersion::Tls11),
        "TLS12" => Ok(TlsVersion::Tls12),
        "TLS13" => Ok(TlsVersion::Tls13),
        _ => Err(Error::invalid(format!("unknown TLS version: {text}"))),
    };
    let tls = TlsConfig {
        ca: own.text_or_empty("ca")?,
        cert: own.text_or_empty("cert")?,
        key: own.secret("key")?,
        ca_file: own.path("ca_file", reading)?,
        cert_file: own.path("cert_file", reading)?,
        key_file: own.path("key_file", reading)?,
        server_name: own.text_or_empty("server_name")?,
        insecure_skip_verify: own.boolean_or("insecure_skip_verify", false)?,
        min_version: own.parsed("min_version", version)?,
        max_version: own.parsed("max_version", version)?,
    };
    let problem = tls_problem(&tls);
    if let Some(problem) = problem {
        return Err(own.fail(problem));
    }
    own.finish()?;
    Ok(tls)
}

fn tls_problem(tls: &TlsConfig) -> Option<&'static str> {
    let is_set = |path: &std::path::Path| !path.as_os_str().is_empty();
    let has_cert = !tls.cert.is_empty() || is_set(&tls.cert_file);
    let has_key = !tls.key.is_empty() || is_set(&tls.key_file);
    if several(&[!tls.ca.is_empty(), is_set(&tls.ca_file)]) {
        return Some("at most one of ca, ca_file & ca_ref must be configured");
    }
    if several(&[!tls.cert.is_empty(), is_set(&tls.cert_file)]) {
        return Some("at most one of cert, cert_file & cert_ref must be configured");
    }
    if several(&[!tls.key.is_empty(), is_set(&tls.key_file)]) {
        return Some("at most one of key and key_file must be configured");
    }
    if has_cert && !has_key {
        return Some(
            "exactly one of key or key_file must be configured when a client certificate is configured",
        );
    }
    if has_key && !has_cert {
        return Some(
            "exactly one of cert or cert_file must be configured when a client key is configured",
        );
    }
    None
}

fn proxy(section: &mut Section<'_>) -> Result<ProxyConfig> {
    let mut connect = BTreeMap::new();
    for (name, values) in section.texts_map("proxy_connect_header")? {
        connect.insert(name, values.into_iter().map(Secret::new).collect::<Vec<_>>());
    }
    let proxy = ProxyConfig {
        proxy_url: section.secret("proxy_url")?,
        no_proxy: section.text_or_empty("no_proxy")?,
        proxy_from_environment: section.boolean_or("proxy_from_environment", false)?,
        proxy_connect_header: connect,
    };
    let has_url = !proxy.proxy_url.is_empty();
    let problem = if !proxy.proxy_connect_header.is_empty()
        && !has_url
        && !proxy.proxy_from_environment
    {
        Some(
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
        )
    } else if proxy.proxy_from_environment && has_url {
        Some("if proxy_from_environment is configured, proxy_url must not be configured")
    } else if proxy.proxy_from_environment && !proxy.no_proxy.is_empty() {
        Some("if proxy_from_environment is configured, no_proxy must not be configured")
    } else if !has_url && !proxy.no_proxy.is_empty() {
        Some("if no_proxy is configured, proxy_url must also be configured")
    } else {
        None
    };
    problem.map_or(Ok(proxy), |problem| Err(section.fail(problem)))
}

fn headers(
    section: &mut Section<'_>,
    reading: &mut Reading,
) -> Result<BTreeMap<String, HeaderValues>> {
    let mut headers = BTreeMap::new();
    let Some(node) = section.node("http_headers") else { return Ok(headers) };
    for entry in entries(node, "http_headers")? {
        if RESERVED_HEADERS.contains(&entry.key.to_lowercase().as_str()) {
            let message = format!("setting header {:?} is not allowed", entry.key);
            return Err(error_at(entry.line, message));
        }
        let mut own = Section::new(&entry.node, "http_headers")?;
        let list = |own: &mut Section<'_>, key: &'static str| match own.node(key) {
            Some(node) => texts_of(node, key),
            None => Ok(Vec::new()),
        };
        let values = HeaderValues {
            values: list(&mut own, "values")?,
            secrets: list(&mut own, "secrets")?.into_iter().map(Secret::new).collect(),
            files: list(&mut own, "files")?.iter().map(|file| reading.path(file)).collect(),
        };
        own.finish()?;
        headers.insert(entry.key.clone(), values);
    }
    Ok(headers)
}
