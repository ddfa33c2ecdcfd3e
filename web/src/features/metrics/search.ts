// What the URL of the metrics page holds.

import { many, one, oneOf } from "@/lib/urlstate";

export interface MetricsSearch {
  metric?: string | undefined;
  find?: string | undefined;
  label?: string[] | undefined;
  show?: "rate" | "value" | undefined;
}

export function readMetricsSearch(search: Record<string, unknown>): MetricsSearch {
  return {
    metric: one(search, "metric"),
    find: one(search, "find"),
    label: many(search, "label"),
    show: oneOf(one(search, "show"), ["rate", "value"]),
  };
}
