// What the URL of the metrics page holds. `metric`, `label` and `show` are of older links: they become a query.

import type { ChartStyle } from "@/components/Graph";
import { many, one, oneOf } from "@/lib/urlstate";

export interface MetricsSearch {
  /** PromQL, one entry a query. */
  expr?: string[] | undefined;
  view?: "table" | undefined;
  style?: ChartStyle | undefined;
  /** `log` for a logarithmic scale. */
  scale?: "log" | undefined;
  exemplars?: "on" | "off" | undefined;
  /** Letters of queries that are not shown. */
  off?: string[] | undefined;
  /** Order of the table. */
  sort?: string | undefined;
  find?: string | undefined;
  metric?: string | undefined;
  label?: string[] | undefined;
  show?: "rate" | "value" | undefined;
}

export function readMetricsSearch(search: Record<string, unknown>): MetricsSearch {
  return {
    expr: many(search, "expr"),
    view: oneOf(one(search, "view"), ["table"]),
    style: oneOf(one(search, "style"), ["line", "stacked", "points"]),
    scale: oneOf(one(search, "scale"), ["log"]),
    exemplars: oneOf(one(search, "exemplars"), ["on", "off"]),
    off: many(search, "off"),
    sort: one(search, "sort"),
    find: one(search, "find"),
    metric: one(search, "metric"),
    label: many(search, "label"),
    show: oneOf(one(search, "show"), ["rate", "value"]),
  };
}
