// Python programs for the first data.

import type { Template } from "./snippets";

const INSTALL = "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http";

export const PYTHON: Template = {
  spans: ({ http }) => ({
    install: INSTALL,
    file: "first_trace.py",
    run: "python first_trace.py",
    code: `from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "my-agent"}))
exporter = OTLPSpanExporter(endpoint="${http}/v1/traces")
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("first-trace")

with tracer.start_as_current_span("invoke_agent helper") as agent:
    agent.set_attribute("gen_ai.operation.name", "invoke_agent")
    agent.set_attribute("gen_ai.agent.name", "helper")
    with tracer.start_as_current_span("execute_tool search") as tool:
        tool.set_attribute("gen_ai.operation.name", "execute_tool")
        tool.set_attribute("gen_ai.tool.name", "search")

provider.shutdown()
`,
  }),
  logs: ({ http }) => ({
    install: INSTALL,
    file: "first_log.py",
    run: "python first_log.py",
    code: `from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

provider = LoggerProvider(resource=Resource.create({"service.name": "my-agent"}))
exporter = OTLPLogExporter(endpoint="${http}/v1/logs")
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logger = provider.get_logger("first-log")

logger.emit(LogRecord(
    severity_number=SeverityNumber.INFO,
    severity_text="INFO",
    body="the agent is up",
    attributes={"attempt": 1},
))

provider.shutdown()
`,
  }),
  metrics: ({ http }) => ({
    install: INSTALL,
    file: "first_metric.py",
    run: "python first_metric.py",
    code: `from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

exporter = OTLPMetricExporter(endpoint="${http}/v1/metrics")
provider = MeterProvider(
    resource=Resource.create({"service.name": "my-agent"}),
    metric_readers=[PeriodicExportingMetricReader(exporter)],
)
runs = provider.get_meter("first-metric").create_counter("agent.runs", unit="1", description="Agent runs")

runs.add(1, {"outcome": "success"})

provider.shutdown()
`,
  }),
};
