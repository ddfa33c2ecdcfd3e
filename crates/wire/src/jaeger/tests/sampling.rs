//! Strategies as Jaeger writes them.

use crate::jaeger::{
    OperationStrategy, Strategy, StrategyKind, requested_service, strategy_json, strategy_proto,
};

fn strategy(kind: StrategyKind) -> Strategy {
    Strategy { kind, operations: vec![], default_probability: 0.5 }
}

#[test]
fn strategies_are_written_as_json_and_protobuf() {
    let operations = vec![OperationStrategy { operation: "GET /health".into(), probability: 0.0 }];
    let kind = StrategyKind::Probabilistic(0.5);
    let cases = [
        (
            strategy(StrategyKind::Probabilistic(1.0)),
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}"#,
            &[0x12, 9, 9, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f][..],
        ),
        (
            strategy(StrategyKind::RateLimiting(5)),
            r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}"#,
            &[8, 1, 0x1a, 2, 8, 5],
        ),
        (
            Strategy { operations, ..strategy(kind) },
            r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5},
                "operationSampling":{"defaultSamplingProbability":0.5,
                "defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[
                {"operation":"GET /health","probabilisticSampling":{"samplingRate":0}}],
                "defaultUpperBoundTracesPerSecond":0}}"#,
            &[
                0x12, 9, 9, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0x22, 35, 9, 0, 0, 0, 0, 0, 0, 0xe0,
                0x3f, 0x1a, 24, 10, 11, b'G', b'E', b'T', b' ', b'/', b'h', b'e', b'a', b'l', b't',
                b'h', 0x12, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
        ),
    ];
    for (strategy, json, proto) in cases {
        let value = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&strategy_json(&strategy)), value(json));
        assert_eq!(strategy_proto(&strategy), proto, "{json}");
    }
}

#[test]
fn a_request_names_its_service() {
    assert_eq!(requested_service(b"\x0a\x04shop").unwrap(), "shop");
    assert_eq!(requested_service(b"").unwrap(), "");
    assert!(requested_service(b"\x0a\x05shop").is_err());
}
