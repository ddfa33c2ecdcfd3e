//! Section `jaeger` of the configuration: what the agent's ports take, and how clients shall sample.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use watchkeep_engine::humane::ByteSize;
use watchkeep_model::{Error, Result};
use watchkeep_wire::jaeger::{OperationStrategy, PACKET_BYTES_MAX, Strategy, StrategyKind};

/// Section `jaeger`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JaegerConfig {
    /// Datagrams that wait to be stored on each UDP port; those beyond are dropped.
    pub packets_queued_max: usize,
    /// Bytes of one datagram; longer ones are dropped.
    pub packet_bytes_max: ByteSize,
    /// Section `jaeger.sampling`.
    pub sampling: SamplingConfig,
}

impl Default for JaegerConfig {
    fn default() -> Self {
        Self {
            packets_queued_max: 1000,
            packet_bytes_max: ByteSize(PACKET_BYTES_MAX as u64),
            sampling: SamplingConfig::default(),
        }
    }
}

/// Section `jaeger.sampling`, in the words of Jaeger's file of strategies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingConfig {
    /// What holds for a service that is not named.
    pub default_strategy: StrategyConfig,
    /// What holds for single services.
    pub service_strategies: Vec<ServiceStrategyConfig>,
}

/// How a service samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StrategyConfig {
    /// `probabilistic` or `ratelimiting`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The share of all traces, from 0 to 1, or how many traces a second.
    pub param: f64,
    /// What holds for single operations.
    pub operation_strategies: Vec<OperationStrategyConfig>,
}

impl Default for StrategyConfig {
    fn default() -> Self {
        Self { kind: PROBABILISTIC.into(), param: 1.0, operation_strategies: Vec::new() }
    }
}

/// How one named service samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceStrategyConfig {
    /// The service.
    pub service: String,
    /// `probabilistic` or `ratelimiting`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The share of all traces, from 0 to 1, or how many traces a second.
    pub param: f64,
    /// What holds for single operations.
    #[serde(default)]
    pub operation_strategies: Vec<OperationStrategyConfig>,
}

/// How one operation samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationStrategyConfig {
    /// The operation.
    pub operation: String,
    /// Only `probabilistic`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The share of its traces, from 0 to 1.
    pub param: f64,
}

const PROBABILISTIC: &str = "probabilistic";
const RATE_LIMITING: &str = "ratelimiting";

/// Strategies, ready to be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Strategies {
    default: Strategy,
    services: HashMap<String, Strategy>,
}

impl Strategies {
    /// What holds for a service.
    pub(crate) fn of(&self, service: &str) -> &Strategy {
        self.services.get(service).unwrap_or(&self.default)
    }
}

impl JaegerConfig {
    /// Fails where the section says something that can not be.
    pub fn check(&self) -> Result<()> {
        if self.packets_queued_max == 0 {
            return Err(Error::invalid("jaeger.packets_queued_max must be at least 1"));
        }
        if !(1..=PACKET_BYTES_MAX).contains(&self.packet_bytes_max.bytes()) {
            return Err(Error::invalid(format!(
                "jaeger.packet_bytes_max must be from 1 to {PACKET_BYTES_MAX} bytes"
            )));
        }
        self.sampling.strategies().map(drop)
    }
}

impl SamplingConfig {
    /// The strategies. Those of operations that the default has hold for the services too, where these
    /// do not name them, as in Jaeger.
    pub(crate) fn strategies(&self) -> Result<Strategies> {
        let StrategyConfig { kind, param, operation_strategies } = &self.default_strategy;
        let default = strategy("default_strategy", kind, *param, operation_strategies)?;
        let mut services = HashMap::new();
        for one in &self.service_strategies {
            let place = format!("service_strategies, service {:?}", one.service);
            let mut told = strategy(&place, &one.kind, one.param, &one.operation_strategies)?;
            if told.operations.is_empty() && !matches!(told.kind, StrategyKind::Probabilistic(_)) {
                told.default_probability = default.default_probability;
            }
            for operation in &default.operations {
                if !told.operations.iter().any(|known| known.operation == operation.operation) {
                    told.operations.push(operation.clone());
                }
            }
            services.insert(one.service.clone(), told);
        }
        Ok(Strategies { default, services })
    }
}

fn strategy(
    place: &str,
    kind: &str,
    param: f64,
    operations: &[OperationStrategyConfig],
) -> Result<Strategy> {
    let wrong = |what: &str| Error::invalid(format!("jaeger.sampling.{place}: {what}"));
    let share = |param: f64| {
        let is_share = (0.0..=1.0).contains(&param);
        is_share.then_some(param).ok_or_else(|| wrong("param must be from 0 to 1"))
    };
    let kind = match kind {
        PROBABILISTIC => StrategyKind::Probabilistic(share(param)?),
        RATE_LIMITING if (0.0..=f64::from(i16::MAX)).contains(&param) => {
            StrategyKind::RateLimiting(param as i32)
        }
        RATE_LIMITING => return Err(wrong("param must be from 0 to 32767 traces a second")),
        _ => return Err(wrong("type must be probabilistic or ratelimiting")),
    };
    let default_probability = match kind {
        StrategyKind::Probabilistic(rate) => rate,
        StrategyKind::RateLimiting(_) => 1.0,
    };
    let mut told = Vec::new();
    for one in operations {
        if one.kind != PROBABILISTIC {
            return Err(wrong("the type of an operation must be probabilistic"));
        }
        let operation = one.operation.clone();
        told.push(OperationStrategy { operation, probability: share(one.param)? });
    }
    Ok(Strategy { kind, operations: told, default_probability })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: serde_json::Value) -> Result<Strategies> {
        serde_json::from_value::<SamplingConfig>(json).unwrap().strategies()
    }

    #[test]
    fn operations_of_the_default_hold_where_a_service_does_not_name_them() {
        let strategies = config(serde_json::json!({
            "default_strategy": {"type": "probabilistic", "param": 0.5, "operation_strategies": [
                {"operation": "/health", "type": "probabilistic", "param": 0.0},
                {"operation": "/metrics", "type": "probabilistic", "param": 0.1}]},
            "service_strategies": [
                {"service": "a", "type": "probabilistic", "param": 0.8, "operation_strategies": [
                    {"operation": "/health", "type": "probabilistic", "param": 0.2}]},
                {"service": "b", "type": "ratelimiting", "param": 5}],
        }))
        .unwrap();
        let shown = |service| {
            let strategy = strategies.of(service);
            let operations: Vec<_> = strategy
                .operations
                .iter()
                .map(|one| (one.operation.as_str(), one.probability))
                .collect();
            (strategy.kind, strategy.default_probability, operations)
        };
        let metrics = ("/metrics", 0.1);
        let of = StrategyKind::Probabilistic;
        assert_eq!(shown("a"), (of(0.8), 0.8, vec![("/health", 0.2), metrics]));
        let limited = StrategyKind::RateLimiting(5);
        assert_eq!(shown("b"), (limited, 0.5, vec![("/health", 0.0), metrics]));
        assert_eq!(shown("other"), (of(0.5), 0.5, vec![("/health", 0.0), metrics]));
        let all = config(serde_json::json!({})).unwrap();
        assert_eq!(all.of("x").kind, of(1.0));
    }

    #[test]
    fn what_can_not_be_is_refused_with_its_place() {
        for (json, part) in [
            (serde_json::json!({"default_strategy": {"param": 2.0}}), "default_strategy: param"),
            (serde_json::json!({"default_strategy": {"type": "odd"}}), "type must be"),
            (
                serde_json::json!({"service_strategies": [
                    {"service": "a", "type": "ratelimiting", "param": -1}]}),
                "service \"a\"",
            ),
        ] {
            let error = config(json).unwrap_err();
            assert!(error.message().contains(part), "{}", error.message());
        }
    }
}
