//! Reads where targets come from.

use std::time::Duration;

use watchkeep_model::{Error, Result};

use super::http;
use crate::scrape::config::discovery::{
    ConsulConfig, DiscoveryConfigs, DnsConfig, DnsRecord, DockerConfig, DockerFilter, FileConfig,
    HttpConfig, KubernetesConfig, KubernetesMetadata, KubernetesNamespaces, KubernetesRole,
    KubernetesSelector, StaticConfig, UNSUPPORTED,
};
use crate::scrape::config::http::{BasicAuth, HttpClientConfig};
use crate::scrape::config::section::{Reading, Section};
use crate::scrape::config::yaml::{Node, error_at};

/// Takes every kind of discovery from a section. `check_addresses` says whether a URL in place of
/// an address is an error, because no rule could mend it.
pub(in crate::scrape) fn all(
    section: &mut Section<'_>,
    reading: &mut Reading,
    check_addresses: bool,
) -> Result<DiscoveryConfigs> {
    let mut configs = DiscoveryConfigs {
        consul: list(section, "consul_sd_configs", |own| consul(own, reading))?,
        dns: list(section, "dns_sd_configs", dns)?,
        docker: list(section, "docker_sd_configs", |own| docker(own, reading))?,
        file: list(section, "file_sd_configs", |own| file(own, reading))?,
        http: list(section, "http_sd_configs", |own| http_sd(own, reading))?,
        kubernetes: list(section, "kubernetes_sd_configs", |own| kubernetes(own, reading))?,
        fixed: list(section, "static_configs", |own| fixed(own, check_addresses))?,
    };
    // An empty list of targets is valid and finds nothing, as upstream.
    configs.fixed.retain(|group| !group.targets.is_empty() || !group.labels.is_empty());
    for key in UNSUPPORTED {
        if let Some(line) = section.line_of(key) {
            reading.warn(line, format!("{key} is not offered, its targets are not scraped"));
        }
    }
    Ok(configs)
}

fn list<'a, T>(
    section: &mut Section<'a>,
    key: &'static str,
    mut read: impl FnMut(&mut Section<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    section.each(key, |node: &'a Node| {
        if node.is_null() {
            return Err(error_at(node.line, format!("empty or null section in {key}")));
        }
        let mut own = Section::new(node, key)?;
        let value = read(&mut own)?;
        own.finish()?;
        Ok(value)
    })
}

/// Whether a target's address is one; a URL is the mistake that people make.
pub(in crate::scrape) fn check_address(address: &str) -> Result<()> {
    if address.contains('/') {
        return Err(Error::invalid(format!("{address:?} is not a valid hostname")));
    }
    Ok(())
}

fn fixed(own: &mut Section<'_>, check_addresses: bool) -> Result<StaticConfig> {
    let config = StaticConfig { targets: own.texts("targets")?, labels: own.text_map("labels")? };
    if check_addresses {
        for target in &config.targets {
            check_address(target).map_err(|error| own.fail(error.message()))?;
        }
    }
    Ok(config)
}

fn interval(own: &mut Section<'_>, seconds: u64) -> Result<Duration> {
    match own.duration("refresh_interval")? {
        Some(interval) if interval.is_zero() => {
            Err(own.fail("refresh_interval must be longer than 0"))
        }
        given => Ok(given.unwrap_or(Duration::from_secs(seconds))),
    }
}

fn file(own: &mut Section<'_>, reading: &Reading) -> Result<FileConfig> {
    let files = own.texts("files")?;
    if files.is_empty() {
        return Err(own.fail("file service discovery config must contain at least one path name"));
    }
    for name in &files {
        let valid = name.rsplit_once('.').is_some_and(|(stem, kind)| {
            let kind_is_known = matches!(kind, "json" | "yml" | "yaml" | "JSON" | "YML" | "YAML");
            // A star only in the last part of the path, and only one.
            let star_is_last = stem.split_once('*').is_none_or(|(_, after)| !after.contains('/'));
            kind_is_known && star_is_last
        });
        if !valid {
            return Err(own.fail(format!("path name {name:?} is not valid for file discovery")));
        }
    }
    let files = files.iter().map(|name| reading.path(name)).collect();
    Ok(FileConfig { files, refresh_interval: interval(own, 5 * 60)? })
}

fn http_sd(own: &mut Section<'_>, reading: &mut Reading) -> Result<HttpConfig> {
    let url = own.text_or_empty("url")?;
    if url.is_empty() {
        return Err(own.fail("URL is missing"));
    }
    let parsed = reqwest::Url::parse(&url);
    match &parsed {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
            return Err(own.fail("URL scheme must be 'http' or 'https'"));
        }
        Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => {
            return Err(own.fail("host is missing in URL"));
        }
        Ok(_) => {}
        Err(_) if !url.starts_with("http://") && !url.starts_with("https://") => {
            return Err(own.fail("URL scheme must be 'http' or 'https'"));
        }
        Err(_) => return Err(own.fail("host is missing in URL")),
    }
    let refresh_interval = interval(own, 60)?;
    let http = http::client(own, reading, HttpClientConfig::default())?;
    Ok(HttpConfig { http, refresh_interval, url })
}

fn dns(own: &mut Section<'_>) -> Result<DnsConfig> {
    let names = own.texts("names")?;
    if names.is_empty() {
        return Err(own.fail("DNS-SD config must contain at least one SRV record name"));
    }
    let kind = own.text("type")?.unwrap_or_else(|| "SRV".into());
    let port = own.port("port")?.unwrap_or(0);
    let record = match kind.to_uppercase().as_str() {
        "SRV" => DnsRecord::Srv,
        "A" => DnsRecord::A,
        "AAAA" => DnsRecord::Aaaa,
        "MX" => DnsRecord::Mx,
        "NS" => DnsRecord::Ns,
        _ => return Err(own.fail(format!("invalid DNS-SD records type {kind}"))),
    };
    if port == 0 && record != DnsRecord::Srv {
        return Err(
            own.fail("a port is required in DNS-SD configs for all record types except SRV")
        );
    }
    Ok(DnsConfig { names, refresh_interval: interval(own, 30)?, record, port })
}

fn docker(own: &mut Section<'_>, reading: &mut Reading) -> Result<DockerConfig> {
    let host = own.text_or_empty("host")?;
    if host.is_empty() {
        return Err(own.fail("host missing"));
    }
    let schemes = ["unix://", "tcp://", "http://", "https://"];
    if !schemes.iter().any(|scheme| host.starts_with(scheme)) {
        return Err(own.fail(format!(
            "unable to parse docker host {host:?}: it must begin with one of {}",
            schemes.join(", ")
        )));
    }
    let filters = list(own, "filters", |own| {
        Ok(DockerFilter { name: own.text_or_empty("name")?, values: own.texts("values")? })
    })?;
    Ok(DockerConfig {
        host,
        port: own.port("port")?.unwrap_or(80),
        filters,
        host_networking_host: own
            .text("host_networking_host")?
            .unwrap_or_else(|| "localhost".into()),
        refresh_interval: interval(own, 60)?,
        match_first_network: own.boolean_or("match_first_network", true)?,
        http: http::client(own, reading, HttpClientConfig::default())?,
    })
}

fn role(own: &mut Section<'_>) -> Result<Option<KubernetesRole>> {
    own.parsed("role", |text| {
        let found = KubernetesRole::NAMES.iter().find(|(name, _)| *name == text);
        let unknown = || Error::invalid(format!("unknown Kubernetes SD role {text:?}"));
        found.map(|(_, role)| *role).ok_or_else(unknown)
    })
}

fn kubernetes(own: &mut Section<'_>, reading: &mut Reading) -> Result<KubernetesConfig> {
    let Some(role) = role(own)? else {
        return Err(own
            .fail("role missing (one of: pod, service, endpoints, endpointslice, node, ingress)"));
    };
    let namespaces = match own.section("namespaces", "namespaces")? {
        Some(mut below) => {
            let namespaces = KubernetesNamespaces {
                own_namespace: below.boolean_or("own_namespace", false)?,
                names: below.texts("names")?,
            };
            below.finish()?;
            namespaces
        }
        None => KubernetesNamespaces::default(),
    };
    let attach_metadata = match own.section("attach_metadata", "attach_metadata")? {
        Some(mut below) => {
            let attach = KubernetesMetadata {
                node: below.boolean_or("node", false)?,
                namespace: below.boolean_or("namespace", false)?,
                deployment: below.boolean_or("deployment", false)?,
                job: below.boolean_or("job", false)?,
                cronjob: below.boolean_or("cronjob", false)?,
            };
            below.finish()?;
            attach
        }
        None => KubernetesMetadata::default(),
    };
    let config = KubernetesConfig {
        api_server: own.text_or_empty("api_server")?,
        role,
        kubeconfig_file: own.path("kubeconfig_file", reading)?,
        http: http::client(own, reading, HttpClientConfig::default())?,
        namespaces,
        selectors: selectors(own, role)?,
        attach_metadata,
    };
    check_kubernetes(&config).map_err(|error| own.fail(error.message()))?;
    Ok(config)
}

fn selectors(own: &mut Section<'_>, role: KubernetesRole) -> Result<Vec<KubernetesSelector>> {
    use KubernetesRole::{EndpointSlice, Endpoints, Ingress, Node, Pod, Service};
    let allowed: &[KubernetesRole] = match role {
        Pod => &[Pod, Node],
        Service => &[Service],
        EndpointSlice => &[Pod, Service, EndpointSlice],
        Endpoints => &[Pod, Service, Endpoints],
        Node => &[Node],
        Ingress => &[Ingress],
    };
    let mut found = Vec::new();
    list(own, "selectors", |own| {
        let names = allowed.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let refusal = format!("{} role supports only {names} selectors", role.name());
        let Some(wanted) = self::role(own)? else { return Err(own.fail(refusal)) };
        if found.contains(&wanted) {
            return Err(own.fail(format!("duplicated selector role: {}", wanted.name())));
        }
        found.push(wanted);
        if !allowed.contains(&wanted) {
            return Err(own.fail(refusal));
        }
        Ok(KubernetesSelector {
            role: wanted,
            label: own.text_or_empty("label")?,
            field: own.text_or_empty("field")?,
        })
    })
}

fn check_kubernetes(config: &KubernetesConfig) -> Result<()> {
    let fail = |message: &str| Err(Error::invalid(message));
    let has_server = !config.api_server.is_empty();
    let has_file = !config.kubeconfig_file.as_os_str().is_empty();
    let has_client = config.http != HttpClientConfig::default();
    if has_server && has_file {
        return fail("cannot use 'kubeconfig_file' and 'api_server' simultaneously");
    }
    if has_file && has_client {
        return fail(
            "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
        );
    }
    if !has_server && has_client {
        return fail(
            "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
        );
    }
    if has_server && config.namespaces.own_namespace {
        return fail("cannot use 'api_server' and 'namespaces.own_namespace' simultaneously");
    }
    if has_file && config.namespaces.own_namespace {
        return fail("cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously");
    }
    if has_server && reqwest::Url::parse(&config.api_server).is_err() {
        return fail("api_server must be a URL");
    }
    Ok(())
}

fn consul(own: &mut Section<'_>, reading: &mut Reading) -> Result<ConsulConfig> {
    let text = |own: &mut Section<'_>, key, default: &str| {
        Ok::<_, Error>(own.text(key)?.unwrap_or_else(|| default.to_owned()))
    };
    let mut config = ConsulConfig {
        server: text(own, "server", "localhost:8500")?,
        path_prefix: own.text_or_empty("path_prefix")?,
        token: own.secret("token")?,
        datacenter: own.text_or_empty("datacenter")?,
        namespace: own.text_or_empty("namespace")?,
        partition: own.text_or_empty("partition")?,
        tag_separator: text(own, "tag_separator", ",")?,
        scheme: text(own, "scheme", "http")?,
        username: own.text_or_empty("username")?,
        password: own.secret("password")?,
        allow_stale: own.boolean_or("allow_stale", true)?,
        refresh_interval: interval(own, 30)?,
        services: own.texts("services")?,
        tags: own.texts("tags")?,
        node_meta: own.text_map("node_meta")?,
        filter: own.text_or_empty("filter")?,
        health_filter: own.text_or_empty("health_filter")?,
        http: http::client(own, reading, HttpClientConfig::default())?,
    };
    if config.server.trim().is_empty() {
        return Err(own.fail("consul SD configuration requires a server address"));
    }
    if !config.username.is_empty() || !config.password.is_empty() {
        if config.http.basic_auth.is_some() {
            return Err(own.fail(
                "at most one of consul SD configuration username and password and basic auth can be configured",
            ));
        }
        config.http.basic_auth = Some(BasicAuth {
            username: config.username.clone(),
            password: config.password.clone(),
            ..BasicAuth::default()
        });
    }
    let other = config.http.authorization.is_some() || config.http.oauth2.is_some();
    if !config.token.is_empty() && other {
        return Err(
            own.fail("at most one of consul SD token, authorization, or oauth2 can be configured")
        );
    }
    Ok(config)
}
