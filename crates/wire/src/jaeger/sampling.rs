//! Sampling strategies as Jaeger's clients ask for them (`sampling.proto`, and its JSON as Jaeger
//! writes it: defaults are shown, what is not set is left out).

use serde_json::{Map, Value, json};
use watchkeep_model::{Error, Result};

use crate::protobuf::{Reader, Writer};

/// Which traces of a service are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// What holds for the whole service.
    pub kind: StrategyKind,
    /// What holds for single operations; none where all are alike.
    pub operations: Vec<OperationStrategy>,
    /// Where there are such: the probability of the other operations.
    pub default_probability: f64,
}

/// What is kept of a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StrategyKind {
    /// A share of all traces, from 0 to 1.
    Probabilistic(f64),
    /// So many traces a second.
    RateLimiting(i32),
}

/// What is kept of one operation.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationStrategy {
    /// Name of the operation.
    pub operation: String,
    /// The share of its traces, from 0 to 1.
    pub probability: f64,
}

/// A `SamplingStrategyResponse` as JSON.
pub fn strategy_json(strategy: &Strategy) -> String {
    let mut answer = Map::new();
    match strategy.kind {
        StrategyKind::Probabilistic(rate) => {
            answer.insert("strategyType".into(), "PROBABILISTIC".into());
            answer.insert("probabilisticSampling".into(), json!({ "samplingRate": number(rate) }));
        }
        StrategyKind::RateLimiting(rate) => {
            answer.insert("strategyType".into(), "RATE_LIMITING".into());
            answer.insert("rateLimitingSampling".into(), json!({ "maxTracesPerSecond": rate }));
        }
    }
    if !strategy.operations.is_empty() {
        let operations: Vec<Value> = strategy
            .operations
            .iter()
            .map(|one| {
                let rate = number(one.probability);
                json!({
                    "operation": one.operation,
                    "probabilisticSampling": { "samplingRate": rate },
                })
            })
            .collect();
        let per_operation = json!({
            "defaultSamplingProbability": number(strategy.default_probability),
            "defaultLowerBoundTracesPerSecond": 0,
            "perOperationStrategies": operations,
            "defaultUpperBoundTracesPerSecond": 0,
        });
        answer.insert("operationSampling".into(), per_operation);
    }
    Value::Object(answer).to_string()
}

/// A number as Jaeger writes it: whole ones without a fraction.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

/// A `SamplingStrategyResponse` as protobuf.
pub fn strategy_proto(strategy: &Strategy) -> Vec<u8> {
    let mut writer = Writer::default();
    match strategy.kind {
        StrategyKind::Probabilistic(rate) => probabilistic(&mut writer, 2, rate),
        StrategyKind::RateLimiting(rate) => {
            writer.varint(1, 1);
            let limiting = writer.begin_message(3);
            writer.varint(1, u64::from(rate.max(0) as u32));
            writer.end_message(limiting);
        }
    }
    if !strategy.operations.is_empty() {
        let per_operation = writer.begin_message(4);
        writer.fixed64(1, strategy.default_probability.to_bits());
        for one in &strategy.operations {
            let operation = writer.begin_message(3);
            writer.bytes(1, one.operation.as_bytes());
            probabilistic(&mut writer, 2, one.probability);
            writer.end_message(operation);
        }
        writer.end_message(per_operation);
    }
    writer.into_bytes()
}

fn probabilistic(writer: &mut Writer, number: u32, rate: f64) {
    let message = writer.begin_message(number);
    writer.fixed64(1, rate.to_bits());
    writer.end_message(message);
}

/// The service that `SamplingStrategyParameters` name.
pub fn requested_service(message: &[u8]) -> Result<String> {
    let malformed = |error| Error::invalid(format!("malformed sampling request: {error}"));
    let mut reader = Reader::new(message);
    let mut service = String::new();
    while let Some(field) = reader.field().map_err(malformed)? {
        if field.number == 1 {
            service = String::from_utf8_lossy(field.bytes().map_err(malformed)?).into_owned();
        }
    }
    Ok(service)
}
