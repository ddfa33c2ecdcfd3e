// What a search of traces found, made ready for the list, the chart and the rows of matched spans.

import type { ServiceCount, TempoSearch, TempoSpanSet, TempoTrace } from "@/api/types";
import { plainValue } from "@/api/tempo";
import { visible } from "./format";

export interface FoundSpan {
  id: string;
  /** Empty where the query does not name it. */
  name: string;
  startNs: string;
  durationNs: number;
  attributes: [name: string, value: unknown][];
}

export interface FoundSet {
  spans: FoundSpan[];
  matched: number;
  attributes: [name: string, value: unknown][];
}

export interface FoundTrace {
  id: string;
  rootService: string;
  rootName: string;
  rootMissing: boolean;
  startNs: string;
  durationNs: number;
  /** Undefined where the server does not tell. */
  spans: number | undefined;
  errors: number | undefined;
  services: ServiceCount[];
  matched: number;
  sets: FoundSet[];
}

/** What Tempo writes in place of a root that it has not. */
const NO_ROOT = "<root span not yet received>";

function setOf(set: TempoSpanSet): FoundSet {
  const attributes = (all: TempoSpanSet["attributes"]): [string, unknown][] => (all ?? []).map(({ key, value }) => [key, plainValue(value)]);
  const spans = (set.spans ?? []).map((span): FoundSpan => ({
    id: span.spanID.padStart(16, "0"), name: span.name ?? "", startNs: span.startTimeUnixNano ?? "0", durationNs: Number(span.durationNanos ?? 0), attributes: attributes(span.attributes),
  }));
  return { spans, matched: set.matched ?? spans.length, attributes: attributes(set.attributes) };
}

export function foundTrace(trace: TempoTrace): FoundTrace {
  const services = Object.entries(trace.serviceStats ?? {})
    .map(([name, { spanCount = 0, errorCount = 0 }]): ServiceCount => ({ name, span_count: spanCount, error_count: errorCount }))
    .sort((a, b) => b.span_count - a.span_count || a.name.localeCompare(b.name));
  const told = services.length > 0;
  const sets = (trace.spanSets ?? (trace.spanSet ? [trace.spanSet] : [])).map(setOf);
  const rootMissing = trace.rootServiceName === NO_ROOT;
  return {
    // Leading zeros are left out of ids.
    id: trace.traceID.padStart(32, "0"),
    rootService: rootMissing ? "" : (trace.rootServiceName ?? ""), rootName: rootMissing ? "" : (trace.rootTraceName ?? ""), rootMissing,
    startNs: trace.startTimeUnixNano ?? "0", durationNs: (trace.durationMs ?? 0) * 1e6,
    spans: told ? services.reduce((sum, one) => sum + one.span_count, 0) : undefined,
    errors: told ? services.reduce((sum, one) => sum + one.error_count, 0) : undefined,
    services, sets, matched: sets.reduce((sum, one) => sum + one.matched, 0),
  };
}

/** Where the next, older page of a search begins. */
export interface OlderPage {
  /** Unix milliseconds; the range ends there. */
  end: number;
  limit: number;
}

/**
 * The page behind one: the range ends with the second in which the oldest trace began, as search takes whole seconds. Where
 * that brings the same traces again, more than a page began in that second, and a larger page is asked for.
 */
export function olderPage(answer: TempoSearch, page: OlderPage, known: ReadonlySet<string>): OlderPage | undefined {
  const traces = answer.traces ?? [];
  if (traces.length < page.limit) return undefined;
  const starts = traces.map((one) => Number(BigInt(one.startTimeUnixNano ?? "0") / 1_000_000n));
  const end = (Math.floor(Math.min(...starts) / 1000) + 1) * 1000;
  const fresh = traces.some((one) => !known.has(one.traceID));
  if (end < page.end && fresh) return { end, limit: page.limit };
  return page.limit >= LIMIT_MAX ? undefined : { end: Math.min(end, page.end), limit: Math.min(LIMIT_MAX, page.limit * 4) };
}

/** Traces that one search asks for at most. */
export const LIMIT_MAX = 5000;

/** A value of a span as one line. */
export function valueText(value: unknown): string {
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}

