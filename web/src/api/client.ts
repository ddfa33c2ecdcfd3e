// Calls the server's native API. One function an endpoint; every failure is an `ApiError` that says what to do,
// those of the Prometheus, the Loki and the Tempo API (`prometheus.ts`, `loki.ts`, `tempo.ts`) too.

import type {
  ErrorBody, Level, Lift, LogPage, MetricLabels, MetricList, Operation, ServiceMap, Status, Trace, TraceAnalysis, TraceComparison,
} from "./types";

const BASE = "/api/watchkeep/v1";

export class ApiError extends Error {
  constructor(
    readonly kind: string,
    message: string,
    readonly status: number,
    readonly field?: string,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether asking again unchanged may succeed. */
  get retryable(): boolean {
    return ["network", "overloaded", "unavailable"].includes(this.kind);
  }
}

export type Value = string | number | string[] | null | undefined;

/** Half-open bounds in unix nanoseconds. */
export interface Window {
  start: string;
  end: string;
}

export interface LogFilter {
  service?: string | undefined;
  level?: Level[] | undefined;
  query?: string | undefined;
  trace_id?: string | undefined;
  span_id?: string | undefined;
  attribute?: string[] | undefined;
}

export function queryString(params: Record<string, Value>): string {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined || value === null || value === "") continue;
    for (const item of Array.isArray(value) ? value : [value]) out.append(key, String(item));
  }
  const text = out.toString();
  return text === "" ? "" : `?${text}`;
}

/** Longer queries go in a form: addresses have limits along the way. */
const ADDRESS_MAX = 4000;

export async function get<T>(path: string, params: Record<string, Value>, signal?: AbortSignal, headers: Record<string, string> = {}): Promise<T> {
  let response: Response;
  const query = queryString(params);
  const form = query.length > ADDRESS_MAX;
  try {
    response = await fetch(form ? path : path + query, {
      headers: { accept: "application/json", ...headers }, signal: signal ?? null, ...(form ? { method: "POST", body: new URLSearchParams(query) } : {}),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError("network", "the server does not answer: it may be stopped, or the network is down", 0);
  }
  return read<T>(response, path);
}

/** Changes something; the body goes as JSON, and no answer is `undefined`. */
export async function send<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method, headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError("network", "the server does not answer: it may be stopped, or the network is down", 0);
  }
  return read<T>(response, path);
}

async function read<T>(response: Response, path: string): Promise<T> {
  const text = await response.text();
  if (!response.ok) throw errorOf(response.status, text);
  if (response.status === 204) return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError("internal", `the answer of ${path} is not JSON`, response.status);
  }
}

/** A plain error text that is longer says nothing to anybody. */
const PLAIN_MAX = 4000;

function errorOf(status: number, text: string): ApiError {
  try {
    const { error, errorType } = JSON.parse(text) as { error?: ErrorBody["error"] | string; errorType?: string };
    if (typeof error === "string") return new ApiError(errorType ?? "internal", error, status);
    if (error) return new ApiError(error.kind, error.message, status, error.field);
  } catch {
    // Not ours (a proxy's page, say): fall through to what the status says.
  }
  const kind = status === 400 ? "bad_data" : status === 404 ? "not_found" : status === 429 ? "overloaded" : status === 504 ? "timeout" : status >= 502 ? "unavailable" : "internal";
  // Loki's errors are plain text, and quote the query; a proxy's page begins with a tag.
  const plain = text.trim();
  return new ApiError(kind, plain !== "" && plain.length < PLAIN_MAX && !plain.startsWith("<") ? plain : `the server answered ${status}`, status);
}

export const api = {
  trace: (id: string, signal?: AbortSignal) => get<Trace>(`${BASE}/traces/${encodeURIComponent(id)}`, {}, signal),
  traceAnalysis: (id: string, signal?: AbortSignal) => get<TraceAnalysis>(`${BASE}/traces/${encodeURIComponent(id)}/analysis`, {}, signal),
  compareTraces: (params: { left: string; right: string }, signal?: AbortSignal) => get<TraceComparison>(`${BASE}/traces/compare`, params, signal),
  lift: (params: { q: string; baseline: string; limit: number } & Window, signal?: AbortSignal) => get<Lift>(`${BASE}/traces/lift`, { ...params }, signal),
  serviceMap: (window: Window, signal?: AbortSignal) => get<ServiceMap>(`${BASE}/services/map`, { ...window }, signal),
  operations: async (params: { service?: string | undefined } & Window, signal?: AbortSignal): Promise<Operation[]> =>
    (await get<{ operations: Operation[] }>(`${BASE}/operations`, { ...params }, signal)).operations,
  services: (window: Window, signal?: AbortSignal) =>
    get<{ services: string[] }>(`${BASE}/services`, { ...window }, signal),
  logs: (filter: LogFilter & Window & { limit?: number; cursor?: string | undefined; direction?: string }, signal?: AbortSignal) =>
    get<LogPage>(`${BASE}/logs`, { ...filter }, signal),
  metrics: (params: { search?: string; limit?: number }, signal?: AbortSignal) =>
    get<MetricList>(`${BASE}/metrics`, params, signal),
  metricLabels: (params: { name: string } & Window, signal?: AbortSignal) =>
    get<MetricLabels>(`${BASE}/metrics/labels`, { ...params }, signal),
  status: (signal?: AbortSignal) => get<Status>("/status", {}, signal),
};
