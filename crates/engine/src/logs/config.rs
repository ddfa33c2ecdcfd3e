//! The section `loki` of the configuration: how log records become streams, and how much LogQL may
//! ask for.

use serde::{Deserialize, Serialize};
use watchkeep_model::{Error, Result};

use crate::humane::HumaneDuration;

/// Section `loki`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LokiConfig {
    /// Whether streams without a label `service_name` get one.
    pub discover_service_name: bool,
    /// Labels of which the first that a stream has names its service.
    pub service_name_labels: Vec<String>,
    /// Whether records get the metadata `detected_level`, found in what they say.
    pub discover_log_levels: bool,
    /// Attributes of an OTLP resource that become labels of its stream, by their OTLP names.
    pub otlp_resource_attributes: Vec<String>,
    /// Log lines that one query may ask for.
    pub query_entries_max: usize,
    /// Series that the answer to one metric query may have.
    pub query_series_max: usize,
    /// Tails that follow at one time.
    pub tails_max: usize,
    /// How long one tail may follow.
    pub tail_duration_max: HumaneDuration,
}

impl Default for LokiConfig {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            discover_service_name: true,
            service_name_labels: names(&[
                "service",
                "app",
                "application",
                "app_name",
                "name",
                "app_kubernetes_io_name",
                "container",
                "container_name",
                "k8s_container_name",
                "component",
                "workload",
                "job",
                "k8s_job_name",
            ]),
            discover_log_levels: true,
            otlp_resource_attributes: names(&[
                "service.name",
                "service.namespace",
                "service.instance.id",
                "deployment.environment",
                "deployment.environment.name",
                "cloud.region",
                "cloud.availability_zone",
                "k8s.cluster.name",
                "k8s.namespace.name",
                "k8s.pod.name",
                "k8s.container.name",
                "container.name",
                "k8s.replicaset.name",
                "k8s.deployment.name",
                "k8s.statefulset.name",
                "k8s.daemonset.name",
                "k8s.cronjob.name",
                "k8s.job.name",
            ]),
            query_entries_max: 5000,
            query_series_max: 100_000,
            tails_max: 64,
            tail_duration_max: HumaneDuration(std::time::Duration::from_hours(1)),
        }
    }
}

impl LokiConfig {
    /// Fails where a limit leaves nothing allowed.
    pub fn check(&self) -> Result<()> {
        let at_least_one = [
            ("loki.query_entries_max", self.query_entries_max),
            ("loki.query_series_max", self.query_series_max),
            ("loki.tails_max", self.tails_max),
        ];
        match at_least_one.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(Error::invalid(format!("{key} must be at least 1"))),
            None => Ok(()),
        }
    }
}
