// Deterministic data for the mock server: the same seed gives the same traces, logs and metrics, placed before `now`.

/** A small generator with a seed. */
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    next,
    int: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (list) => list[Math.floor(next() * list.length)],
    hex: (digits) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join(""),
    /** Long-tailed around a middle. */
    tail: (middle) => middle * Math.exp((next() + next() + next() - 1.5) * 1.6),
  };
}

const ns = (ms) => BigInt(Math.round(ms * 1000)) * 1000n;
const SERVICES = ["billing", "gateway", "research-agent", "support-agent", "tool-runner", "vector-store"];
const MODELS = ["gpt-5-mini", "claude-sonnet-4-5", "gemini-2.5-flash"];
const TOOLS = ["search_orders", "lookup_customer", "refund_payment", "fetch_page", "run_sql"];

function resource(service, rng) {
  return {
    service,
    attributes: {
      "service.name": service, "service.version": "2.14.0", "deployment.environment.name": "production",
      "host.name": `node-${rng.int(1, 4)}`, "telemetry.sdk.language": "python",
    },
    schema_url: "https://opentelemetry.io/schemas/1.37.0",
  };
}

function builder(rng, startMs) {
  const trace = {
    resources: [], scopes: [{ name: "openinference.instrumentation.openai", version: "0.1.30", attributes: {} }, { name: "opentelemetry.instrumentation.fastapi", version: "0.58b0", attributes: {} }],
    spans: [],
  };
  const resourceOf = (service) => {
    const at = trace.resources.findIndex((one) => one.service === service);
    return at >= 0 ? at : trace.resources.push(resource(service, rng)) - 1;
  };
  const add = (parent, service, name, offsetMs, durationMs, attributes = {}, more = {}) => {
    const span = {
      span_id: rng.hex(16), parent_span_id: parent, name, kind: "internal", start_time_unix_nano: String(ns(startMs + offsetMs)),
      duration_ns: Math.round(durationMs * 1e6), status: { code: "unset", message: "" }, resource: resourceOf(service), scope: 0,
      attributes, events: [], links: [], trace_state: "", flags: 1,
      dropped_attributes_count: 0, dropped_events_count: 0, dropped_links_count: 0, ...more,
    };
    trace.spans.push(span);
    return span.span_id;
  };
  return { trace, add, at: (offsetMs) => String(ns(startMs + offsetMs)) };
}

function llm(rng, model, question, answer) {
  return {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": model, "gen_ai.response.model": `${model}-2026-09`,
    "gen_ai.request.temperature": 0.2, "gen_ai.usage.input_tokens": rng.int(300, 9000), "gen_ai.usage.output_tokens": rng.int(20, 900),
    "gen_ai.input.messages": JSON.stringify([
      { role: "system", parts: [{ type: "text", content: "You are a careful support agent. Answer briefly." }] },
      { role: "user", parts: [{ type: "text", content: question }] },
    ]),
    "gen_ai.output.messages": JSON.stringify([{ role: "assistant", parts: [{ type: "text", content: answer }], finish_reason: "stop" }]),
    "gen_ai.response.finish_reasons": ["stop"],
  };
}

/** One agent run: gateway → agent → LLM calls, tools, retrieval. */
function agentRun(rng, startMs, failing) {
  const { trace, add, at } = builder(rng, startMs);
  const agent = rng.pick(["support-agent", "research-agent"]);
  const turns = rng.int(1, 5);
  let t = rng.tail(8);
  const rootAttributes = {
    "http.request.method": "POST", "http.route": "/v1/chat", "url.path": "/v1/chat", "http.response.status_code": failing ? 500 : 200,
    "user.id": `u-${rng.int(1, 40)}`, "session.id": `s-${rng.hex(8)}`, "client.address": "10.2.0.7",
  };
  const root = add(null, "gateway", "POST /v1/chat", 0, 0, rootAttributes, { kind: "server", scope: 1 });
  const run = add(root, agent, `invoke_agent ${agent}`, t, 0, { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent, "gen_ai.conversation.id": rootAttributes["session.id"] });
  const [rootSpan, runSpan] = trace.spans;
  for (let turn = 0; turn < turns; turn += 1) {
    const model = rng.pick(MODELS);
    const took = rng.tail(900);
    add(run, agent, `chat ${model}`, t + 3, took, llm(rng, model, "Where is my order 4711?", "It left the warehouse this morning."), { kind: "client" });
    t += took + 6;
    if (rng.next() < 0.4) {
      const look = rng.tail(60);
      const retrieval = add(run, agent, "retrieve kb", t, look + 14, { "openinference.span.kind": "RETRIEVER", "input.value": "order status policy" });
      add(retrieval, "vector-store", "POST /search", t + 4, look, { "db.system.name": "qdrant", "db.operation.name": "search", "db.query.top_k": 8 }, { kind: "server", scope: 1 });
      t += look + 18;
    }
    const tool = rng.pick(TOOLS);
    const work = rng.tail(140);
    const broke = failing && turn === turns - 1;
    const call = add(run, agent, `execute_tool ${tool}`, t, work + 9, {
      "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, "gen_ai.tool.call.arguments": JSON.stringify({ order_id: rng.int(1000, 9999), expand: ["items", "customer"] }),
      "gen_ai.tool.call.result": broke ? "" : JSON.stringify({ status: "shipped", carrier: "DHL", eta: "2026-11-24" }),
    }, broke ? { status: { code: "error", message: "payment provider timed out after 3 tries" } } : {});
    add(call, "tool-runner", `POST /tools/${tool}`, t + 4, work, { "http.request.method": "POST", "http.response.status_code": broke ? 504 : 200 }, {
      kind: "server", scope: 1, ...(broke ? { status: { code: "error", message: "upstream timeout" }, events: [{
        time_unix_nano: at(t + work), name: "exception", dropped_attributes_count: 0,
        attributes: { "exception.type": "TimeoutError", "exception.message": "no answer from payments within 2000 ms", "exception.stacktrace": "Traceback (most recent call last):\n  File \"/app/tools/refund.py\", line 88, in refund\n    answer = await client.post(url, json=body, timeout=2.0)\nTimeoutError: no answer from payments within 2000 ms" },
      }] } : {}),
    });
    if (tool === "run_sql") for (let i = 0; i < 14; i += 1) add(call, "tool-runner", "SELECT orders", t + 5 + i * (work / 15), work / 16, { "db.system.name": "postgresql", "db.query.text": "SELECT * FROM orders WHERE id = $1" }, { kind: "client" });
    t += work + 14;
  }
  runSpan.duration_ns = Math.round((t - 8) * 1e6);
  rootSpan.duration_ns = Math.round((t + 5) * 1e6);
  if (failing) {
    rootSpan.status = { code: "error", message: "agent run failed" };
    runSpan.status = { code: "error", message: "tool failed" };
    runSpan.links = [{ trace_id: rng.hex(32), span_id: rng.hex(16), trace_state: "", attributes: { "link.reason": "retry of" }, dropped_attributes_count: 0 }];
  }
  return trace;
}

/** A trace of `count` spans: a batch job with many workers, some repetition and some errors. */
function bigTrace(rng, startMs, count) {
  const { trace, add } = builder(rng, startMs);
  const root = add(null, "research-agent", "nightly evaluation", 0, 600_000, { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "evaluator" });
  let t = 10;
  while (trace.spans.length < count) {
    const item = add(root, "research-agent", `evaluate item ${trace.spans.length}`, t, 900, { "traceloop.span.kind": "task" });
    for (let i = 0; i < 6 && trace.spans.length < count; i += 1) {
      const step = add(item, rng.pick(SERVICES), rng.pick(["chat gpt-5-mini", "execute_tool run_sql", "POST /search", "score answer"]), t + i * 140, rng.tail(90),
        rng.next() < 0.3 ? llm(rng, "gpt-5-mini", "Is the answer right?", "Yes.") : { "step.index": i }, rng.next() < 0.01 ? { status: { code: "error", message: "rate limited" } } : {});
      if (rng.next() < 0.5 && trace.spans.length < count) add(step, "vector-store", "lookup", t + i * 140 + 5, 20, { "db.system.name": "qdrant" });
    }
    t += 600_000 / (count / 10.2);
  }
  return trace;
}

/** Traces as nobody should send them: missing parents, cycles, skew, no names, huge values. */
function brokenTraces(rng, now) {
  const orphaned = agentRun(rng, now - 60_000, true);
  orphaned.spans = orphaned.spans.filter((span) => span.parent_span_id !== null);
  const { trace: cyclic, add } = builder(rng, now - 120_000);
  const first = add(null, "gateway", "", 0, 0);
  const second = add(first, "", "child before its parent \u202e reversed", -400, 90_000);
  cyclic.spans[0].parent_span_id = second;
  add("ffffffffffffffff", "𝒻𝒶𝓃𝒸𝓎-service-with-a-name-that-goes-on-and-on-without-any-space-at-all", "x".repeat(400), 50, 0.000001, {
    long: "lorem ipsum ".repeat(900), nested: { a: [1, { b: null, c: [true, { $double: "NaN" }] }], raw: { $bytes: "AAECAw==" } },
    "": "empty key", "<script>alert(1)</script>": "<img src=x onerror=alert(1)>", "gen_ai.input.messages": "[{not json", huge: 1e308,
  }, { status: { code: "error", message: "m".repeat(600) }, dropped_attributes_count: 12 });
  return [orphaned, cyclic];
}

function finish(id, trace) {
  const spans = [...trace.spans].sort((a, b) => (BigInt(a.start_time_unix_nano) < BigInt(b.start_time_unix_nano) ? -1 : 1));
  const start = BigInt(spans[0].start_time_unix_nano);
  const end = spans.reduce((most, span) => {
    const at = BigInt(span.start_time_unix_nano) + BigInt(span.duration_ns);
    return at > most ? at : most;
  }, start);
  const errors = spans.filter((span) => span.status.code === "error").length;
  return { trace_id: id, start_time_unix_nano: String(start), duration_ns: Number(end - start), span_count: spans.length, error_count: errors, resources: trace.resources, scopes: trace.scopes, spans };
}

/** Spans and errors of a trace by service. */
function servicesOf(trace) {
  return trace.resources.map((one, index) => {
    const own = trace.spans.filter((span) => span.resource === index);
    return { name: one.service, span_count: own.length, error_count: own.filter((span) => span.status.code === "error").length };
  }).filter((one) => one.span_count > 0);
}

export const BIG_TRACE = "b1600000000000000000000000010000";

function makeTraces(kind, now) {
  const rng = random(7);
  const counts = { much: 1500, little: 3, none: 0, broken: 1 };
  const traces = [];
  for (let i = 0; i < counts[kind]; i += 1) {
    const back = kind === "much" ? (i / 1500) * 3_500_000 + rng.next() * 2000 + 5000 : 90_000 * (i + 1);
    traces.push(finish(rng.hex(32), agentRun(rng, now - back, rng.next() < 0.12)));
  }
  if (kind === "much") traces.push(finish(BIG_TRACE, bigTrace(rng, now - 640_000, 10_000)));
  if (kind === "broken") for (const trace of brokenTraces(rng, now)) traces.push(finish(rng.hex(32), trace));
  return traces.sort((a, b) => (BigInt(a.start_time_unix_nano) > BigInt(b.start_time_unix_nano) ? -1 : 1));
}

const LINES = [
  ["info", (r) => `handled POST /v1/chat in ${r.int(200, 4000)} ms status=200`],
  ["info", (r) => `tool ${r.pick(TOOLS)} finished, ${r.int(1, 40)} rows`],
  ["debug", (r) => `cache ${r.pick(["hit", "miss"])} key=prompt:${r.hex(12)}`],
  ["debug", () => "retrieved 8 passages from kb_articles, reranked to 3"],
  ["warn", (r) => `model answered slowly: ${r.int(4, 20)} s, retry budget ${r.int(1, 3)} left`],
  ["warn", () => "context window at 83 %, dropping the oldest tool results"],
  ["error", (r) => `refund failed: no answer from payments within 2000 ms (attempt ${r.int(1, 3)} of 3)`],
  ["trace", (r) => `enter plan_step depth=${r.int(1, 6)}`],
  ["fatal", () => "worker stopped: out of file descriptors"],
];
const SEVERITY = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21, unknown: 0 };

function logRecord(rng, timeMs, level, service, body, more = {}) {
  return {
    id: rng.hex(16), time_unix_nano: String(ns(timeMs)), observed_time_unix_nano: String(ns(timeMs + 2)), level, severity_text: level === "unknown" ? "" : level.toUpperCase(),
    severity_number: SEVERITY[level], service, body, event_name: "",
    attributes: { "code.file.path": "app/agent/loop.py", "code.line.number": rng.int(10, 400), thread: "worker-" + rng.int(1, 8) },
    resource: { "service.name": service, "host.name": `node-${rng.int(1, 4)}`, "deployment.environment.name": "production" },
    scope: { name: "agent.loop", version: "", attributes: {} }, trace_id: null, span_id: null, flags: 0, dropped_attributes_count: 0, ...more,
  };
}

function makeLogs(kind, now, traces) {
  const rng = random(11);
  const logs = [];
  const count = { much: 12_000, little: 9, none: 0, broken: 6 }[kind];
  for (let i = 0; i < count; i += 1) {
    const [level, text] = LINES[Math.min(LINES.length - 1, Math.floor(rng.next() ** 1.7 * LINES.length))];
    const burst = rng.next() < 0.25 ? 1_200_000 + rng.next() * 240_000 : rng.next() * 3_590_000;
    const trace = rng.next() < 0.5 ? rng.pick(traces) : undefined;
    const span = trace && rng.pick(trace.spans);
    const at = span ? Number(BigInt(span.start_time_unix_nano) / 1000n) / 1000 + rng.next() * 50 : now - burst;
    logs.push(logRecord(rng, at, level, span ? trace.resources[span.resource].service : rng.pick(SERVICES), text(rng), span ? { trace_id: trace.trace_id, span_id: span.span_id } : {}));
  }
  if (kind === "broken") {
    logs.push(logRecord(rng, now - 1000, "unknown", "", { event: "structured", nested: [1, { deep: null }], text: "a body that is an object" }));
    logs.push(logRecord(rng, now - 1100, "error", "gateway", "line one\nline two\n\tline three with a tab\n" + "at frame()\n".repeat(40)));
    logs.push(logRecord(rng, now - 1200, "info", "gateway", "x".repeat(20_000)));
    logs.push(logRecord(rng, now - 1300, "warn", "gateway", "\u001b[31mred\u001b[0m <b>not bold</b> \u202eright to left"));
    logs.push(logRecord(rng, now - 1400, "info", "gateway", null, { attributes: {} }));
  }
  return logs.sort((a, b) => (BigInt(a.time_unix_nano) > BigInt(b.time_unix_nano) ? -1 : 1));
}

const METRICS = [
  ["http_server_request_duration_seconds_bucket", "histogram", "s", "Duration of HTTP server requests."],
  ["gen_ai_client_token_usage", "counter", "{token}", "Tokens used by model calls."],
  ["gen_ai_client_operation_duration_seconds", "exponential_histogram", "s", "Duration of model calls."],
  ["agent_runs_total", "counter", "1", "Agent runs that ended, by outcome."],
  ["agent_queue_depth", "gauge", "1", "Runs waiting for a worker."],
  ["process_resident_memory_bytes", "gauge", "By", "Resident memory."],
  ["process_cpu_utilization", "gauge", "%", "CPU in use."],
  ["tool_calls_total", "counter", "1", "Tool calls by tool and outcome."],
  ["llm_cost_usd_total", "counter", "USD", "Cost of model calls."],
  ["up", "gauge", "", ""],
];

function makeMetrics(kind) {
  const base = METRICS.slice(0, { much: 10, little: 4, none: 0, broken: 5 }[kind]);
  const list = base.map(([name, metricKind, unit, help], i) => ({ name, family: name.replace(/_bucket$/, ""), kind: metricKind, unit, help, series_count: kind === "little" ? 1 : 2 + (i % 7) * 3 }));
  if (kind === "much") for (let i = 0; i < 600; i += 1) list.push({ name: `app_${["cache", "queue", "worker", "http", "db", "tool"][i % 6]}_metric_${String(i).padStart(3, "0")}_total`, family: "", kind: "counter", unit: "1", help: `Synthetic counter number ${i}.`, series_count: 1 + (i % 9) });
  if (kind === "broken") list.push({ name: "a_very_long_metric_name_".repeat(8), family: "", kind: "unknown", unit: "furlongs/fortnight", help: "Help ".repeat(120), series_count: 0 });
  return list.sort((a, b) => a.name.localeCompare(b.name));
}

export function makeData(kind, now = Date.now()) {
  const traces = makeTraces(kind, now);
  for (const trace of traces) Object.defineProperty(trace, "services", { value: servicesOf(trace) });
  return { kind, now, traces, logs: makeLogs(kind, now, traces), metrics: makeMetrics(kind), services: kind === "none" ? [] : [...new Set(traces.flatMap((trace) => trace.resources.map((one) => one.service)))].filter(Boolean).sort() };
}

/** Label sets of a metric, deterministic from its name. */
export function seriesLabels(metric, kind) {
  const out = [];
  for (let i = 0; i < metric.series_count; i += 1) out.push({ __name__: metric.name, job: SERVICES[i % SERVICES.length], instance: `10.2.0.${1 + Math.floor(i / SERVICES.length)}:8000`, ...(kind === "broken" && i === 0 ? { path: "/" + "very-long/".repeat(20) } : {}) });
  return out;
}

export function seriesPoints(metric, index, startMs, endMs, stepMs, kind) {
  const points = [];
  const first = Math.ceil(startMs / stepMs) * stepMs;
  for (let t = first; t < endMs; t += stepMs) {
    const minute = t / 60_000;
    const wave = Math.sin(minute / (7 + index) + index) + Math.sin(minute / 2.3 + index * 2) * 0.3;
    if (kind === "broken" && index === 0 && Math.floor(minute) % 3 === 0) { points.push([t, ["NaN", "+Inf", "-Inf"][Math.floor(t / stepMs) % 3]]); continue; }
    if (metric.kind === "counter" || metric.kind === "exponential_histogram") points.push([t, Math.floor((t % 2_400_000) / 1000 * (4 + index) + wave * 20 + 40)]);
    else if (metric.unit === "By") points.push([t, Math.round((180 + index * 60 + wave * 24) * 1048576)]);
    else points.push([t, Math.max(0, (metric.unit === "s" ? 0.4 : 20) * (1 + index * 0.2 + wave * 0.5))]);
  }
  return points;
}
