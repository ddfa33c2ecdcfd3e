// Calls the server's Loki API (`/loki/api/v1`): lines and metrics of LogQL, labels, fields, patterns, the live tail.
// Its errors are plain text; `client.ts` reads them.

import type { Span } from "./prometheus";
import { get, queryString, type Value, type Window } from "./client";
import type { DetectedField, LogPattern, LogStream, PromAnswer, PromResult } from "./types";

const BASE = "/loki/api/v1";
/** Asks for labels, metadata and parsed fields apart from each other. */
const CATEGORIZED = { "x-loki-response-encoding-flags": "categorize-labels" };

export type Direction = "backward" | "forward";

interface Envelope<T> {
  data: T;
  warnings?: string[];
}

interface Answer {
  resultType: string;
  result: unknown;
  encodingFlags?: string[];
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3).replace(/\.?0+$/, "");

async function metric(path: string, params: Record<string, Value>, signal?: AbortSignal): Promise<PromAnswer<PromResult>> {
  const { data, warnings = [] } = await get<Envelope<PromResult>>(BASE + path, params, signal);
  return { data, warnings, infos: [] };
}

export const loki = {
  /** Lines in the window, its end excluded. */
  lines: async (params: { query: string; limit: number; direction: Direction } & Window, signal?: AbortSignal): Promise<LogStream[]> => {
    const { data } = await get<Envelope<Answer>>(`${BASE}/query_range`, { ...params }, signal, CATEGORIZED);
    return data.resultType === "streams" ? (data.result as LogStream[]) : [];
  },
  range: (query: string, span: Span & { step: number }, signal?: AbortSignal) =>
    metric("/query_range", { query, start: seconds(span.start), end: seconds(span.end), step: seconds(span.step) }, signal),
  instant: (query: string, time: number, signal?: AbortSignal) => metric("/query", { query, time: seconds(time) }, signal),
  labels: async (query: string | undefined, window: Window, signal?: AbortSignal): Promise<string[]> =>
    (await get<{ data?: string[] | null }>(`${BASE}/labels`, { query, ...window }, signal)).data ?? [],
  labelValues: async (name: string, query: string | undefined, window: Window, signal?: AbortSignal): Promise<string[]> =>
    (await get<{ data?: string[] | null }>(`${BASE}/label/${encodeURIComponent(name)}/values`, { query, ...window }, signal)).data ?? [],
  fields: async (query: string, limit: number, window: Window, signal?: AbortSignal): Promise<DetectedField[]> =>
    (await get<{ fields?: DetectedField[] | null }>(`${BASE}/detected_fields`, { query, limit, ...window }, signal)).fields ?? [],
  fieldValues: async (name: string, query: string, limit: number, window: Window, signal?: AbortSignal): Promise<string[]> =>
    (await get<{ values?: string[] | null }>(`${BASE}/detected_field/${encodeURIComponent(name)}/values`, { query, limit, ...window }, signal)).values ?? [],
  patterns: async (query: string, span: Span & { step: number }, signal?: AbortSignal): Promise<LogPattern[]> =>
    (await get<{ data?: LogPattern[] | null }>(`${BASE}/patterns`, { query, start: seconds(span.start), end: seconds(span.end), step: seconds(span.step) }, signal)).data ?? [],
  format: async (query: string, signal?: AbortSignal): Promise<string> => (await get<Envelope<string>>(`${BASE}/format_query`, { query }, signal)).data,
};

/** The address of the live tail, from an instant in nanoseconds on. */
export function tailAddress(query: string, start: string, limit: number): string {
  const url = new URL(`${BASE}/tail${queryString({ query, start, limit })}`, window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
