// What the URL of the trace pages holds.

import { isDurationFilter } from "@/lib/range";
import { many, one, oneOf } from "@/lib/urlstate";

export interface TracesSearch {
  service?: string | undefined;
  name?: string | undefined;
  status?: "ok" | "error" | "unset" | undefined;
  min?: string | undefined;
  max?: string | undefined;
  attr?: string[] | undefined;
  sort?: string | undefined;
}

export function readTracesSearch(search: Record<string, unknown>): TracesSearch {
  const duration = (key: string): string | undefined => {
    const text = one(search, key);
    return text !== undefined && isDurationFilter(text) ? text : undefined;
  };
  return {
    service: one(search, "service"),
    name: one(search, "name"),
    status: oneOf(one(search, "status"), ["ok", "error", "unset"]),
    min: duration("min"),
    max: duration("max"),
    attr: many(search, "attr"),
    sort: one(search, "sort"),
  };
}

export interface TraceSearch {
  span?: string | undefined;
  find?: string | undefined;
  tab?: "logs" | undefined;
}

export function readTraceSearch(search: Record<string, unknown>): TraceSearch {
  return { span: one(search, "span"), find: one(search, "find"), tab: oneOf(one(search, "tab"), ["logs"]) };
}
