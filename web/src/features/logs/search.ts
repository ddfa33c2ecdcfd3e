// What the URL of the logs page holds.

import type { Level } from "@/api/types";
import { many, one, oneOf } from "@/lib/urlstate";

export const LEVELS: readonly Level[] = ["trace", "debug", "info", "warn", "error", "fatal", "unknown"];

export interface LogsSearch {
  service?: string | undefined;
  level?: Level[] | undefined;
  q?: string | undefined;
  attr?: string[] | undefined;
  trace?: string | undefined;
  span?: string | undefined;
  wrap?: "1" | undefined;
}

export function readLogsSearch(search: Record<string, unknown>): LogsSearch {
  const levels = many(search, "level")?.filter((text): text is Level => (LEVELS as readonly string[]).includes(text));
  return {
    service: one(search, "service"),
    level: levels?.length ? levels : undefined,
    q: one(search, "q"),
    attr: many(search, "attr"),
    trace: one(search, "trace"),
    span: one(search, "span"),
    wrap: oneOf(one(search, "wrap"), ["1"]),
  };
}
