// Writes PromQL: selectors, the query that suits a metric's kind, the step of a range; and reads where an error is.

import type { MetricKind } from "@/api/types";
import type { Bounds } from "./range";

export interface Matcher {
  name: string;
  op: "=" | "!=" | "=~" | "!~";
  value: string;
}

export interface Grid extends Bounds {
  /** Milliseconds; both ends are multiples of it. */
  step: number;
}

/** The window of `rate()` in the queries that are written for a metric. */
export const RATE_WINDOW = "5m";

export function quote(text: string): string {
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

const PLAIN_LABEL = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PLAIN_METRIC = /^[A-Za-z_:][A-Za-z0-9_:]*$/;

/** The name of a label as a selector or a grouping writes it. */
export function labelText(name: string): string {
  return PLAIN_LABEL.test(name) ? name : quote(name);
}

export function matcherText(matcher: Matcher): string {
  return `${labelText(matcher.name)}${matcher.op}${quote(matcher.value)}`;
}

/** `name{a="b"}`; names of UTF-8 go inside the braces. */
export function selectorText(name: string, matchers: Matcher[] = []): string {
  const parts = matchers.map(matcherText);
  if (PLAIN_METRIC.test(name)) return parts.length === 0 ? name : `${name}{${parts.join(", ")}}`;
  return `{${[...(name === "" ? [] : [quote(name)]), ...parts].join(", ")}}`;
}

export type Shown = "rate" | "value";

/** The query that shows a metric of a kind best. `shown` overrides whether it is a rate or the values as kept. */
export function queryForMetric(name: string, kind: MetricKind, matchers: Matcher[] = [], shown?: Shown): string {
  if (shown === "value") return selectorText(name, matchers);
  const rate = (metric: string): string => `rate(${selectorText(metric, matchers)}[${RATE_WINDOW}])`;
  if (shown === "rate" && kind !== "histogram" && kind !== "exponential_histogram") return rate(name);
  switch (kind) {
    case "counter": return rate(name);
    case "exponential_histogram": return `histogram_quantile(0.95, sum(${rate(name)}))`;
    case "histogram":
      if (/_(count|sum)$/.test(name)) return rate(name);
      return `histogram_quantile(0.95, sum by (le) (${rate(/_bucket$/.test(name) ? name : `${name}_bucket`)}))`;
    case "summary": return /_(count|sum)$/.test(name) ? rate(name) : selectorText(name, matchers);
    default: return selectorText(name, matchers);
  }
}

/** What a name alone says of the kind: for links to metrics that the list does not hold (any more). */
export function kindOfName(name: string): MetricKind {
  if (/_bucket$/.test(name)) return "histogram";
  return /_(total|count|sum)$/.test(name) ? "counter" : "unknown";
}

const STEPS_S = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
/** Pixels for a point: closer ones cannot be told apart. */
const PIXELS = 3;
/** Points of a series the server answers at most. */
const POINTS_MAX = 11_000;

/** The round step, in milliseconds, at which a chart of this width shows all that it can. */
export function chooseStep(rangeMs: number, width: number): number {
  const points = Math.max(20, Math.min(POINTS_MAX, Math.floor(width / PIXELS)));
  const least = rangeMs / 1000 / points;
  const step = STEPS_S.find((one) => one >= least) ?? Math.ceil(least / 86_400) * 86_400;
  return step * 1000;
}

/** The range on multiples of the step: a range that moved on a little asks for the same instants again. */
export function gridOf(bounds: Bounds, width: number): Grid {
  const step = chooseStep(bounds.end - bounds.start, width);
  const down = (ms: number): number => Math.floor(ms / step) * step;
  return { start: down(bounds.start), end: Math.max(down(bounds.end), down(bounds.start)), step };
}

export interface Place {
  from: number;
  to: number;
}

/** Where in the query the server found an error: it writes `line:column: parse error`, columns in bytes from 1. */
export function errorPlace(query: string, message: string): Place | undefined {
  const [, line, column] = /(\d+):(\d+): parse error/.exec(message) ?? [];
  if (line === undefined || column === undefined) return undefined;
  const lines = query.split("\n");
  const text = lines[Number(line) - 1];
  if (text === undefined) return undefined;
  const before = lines.slice(0, Number(line) - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const from = before + charsOfBytes(text, Number(column) - 1);
  const word = /^[\w:]+/.exec(query.slice(from))?.[0].length ?? 1;
  // An error at the end of the query marks its last character.
  if (from >= query.length) return { from: Math.max(0, query.length - 1), to: query.length };
  return { from, to: Math.min(query.length, from + word) };
}

function charsOfBytes(text: string, bytes: number): number {
  const coder = new TextEncoder();
  let seen = 0;
  let chars = 0;
  for (const char of text) {
    if (seen >= bytes) break;
    seen += coder.encode(char).length;
    chars += char.length;
  }
  return chars;
}

/** The message without what the place already says. */
export function errorText(message: string): string {
  return message.replace(/^invalid parameter "query": /, "");
}

const OWN_UNITS: [end: RegExp, unit: string][] = [
  [/_milliseconds$/, "ms"], [/_seconds$/, "s"], [/_bytes$/, "By"], [/_usd$/, "USD"], [/_percent$/, "%"],
];

/** The unit of a metric, by what was told of it or by the end of its name. */
export function unitOfName(name: string, told: string | undefined): string {
  if (/_(count|bucket)$/.test(name)) return "";
  if (told) return told === "1" ? "" : told;
  const base = name.replace(/_(total|sum)$/, "");
  return OWN_UNITS.find(([end]) => end.test(base))?.[1] ?? "";
}

/**
 * The unit of what a query answers, where that is certain enough to format by: of one metric, through functions that
 * keep it. Anything with arithmetic between metrics has none.
 */
export function unitOfQuery(query: string, metric: string | undefined, told: string | undefined): string {
  if (metric === undefined) return "";
  const bare = query.replace(/"(?:[^"\\]|\\.)*"|\{[^}]*\}|\[[^\]]*\]/g, "");
  if (/\b(count|count_values|count_over_time|histogram_count|histogram_fraction|changes|resets|absent|absent_over_time|timestamp|stdvar|group)\b\s*(\(|by\b|without\b)/.test(bare)) return "";
  if (/[*/%^]|[<>=!]=|\bbool\b/.test(bare)) return "";
  const quantile = /\bhistogram_(quantile|avg|stddev)\b/.test(bare);
  const unit = unitOfName(quantile ? metric.replace(/_bucket$/, "") : metric, told);
  if (quantile || !/\b(rate|irate|deriv)\s*\(/.test(bare)) return unit;
  if (unit === "By") return "By/s";
  return unit.toUpperCase() === "USD" ? "USD" : "";
}
