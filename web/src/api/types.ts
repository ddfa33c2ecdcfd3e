// The shapes of the native API's answers, written by hand until they are generated from the OpenAPI document.

export type StatusCode = "unset" | "ok" | "error";
export type SpanKind = "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
export type Level = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "unknown";
export type MetricKind = "counter" | "gauge" | "histogram" | "summary" | "exponential_histogram" | "unknown";

export type Attributes = Record<string, unknown>;

export interface ServiceCount {
  name: string;
  span_count: number;
  error_count: number;
}

export interface Resource {
  service: string;
  attributes: Attributes;
  schema_url: string;
}

export interface Scope {
  name: string;
  version: string;
  attributes: Attributes;
}

export interface SpanEvent {
  time_unix_nano: string;
  name: string;
  attributes: Attributes;
  dropped_attributes_count: number;
}

export interface SpanLink {
  trace_id: string;
  span_id: string;
  trace_state: string;
  attributes: Attributes;
  dropped_attributes_count: number;
}

export interface Span {
  span_id: string;
  parent_span_id?: string | null;
  name: string;
  kind: SpanKind;
  start_time_unix_nano: string;
  duration_ns: number;
  status: { code: StatusCode; message: string };
  resource: number;
  scope: number;
  attributes: Attributes;
  events: SpanEvent[];
  links: SpanLink[];
  trace_state: string;
  flags: number;
  dropped_attributes_count: number;
  dropped_events_count: number;
  dropped_links_count: number;
}

export interface Trace {
  trace_id: string;
  start_time_unix_nano: string;
  duration_ns: number;
  span_count: number;
  error_count: number;
  resources: Resource[];
  scopes: Scope[];
  spans: Span[];
}

export interface LogRecord {
  id: string;
  time_unix_nano: string;
  observed_time_unix_nano: string;
  level: Level;
  severity_text: string;
  severity_number: number;
  service: string;
  body: unknown;
  event_name: string;
  attributes: Attributes;
  resource: Attributes;
  scope: Scope;
  trace_id?: string | null;
  span_id?: string | null;
  flags: number;
  dropped_attributes_count: number;
}

export interface LogPage {
  logs: LogRecord[];
  next_cursor?: string | null;
}

export interface Metric {
  name: string;
  family: string;
  kind: MetricKind;
  unit: string;
  help: string;
  series_count: number;
}

export interface MetricList {
  metrics: Metric[];
  truncated: boolean;
}

export interface MetricLabels {
  labels: { name: string; values: string[]; truncated: boolean }[];
}

export interface StoreStatus {
  rows_in_memory: number;
  bytes_in_memory: number;
  parts: number;
  rows_on_disk: number;
  bytes_on_disk: number;
  oldest_unix_nano: string | null;
  newest_unix_nano: string | null;
  series_in_memory?: number;
}

export interface Status {
  version: string;
  commit: string;
  uptime_seconds: number;
  started_at: string;
  data_dir: string;
  state: "ready" | "recovering" | "failed";
  listeners: { name: string; address: string }[];
  stores: { spans: StoreStatus; logs: StoreStatus; metrics: StoreStatus };
  wal: { segments: number; bytes: number; last_sequence: number; queue_bytes: number; queue_bytes_max: number };
  disk: { used_bytes: number; free_bytes: number; total_bytes: number };
  limits: Record<string, number | string | null>;
  ingest: Record<string, number>;
}

export interface ErrorBody {
  error: { kind: string; message: string; field?: string };
}

export type Labels = Record<string, string>;

/** Unix seconds, and the value as text. */
export type PromSample = [time: number, value: string];

export interface PromHistogram {
  count: string;
  sum: string;
  buckets?: [boundaries: number, lower: string, upper: string, count: string][];
}

export interface VectorItem {
  metric: Labels;
  value?: PromSample;
  histogram?: [time: number, histogram: PromHistogram];
}

export interface MatrixItem {
  metric: Labels;
  values?: PromSample[];
  histograms?: [time: number, histogram: PromHistogram][];
}

export type PromResult =
  | { resultType: "matrix"; result: MatrixItem[] }
  | { resultType: "vector"; result: VectorItem[] }
  | { resultType: "scalar" | "string"; result: PromSample };

/** An answer of the Prometheus API. */
export interface PromAnswer<T> {
  data: T;
  warnings: string[];
  infos: string[];
}

export interface ExemplarSeries {
  seriesLabels: Labels;
  exemplars: { labels: Labels; value: string; timestamp: number }[];
}

export interface Counted {
  name: string;
  value: number;
}

export interface Cardinality {
  headStats: { numSeries: number; numLabelPairs?: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: Counted[];
  labelValueCountByLabelName: Counted[];
  memoryInBytesByLabelName: Counted[];
  seriesCountByLabelValuePair: Counted[];
}

export interface ActiveTarget {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  /** RFC 3339; the year 1 before the first scrape. */
  lastScrape: string;
  /** Seconds. */
  lastScrapeDuration: number;
  health: "up" | "down" | "unknown";
  scrapeInterval?: string;
  scrapeTimeout?: string;
}

export interface DroppedTarget {
  discoveredLabels: Labels;
  scrapePool?: string;
}

export interface Targets {
  activeTargets: ActiveTarget[];
  droppedTargets: DroppedTarget[];
  /** By pool; more than are listed where a limit keeps fewer. */
  droppedTargetCounts?: Record<string, number>;
}

export interface RelabelStep {
  rule: Record<string, unknown>;
  output: Labels;
  keep: boolean;
}

/** What the Loki API tells of a line beside its text. */
export interface LogCategories {
  structuredMetadata?: Labels;
  parsed?: Labels;
}

/** Nanoseconds, the line, and what else is known of it. */
export type LogValue = [ns: string, line: string, categories?: LogCategories];

export interface LogStream {
  stream: Labels;
  values: LogValue[];
}

export interface DetectedField {
  label: string;
  type: string;
  cardinality: number;
  /** The stages that make the field; none for structured metadata. */
  parsers?: string[] | null;
  jsonPath?: string[] | null;
}

export interface LogPattern {
  pattern: string;
  level?: string;
  /** Unix seconds and how many lines. */
  samples: [time: number, count: number][];
}

/** What the live tail sends. */
export interface TailFrame {
  streams?: LogStream[] | null;
  dropped_entries?: unknown[] | null;
}

/** A value as OTLP's JSON has it. */
export interface TempoAnyValue {
  stringValue?: string;
  intValue?: string | number;
  doubleValue?: number | string;
  boolValue?: boolean;
  arrayValue?: { values?: TempoAnyValue[] };
  kvlistValue?: { values?: TempoKeyValue[] };
}

export interface TempoKeyValue {
  key: string;
  value?: TempoAnyValue;
}

export interface TempoSpan {
  spanID: string;
  name?: string;
  startTimeUnixNano?: string;
  durationNanos?: string;
  attributes?: TempoKeyValue[];
}

export interface TempoSpanSet {
  spans?: TempoSpan[];
  matched?: number;
  attributes?: TempoKeyValue[];
}

/** A trace that a search found. */
export interface TempoTrace {
  traceID: string;
  rootServiceName?: string;
  rootTraceName?: string;
  startTimeUnixNano?: string;
  durationMs?: number;
  spanSets?: TempoSpanSet[];
  spanSet?: TempoSpanSet;
  serviceStats?: Record<string, { spanCount?: number; errorCount?: number }>;
}

export interface TempoSearch {
  traces?: TempoTrace[] | null;
  metrics?: Record<string, unknown>;
}

export interface TempoSeries {
  labels?: TempoKeyValue[];
  samples?: { timestampMs: string | number; value?: number | string }[];
  exemplars?: { labels?: TempoKeyValue[]; value?: number | string; timestampMs: string | number }[];
}

export interface PathSegment {
  span_id: string;
  start_time_unix_nano: string;
  end_time_unix_nano: string;
}

export interface ErrorPath {
  /** Ids of spans, the root's first, the origin's last. */
  spans: string[];
  service: string;
  name: string;
  message: string;
}

export interface ServiceShare {
  name: string;
  spans: number;
  errors: number;
  self_time_ns: number;
  critical_ns: number;
}

export interface TraceAnalysis {
  trace_id: string;
  start_time_unix_nano: string;
  end_time_unix_nano: string;
  critical_path: PathSegment[];
  /** By span id. */
  self_time_ns: Record<string, number>;
  error_paths: ErrorPath[];
  services: ServiceShare[];
}

export interface ComparedTrace {
  trace_id: string;
  root_service: string;
  root_name: string;
  start_time_unix_nano: string;
  duration_ns: number;
  span_count: number;
  error_count: number;
}

export interface NodeFigures {
  spans: number;
  errors: number;
  duration_ns: number;
  self_time_ns: number;
}

export interface ComparedNode {
  service: string;
  name: string;
  depth: number;
  left: NodeFigures | null;
  right: NodeFigures | null;
}

export interface TraceComparison {
  left: ComparedTrace;
  right: ComparedTrace;
  /** In the order of a tree that is read from the top. */
  nodes: ComparedNode[];
}

export interface LiftValue {
  /** `span`, `resource`, `event`, …; `intrinsic` for fields of the language. */
  scope: string;
  key: string;
  value: unknown;
  /** Spans with the value. */
  selection: number;
  baseline: number;
  /** The share in the selection by that in the baseline; null where the baseline has none. */
  lift: number | null;
}

export interface Lift {
  selection_spans: number;
  baseline_spans: number;
  values: LiftValue[];
}

export interface MapService {
  name: string;
  spans: number;
  errors: number;
}

export interface MapCall {
  parent: string;
  child: string;
  calls: number;
  errors: number;
}

export interface ServiceMap {
  services: MapService[];
  calls: MapCall[];
}

export interface Operation {
  service: string;
  name: string;
  kind: SpanKind;
  spans: number;
  errors: number;
  rate_per_second: number;
  duration_ns: { p50: number; p95: number; p99: number; max: number };
}
