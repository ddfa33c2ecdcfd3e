// TypeScript programs for the first data. Node runs them as they are (from 22.18 on), or through tsx.

import type { Template } from "./snippets";

export const TYPESCRIPT: Template = {
  spans: ({ http }) => ({
    install: "npm install @opentelemetry/api@1 @opentelemetry/resources@2 @opentelemetry/sdk-trace-node@2 @opentelemetry/exporter-trace-otlp-proto@0.223",
    file: "first-trace.mts",
    run: "npx tsx first-trace.mts",
    code: `import { trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const exporter = new OTLPTraceExporter({ url: "${http}/v1/traces" });
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": "my-agent" }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
provider.register();
const tracer = trace.getTracer("first-trace");

tracer.startActiveSpan("invoke_agent helper", (agent) => {
  agent.setAttributes({ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper" });
  tracer.startActiveSpan("execute_tool search", (tool) => {
    tool.setAttributes({ "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search" });
    tool.end();
  });
  agent.end();
});

await provider.shutdown();
`,
  }),
  logs: ({ http }) => ({
    install: "npm install @opentelemetry/api-logs@0.223 @opentelemetry/resources@2 @opentelemetry/sdk-logs@0.223 @opentelemetry/exporter-logs-otlp-proto@0.223",
    file: "first-log.mts",
    run: "npx tsx first-log.mts",
    code: `import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";

const exporter = new OTLPLogExporter({ url: "${http}/v1/logs" });
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ "service.name": "my-agent" }),
  processors: [new SimpleLogRecordProcessor({ exporter })],
});

provider.getLogger("first-log").emit({
  severityNumber: SeverityNumber.INFO,
  severityText: "INFO",
  body: "the agent is up",
  attributes: { attempt: 1 },
});

await provider.shutdown();
`,
  }),
  metrics: ({ http }) => ({
    install: "npm install @opentelemetry/resources@2 @opentelemetry/sdk-metrics@2 @opentelemetry/exporter-metrics-otlp-proto@0.223",
    file: "first-metric.mts",
    run: "npx tsx first-metric.mts",
    code: `import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";

const exporter = new OTLPMetricExporter({ url: "${http}/v1/metrics" });
const provider = new MeterProvider({
  resource: resourceFromAttributes({ "service.name": "my-agent" }),
  readers: [new PeriodicExportingMetricReader({ exporter })],
});
const runs = provider.getMeter("first-metric").createCounter("agent.runs", { unit: "1", description: "Agent runs" });

runs.add(1, { outcome: "success" });

await provider.shutdown();
`,
  }),
};
