// What the URL of the logs page holds. The last few are of older links: they become a query.

import type { ChartStyle } from "@/components/Graph";
import type { OldFilters } from "@/lib/logqlText";
import { many, one, oneOf } from "@/lib/urlstate";

export interface LogsSearch {
  /** LogQL; without it, every line. */
  query?: string | undefined;
  /** Of lines: their patterns; of numbers: a table. */
  view?: "patterns" | "table" | undefined;
  tail?: "1" | undefined;
  /** `forward` for the oldest first. */
  dir?: "forward" | undefined;
  wrap?: "1" | undefined;
  /** Fields that have a column; `-` for none. */
  col?: string[] | undefined;
  /** The list of fields beside the lines. */
  fields?: "1" | undefined;
  sort?: string | undefined;
  style?: ChartStyle | undefined;
  scale?: "log" | undefined;
  service?: string | undefined;
  level?: string[] | undefined;
  levels?: string | undefined;
  q?: string | undefined;
  text?: string | undefined;
  attr?: string[] | undefined;
  trace?: string | undefined;
  span?: string | undefined;
}

export type Change = (next: LogsSearch, replace?: boolean) => void;

export function readLogsSearch(search: Record<string, unknown>): LogsSearch {
  return {
    query: one(search, "query"),
    view: oneOf(one(search, "view"), ["patterns", "table"]),
    tail: oneOf(one(search, "tail"), ["1"]),
    dir: oneOf(one(search, "dir"), ["forward"]),
    wrap: oneOf(one(search, "wrap"), ["1"]),
    col: many(search, "col"),
    fields: oneOf(one(search, "fields"), ["1"]),
    sort: one(search, "sort"),
    style: oneOf(one(search, "style"), ["line", "stacked", "points"]),
    scale: oneOf(one(search, "scale"), ["log"]),
    service: one(search, "service"),
    level: many(search, "level"),
    levels: one(search, "levels"),
    q: one(search, "q"),
    text: one(search, "text"),
    attr: many(search, "attr"),
    trace: one(search, "trace"),
    span: one(search, "span"),
  };
}

/** What an older link asks for; undefined where it asks nothing. */
export function oldFilters({ service, level, levels, q, text, attr, trace, span }: LogsSearch): OldFilters | undefined {
  const words = [...(level ?? []), ...(levels?.split(",") ?? [])].map((word) => word.trim()).filter((word) => word !== "");
  const old: OldFilters = { service, text: text ?? q, levels: words.length > 0 ? words : undefined, attributes: attr, trace, span };
  return Object.values(old).some((value) => value !== undefined) ? old : undefined;
}

export const NO_OLD_FILTERS: LogsSearch = { service: undefined, level: undefined, levels: undefined, q: undefined, text: undefined, attr: undefined, trace: undefined, span: undefined };
