// Agents as the mock server tells of them: steps, runs, sessions and costs are worked out from the mock's own traces;
// budgets, feedback and events are made up beside them.
import { random } from "./mock-data.mjs";
import { answerHealth } from "./mock-health.mjs";

const PRICES = { "gpt-5-mini": [0.25e-6, 0.025e-6, 2e-6], "claude-sonnet-4-5": [3e-6, 0.3e-6, 15e-6] };
const DAY = 86_400_000_000_000n;

const sum = (list, of) => list.reduce((all, one) => all + of(one), 0);
const unique = (list) => [...new Set(list.filter((one) => one !== ""))].sort();
const groupBy = (list, key) => {
  const groups = new Map();
  for (const one of list) groups.set(key(one), [...(groups.get(key(one)) ?? []), one]);
  return groups;
};

function tokensOf(buckets) {
  const input = sum(Object.entries(buckets), ([name, count]) => (/input|cache/.test(name) ? count : 0));
  const output = sum(Object.entries(buckets), ([name, count]) => (/input|cache/.test(name) ? 0 : count));
  return { total: input + output, input, output, buckets };
}

function addTokens(list) {
  const buckets = {};
  for (const one of list) for (const [name, count] of Object.entries(one.buckets)) buckets[name] = (buckets[name] ?? 0) + count;
  return tokensOf(buckets);
}

function latency(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { count: sorted.length, avg_ns: sum(sorted, (one) => one) / sorted.length, min_ns: sorted[0], max_ns: sorted.at(-1), p50_ns: at(0.5), p95_ns: at(0.95), p99_ns: at(0.99) };
}

const KINDS = { chat: "llm", invoke_agent: "agent", execute_tool: "tool" };

function costOf(kind, model, buckets) {
  const price = PRICES[model];
  if (kind !== "llm") return { usd: 0, source: "nothing", computed_usd: null, reported_usd: null, lines: [], price: null, repriced: false };
  if (!price) return { usd: 0, source: "unpriced", computed_usd: null, reported_usd: null, lines: Object.entries(buckets).map(([bucket, tokens]) => ({ bucket, tokens, usd_per_token: null, field: "", usd: 0 })), price: null, repriced: false };
  const fields = { input: [price[0], "input_cost_per_token"], input_cached: [price[1], "cache_read_input_token_cost"], output: [price[2], "output_cost_per_token"], reasoning: [price[2], "output_cost_per_token"] };
  const lines = Object.entries(buckets).map(([bucket, tokens]) => ({ bucket, tokens, usd_per_token: fields[bucket][0], field: fields[bucket][1], usd: tokens * fields[bucket][0] }));
  const usd = sum(lines, (one) => one.usd);
  return { usd, source: "computed", computed_usd: usd, reported_usd: null, lines, price: { key: model, table: "built-in", line: 412, matched: "date", tier: "", service_tier: "default", effective_from: "" }, repriced: false };
}

const read = (text) => { try { return JSON.parse(text); } catch { return text ?? null; } };

function partsOf(text, role) {
  const list = read(text);
  return Array.isArray(list) ? list.map((one) => ({
    role: one.role ?? role, name: "", finish_reason: one.finish_reason ?? "",
    parts: (one.parts ?? []).map((part) => (part.type === "text" ? { type: "text", text: part.content } : { type: "other", value: part })),
  })) : [];
}

function stepOf(trace, span, rng) {
  const attributes = span.attributes;
  const kind = KINDS[attributes["gen_ai.operation.name"]] ?? { RETRIEVER: "retriever" }[attributes["openinference.span.kind"]] ?? ({ task: "workflow" })[attributes["traceloop.span.kind"]];
  if (!kind) return null;
  const model = attributes["gen_ai.request.model"] ?? "";
  const buckets = {};
  if (kind === "llm") {
    const cached = Math.floor(attributes["gen_ai.usage.input_tokens"] * rng.pick([0, 0, 0.4, 0.7]));
    buckets.input = attributes["gen_ai.usage.input_tokens"] - cached;
    if (cached > 0) buckets.input_cached = cached;
    const thought = Math.floor(attributes["gen_ai.usage.output_tokens"] * rng.pick([0, 0.3]));
    buckets.output = attributes["gen_ai.usage.output_tokens"] - thought;
    if (thought > 0) buckets.reasoning = thought;
  }
  const resource = trace.resources[span.resource];
  return {
    span_id: span.span_id, parent_span_id: span.parent_span_id, depth: 0, kind, dialect: kind === "retriever" ? "openinference" : "opentelemetry", name: span.name, operation: attributes["gen_ai.operation.name"] ?? "",
    service: resource.service, agent: attributes["gen_ai.agent.name"] ?? "", agent_version: "", session: "", user: "", interaction: "", workflow: "", provider: model === "" ? "" : "openai", request_model: model,
    model, response_id: kind === "llm" ? `chatcmpl-${span.span_id}` : "", prompt: kind === "llm" ? "support" : "", prompt_version: kind === "llm" ? "4" : "", tool: attributes["gen_ai.tool.name"] ?? "", tool_call_id: kind === "tool" ? `call_${span.span_id.slice(0, 6)}` : "",
    start_unix_nano: span.start_time_unix_nano, duration_ns: span.duration_ns, first_token_ns: kind === "llm" ? Math.round(span.duration_ns * 0.3) : null, finish_reasons: kind === "llm" ? ["stop"] : [],
    error: span.status.code === "error" ? (kind === "tool" ? "TimeoutError" : "error") : "", retry: kind === "tool" && rng.next() < 0.04, loop_kind: "", tags: [], release: "2.14.0", environment: "production",
    counted: kind === "llm" ? "yes" : "nothing", counted_reason: kind === "llm" ? "its tokens count" : "it has no tokens", basis: "inclusive", tokens: tokensOf(buckets),
    raw_usage: kind === "llm" ? { "gen_ai.usage.input_tokens": attributes["gen_ai.usage.input_tokens"], "gen_ai.usage.output_tokens": attributes["gen_ai.usage.output_tokens"] } : {},
    cost: costOf(kind, model, buckets),
    content: {
      input: kind === "llm" ? partsOf(attributes["gen_ai.input.messages"], "user") : [], output: kind === "llm" ? partsOf(attributes["gen_ai.output.messages"], "assistant") : [],
      tools: [], parameters: kind === "llm" ? { temperature: 0.2 } : {}, arguments: read(attributes["gen_ai.tool.call.arguments"]) ?? null, result: read(attributes["gen_ai.tool.call.result"]) ?? null,
      documents: kind === "retriever" ? [{ id: "kb-17", score: 0.83, content: "Orders are shipped within a day.", metadata: { source: "handbook" } }] : [],
    },
    evaluations: [], unread: kind === "retriever" ? ["retriever.internal.shard"] : [],
  };
}

function stepsOf(trace) {
  const rng = random(Number.parseInt(trace.trace_id.slice(0, 6), 16));
  const root = trace.spans.find((span) => span.attributes["user.id"])?.attributes ?? {};
  const found = trace.spans.map((span) => stepOf(trace, span, rng)).filter(Boolean);
  const known = new Map(found.map((step) => [step.span_id, step]));
  const parents = new Map(trace.spans.map((span) => [span.span_id, span.parent_span_id]));
  for (const step of found) {
    let above = step.parent_span_id;
    for (let hops = 0; above !== null && !known.has(above) && hops < 50; hops += 1) above = parents.get(above) ?? null;
    step.parent_span_id = known.has(above) ? above : null;
    step.depth = step.parent_span_id === null ? 0 : (known.get(above).depth + 1);
    step.agent ||= known.get(above)?.agent ?? "";
    // Several runs are a conversation.
    step.session = root["session.id"] ? `s-${Number.parseInt(trace.trace_id.slice(0, 6), 16) % 300}` : "";
    step.user = root["user.id"] ?? "";
  }
  return found;
}

function runOf(trace, steps, rng) {
  const top = steps.find((step) => step.kind === "agent") ?? steps[0];
  const of = (kind) => steps.filter((step) => step.kind === kind);
  return {
    trace_id: trace.trace_id, span_id: top.span_id, agent: top.agent || top.service, agent_version: rng.pick(["1.2.0", "1.3.0"]), service: top.service, name: top.name, session: top.session, user: top.user, interaction: "",
    release: "2.14.0", environment: "production", start_unix_nano: top.start_unix_nano, duration_ns: top.duration_ns, first_token_ns: of("llm")[0]?.first_token_ns ?? null, status: top.error ? "error" : "ok", error: top.error,
    steps: steps.length, llm_calls: of("llm").length, llm_errors: of("llm").filter((one) => one.error).length, tool_calls: of("tool").length, tool_errors: of("tool").filter((one) => one.error).length, retries: steps.filter((one) => one.retry).length,
    tokens: addTokens(steps.map((one) => one.tokens)), cost_usd: sum(steps, (one) => one.cost.usd), unpriced_tokens: sum(steps, (one) => (one.cost.source === "unpriced" ? one.tokens.total : 0)),
    loops: rng.next() < 0.03 ? ["same_call"] : [], models: unique(of("llm").map((one) => one.model)), tools: unique(of("tool").map((one) => one.tool)), agents: unique(steps.map((one) => one.agent)), tags: [],
    rating: rng.next() < 0.15 ? { average: rng.pick([1, 2, 3, 4, 4, 5, 5, 5]), count: 1 } : null,
  };
}

/** Everything about agents that the traces hold, worked out once. */
function known(data) {
  if (data.agents) return data.agents;
  const rng = random(11);
  const steps = new Map();
  const runs = [];
  for (const trace of data.traces) {
    const own = stepsOf(trace);
    steps.set(trace.trace_id, own);
    if (own.length > 0) runs.push(runOf(trace, own, rng));
  }
  const feedback = runs.filter((run) => run.rating).map((run, index) => ({
    id: `fb-${index}`, time: String(BigInt(run.start_unix_nano) + 60_000_000_000n), trace_id: run.trace_id, span_id: run.span_id, session: run.session, interaction_id: "", response_id: "", user: run.user, agent: run.agent,
    agent_version: run.agent_version, service: run.service, model: run.models[0] ?? "", environment: "production", name: "rating", kind: "rating", rating: run.rating.average, score: run.rating.average, min: null, max: null, category: "",
    comment: run.rating.average <= 2 ? rng.pick(["Wrong price for my order", "The answer took forever", "It asked me the same question three times", "Wrong order number"]) : rng.pick(["", "", "Great, thank you!"]),
    correction: "", source: "human", origin: "api", bound: true, metadata: {},
  }));
  data.agents = { steps, runs, feedback, budgets: makeBudgets(data) };
  return data.agents;
}

function makeBudgets(data) {
  if (data.kind === "none") return [];
  const start = (BigInt(data.now) * 1_000_000n / DAY) * DAY;
  const standing = (scope_value, spent, budget) => ({
    scope_value, spent, reserved: 0, budget, remaining: budget - spent, percentage: (spent / budget) * 100, period_start_unix_nano: String(start), period_end_unix_nano: String(start + DAY), projection: spent * 1.6,
    level: spent >= budget ? "critical" : spent >= budget * 0.8 ? "warning" : "ok",
  });
  const budget = (id, name, amount, scope, mode, standings) => ({
    id, name, description: "", enabled: true, scope, amount, unit: "usd", window: { calendar: "day", time_zone: "UTC" }, thresholds: [{ percent: 80, severity: "warning" }, { percent: 100, severity: "critical" }],
    mode, on_unknown: "allow", source: id === "tenant" ? "config" : "api", created_unix_nano: "0", updated_unix_nano: "0", current: standings[0] ?? null, standings,
  });
  const users = Array.from({ length: 12 }, (_, at) => standing(`u-${at + 1}`, 5.3 / (at + 1), 5));
  return [
    budget("tenant", "Everything, per day", 50, {}, "soft", [standing("", 31.2, 50)]),
    budget("users", "Every user, per day", 5, { each: "user" }, "hard", users),
    budget("research", "Research agent, per day", 20, { where: { agent: "research-agent" } }, "soft", [standing("", 17.1, 20)]),
  ];
}

const within = ({ start, end }, instant) => BigInt(instant) >= start && BigInt(instant) < end;

function series(window, runs) {
  const count = 30;
  const step = (window.end - window.start) / BigInt(count) || 1n;
  const zero = () => Array.from({ length: count }, () => 0);
  const out = { start_unix_nano: String(window.start), step_ns: Number(step), runs: zero(), errors: zero(), cost_usd: zero(), tokens: zero(), calls: zero() };
  for (const run of runs) {
    const at = Math.min(count - 1, Number((BigInt(run.start_unix_nano) - window.start) / step));
    out.runs[at] += 1;
    out.errors[at] += run.status === "error" ? 1 : 0;
    out.cost_usd[at] += run.cost_usd;
    out.tokens[at] += run.tokens.total;
    out.calls[at] += run.llm_calls;
  }
  return out;
}

function rating(runs) {
  const rated = runs.filter((run) => run.rating);
  return rated.length === 0 ? null : { average: sum(rated, (run) => run.rating.average) / rated.length, count: rated.length };
}

function figures(runs) {
  const failed = runs.filter((run) => run.status === "error").length;
  const cost = sum(runs, (run) => run.cost_usd);
  const times = runs.map((run) => run.start_unix_nano).sort();
  const total = (name) => sum(runs, (run) => run[name]);
  return {
    runs: runs.length, succeeded: runs.length - failed, failed, success_rate: runs.length === 0 ? null : 1 - failed / runs.length, latency: latency(runs.map((run) => run.duration_ns)),
    first_token: latency(runs.map((run) => run.first_token_ns).filter((one) => one !== null)), steps: total("steps"), llm_calls: total("llm_calls"), llm_errors: total("llm_errors"), tool_calls: total("tool_calls"), tool_errors: total("tool_errors"),
    retries: total("retries"), loops: runs.filter((run) => run.loops.length > 0).length, tokens: addTokens(runs.map((run) => run.tokens)), cost_usd: cost, cost_per_run_usd: runs.length === 0 ? null : cost / runs.length,
    unpriced_tokens: total("unpriced_tokens"), rating: rating(runs), first_seen_unix_nano: times[0] ?? null, last_seen_unix_nano: times.at(-1) ?? null,
  };
}

function health({ success_rate: success, latency: took }) {
  if (success === null) return { status: "unknown", issues: [] };
  const issues = [];
  const judge = (kind, value, degraded, unhealthy, message) => {
    if (unhealthy(value)) issues.push({ kind, severity: "unhealthy", message: message(value), value, threshold: kind === "success_rate" ? 0.9 : 10 });
    else if (degraded(value)) issues.push({ kind, severity: "degraded", message: message(value), value, threshold: kind === "success_rate" ? 0.95 : 5 });
  };
  judge("success_rate", success, (one) => one < 0.95, (one) => one < 0.9, (one) => `success rate ${(one * 100).toFixed(1)} % is too low`);
  judge("response_time", took.avg_ns / 1e9, (one) => one > 5, (one) => one > 10, (one) => `an answer takes ${one.toFixed(1)} s on average`);
  const worst = issues.some((one) => one.severity === "unhealthy") ? "unhealthy" : issues.length > 0 ? "degraded" : "healthy";
  return { status: worst, issues };
}

function agentRow(agent, runs, window) {
  const own = figures(runs);
  return {
    agent, services: unique(runs.map((run) => run.service)), versions: unique(runs.map((run) => run.agent_version)), is_subagent: false, health: health(own), ...own, series: series(window, runs),
  };
}

const agentRows = (runs, window) => [...groupBy(runs, (run) => run.agent)].map(([agent, own]) => agentRow(agent, own, window)).sort((a, b) => b.cost_usd - a.cost_usd);
const cachedShare = (tokens) => (tokens.input === 0 ? null : (tokens.buckets.input_cached ?? 0) / tokens.input);

function projection(window, cost) {
  const hours = Math.max(1, Number(window.end - window.start) / 3.6e12);
  const day = (window.end / DAY) * DAY;
  const period = (start, days, spent) => ({ start_unix_nano: String(start), end_unix_nano: String(start + BigInt(days) * DAY), spent_usd: spent, projected_usd: spent + (cost / hours) * 9 });
  return { usd_per_hour: cost / hours, rate_window_ns: Number(DAY), day: period(day, 1, cost), month: period(day - 9n * DAY, 30, cost * 10) };
}

function agentDetail(data, agent, window) {
  const all = known(data);
  const runs = all.runs.filter((run) => run.agent === agent && within(window, run.start_unix_nano));
  if (runs.length === 0) return null;
  const steps = runs.flatMap((run) => all.steps.get(run.trace_id));
  const of = (kind, key) => [...groupBy(steps.filter((step) => step.kind === kind), key)];
  const row = agentRow(agent, runs, window);
  return {
    start_unix_nano: String(window.start), end_unix_nano: String(window.end), agent: row, versions: [...groupBy(runs, (run) => run.agent_version)].map(([version, own]) => ({ version, ...figures(own) })),
    models: of("llm", (step) => step.model).map(([model, own]) => ({
      model, provider: own[0].provider, calls: own.length, errors: own.filter((one) => one.error).length, retries: 0, latency: latency(own.map((one) => one.duration_ns)), first_token: latency(own.map((one) => one.first_token_ns)), tokens: addTokens(own.map((one) => one.tokens)),
      cost_usd: sum(own, (one) => one.cost.usd), cached_share: cachedShare(addTokens(own.map((one) => one.tokens))), unpriced_tokens: sum(own, (one) => (one.cost.source === "unpriced" ? one.tokens.total : 0)),
    })),
    tools: of("tool", (step) => step.tool).map(([tool, own]) => {
      const errors = own.filter((one) => one.error).length;
      return { tool, calls: own.length, errors, error_rate: errors / own.length, retries: own.filter((one) => one.retry).length, latency: latency(own.map((one) => one.duration_ns)) };
    }),
    errors: [...groupBy(steps.filter((step) => step.error), (step) => `${step.error}\n${step.name}`)].map(([, own]) => ({ error: own[0].error, kind: own[0].kind, name: own[0].name, count: own.length, last_unix_nano: own[0].start_unix_nano, trace_ids: runs.filter((run) => run.status === "error").slice(0, 3).map((run) => run.trace_id) })),
    users: [...groupBy(runs, (run) => run.user)].map(([user, own]) => ({ user, runs: own.length, cost_usd: sum(own, (one) => one.cost_usd), tokens: addTokens(own.map((one) => one.tokens)), rating: rating(own) })),
    subagents: [], recent_runs: runs.slice(0, 20), cached_share: cachedShare(row.tokens), retry_usd: 0.02, projection: projection(window, row.cost_usd),
  };
}

function sessionOf(session, runs) {
  const times = runs.map((run) => BigInt(run.start_unix_nano)).sort((a, b) => (a < b ? -1 : 1));
  const total = (name) => sum(runs, (run) => run[name]);
  return {
    session, services: unique(runs.map((run) => run.service)), agents: unique(runs.map((run) => run.agent)), users: unique(runs.map((run) => run.user)), turns: runs.length, errors: runs.filter((run) => run.status === "error").length,
    loops: runs.filter((run) => run.loops.length > 0).length, llm_calls: total("llm_calls"), tool_calls: total("tool_calls"), tokens: addTokens(runs.map((run) => run.tokens)), cost_usd: total("cost_usd"), unpriced_tokens: total("unpriced_tokens"),
    started_unix_nano: String(times[0]), last_activity_unix_nano: String(times.at(-1)), duration_ns: Number(times.at(-1) - times[0]) + runs[0].duration_ns, active_ns: total("duration_ns"), rating: rating(runs),
  };
}

const feedbackOf = (data, trace) => known(data).feedback.filter((one) => one.trace_id === trace).map((one) => ({ id: one.id, name: one.name, kind: one.kind, score: one.score, rating: one.rating, label: "", comment: one.comment, source: one.source, time_unix_nano: one.time }));

function turnOf(data, run) {
  const { steps } = known(data);
  const own = steps.get(run.trace_id);
  const calls = own.filter((step) => step.kind === "llm");
  return {
    run, input: calls[0]?.content.input.filter((one) => one.role === "user") ?? [], output: calls.at(-1)?.content.output ?? [],
    tool_calls: own.filter((step) => step.kind === "tool").map((step) => ({ span_id: step.span_id, id: step.tool_call_id, name: step.tool, arguments: step.content.arguments, result: step.content.result, error: step.error, start_unix_nano: step.start_unix_nano, duration_ns: step.duration_ns })),
    feedback: feedbackOf(data, run.trace_id),
    content_missing: calls.length === 0 ? "no content was recorded" : "",
  };
}

function graphOf(steps) {
  const id = (step) => `${step.kind}:${step.model || step.tool || step.agent || step.name}`;
  const byId = new Map(steps.map((step) => [step.span_id, step]));
  const total = (own) => ({ count: own.length, errors: own.filter((one) => one.error).length, cost_usd: sum(own, (one) => one.cost.usd), tokens: sum(own, (one) => one.tokens.total), duration_ns: sum(own, (one) => one.duration_ns) });
  const nodes = [...groupBy(steps, id)].map(([key, own]) => ({ id: key, kind: own[0].kind, name: key.slice(key.indexOf(":") + 1), ...total(own), max_ns: Math.max(...own.map((one) => one.duration_ns)), span_ids: own.slice(0, 20).map((one) => one.span_id) }));
  const linked = steps.filter((step) => byId.has(step.parent_span_id));
  const edges = [...groupBy(linked, (step) => `${id(byId.get(step.parent_span_id))}\n${id(step)}`)].map(([key, own]) => ({ from: key.split("\n")[0], to: key.split("\n")[1], ...total(own) }));
  return { nodes, edges };
}

function costs(data, query, window) {
  const all = known(data);
  const by = query.get("by") ?? "model";
  const wanted = (one) => ["agent", "service", "user", "model"].every((key) => !query.get(key) || one[key] === query.get(key));
  const runs = all.runs.filter((run) => within(window, run.start_unix_nano));
  const traceOf = new Map();
  const calls = runs.flatMap((run) => all.steps.get(run.trace_id).filter((step) => step.kind === "llm").map((step) => { const one = { ...step, agent: run.agent, start_unix_nano: run.start_unix_nano }; traceOf.set(one, run.trace_id); return one; })).filter(wanted);
  const of = (own) => {
    const tokens = addTokens(own.map((one) => one.tokens));
    const unpriced = own.filter((one) => one.cost.source === "unpriced");
    return {
      cost_usd: sum(own, (one) => one.cost.usd), computed_usd: sum(own, (one) => one.cost.usd), reported_usd: 0, tokens, calls: own.length, errors: own.filter((one) => one.error).length, cached_share: cachedShare(tokens),
      cache_savings_usd: sum(own, (one) => (one.tokens.buckets.input_cached ?? 0) * ((PRICES[one.model]?.[0] ?? 0) - (PRICES[one.model]?.[1] ?? 0))), unpriced_tokens: sum(unpriced, (one) => one.tokens.total), unpriced_calls: unpriced.length,
    };
  };
  const totals = of(calls);
  const asRuns = (own) => own.map((one) => ({ start_unix_nano: one.start_unix_nano, status: one.error ? "error" : "ok", cost_usd: one.cost.usd, tokens: one.tokens, llm_calls: 1 }));
  const groups = [...groupBy(calls, (one) => one[by] ?? "")].map(([key, own]) => ({ key, share: totals.cost_usd === 0 ? 0 : of(own).cost_usd / totals.cost_usd, ...of(own), series: series(window, asRuns(own)).cost_usd })).sort((a, b) => b.cost_usd - a.cost_usd);
  const failed = runs.filter((run) => run.status === "error");
  const low = runs.filter((run) => run.rating && run.rating.average <= 2);
  const wasted = (own) => ({ count: own.length, usd: sum(own, (run) => run.cost_usd), trace_ids: own.slice(0, 5).map((run) => run.trace_id) });
  const unpriced = [...groupBy(calls.filter((one) => one.cost.source === "unpriced"), (one) => one.model)];
  return {
    by, start_unix_nano: String(window.start), end_unix_nano: String(window.end), totals: { ...totals, runs: runs.length }, groups: groups.slice(0, 50), others: null, series: series(window, asRuns(calls)), projection: projection(window, totals.cost_usd),
    waste: { total_usd: wasted([...failed, ...low]).usd, failed_runs: query.get("model") ? null : wasted(failed), low_rated_runs: query.get("model") ? null : wasted(low), retries: { count: 9, usd: 0.01, trace_ids: [] }, uncached_repeats: { count: 40, usd: 0.12, tokens: 48_000, trace_ids: [] }, loops: wasted(runs.filter((run) => run.loops.length > 0)) },
    unpriced: unpriced.map(([model, own]) => ({ model, provider: own[0].provider, calls: own.length, tokens: sum(own, (one) => one.tokens.total), last_seen_unix_nano: own[0].start_unix_nano })), truncated: false,
  };
}

function findFeedback(data, query, window) {
  const same = (key, value) => !query.get(key) || value === query.get(key);
  return known(data).feedback.filter((one) => within(window, one.time) && same("agent", one.agent) && same("user", one.user) && same("model", one.model) && same("kind", one.kind)
    && (!query.get("rating_max") || one.rating <= Number(query.get("rating_max"))) && (query.get("has_comment") !== "true" || one.comment !== "") && (!query.get("q") || one.comment.toLowerCase().includes(query.get("q").toLowerCase())));
}

function feedbackFigures(list) {
  const rated = list.filter((one) => one.rating !== null);
  const stars = Object.fromEntries([5, 4, 3, 2, 1].map((star) => [`${star}_star`, rated.filter((one) => Math.round(one.rating) === star).length]));
  return {
    total_feedback: list.length, rated: rated.length, average_rating: rated.length === 0 ? null : sum(rated, (one) => one.rating) / rated.length, rating_distribution: stars, low_ratings: rated.filter((one) => one.rating <= 2).length,
    thumbs_up: 0, thumbs_down: 0, comments: list.filter((one) => one.comment !== "").length, corrections: 0,
  };
}

function summary(data, query, window) {
  const list = findFeedback(data, query, window);
  const step = (window.end - window.start) / 30n || 1n;
  const by = query.get("by");
  const trend = [...groupBy(list, (one) => String(window.start + ((BigInt(one.time) - window.start) / step) * step))].sort();
  return {
    start: String(window.start), end: String(window.end), step: Number(step), low_rating_max: 2, ...feedbackFigures(list),
    groups: by ? [...groupBy(list, (one) => one[by === "version" ? "agent_version" : by])].map(([key, own]) => ({ key, ...feedbackFigures(own) })).sort((a, b) => b.total_feedback - a.total_feedback) : [],
    trend: trend.map(([time, own]) => { const one = feedbackFigures(own); return { time, total_feedback: one.total_feedback, rated: one.rated, average_rating: one.average_rating, low_ratings: one.low_ratings }; }), scores: [], categories: [],
  };
}

function themes(data, query, window) {
  const list = findFeedback(data, query, window).filter((one) => one.rating <= 2 && one.comment !== "");
  const groups = [...groupBy(list, (one) => one.comment.split(" ").slice(0, 2).join(" ").toLowerCase())].sort((a, b) => b[1].length - a[1].length);
  return {
    start: String(window.start), end: String(window.end), comments: list.length, analysis: "clusters", fallback: null, issues: groups.slice(0, 3).map(([title, own]) => `${title} (${own.length} comments)`), llm: null,
    themes: groups.map(([title, own]) => ({ title, terms: title.split(" "), count: own.length, share: own.length / list.length, average_rating: feedbackFigures(own).average_rating, comments: own.slice(0, 3) })), unassigned: 0,
  };
}

function events(data) {
  const made = (run, kind, severity, title, details = {}) => ({ id: `${kind}-${run.trace_id.slice(0, 8)}`, time_unix_nano: run.start_unix_nano, kind, severity, service: run.service, agent: run.agent, session: run.session, user: run.user, title, text: "", trace_id: run.trace_id, span_id: run.span_id, details });
  const { runs, feedback } = known(data);
  return [
    ...runs.filter((run) => run.loops.length > 0).map((run) => made(run, "loop", "warning", `${run.agent} called ${run.tools[0] ?? "a tool"} three times with the same arguments`, { loop: run.loops[0] })),
    ...feedback.filter((one) => one.rating <= 2).map((one) => made({ ...one, start_unix_nano: one.time }, "low_rating", "warning", `${one.user} rated an answer of ${one.agent} ${one.rating} of 5`, { feedback_id: one.id, rating: one.rating })),
    ...runs.slice(0, 1).map((run) => made(run, "budget_threshold", "critical", "Budget “Every user, per day” is used up for u-1", { budget: "users", scope_value: "u-1", threshold: 100 })),
  ].sort((a, b) => (BigInt(a.time_unix_nano) > BigInt(b.time_unix_nano) ? -1 : 1));
}

const plain = (budget) => ({ ...budget, standings: undefined });

function answerBudgets(data, parts, method, body) {
  const all = known(data).budgets;
  const found = all.find((one) => one.id === parts[0]);
  if (parts[0] === "events") return { events: events(data).filter((one) => one.kind === "budget_threshold").map((one) => ({ ...one, budget: "users", scope_value: "u-1", threshold: 100, spent: 5.3, amount: 5, unit: "usd" })) };
  if (method === "POST" && parts.length === 0) {
    if (!(body.amount > 0)) return { failure: [400, "invalid", "amount must be more than 0", "amount"] };
    const made = { description: "", enabled: true, scope: {}, unit: "usd", thresholds: [{ percent: 80, severity: "warning" }, { percent: 100, severity: "critical" }], mode: "soft", on_unknown: "allow", ...body, id: body.id ?? body.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"), source: "api", created_unix_nano: "0", updated_unix_nano: "0", current: null, standings: [] };
    all.push(made);
    return plain(made);
  }
  if (parts.length === 0) return { budgets: all.map(plain) };
  if (!found) return { failure: [404, "not_found", `no budget ${parts[0]}`] };
  if (method === "DELETE") return void all.splice(all.indexOf(found), 1);
  if (method === "PUT") return plain(Object.assign(found, body));
  return parts[1] === "status" ? { budget: plain(found), known: true, values: found.standings.length, overflow: 0, standings: found.standings } : plain(found);
}

function answerPrices(data, parts, query, method) {
  const rows = Object.entries(PRICES).map(([key, [input, cached, output]], at) => ({
    key, table: "built-in", provider: key.startsWith("gpt") ? "openai" : "anthropic", mode: "chat", line: 12 + at, effective_from: "", effective_to: "", pattern: "", prices: { input_cost_per_token: input, cache_read_input_token_cost: cached, output_cost_per_token: output, input_cost_per_token_above_200k_tokens: input * 2 },
  })).filter((row) => row.key.includes(query.get("q") ?? ""));
  if (parts[0] === "unpriced") {
    const calls = [...known(data).steps.values()].flat().filter((step) => step.cost.source === "unpriced");
    const models = [...groupBy(calls, (step) => step.model)].map(([model, own]) => ({ provider: "gcp.gemini", model, services: unique(own.map((one) => one.service)), calls: own.length, tokens: sum(own, (one) => one.tokens.total), first_seen: own.at(-1).start_unix_nano, last_seen: own[0].start_unix_nano, nearest: ["gemini-2.5-pro"] }));
    return { models: PRICES["gemini-2.5-flash"] ? [] : models, truncated: false };
  }
  if (parts[0] === "overrides" && method === "PUT") {
    PRICES[parts[1].split("/").at(-1)] = [1e-6, 1e-7, 3e-6];
    return { key: parts[1], rows: [] };
  }
  return { tables: [{ name: "built-in", rows: rows.length, as_of: "2026-11-22", problems: [] }], cost: "computed", rows, total: rows.length, truncated: false };
}

/** The answer to a request below the native API about agents; `null` where it is about something else. `failure` in it says what is wrong. */
export function answerAgents(data, path, query, window, { method = "GET", body } = {}) {
  const [area, ...parts] = path.slice(1).split("/").map(decodeURIComponent);
  const all = known(data);
  const inRange = (run) => within(window, run.start_unix_nano);
  const missing = (what) => ({ failure: [404, "not_found", `no ${what} in this range`] });
  const listed = (list, name) => {
    const [offset, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit") ?? 50)];
    return { [name]: list.slice(offset, offset + limit), next_cursor: offset + limit < list.length ? String(offset + limit) : null };
  };
  switch (area) {
    case "agents": {
      if (parts[0] === "dialects") return { services: [...groupBy([...all.steps.values()].flat(), (step) => step.service)].map(([service, own]) => ({ service, spans_sampled: own.length + 20, spans_understood: own.length, dialects: [{ dialect: "opentelemetry", steps: own.length }], kinds: Object.fromEntries([...groupBy(own, (one) => one.kind)].map(([kind, list]) => [kind, list.length])), unread: [{ key: "retriever.internal.shard", count: 12, trace_id: data.traces[0].trace_id }], last_seen_unix_nano: own[0].start_unix_nano })) };
      if (parts.length > 0) return agentDetail(data, parts[0], window) ?? missing(`agent ${parts[0]}`);
      const runs = all.runs.filter((run) => inRange(run) && (!query.get("service") || run.service === query.get("service")));
      const rows = agentRows(runs, window);
      return { start_unix_nano: String(window.start), end_unix_nano: String(window.end), agents: rows, overall: { health: health(figures(runs)), ...figures(runs), series: series(window, runs) }, truncated: false };
    }
    case "runs": {
      const same = (run) => ["agent", "service", "session", "user", "status"].every((key) => !query.get(key) || run[key] === query.get(key));
      return listed(all.runs.filter((run) => inRange(run) && same(run) && (!query.get("loop") || (run.loops.length > 0) === (query.get("loop") === "true")) && (!query.get("model") || run.models.includes(query.get("model")))), "runs");
    }
    case "sessions": {
      if (parts.length > 0) {
        const runs = all.runs.filter((run) => run.session === parts[0]).reverse();
        return runs.length === 0 ? missing(`session ${parts[0]}`) : { session: sessionOf(parts[0], runs), turns: runs.map((run) => turnOf(data, run)), truncated: false };
      }
      const runs = all.runs.filter((run) => inRange(run) && run.session !== "" && ["agent", "service", "user"].every((key) => !query.get(key) || run[key] === query.get(key)));
      return listed([...groupBy(runs, (run) => run.session)].map(([session, own]) => sessionOf(session, own)), "sessions");
    }
    case "traces": {
      const steps = all.steps.get(parts[0]);
      if (!["steps", "graph", "cost"].includes(parts[1])) return null;
      if (!steps) return missing(`trace ${parts[0]}`);
      if (parts[1] === "graph") return { trace_id: parts[0], ...graphOf(steps) };
      const of = (kind) => steps.filter((step) => step.kind === kind).length;
      return { trace_id: parts[0], steps, totals: { cost_usd: sum(steps, (one) => one.cost.usd), tokens: addTokens(steps.map((one) => one.tokens)), steps: steps.length, llm_calls: of("llm"), tool_calls: of("tool"), errors: steps.filter((one) => one.error).length, unpriced_tokens: 0 }, spans_without_dialect: 3, feedback: feedbackOf(data, parts[0]), truncated: false };
    }
    case "health": return answerHealth(data, parts, window, method, agentRows(all.runs.filter(inRange), window));
    case "costs": return costs(data, query, window);
    case "events": return listed(events(data).filter((one) => within(window, one.time_unix_nano) && ["kind", "severity", "agent"].every((key) => !query.get(key) || one[key] === query.get(key))), "events");
    case "prices": return answerPrices(data, parts, query, method);
    case "budgets": return answerBudgets(data, parts, method, body);
    case "feedback":
      if (parts[0] === "summary") return summary(data, query, window);
      if (parts[0] === "themes") return themes(data, query, window);
      if (method === "POST") return { feedback: [body] };
      return listed(findFeedback(data, query, window), "feedback");
    default: return null;
  }
}
