// PromQL in the editor: its grammar, and completion from what the server has.

import type { Extension } from "@codemirror/state";
import { PromQLExtension, type PrometheusClient } from "@prometheus-io/codemirror-promql";

/** Metrics for which completion knows kind and help; past that, names alone. */
const METADATA_MAX = 10_000;

export function promql(client: PrometheusClient): Extension {
  return new PromQLExtension().setComplete({ remote: client, maxMetricsMetadata: METADATA_MAX }).asExtension();
}
