// Complete programs that send a first trace, log line or metric. Each was run as it stands; keep them runnable.

import type { Addresses } from "./addresses";
import { PYTHON } from "./snippetsPython";
import { RUST } from "./snippetsRust";
import { TYPESCRIPT } from "./snippetsTypescript";

export type Signal = "spans" | "logs" | "metrics";

export interface Snippet {
  /** Shell commands that install what the code needs. */
  install: string;
  file: string;
  code: string;
  run: string;
}

export type Template = Record<Signal, (to: Addresses) => Snippet>;

const COLLECTOR: (to: Addresses) => Snippet = ({ grpc }) => ({
  install: "# any OpenTelemetry Collector from 0.90 on",
  file: "collector.yaml",
  code: `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:14317
      http:
        endpoint: 127.0.0.1:14318

processors:
  batch: {}

exporters:
  otlp/watchkeep:
    endpoint: ${grpc}
    tls:
      insecure: true

service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlp/watchkeep]
    logs:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlp/watchkeep]
    metrics:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlp/watchkeep]
`,
  run: "otelcol --config collector.yaml",
});

export const LANGUAGES: { id: string; label: string; snippet: (signal: Signal, to: Addresses) => Snippet }[] = [
  { id: "python", label: "Python", snippet: (signal, to) => PYTHON[signal](to) },
  { id: "typescript", label: "TypeScript", snippet: (signal, to) => TYPESCRIPT[signal](to) },
  { id: "rust", label: "Rust", snippet: (signal, to) => RUST[signal](to) },
  { id: "collector", label: "Collector", snippet: (_, to) => COLLECTOR(to) },
];
