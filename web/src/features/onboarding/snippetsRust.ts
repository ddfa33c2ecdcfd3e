// Rust programs for the first data.

import type { Template } from "./snippets";

const INSTALL = `cargo new my-agent && cd my-agent
cargo add opentelemetry opentelemetry_sdk
cargo add opentelemetry-otlp --no-default-features --features trace,logs,metrics,http-proto,reqwest-blocking-client`;

export const RUST: Template = {
  spans: ({ http }) => ({
    install: INSTALL,
    file: "src/main.rs",
    run: "cargo run",
    code: `use opentelemetry::{KeyValue, trace::{Tracer, TracerProvider as _}};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint("${http}/v1/traces")
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("my-agent").build())
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("first-trace");

    let agent = tracer.span_builder("invoke_agent helper").with_attributes([
        KeyValue::new("gen_ai.operation.name", "invoke_agent"),
        KeyValue::new("gen_ai.agent.name", "helper"),
    ]);
    let agent = tracer.build(agent);
    let inside = opentelemetry::trace::TraceContextExt::current_with_span(agent);
    let tool = tracer.span_builder("execute_tool search").with_attributes([
        KeyValue::new("gen_ai.operation.name", "execute_tool"),
        KeyValue::new("gen_ai.tool.name", "search"),
    ]);
    drop(tracer.build_with_context(tool, &inside));
    drop(inside);

    provider.shutdown()?;
    Ok(())
}
`,
  }),
  logs: ({ http }) => ({
    install: INSTALL,
    file: "src/main.rs",
    run: "cargo run",
    code: `use opentelemetry::logs::{LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry_otlp::{LogExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, logs::SdkLoggerProvider};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exporter = LogExporter::builder()
        .with_http()
        .with_endpoint("${http}/v1/logs")
        .build()?;
    let provider = SdkLoggerProvider::builder()
        .with_resource(Resource::builder().with_service_name("my-agent").build())
        .with_batch_exporter(exporter)
        .build();
    let logger = provider.logger("first-log");

    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Info);
    record.set_severity_text("INFO");
    record.set_body("the agent is up".into());
    record.add_attribute("attempt", 1);
    logger.emit(record);

    provider.shutdown()?;
    Ok(())
}
`,
  }),
  metrics: ({ http }) => ({
    install: INSTALL,
    file: "src/main.rs",
    run: "cargo run",
    code: `use opentelemetry::{KeyValue, metrics::MeterProvider};
use opentelemetry_otlp::{MetricExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_endpoint("${http}/v1/metrics")
        .build()?;
    let provider = SdkMeterProvider::builder()
        .with_resource(Resource::builder().with_service_name("my-agent").build())
        .with_periodic_exporter(exporter)
        .build();
    let runs = provider
        .meter("first-metric")
        .u64_counter("agent.runs")
        .with_description("Agent runs")
        .build();

    runs.add(1, &[KeyValue::new("outcome", "success")]);

    provider.shutdown()?;
    Ok(())
}
`,
  }),
};
