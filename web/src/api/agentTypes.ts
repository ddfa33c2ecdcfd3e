// Shapes of what is told about agents: runs, sessions, steps, costs, budgets, feedback, events. Instants are strings of
// nanoseconds, durations numbers of nanoseconds, money USD.

export type StepKind = "llm" | "embedding" | "agent" | "tool" | "retriever" | "reranker" | "workflow" | "guardrail" | "evaluator" | "prompt" | "memory" | "mcp" | "other";
export type Bucket = "input" | "input_cached" | "cache_write_5m" | "cache_write_1h" | "input_audio" | "input_image" | "output" | "reasoning" | "output_audio" | "output_image";
export type HealthStatus = "healthy" | "degraded" | "unhealthy" | "unknown";
export type Severity = "info" | "warning" | "critical";
export type GroupBy = "model" | "agent" | "user" | "service" | "provider" | "session" | "prompt" | "tag" | "release" | "environment" | "tool";

export interface Tokens {
  total: number;
  input: number;
  output: number;
  buckets: Partial<Record<Bucket, number>>;
}

export interface Latency {
  count: number;
  avg_ns: number;
  min_ns: number;
  max_ns: number;
  p50_ns: number;
  p95_ns: number;
  p99_ns: number;
}

export interface Rating {
  average: number;
  count: number;
}

export interface Health {
  status: HealthStatus;
  issues: { kind: string; severity: "degraded" | "unhealthy"; message: string; value: number; threshold: number }[];
}

/** Arrays of one length; step i starts at start + i * step_ns. */
export interface Series {
  start_unix_nano: string;
  step_ns: number;
  runs: number[];
  errors: number[];
  cost_usd: number[];
  tokens: number[];
  calls: number[];
}

export interface Figures {
  runs: number;
  succeeded: number;
  failed: number;
  success_rate: number | null;
  latency: Latency | null;
  first_token: Latency | null;
  steps: number;
  llm_calls: number;
  llm_errors: number;
  tool_calls: number;
  tool_errors: number;
  retries: number;
  loops: number;
  tokens: Tokens;
  cost_usd: number;
  cost_per_run_usd: number | null;
  unpriced_tokens: number;
  rating: Rating | null;
  first_seen_unix_nano: string | null;
  last_seen_unix_nano: string | null;
}

export interface Agent extends Figures {
  agent: string;
  services: string[];
  versions: string[];
  is_subagent: boolean;
  health: Health;
  series: Series;
}

export interface AgentList {
  agents: Agent[];
  overall: Figures & { health: Health; series: Series };
  truncated: boolean;
}

export interface ModelFigures {
  model: string;
  provider: string;
  calls: number;
  errors: number;
  retries: number;
  latency: Latency | null;
  first_token: Latency | null;
  tokens: Tokens;
  cost_usd: number;
  cached_share: number | null;
  unpriced_tokens: number;
}

export interface ToolFigures {
  tool: string;
  calls: number;
  errors: number;
  error_rate: number;
  retries: number;
  latency: Latency | null;
}

export interface ErrorFigures {
  error: string;
  kind: string;
  name: string;
  count: number;
  last_unix_nano: string;
  trace_ids: string[];
}

export interface Projection {
  usd_per_hour: number;
  rate_window_ns: number;
  day: Period;
  month: Period;
}

interface Period {
  start_unix_nano: string;
  end_unix_nano: string;
  spent_usd: number;
  projected_usd: number;
}

export interface AgentDetail {
  agent: Agent;
  versions: (Figures & { version: string })[];
  models: ModelFigures[];
  tools: ToolFigures[];
  errors: ErrorFigures[];
  users: { user: string; runs: number; cost_usd: number; tokens: Tokens; rating: Rating | null }[];
  subagents: string[];
  recent_runs: Run[];
  cached_share: number | null;
  retry_usd: number;
  projection: Projection;
}

export interface Run {
  trace_id: string;
  span_id: string;
  agent: string;
  agent_version: string;
  service: string;
  name: string;
  session: string;
  user: string;
  interaction: string;
  release: string;
  environment: string;
  start_unix_nano: string;
  duration_ns: number;
  first_token_ns: number | null;
  status: "ok" | "error";
  error: string;
  steps: number;
  llm_calls: number;
  llm_errors: number;
  tool_calls: number;
  tool_errors: number;
  retries: number;
  tokens: Tokens;
  cost_usd: number;
  unpriced_tokens: number;
  loops: string[];
  models: string[];
  tools: string[];
  agents: string[];
  tags: string[];
  rating: Rating | null;
}

export interface Session {
  session: string;
  services: string[];
  agents: string[];
  users: string[];
  turns: number;
  errors: number;
  loops: number;
  llm_calls: number;
  tool_calls: number;
  tokens: Tokens;
  cost_usd: number;
  unpriced_tokens: number;
  started_unix_nano: string;
  last_activity_unix_nano: string;
  duration_ns: number;
  active_ns: number;
  rating: Rating | null;
}

export type Part =
  | { type: "text" | "reasoning"; text: string }
  | { type: "tool_call"; id: string; name: string; arguments: unknown }
  | { type: "tool_result"; id: string; result: unknown }
  | { type: "media"; modality: "image" | "audio" | "video" | "file"; mime_type: string; uri: string }
  | { type: "other"; value: unknown };

export interface Message {
  role: string;
  name: string;
  parts: Part[];
  finish_reason: string;
}

export interface Turn {
  run: Run;
  input: Message[];
  output: Message[];
  tool_calls: { span_id: string; id: string; name: string; arguments: unknown; result: unknown; error: string; start_unix_nano: string; duration_ns: number }[];
  feedback: { id: string; name: string; kind: string; score: number | null; rating: number | null; label: string; comment: string; source: string; time_unix_nano: string }[];
  content_missing: string;
}

export interface SessionDetail {
  session: Session;
  turns: Turn[];
  truncated: boolean;
}

export interface CostLine {
  bucket: Bucket;
  tokens: number;
  usd_per_token: number | null;
  field: string;
  usd: number;
}

export interface Cost {
  usd: number;
  source: "computed" | "reported" | "unpriced" | "nothing";
  computed_usd: number | null;
  reported_usd: number | null;
  lines: CostLine[];
  price: { key: string; table: string; line: number | null; matched: string; tier: string; service_tier: string; effective_from: string } | null;
  /** Counted at other prices than now: `usd` is what counts, `lines` are of now. */
  repriced: boolean;
}

export type Counted = "yes" | "rolled_up" | "covered" | "free" | "nothing" | "undecided";

export interface Content {
  input: Message[];
  output: Message[];
  tools: unknown[];
  parameters: Record<string, unknown>;
  arguments: unknown;
  result: unknown;
  documents: { id: string; score: number | null; content: string; metadata: unknown }[];
}

export interface Step {
  span_id: string;
  parent_span_id: string | null;
  depth: number;
  kind: StepKind;
  dialect: string;
  name: string;
  operation: string;
  service: string;
  agent: string;
  agent_version: string;
  session: string;
  user: string;
  interaction: string;
  workflow: string;
  provider: string;
  request_model: string;
  model: string;
  response_id: string;
  prompt: string;
  prompt_version: string;
  tool: string;
  tool_call_id: string;
  start_unix_nano: string;
  duration_ns: number;
  first_token_ns: number | null;
  finish_reasons: string[];
  error: string;
  retry: boolean;
  loop_kind: string;
  tags: string[];
  release: string;
  environment: string;
  counted: Counted;
  counted_reason: string;
  basis: string;
  tokens: Tokens;
  raw_usage: Record<string, number>;
  cost: Cost;
  content: Content;
  evaluations: { name: string; score: number | null; label: string; explanation: string; source: string }[];
  unread: string[];
}

export interface TraceSteps {
  trace_id: string;
  steps: Step[];
  totals: { cost_usd: number; tokens: Tokens; steps: number; llm_calls: number; tool_calls: number; errors: number; unpriced_tokens: number };
  spans_without_dialect: number;
  /** What was thought of the trace, newest first. */
  feedback: Turn["feedback"];
  truncated: boolean;
}

export interface AgentGraph {
  nodes: { id: string; kind: string; name: string; count: number; errors: number; cost_usd: number; tokens: number; duration_ns: number; max_ns: number; span_ids: string[] }[];
  edges: { from: string; to: string; count: number; errors: number; cost_usd: number; tokens: number; duration_ns: number }[];
}

export interface CostFigures {
  cost_usd: number;
  computed_usd: number;
  reported_usd: number;
  tokens: Tokens;
  calls: number;
  errors: number;
  cached_share: number | null;
  cache_savings_usd: number;
  unpriced_tokens: number;
  unpriced_calls: number;
}

export interface Wasted {
  count: number;
  usd: number;
  tokens?: number;
  trace_ids: string[];
}

export interface Costs {
  by: GroupBy;
  start_unix_nano: string;
  end_unix_nano: string;
  totals: CostFigures & { runs: number };
  groups: (CostFigures & { key: string; share: number; series: number[] })[];
  others: (CostFigures & { groups: number }) | null;
  series: Series;
  projection: Projection;
  waste: { total_usd: number; failed_runs: Wasted | null; low_rated_runs: Wasted | null; retries: Wasted; uncached_repeats: Wasted; loops: Wasted };
  unpriced: { model: string; provider: string; calls: number; tokens: number; last_seen_unix_nano: string }[];
  truncated: boolean;
}

export interface AgentEvent {
  id: string;
  time_unix_nano: string;
  kind: string;
  severity: Severity;
  service: string;
  agent: string;
  session: string;
  user: string;
  title: string;
  text: string;
  trace_id: string | null;
  span_id: string | null;
  details: Record<string, unknown>;
}

export interface DialectReport {
  services: {
    service: string;
    spans_sampled: number;
    spans_understood: number;
    dialects: { dialect: string; steps: number }[];
    kinds: Partial<Record<StepKind, number>>;
    unread: { key: string; count: number; trace_id: string }[];
    last_seen_unix_nano: string;
  }[];
}

export interface Feedback {
  id: string;
  time: string;
  trace_id: string;
  span_id: string;
  session: string;
  interaction_id: string;
  response_id: string;
  user: string;
  agent: string;
  agent_version: string;
  service: string;
  model: string;
  environment: string;
  name: string;
  kind: "rating" | "thumbs" | "score" | "category" | "comment" | "correction";
  rating: number | null;
  score: number | null;
  min: number | null;
  max: number | null;
  category: string;
  comment: string;
  correction: string;
  source: string;
  origin: string;
  bound: boolean;
  metadata: Record<string, unknown>;
}

export type Stars = Record<"5_star" | "4_star" | "3_star" | "2_star" | "1_star", number>;

export interface FeedbackFigures {
  total_feedback: number;
  rated: number;
  average_rating: number | null;
  rating_distribution: Stars;
  low_ratings: number;
  thumbs_up: number;
  thumbs_down: number;
  comments: number;
  corrections: number;
}

export interface FeedbackSummary extends FeedbackFigures {
  start: string;
  end: string;
  step: number;
  low_rating_max: number;
  groups: (FeedbackFigures & { key: string })[];
  trend: { time: string; total_feedback: number; rated: number; average_rating: number | null; low_ratings: number }[];
  scores: { name: string; count: number; average: number; min: number; max: number }[];
  categories: { name: string; category: string; count: number }[];
}

export interface FeedbackThemes {
  comments: number;
  analysis: "clusters" | "llm";
  fallback: string | null;
  issues: string[];
  llm: { model: string; input_tokens: number; output_tokens: number; cost_usd: number | null; cached: boolean; duration: number } | null;
  themes: { title: string; terms: string[]; count: number; share: number; average_rating: number | null; comments: Feedback[] }[];
  unassigned: number;
}

export interface Budget {
  id: string;
  name: string;
  description: string;
  enabled: boolean;
  scope: { where?: Record<string, string>; each?: string | null; overrides?: Record<string, number> };
  amount: number;
  unit: "usd" | "tokens" | "input_tokens" | "output_tokens";
  window: { calendar: "hour" | "day" | "week" | "month"; time_zone?: string } | { rolling: string };
  thresholds: { percent: number; severity: Severity }[];
  mode: "soft" | "hard";
  on_unknown: "allow" | "deny";
  source: "api" | "config";
  created_unix_nano: string;
  updated_unix_nano: string;
  current?: Standing | null;
}

export type BudgetDraft = Omit<Budget, "id" | "source" | "created_unix_nano" | "updated_unix_nano" | "current"> & { id?: string };

/** How a budget, or the share of one value of its scope, stands; in the budget's unit. */
export interface Standing {
  scope_value: string;
  spent: number;
  reserved: number;
  budget: number;
  remaining: number;
  percentage: number;
  period_start_unix_nano: string;
  period_end_unix_nano: string;
  projection: number | null;
  level: "ok" | Severity;
}

export interface BudgetStatus {
  budget: Budget;
  known: boolean;
  values: number;
  overflow: number;
  standings: Standing[];
}

export interface BudgetEvent {
  id: string;
  time_unix_nano: string;
  severity: Severity;
  title: string;
  budget: string;
  scope_value: string;
  threshold: number;
  spent: number;
  amount: number;
  unit: Budget["unit"];
}

export interface PriceRow {
  key: string;
  table: string;
  provider: string;
  mode: string;
  line: number | null;
  effective_from: string;
  effective_to: string;
  pattern: string;
  /** By LiteLLM's names, USD a token. */
  prices: Record<string, number>;
}

export interface PriceTable {
  tables: { name: string; rows: number; as_of: string; problems: { line: number; key: string; message: string }[] }[];
  cost: "computed" | "reported" | "prefer_reported";
  rows: PriceRow[];
  total: number;
  truncated: boolean;
}

export interface UnpricedModel {
  provider: string;
  model: string;
  services: string[];
  calls: number;
  tokens: number;
  first_seen: string;
  last_seen: string;
  nearest: string[];
}

export interface PriceMatch {
  found: boolean;
  row: PriceRow | null;
  matched: string | null;
  tier: string;
  service_tier: string;
  tried: string[];
  nearest: string[];
}
