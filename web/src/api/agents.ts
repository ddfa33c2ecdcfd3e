// Calls about agents: runs, sessions, steps, costs, budgets, feedback, events.

import type {
  AgentDetail, AgentEvent, AgentGraph, AgentList, Budget, BudgetDraft, BudgetEvent, BudgetStatus, Costs, DialectReport, Feedback, FeedbackSummary, FeedbackThemes, GroupBy, PriceMatch, PriceTable, Run, Session, SessionDetail, TraceSteps, UnpricedModel,
} from "./agentTypes";
import { get, send, type Window } from "./client";

const BASE = "/api/watchkeep/v1";

export interface RunFilter {
  agent?: string | undefined;
  service?: string | undefined;
  session?: string | undefined;
  user?: string | undefined;
  status?: "ok" | "error" | undefined;
  loop?: string | undefined;
  model?: string | undefined;
  tool?: string | undefined;
  rating_max?: string | undefined;
  min_cost?: string | undefined;
  min_duration?: string | undefined;
}

export interface FeedbackFilter {
  agent?: string | undefined;
  user?: string | undefined;
  model?: string | undefined;
  name?: string | undefined;
  kind?: string | undefined;
  rating_max?: string | undefined;
  has_comment?: string | undefined;
  q?: string | undefined;
}

const path = (...parts: string[]): string => BASE + parts.map((part) => `/${encodeURIComponent(part)}`).join("");

export const agents = {
  list: (params: { service?: string | undefined; limit?: number } & Window, signal?: AbortSignal) => get<AgentList>(path("agents"), { ...params }, signal),
  one: (agent: string, params: { service?: string | undefined } & Window, signal?: AbortSignal) => get<AgentDetail>(path("agents", agent), { ...params }, signal),
  runs: (params: RunFilter & Window & { limit?: number; cursor?: string | undefined }, signal?: AbortSignal) =>
    get<{ runs: Run[]; next_cursor: string | null }>(path("runs"), { ...params }, signal),
  sessions: (params: { agent?: string | undefined; service?: string | undefined; user?: string | undefined; limit?: number; cursor?: string | undefined } & Window, signal?: AbortSignal) =>
    get<{ sessions: Session[]; next_cursor: string | null }>(path("sessions"), { ...params }, signal),
  session: (id: string, window: Partial<Window>, signal?: AbortSignal) => get<SessionDetail>(path("sessions", id), { ...window }, signal),
  steps: (trace: string, signal?: AbortSignal) => get<TraceSteps>(path("traces", trace, "steps"), {}, signal),
  graph: (trace: string, signal?: AbortSignal) => get<AgentGraph>(path("traces", trace, "graph"), {}, signal),
  costs: (params: { by: GroupBy; agent?: string | undefined; service?: string | undefined; user?: string | undefined; model?: string | undefined; limit?: number } & Window, signal?: AbortSignal) =>
    get<Costs>(path("costs"), { ...params }, signal),
  dialects: (window: Window, signal?: AbortSignal) => get<DialectReport>(path("agents", "dialects"), { ...window }, signal),
  events: (params: { kind?: string | undefined; severity?: string | undefined; agent?: string | undefined; limit?: number; cursor?: string | undefined } & Window, signal?: AbortSignal) =>
    get<{ events: AgentEvent[]; next_cursor: string | null }>(path("events"), { ...params }, signal),
};

export const feedback = {
  list: (params: FeedbackFilter & Window & { limit?: number; cursor?: string | undefined }, signal?: AbortSignal) =>
    get<{ feedback: Feedback[]; next_cursor: string | null }>(path("feedback"), { ...params }, signal),
  summary: (params: FeedbackFilter & Window & { by?: string }, signal?: AbortSignal) => get<FeedbackSummary>(path("feedback", "summary"), { ...params }, signal),
  themes: (params: FeedbackFilter & Window, signal?: AbortSignal) => get<FeedbackThemes>(path("feedback", "themes"), { ...params }, signal),
  give: (body: { trace_id?: string; session_id?: string; rating?: number; thumbs?: "up" | "down"; comment?: string }) => send<{ feedback: Feedback[] }>("POST", path("feedback"), body),
};

export const budgets = {
  list: async (signal?: AbortSignal): Promise<Budget[]> => (await get<{ budgets: Budget[] }>(path("budgets"), {}, signal)).budgets,
  status: (id: string, signal?: AbortSignal) => get<BudgetStatus>(path("budgets", id, "status"), {}, signal),
  events: (params: { budget?: string } & Partial<Window>, signal?: AbortSignal) => get<{ events: BudgetEvent[] }>(path("budgets", "events"), { ...params }, signal),
  create: (draft: BudgetDraft) => send<Budget>("POST", path("budgets"), draft),
  replace: (id: string, draft: BudgetDraft) => send<Budget>("PUT", path("budgets", id), draft),
  remove: (id: string) => send<undefined>("DELETE", path("budgets", id)),
};

export const prices = {
  list: (params: { q?: string | undefined; provider?: string | undefined; limit?: number }, signal?: AbortSignal) => get<PriceTable>(path("prices"), params, signal),
  match: (params: { model: string; provider?: string | undefined }, signal?: AbortSignal) => get<PriceMatch>(path("prices", "match"), params, signal),
  unpriced: (signal?: AbortSignal) => get<{ models: UnpricedModel[]; truncated: boolean }>(path("prices", "unpriced"), {}, signal),
  override: (key: string, row: { input_cost_per_token: number; output_cost_per_token: number; cache_read_input_token_cost?: number }) => send<unknown>("PUT", `${BASE}/prices/overrides/${encodeURIComponent(key)}`, row),
};
