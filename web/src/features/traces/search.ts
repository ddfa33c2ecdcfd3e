// What the URL of the trace pages holds. The last few of the list are of older links: they become a query.

import type { ChartStyle } from "@/components/Graph";
import { isDurationFilter } from "@/lib/range";
import { queryOfOldFilters } from "@/lib/traceqlText";
import { many, one, oneOf } from "@/lib/urlstate";

export interface TracesSearch {
  /** TraceQL; without it, every span. */
  query?: string | undefined;
  sort?: string | undefined;
  /** Of numbers: a table. */
  view?: "table" | undefined;
  style?: ChartStyle | undefined;
  scale?: "log" | undefined;
  service?: string | undefined;
  name?: string | undefined;
  status?: "ok" | "error" | "unset" | undefined;
  min?: string | undefined;
  max?: string | undefined;
  attr?: string[] | undefined;
}

export type Change = (next: TracesSearch, replace?: boolean) => void;

export function readTracesSearch(search: Record<string, unknown>): TracesSearch {
  const duration = (key: string): string | undefined => {
    const text = one(search, key);
    return text !== undefined && isDurationFilter(text) ? text : undefined;
  };
  return {
    query: one(search, "query"),
    sort: one(search, "sort"),
    view: oneOf(one(search, "view"), ["table"]),
    style: oneOf(one(search, "style"), ["line", "stacked", "points"]),
    scale: oneOf(one(search, "scale"), ["log"]),
    service: one(search, "service"),
    name: one(search, "name"),
    status: oneOf(one(search, "status"), ["ok", "error", "unset"]),
    min: duration("min"),
    max: duration("max"),
    attr: many(search, "attr"),
  };
}

/** The query that an older link means; undefined where it is none. */
export function oldQuery({ service, name, status, min, max, attr }: TracesSearch): string | undefined {
  if ([service, name, status, min, max, attr].every((value) => value === undefined)) return undefined;
  return queryOfOldFilters({ service, name, status, min, max, attributes: attr });
}

export const NO_OLD_FILTERS: TracesSearch = { service: undefined, name: undefined, status: undefined, min: undefined, max: undefined, attr: undefined };

export interface TraceSearch {
  span?: string | undefined;
  find?: string | undefined;
  tab?: "logs" | "services" | "graph" | undefined;
  /** Spans with errors and the way to them alone. */
  only?: "errors" | undefined;
  /** `off` hides the critical path. */
  path?: "off" | undefined;
}

export function readTraceSearch(search: Record<string, unknown>): TraceSearch {
  return {
    span: one(search, "span"), find: one(search, "find"), tab: oneOf(one(search, "tab"), ["logs", "services", "graph"]), only: oneOf(one(search, "only"), ["errors"]), path: oneOf(one(search, "path"), ["off"]),
  };
}

export interface CompareSearch {
  /** Ids of two traces. */
  left?: string | undefined;
  right?: string | undefined;
  /** TraceQL: the spans that are asked about, and those that they are compared with. */
  q?: string | undefined;
  baseline?: string | undefined;
  sort?: string | undefined;
}

export function readCompareSearch(search: Record<string, unknown>): CompareSearch {
  const id = (key: string): string | undefined => {
    const text = one(search, key)?.toLowerCase();
    return text !== undefined && /^[0-9a-f]{1,32}$/.test(text) ? text.padStart(32, "0") : undefined;
  };
  return { left: id("left"), right: id("right"), q: one(search, "q"), baseline: one(search, "baseline"), sort: one(search, "sort") };
}
