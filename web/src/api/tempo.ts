// Calls the server's Tempo API (`/tempo/api`): search, metrics of TraceQL, tags and their values. Its errors are plain
// text; `client.ts` reads them.

import type { Span } from "./prometheus";
import { get, type Value } from "./client";
import type { ExemplarSeries, Labels, MatrixItem, PromAnswer, PromResult, TempoAnyValue, TempoSearch, TempoSeries } from "./types";

const BASE = "/tempo/api";

const seconds = (ms: number): string => (ms / 1000).toFixed(3).replace(/\.?0+$/, "");
/** Search takes whole seconds. */
const whole = (span: Span): { start: number; end: number } => ({ start: Math.floor(span.start / 1000), end: Math.ceil(span.end / 1000) });

/** Exemplars that one chart asks for. */
const EXEMPLARS = 200;

export interface TraceMetric extends PromAnswer<PromResult> {
  exemplars: ExemplarSeries[];
}

export interface TagScope {
  name: string;
  tags: string[];
}

export interface TagValue {
  /** `string`, `int`, `float`, `bool`, `duration` or `keyword`. */
  type: string;
  value: string;
}

/** A value of OTLP's JSON as plain JSON. */
export function plainValue(value: TempoAnyValue | undefined): unknown {
  if (value === undefined) return null;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plainValue);
  if (value.kvlistValue !== undefined) return Object.fromEntries((value.kvlistValue.values ?? []).map((one) => [one.key, plainValue(one.value)]));
  return null;
}

function labelsOf(series: { labels?: TempoSeries["labels"] }): Labels {
  return Object.fromEntries((series.labels ?? []).map(({ key, value }) => {
    const plain = plainValue(value);
    return [key, typeof plain === "string" ? plain : JSON.stringify(plain)];
  }));
}

function matrixOf(all: TempoSeries[]): MatrixItem[] {
  // A value of zero is left out of the answer.
  return all.map((series) => ({ metric: labelsOf(series), values: (series.samples ?? []).map(({ timestampMs, value = 0 }) => [Number(timestampMs) / 1000, String(value)]) }));
}

function exemplarsOf(all: TempoSeries[]): ExemplarSeries[] {
  return all.map((series) => ({
    seriesLabels: labelsOf(series),
    exemplars: (series.exemplars ?? []).map(({ labels = [], value = 0, timestampMs }) => ({ labels: labelsOf({ labels }), value: String(value), timestamp: Number(timestampMs) / 1000 })),
  }));
}

export const tempo = {
  search: (params: { q: string; limit: number; spss: number } & Span, signal?: AbortSignal) =>
    get<TempoSearch>(`${BASE}/search`, { ...params, ...whole(params) }, signal),
  range: async (q: string, span: Span & { step: number }, signal?: AbortSignal): Promise<TraceMetric> => {
    const { series = [] } = await get<{ series?: TempoSeries[] | null }>(`${BASE}/metrics/query_range`, { q, start: seconds(span.start), end: seconds(span.end), step: `${seconds(span.step)}s`, exemplars: EXEMPLARS }, signal);
    return { data: { resultType: "matrix", result: matrixOf(series ?? []) }, exemplars: exemplarsOf(series ?? []), warnings: [], infos: [] };
  },
  instant: async (q: string, span: Span, signal?: AbortSignal): Promise<PromAnswer<PromResult>> => {
    const { series = [] } = await get<{ series?: (TempoSeries & { value?: number | string })[] | null }>(`${BASE}/metrics/query`, { q, start: seconds(span.start), end: seconds(span.end) }, signal);
    return { data: { resultType: "vector", result: (series ?? []).map((one) => ({ metric: labelsOf(one), value: [span.end / 1000, String(one.value ?? 0)] })) }, warnings: [], infos: [] };
  },
  tags: async (q: string | undefined, span: Span, signal?: AbortSignal): Promise<TagScope[]> =>
    (await get<{ scopes?: { name: string; tags?: string[] | null }[] | null }>(`${BASE}/v2/search/tags`, { q, ...whole(span) } satisfies Record<string, Value>, signal)).scopes?.map(({ name, tags }) => ({ name, tags: tags ?? [] })) ?? [],
  tagValues: async (field: string, q: string | undefined, span: Span, signal?: AbortSignal): Promise<TagValue[]> =>
    (await get<{ tagValues?: TagValue[] | null }>(`${BASE}/v2/search/tag/${encodeURIComponent(field)}/values`, { q, ...whole(span) }, signal)).tagValues ?? [],
};
