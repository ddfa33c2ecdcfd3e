// What the editor completes: names, labels, values and kinds as the server has them in the page's time range.

import { EqlRegex, EqlSingle, Neq, NeqRegex } from "@prometheus-io/lezer-promql";
import type { PrometheusClient } from "@prometheus-io/codemirror-promql";
import type { QueryClient } from "@tanstack/react-query";
import { prometheus } from "@/api/prometheus";
import { selectorText, type Matcher } from "@/lib/promql";
import type { Bounds } from "@/lib/range";

interface FoundMatcher {
  type: number;
  name: string;
  value: string;
}

/** Values of a label that are offered at most. */
const VALUES_MAX = 20_000;
const SERIES_MAX = 2000;
const FRESH_MS = 60_000;

const OPS = new Map<number, Matcher["op"]>([[EqlSingle, "="], [Neq, "!="], [EqlRegex, "=~"], [NeqRegex, "!~"]]);

/** The selector that the cursor stands in, without the label that is being completed. */
function selection(metric: string | undefined, matchers: FoundMatcher[] = [], but?: string): string | undefined {
  const kept = matchers.filter((one) => one.name !== but && one.name !== "" && one.value !== "").map((one): Matcher => ({ name: one.name, op: OPS.get(one.type) ?? "=", value: one.value }));
  if (!metric && kept.length === 0) return undefined;
  return selectorText(metric ?? "", kept);
}

/** Completion without an answer offers the language alone, and says nothing: the query itself will tell what is wrong. */
export function completionClient(queries: QueryClient, bounds: () => Bounds): PrometheusClient {
  const ask = async <T>(key: string[], none: T, load: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await queries.query({ queryKey: ["completion", ...key], queryFn: ({ signal }) => load(signal), staleTime: FRESH_MS, retry: false });
    } catch {
      return none;
    }
  };
  const values = (label: string, match: string | undefined): Promise<string[]> =>
    ask(["values", label, match ?? ""], [], (signal) => prometheus.labelValues(label, match, bounds(), VALUES_MAX, signal));
  return {
    labelNames: (metric) => {
      const match = selection(metric);
      return ask(["labels", match ?? ""], [], (signal) => prometheus.labelNames(match, bounds(), signal));
    },
    labelValues: (label, metric, matchers) => values(label, selection(metric, matchers, label)),
    metricNames: () => values("__name__", undefined),
    metricMetadata: () => ask(["metadata"], {}, (signal) => prometheus.metadata(signal)),
    series: async (metric, matchers, label) => {
      const match = selection(metric, matchers, label);
      if (match === undefined) return [];
      const sets = await ask(["series", match], [], (signal) => prometheus.series(match, bounds(), SERIES_MAX, signal));
      return sets.map((set) => new Map(Object.entries(set)));
    },
    flags: () => Promise.resolve({}),
  };
}
