// A mock of Tempo's API: enough of TraceQL for tests and screenshots.
const SECOND = 1_000_000_000n;

/** Tempo's errors are plain text. */
export class TempoFailure extends Error {
  constructor(message, status = 400) {
    super(message);
    this.status = status;
  }
}

const RULE = /\s+|("(?:[^"\\]|\\.)*"|`[^`]*`)|((?:\d+(?:\.\d+)?|\.\d+)(?:ns|us|ms|s|m|h)?)(?![\w.])|((?:[A-Za-z_]|\.)(?:[^\s{}()=~!<>&|^,"]|(?<=\.)"[^"]*")*)|(&&|\|\||=~|!~|!=|>=|<=|>>|[{}()=<>|,!+\-*/~])|(.)/gsu;

function tokensOf(text) {
  const out = [];
  for (const found of text.matchAll(RULE)) {
    const [whole, string, number, word, op, other] = found;
    if (/^\s+$/.test(whole)) continue;
    if (other !== undefined) throw parseError(text, found.index, `unexpected character ${other}`);
    out.push({ kind: string ? "string" : number ? "number" : word ? "word" : "op", text: whole, at: found.index, used: op });
  }
  return out;
}

function parseError(text, at, what) {
  const before = text.slice(0, at);
  return new TempoFailure(`invalid TraceQL query: parse error at line ${before.split("\n").length}, col ${at - before.lastIndexOf("\n")}: syntax error: ${what}`);
}

const UNIT = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
const WORDS = new Set(["error", "ok", "unset", "server", "client", "internal", "producer", "consumer", "unspecified", "true", "false", "nil"]);

export class Parser {
  constructor(text) {
    this.text = text;
    this.tokens = tokensOf(text);
    this.i = 0;
  }

  peek(text) {
    return this.tokens[this.i]?.text === text;
  }

  take(text) {
    if (!this.peek(text)) throw this.wrong();
    return this.tokens[this.i++];
  }

  wrong() {
    const token = this.tokens[this.i];
    return token ? parseError(this.text, token.at, `unexpected ${token.text}`) : parseError(this.text, this.text.length, "unexpected $end");
  }

  query() {
    const set = this.spansets();
    const stages = [];
    while (this.peek("|")) {
      this.take("|");
      stages.push(this.stage());
    }
    if (this.peek("with")) { this.take("with"); this.brackets(); }
    if (this.i < this.tokens.length) throw this.wrong();
    return { set, stages };
  }

  spansets() {
    let left = this.spanset();
    while ([">>", ">", "<", "~", "&&", "||"].some((op) => this.peek(op))) {
      const op = this.tokens[this.i++].text;
      left = { op, left, right: this.spanset() };
    }
    return left;
  }

  spanset() {
    if (this.peek("(")) { this.take("("); const inner = this.spansets(); this.take(")"); return inner; }
    this.take("{");
    if (this.peek("}")) { this.take("}"); return { test: () => true }; }
    const test = this.either();
    this.take("}");
    return { test };
  }

  either() {
    const all = [this.both()];
    while (this.peek("||")) { this.take("||"); all.push(this.both()); }
    return (span) => all.some((one) => one(span));
  }

  both() {
    const all = [this.compare()];
    while (this.peek("&&")) { this.take("&&"); all.push(this.compare()); }
    return (span) => all.every((one) => one(span));
  }

  compare() {
    if (this.peek("(")) { this.take("("); const inner = this.either(); this.take(")"); return inner; }
    const field = this.tokens[this.i++];
    if (field?.kind !== "word") { this.i -= 1; throw this.wrong(); }
    const op = this.tokens[this.i];
    if (!op || !["=", "!=", "=~", "!~", ">", ">=", "<", "<="].includes(op.text)) throw this.wrong();
    this.i += 1;
    const value = this.value();
    return (span) => compare(fieldOf(span, field.text), op.text, value);
  }

  value() {
    const minus = this.peek("-") ? (this.i += 1, -1) : 1;
    const token = this.tokens[this.i];
    if (!token) throw this.wrong();
    this.i += 1;
    if (token.kind === "string") return token.text.startsWith("`") ? token.text.slice(1, -1) : JSON.parse(token.text);
    if (token.kind === "number") {
      const [, amount, unit] = /^([\d.]+)(ns|us|ms|s|m|h)?$/.exec(token.text);
      return minus * Number(amount) * (unit ? UNIT[unit] : 1);
    }
    if (!WORDS.has(token.text)) { this.i -= 1; throw this.wrong(); }
    return token.text === "true" ? true : token.text === "false" ? false : token.text === "nil" ? undefined : token.text;
  }

  brackets() {
    this.take("(");
    const out = [];
    for (let depth = 1; depth > 0; this.i += 1) {
      const token = this.tokens[this.i];
      if (!token) throw this.wrong();
      if (token.text === "(") depth += 1;
      if (token.text === ")") depth -= 1;
      if (depth > 0 && token.text !== ",") out.push(token.text);
    }
    return out;
  }

  stage() {
    const name = this.tokens[this.i++];
    if (name?.kind !== "word") { this.i -= 1; throw this.wrong(); }
    const stage = { name: name.text, args: this.brackets(), by: [] };
    if (this.peek("by")) { this.take("by"); stage.by = this.brackets(); }
    while (this.i < this.tokens.length && !this.peek("|") && !this.peek("with")) this.i += 1;
    return stage;
  }
}

function fieldOf({ span, trace }, field) {
  const resource = trace.resources[span.resource];
  const bare = (from) => field.slice(from).replace(/^"|"$/g, "");
  switch (field) {
    case "name": case "span:name": return span.name;
    case "status": case "span:status": return span.status.code;
    case "statusMessage": return span.status.message;
    case "kind": case "span:kind": return span.kind;
    case "duration": case "span:duration": return span.duration_ns;
    case "traceDuration": case "trace:duration": return trace.duration_ns;
    case "rootServiceName": case "trace:rootService": return trace.resources[rootOf(trace)?.resource]?.service;
    case "rootName": case "trace:rootName": return rootOf(trace)?.name;
    case "trace:id": return trace.trace_id;
    case "span:id": return span.span_id;
    case "event:name": return span.events[0]?.name;
    default:
  }
  if (field.startsWith("resource.")) return resource.attributes[bare(9)];
  if (field.startsWith("span.")) return span.attributes[bare(5)];
  if (field.startsWith("event.")) return span.events.find((event) => bare(6) in event.attributes)?.attributes[bare(6)];
  if (field.startsWith(".")) return span.attributes[bare(1)] ?? resource.attributes[bare(1)];
  throw new TempoFailure(`invalid TraceQL query: parse error at line 1, col 3: syntax error: unknown identifier: ${field}`);
}

export const rootOf = (trace) => trace.spans.find((span) => !span.parent_span_id);

function compare(actual, op, wanted) {
  if (wanted === undefined) return op === "!=" ? actual !== undefined : actual === undefined;
  if (actual === undefined) return false;
  switch (op) {
    case "=": return actual === wanted;
    case "!=": return actual !== wanted;
    case "=~": return new RegExp(`^(?:${wanted})$`).test(String(actual));
    case "!~": return !new RegExp(`^(?:${wanted})$`).test(String(actual));
    case ">": return actual > wanted;
    case ">=": return actual >= wanted;
    case "<": return actual < wanted;
    default: return actual <= wanted;
  }
}

function matchedBy(set, trace) {
  if (set.test) return trace.spans.filter((span) => set.test({ span, trace }));
  const [left, right] = [matchedBy(set.left, trace), matchedBy(set.right, trace)];
  if (set.op === "&&") return left.length > 0 && right.length > 0 ? [...new Set([...left, ...right])] : [];
  if (set.op === "||") return [...new Set([...left, ...right])];
  const ids = new Set(left.map((span) => span.span_id));
  const byId = new Map(trace.spans.map((span) => [span.span_id, span]));
  return right.filter((span) => {
    if (set.op === ">") return ids.has(span.parent_span_id);
    for (let up = byId.get(span.parent_span_id), steps = 0; up && steps < 100; up = byId.get(up.parent_span_id), steps += 1) if (ids.has(up.span_id)) return true;
    return false;
  });
}

const anyValue = (value) => (typeof value === "string" ? { stringValue: value } : typeof value === "boolean" ? { boolValue: value } : Number.isInteger(value) ? { intValue: String(value) } : typeof value === "number" ? { doubleValue: value } : { stringValue: JSON.stringify(value) });
const keyValue = (key, value) => ({ key, value: anyValue(value) });

function rangeOf(query, now) {
  const read = (key, fallback) => {
    const text = query.get(key);
    return text === null ? fallback : BigInt(Math.round(Number(text) * 1000)) * 1_000_000n;
  };
  const end = read("end", BigInt(now) * 1_000_000n);
  return { start: read("start", end - 3600n * SECOND), end };
}

export function tracesIn(data, { start, end }) {
  return data.traces.filter((trace) => {
    const at = BigInt(trace.start_time_unix_nano);
    return at < end && at + BigInt(trace.duration_ns) >= start;
  });
}

function search(data, query) {
  const text = query.get("q") ?? "{}";
  const parsed = new Parser(text).query();
  const spss = Number(query.get("spss") ?? 3);
  const asked = [...new Set([...text.matchAll(/(?:span|resource)?\.[\w.]+/g)].map(([field]) => field))].filter((field) => !/^\.\d/.test(field));
  const count = parsed.stages.find((stage) => stage.name === "count");
  const traces = [];
  for (const trace of tracesIn(data, rangeOf(query, data.now))) {
    if (traces.length >= Number(query.get("limit") ?? 20)) break;
    const spans = matchedBy(parsed.set, trace);
    if (spans.length === 0) continue;
    const root = rootOf(trace);
    const attributes = (span) => [...asked.map((field) => [field.replace(/^(span|resource)?\./, ""), fieldOf({ span, trace }, field)]), ...(/\bstatus\b/.test(text) ? [["status", span.status.code]] : [])].filter(([, value]) => value !== undefined).map(([key, value]) => keyValue(key, value));
    traces.push({
      traceID: trace.trace_id.replace(/^0+/, ""), startTimeUnixNano: trace.start_time_unix_nano, ...(trace.duration_ns >= 1e6 ? { durationMs: Math.floor(trace.duration_ns / 1e6) } : {}),
      rootServiceName: root ? trace.resources[root.resource].service : "<root span not yet received>", rootTraceName: root?.name ?? "",
      spanSets: [{
        spans: spans.slice(0, spss || undefined).map((span) => ({ spanID: span.span_id, name: span.name, startTimeUnixNano: span.start_time_unix_nano, durationNanos: String(span.duration_ns), attributes: attributes(span) })),
        matched: spans.length, ...(count ? { attributes: [keyValue("count()", spans.length)] } : {}),
      }],
      serviceStats: Object.fromEntries(trace.services.map((one) => [one.name, { spanCount: one.span_count, ...(one.error_count ? { errorCount: one.error_count } : {}) }])),
    });
  }
  return { traces, metrics: { inspectedTraces: traces.length } };
}

export function spansIn(data, set, range) {
  return tracesIn(data, range).flatMap((trace) => matchedBy(set, trace).map((span) => ({ span, trace, at: BigInt(span.start_time_unix_nano) }))).filter(({ at }) => at >= range.start && at < range.end);
}

const METRICS = ["rate", "count_over_time", "quantile_over_time", "avg_over_time", "max_over_time", "min_over_time", "sum_over_time"];

function figure(stage, spans, seconds, quantile) {
  if (stage.name === "rate") return spans.length / seconds;
  if (stage.name === "count_over_time") return spans.length;
  const values = spans.map((one) => fieldOf(one, stage.args[0])).filter((value) => typeof value === "number").map((value) => (/uration/.test(stage.args[0]) ? value / 1e9 : value)).sort((a, b) => a - b);
  if (values.length === 0) return undefined;
  switch (stage.name) {
    case "quantile_over_time": return values[Math.min(values.length - 1, Math.floor(quantile * values.length))];
    case "avg_over_time": return values.reduce((sum, one) => sum + one, 0) / values.length;
    case "sum_over_time": return values.reduce((sum, one) => sum + one, 0);
    case "max_over_time": return values.at(-1);
    default: return values[0];
  }
}

function metrics(data, query, instant) {
  const parsed = new Parser(query.get("q") ?? "").query();
  const stage = parsed.stages.find((one) => METRICS.includes(one.name));
  if (!stage) throw new TempoFailure("not a metrics query");
  const range = rangeOf(query, data.now);
  const step = instant ? range.end - range.start : BigInt(Math.round(parseFloat(query.get("step")) * 1000)) * 1_000_000n;
  const groups = new Map();
  for (const one of spansIn(data, parsed.set, range)) {
    const labels = stage.by.map((field) => [field, fieldOf(one, field) ?? "nil"]);
    const key = JSON.stringify(labels);
    if (!groups.has(key)) groups.set(key, { labels, spans: [] });
    groups.get(key).spans.push(one);
  }
  const series = [...groups.values()].flatMap(({ labels, spans }) => (stage.name === "quantile_over_time" ? stage.args.slice(1).map(Number) : [undefined]).map((quantile) => {
    const own = [...labels.map(([key, value]) => keyValue(key, value)), ...(quantile === undefined ? [] : [keyValue("p", quantile)]), ...(labels.length === 0 && quantile === undefined ? [keyValue("__name__", stage.name)] : [])];
    if (instant) return { labels: own, value: figure(stage, spans, Number(step / 1_000_000n) / 1000, quantile) };
    const byStep = new Map();
    for (const one of spans) {
      const at = (one.at / step + 1n) * step;
      byStep.set(at, [...(byStep.get(at) ?? []), one]);
    }
    const samples = [];
    for (let at = (range.start / step) * step; at <= range.end; at += step) {
      const value = figure(stage, byStep.get(at) ?? [], Number(step / 1_000_000n) / 1000, quantile);
      if (value !== undefined) samples.push({ timestampMs: String(at / 1_000_000n), ...(value === 0 ? {} : { value }) });
    }
    const exemplars = spans.filter((_, i) => i % Math.ceil(spans.length / 12) === 0).map(({ span, trace, at }) => ({
      labels: [keyValue("trace:id", trace.trace_id)], value: stage.name === "rate" ? spans.length / 3600 : span.duration_ns / 1e9, timestampMs: String(at / 1_000_000n),
    }));
    return { labels: own, samples, exemplars };
  }));
  return { series, metrics: {} };
}

function tagScopes(data) {
  const names = { resource: new Set(), span: new Set(), event: new Set() };
  for (const trace of data.traces.slice(0, 300)) {
    for (const one of trace.resources) for (const key of Object.keys(one.attributes)) names.resource.add(key);
    for (const span of trace.spans.slice(0, 60)) {
      for (const key of Object.keys(span.attributes)) if (key !== "") names.span.add(key);
      for (const event of span.events) for (const key of Object.keys(event.attributes)) names.event.add(key);
    }
  }
  return { scopes: Object.entries(names).map(([name, tags]) => ({ name, tags: [...tags].sort() })), metrics: {} };
}

function tagValues(data, field, query) {
  let set = { test: () => true };
  // An incomplete query asks by nothing.
  try { set = new Parser(query.get("q") ?? "{}").query().set; } catch { /* lenient */ }
  const values = new Map();
  for (const one of spansIn(data, set, rangeOf(query, data.now))) {
    const value = fieldOf(one, field);
    if (value === undefined || values.size > 1000) continue;
    values.set(String(value), { type: /^(status|kind)$/.test(field) ? "keyword" : typeof value === "number" ? (Number.isInteger(value) ? "int" : "float") : typeof value === "boolean" ? "bool" : "string", value: String(value) });
  }
  return { tagValues: [...values.values()].sort((a, b) => (a.value < b.value ? -1 : 1)), metrics: {} };
}

export function answerTempo(data, path, query) {
  if (path === "/search") return search(data, query);
  if (path === "/metrics/query_range") return metrics(data, query, false);
  if (path === "/metrics/query") return metrics(data, query, true);
  if (path === "/v2/search/tags") return tagScopes(data);
  const [, field] = /^\/v2\/search\/tag\/([^/]+)\/values$/.exec(path) ?? [];
  if (field) return tagValues(data, decodeURIComponent(field), query);
  throw new TempoFailure("404 page not found", 404);
}
