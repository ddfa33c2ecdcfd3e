// Calls the server's Prometheus API (`/api/v1`): PromQL, cardinality, targets.

import { get, type Value } from "./client";
import type { Cardinality, ExemplarSeries, Labels, PromAnswer, PromResult, RelabelStep, Targets } from "./types";

const BASE = "/api/v1";

interface Envelope<T> {
  data: T;
  warnings?: string[];
  infos?: string[];
}

async function ask<T>(path: string, params: Record<string, Value>, signal?: AbortSignal): Promise<PromAnswer<T>> {
  const { data, warnings = [], infos = [] } = await get<Envelope<T>>(BASE + path, params, signal);
  return { data, warnings, infos };
}

async function askData<T>(path: string, params: Record<string, Value>, signal?: AbortSignal): Promise<T> {
  return (await ask<T>(path, params, signal)).data;
}

/** The API takes unix seconds. */
const seconds = (ms: number): string => (ms / 1000).toFixed(3).replace(/\.?0+$/, "");

/** A range of instants in unix milliseconds, both ends included. */
export interface Span {
  start: number;
  end: number;
}

const between = (span: Span): { start: string; end: string } => ({ start: seconds(span.start), end: seconds(span.end) });

export const prometheus = {
  range: (query: string, span: Span & { step: number }, signal?: AbortSignal) =>
    ask<PromResult>("/query_range", { query, ...between(span), step: seconds(span.step) }, signal),
  instant: (query: string, time: number, limit: number, signal?: AbortSignal) =>
    ask<PromResult>("/query", { query, time: seconds(time), limit }, signal),
  exemplars: (query: string, span: Span, signal?: AbortSignal) => askData<ExemplarSeries[]>("/query_exemplars", { query, ...between(span) }, signal),
  format: (query: string, signal?: AbortSignal) => askData<string>("/format_query", { query }, signal),
  labelNames: (match: string | undefined, span: Span, signal?: AbortSignal) => askData<string[]>("/labels", { "match[]": match, ...between(span) }, signal),
  labelValues: (label: string, match: string | undefined, span: Span, limit: number, signal?: AbortSignal) =>
    askData<string[]>(`/label/${encodeURIComponent(label)}/values`, { "match[]": match, limit, ...between(span) }, signal),
  series: (match: string, span: Span, limit: number, signal?: AbortSignal) => askData<Labels[]>("/series", { "match[]": match, limit, ...between(span) }, signal),
  metadata: (signal?: AbortSignal) => askData<Record<string, { type: string; help: string; unit?: string }[]>>("/metadata", {}, signal),
  cardinality: (limit: number, signal?: AbortSignal) => askData<Cardinality>("/status/tsdb", { limit }, signal),
  targets: (signal?: AbortSignal) => askData<Targets>("/targets", {}, signal),
  scrapePools: async (signal?: AbortSignal) => (await askData<{ scrapePools: string[] }>("/scrape_pools", {}, signal)).scrapePools,
  relabelSteps: async (scrapePool: string, labels: Labels, signal?: AbortSignal) =>
    (await askData<{ steps: RelabelStep[] }>("/targets/relabel_steps", { scrapePool, labels: JSON.stringify(labels) }, signal)).steps,
};
