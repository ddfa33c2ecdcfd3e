// A mock of the Loki API for the mock server. It reads LogQL by its grammar, but knows only what the UI's own queries need:
// selectors, line filters, `json` and `logfmt`, label filters, and counts and rates of lines.
import { createHash } from "node:crypto";
import { parser } from "@grafana/lezer-logql";

export class LokiFailure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const fold = (name) => name.replace(/[^A-Za-z0-9_]/g, "_");
const strings = (set) => Object.fromEntries(Object.entries(set).filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => [fold(name), typeof value === "string" ? value : JSON.stringify(value)]));

/** The records of the mock as Loki has them: labels of the stream, metadata, the line. */
export function lokiRows(data) {
  data.rows ??= data.logs.map((log) => {
    const { "service.name": service, "deployment.environment.name": env, ...resource } = log.resource;
    const labels = { service_name: service || "unknown_service", deployment_environment_name: env };
    const line = typeof log.body === "string" ? log.body : log.body === null ? "" : JSON.stringify(log.body);
    return { ns: BigInt(log.time_unix_nano), line, labels, metadata: strings({ ...log.attributes, ...resource, detected_level: log.level, severity_text: log.severity_text, trace_id: log.trace_id, span_id: log.span_id, scope_name: log.scope.name }) };
  });
  return data.rows;
}

function unquote(text) {
  return text.startsWith("`") ? text.slice(1, -1) : JSON.parse(text);
}

const regex = (text) => (text.startsWith("(?i)") ? new RegExp(text.slice(4), "i") : new RegExp(text));
const anchored = (text) => (text.startsWith("(?i)") ? new RegExp(`^(?:${text.slice(4)})$`, "i") : new RegExp(`^(?:${text})$`));
const patternRegex = (text) => new RegExp(text.split("<_>").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".+?"));

function fail(query, at, what) {
  const before = query.slice(0, at).split("\n");
  throw new LokiFailure(400, `parse error at line ${before.length}, col ${before.at(-1).length + 1}: ${what}`);
}

function check(query) {
  if (query.trim() === "") throw new LokiFailure(400, "parse error at line 0, col 0: syntax error: unexpected $end");
  let bad;
  parser.parse(query).iterate({ enter: (ref) => { if (ref.type.isError) bad ??= ref.from; } });
  if (bad !== undefined) fail(query, bad, bad >= query.length ? "syntax error: unexpected $end" : `syntax error: unexpected IDENTIFIER`);
}

/** A stage as a function of a row: the row, or nothing. */
function stage(query, node) {
  const text = (of) => query.slice(of.from, of.to);
  const inner = node.firstChild.name === "Pipe" ? node.firstChild.nextSibling : node.firstChild;
  if (inner.name === "LineFilters") {
    const filters = [];
    inner.cursor().iterate((ref) => {
      if (ref.name !== "LineFilter") return;
      const op = text(ref.node.getChild("Filter"));
      const texts = [];
      ref.node.cursor().iterate((one) => { if (one.name === "String") texts.push(unquote(text(one))); });
      filters.push((line) => {
        const found = texts.some((one) => (op.endsWith("~") ? regex(one).test(line) : op.endsWith(">") ? patternRegex(one).test(line) : line.includes(one)));
        return op.startsWith("!") ? !found : found;
      });
    });
    return (row) => (filters.every((keep) => keep(row.line)) ? row : undefined);
  }
  if (/^\|\s*json/.test(text(node))) return (row) => ({ ...row, parsed: { ...row.parsed, ...readJson(row) } });
  if (/^\|\s*logfmt/.test(text(node))) return (row) => ({ ...row, parsed: { ...row.parsed, ...readLogfmt(row) } });
  if (inner.name === "LabelFilter") return labelFilter(query, inner);
  return (row) => row;
}

function readJson(row) {
  try {
    const value = JSON.parse(row.line);
    return typeof value === "object" && value !== null ? strings(value) : { __error__: "JSONParserErr" };
  } catch {
    return { __error__: "JSONParserErr" };
  }
}

function readLogfmt(row) {
  return Object.fromEntries([...row.line.matchAll(/([\w.]+)=("[^"]*"|\S+)/g)].map(([, key, value]) => [fold(key), value.replace(/^"|"$/g, "")]));
}

function labelFilter(query, node) {
  const text = (of) => query.slice(of.from, of.to);
  const [left, right] = node.getChildren("LabelFilter");
  if (left && right) {
    const [a, b] = [labelFilter(query, left), labelFilter(query, right)];
    return node.getChild("Or") ? (row) => a(row) ?? b(row) : (row) => a(row) && b(row);
  }
  const matcher = node.getChild("Matcher");
  const of = (row, name) => row.parsed?.[name] ?? row.metadata[name] ?? row.labels[name] ?? "";
  if (matcher) {
    const test = matcherTest(query, matcher);
    return (row) => (test((name) => of(row, name)) ? row : undefined);
  }
  const [, name, op, number] = /^(\w+)\s*(==|!=|>=|<=|>|<|=)\s*([\d.]+)/.exec(text(node)) ?? [];
  const compare = { ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, "==": (a, b) => a === b, "=": (a, b) => a === b, "!=": (a, b) => a !== b }[op];
  return (row) => (name && compare(Number(of(row, name)), Number(number)) ? row : undefined);
}

function matcherTest(query, node) {
  const text = (of) => query.slice(of.from, of.to);
  const name = text(node.getChild("Identifier"));
  const value = unquote(text(node.getChild("String")));
  const op = text(node.getChild("Eq") ?? node.getChild("Neq") ?? node.getChild("Re") ?? node.getChild("Nre"));
  return (read) => {
    const same = op.endsWith("~") ? anchored(value).test(read(name)) : read(name) === value;
    return op.startsWith("!") ? !same : same;
  };
}

/** The rows of the first selector and its stages within a window, newest first. */
function select(data, query, start, end) {
  check(query);
  const tests = [];
  const stages = [];
  let selector;
  parser.parse(query).iterate({
    enter: (ref) => {
      if (ref.name === "Selector") selector ??= ref.node;
      if (ref.name === "PipelineStage") { stages.push(stage(query, ref.node)); return false; }
      if (ref.name === "Matcher") tests.push({ text: query.slice(ref.from, ref.to), test: matcherTest(query, ref.node) });
      return true;
    },
  });
  if (!selector) return [];
  if (!tests.some(({ text }) => /=~?\s*["`](?!\.\*["`])(?!["`])/.test(text) && !/!/.test(text))) throw new LokiFailure(400, "parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will");
  const out = [];
  for (const row of lokiRows(data)) {
    if (row.ns < start || row.ns >= end) continue;
    if (!tests.every(({ test }) => test((name) => row.labels[name] ?? ""))) continue;
    let kept = row;
    for (const one of stages) kept = kept && one(kept);
    if (kept) out.push(kept);
  }
  return out;
}

const SECOND = 1_000_000_000n;

function instant(text, fallback) {
  if (text === null) return fallback;
  if (/^\d{12,}$/.test(text)) return BigInt(text);
  return BigInt(Math.round(Number(text) * 1e6)) * 1000n;
}

function windowOf(data, query) {
  const end = instant(query.get("end"), BigInt(data.now) * 1_000_000n);
  return { start: instant(query.get("start"), end - 3600n * SECOND), end };
}

function streams(rows, categorized) {
  const byStream = new Map();
  for (const row of rows) {
    // All that a line has is in the labels of its answer, told apart beside each line.
    const all = { ...row.labels, ...row.metadata, ...row.parsed };
    const key = JSON.stringify(all);
    const stream = byStream.get(key) ?? { stream: all, values: [] };
    stream.values.push([String(row.ns), row.line, ...(categorized ? [{ structuredMetadata: row.metadata, ...(row.parsed ? { parsed: row.parsed } : {}) }] : [])]);
    byStream.set(key, stream);
  }
  return { resultType: "streams", ...(categorized ? { encodingFlags: ["categorize-labels"] } : {}), result: [...byStream.values()], stats: {} };
}

const DURATION = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86400e9 };

function isMetric(query) {
  return parser.parse(query).topNode.getChild("Expr")?.getChild("MetricExpr") != null;
}

function metricSeries(data, query, times) {
  check(query);
  const number = /^\s*vector\(\s*([\d.]+)\s*\)\s*$/.exec(query)?.[1];
  if (number !== undefined) return [{ metric: {}, values: times.map((at) => [at, number]) }];
  const [, amount, unit] = /\[(\d+)(ms|s|m|h|d)\]/.exec(query) ?? [null, "5", "m"];
  const range = BigInt(Math.round(Number(amount) * DURATION[unit]));
  const by = (/\bby\s*\(([^)]*)\)/.exec(query)?.[1] ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  const grouped = /\b(sum|count|avg|max|min|topk)\b/.test(query);
  const rows = select(data, query, BigInt(Math.round(times[0] * 1e9)) - range, BigInt(Math.round(times.at(-1) * 1e9)) + 1n);
  const groups = new Map();
  for (const row of rows) {
    const all = { ...row.labels, ...row.metadata, ...row.parsed };
    const set = grouped ? Object.fromEntries(by.filter((name) => all[name] !== undefined).map((name) => [name, all[name]])) : all.service_name ? row.labels : {};
    const key = JSON.stringify(set);
    groups.set(key, [...(groups.get(key) ?? []), row.ns]);
  }
  const rate = /\brate\s*\(/.test(query) ? Number(range) / 1e9 : 1;
  return [...groups].map(([key, all]) => {
    const sorted = all.map(Number).sort((a, b) => a - b);
    const upTo = (ns) => { let [low, high] = [0, sorted.length]; while (low < high) { const mid = (low + high) >> 1; if (sorted[mid] <= ns) low = mid + 1; else high = mid; } return low; };
    const values = times.map((at) => [at, upTo(at * 1e9) - upTo(at * 1e9 - Number(range))]).filter(([, count]) => count > 0);
    return { metric: JSON.parse(key), values: values.map(([at, count]) => [at, String(count / rate)]) };
  }).filter((one) => one.values.length > 0);
}

function queryRange(data, query, headers) {
  const text = query.get("query") ?? "";
  if (isMetric(text)) {
    if (data.kind === "broken" && text.includes("count_over_time")) throw new LokiFailure(504, "context deadline exceeded: the count took longer than 30 s; narrow the time range");
    const [start, end, step] = ["start", "end", "step"].map((key) => Number(query.get(key)));
    const times = [];
    for (let at = start; at <= end + step / 1000; at += step) times.push(at);
    return { resultType: "matrix", result: metricSeries(data, text, times), stats: {} };
  }
  const { start, end } = windowOf(data, query);
  const rows = select(data, text, start, end);
  if (query.get("direction") === "forward") rows.reverse();
  return streams(rows.slice(0, Number(query.get("limit") ?? 100)), headers["x-loki-response-encoding-flags"] === "categorize-labels");
}

function queryInstant(data, query) {
  const text = query.get("query") ?? "";
  if (!isMetric(text)) throw new LokiFailure(400, "log queries are not supported as an instant query type, please change your query to a range query type");
  const at = query.has("time") ? Number(query.get("time")) : data.now / 1000;
  return { resultType: "vector", result: metricSeries(data, text, [at]).map(({ metric, values }) => ({ metric, value: values.at(-1) })), stats: {} };
}

function rowsOf(data, query) {
  const { start, end } = windowOf(data, query);
  return query.get("query") ? select(data, query.get("query"), start, end) : lokiRows(data).filter((row) => row.ns >= start && row.ns < end);
}

function fieldSets(rows) {
  const fields = new Map();
  const add = (name, value, parser) => {
    const field = fields.get(name) ?? { values: new Map(), parsers: new Set() };
    field.values.set(value, (field.values.get(value) ?? 0) + 1);
    if (parser) field.parsers.add(parser);
    fields.set(name, field);
  };
  for (const row of rows.slice(0, 1000)) {
    for (const [name, value] of Object.entries(row.metadata)) add(name, value);
    const json = row.line.startsWith("{") ? readJson(row) : {};
    const logfmt = row.line.startsWith("{") ? {} : readLogfmt(row);
    for (const [name, value] of Object.entries(json)) if (name !== "__error__") add(name, value, "json");
    for (const [name, value] of Object.entries(logfmt)) add(name, value, "logfmt");
  }
  return fields;
}

function typeOf(values) {
  const all = [...values.keys()];
  if (all.every((value) => /^\d+$/.test(value))) return "int";
  if (all.every((value) => /^\d+(\.\d+)?$/.test(value))) return "float";
  return "string";
}

function detectedFields(data, query) {
  const limit = Number(query.get("limit") ?? 1000);
  return {
    fields: [...fieldSets(rowsOf(data, query))].slice(0, limit).map(([label, { values, parsers }]) => ({ label, type: typeOf(values), cardinality: values.size, parsers: parsers.size > 0 ? [...parsers] : null })), limit,
  };
}

function patterns(data, query) {
  if (data.kind === "broken") throw new LokiFailure(500, "pattern ingester is not enabled");
  const step = BigInt(Math.round(Number(query.get("step") ?? 10)));
  const found = new Map();
  for (const row of rowsOf(data, query)) {
    const pattern = row.line.replace(/\b\d[\w.]*\b/g, "<_>").replace(/(?<=key=prompt:)\w+/g, "<_>").slice(0, 300);
    const samples = found.get(pattern) ?? new Map();
    const at = Number((row.ns / SECOND / step) * step);
    samples.set(at, (samples.get(at) ?? 0) + 1);
    found.set(pattern, samples);
  }
  return { status: "success", data: [...found].map(([pattern, samples]) => ({ pattern, samples: [...samples].sort(([a], [b]) => a - b) })) };
}

export function answerLoki(data, path, query, headers) {
  const success = (value) => ({ status: "success", data: value });
  const [, label] = /^\/label\/(.+)\/values$/.exec(path) ?? [];
  if (label) return success([...new Set(rowsOf(data, query).map((row) => row.labels[decodeURIComponent(label)]).filter(Boolean))].sort());
  const [, field] = /^\/detected_field\/(.+)\/values$/.exec(path) ?? [];
  if (field) {
    const values = fieldSets(rowsOf(data, query)).get(decodeURIComponent(field))?.values ?? new Map();
    return { values: [...values].sort(([, a], [, b]) => b - a).map(([value]) => value).slice(0, Number(query.get("limit") ?? 1000)), limit: 1000 };
  }
  switch (path) {
    case "/query_range": return success(queryRange(data, query, headers));
    case "/query": return success(queryInstant(data, query));
    case "/labels": return success([...new Set(rowsOf(data, query).flatMap((row) => Object.keys(row.labels)))].sort());
    case "/detected_fields": return detectedFields(data, query);
    case "/patterns": return patterns(data, query);
    case "/format_query": check(query.get("query") ?? ""); return success(query.get("query").replace(/\s+/g, " ").replace(/\s*\|\s*(?=[a-z])/g, " | ").trim());
    default: throw new LokiFailure(404, "404 page not found");
  }
}

/** Takes the connection of a live tail; `send` gives it frames. Text frames only, as Loki sends. */
export function acceptTail(request, socket) {
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on("error", () => undefined);
  return {
    query: new URL(request.url, "http://localhost").searchParams,
    send: (frame) => {
      const body = Buffer.from(JSON.stringify(frame));
      const head = body.length < 126 ? Buffer.from([0x81, body.length]) : body.length < 65_536 ? Buffer.from([0x81, 126, body.length >> 8, body.length & 255])
        : Buffer.concat([Buffer.from([0x81, 127, 0, 0, 0, 0]), Buffer.from([(body.length >>> 24) & 255, (body.length >>> 16) & 255, (body.length >>> 8) & 255, body.length & 255])]);
      socket.write(Buffer.concat([head, body]));
    },
    close: () => socket.destroy(),
  };
}

/** A frame of a tail with some lines of one stream, as Loki has them there: all fields are labels. */
export function tailFrame(lines, level = "info", labels = { service_name: "gateway" }) {
  const now = BigInt(Date.now()) * 1_000_000n;
  return { streams: [{ stream: { ...labels, detected_level: level }, values: lines.map((line, i) => [String(now + BigInt(i)), line]) }], dropped_entries: null };
}
