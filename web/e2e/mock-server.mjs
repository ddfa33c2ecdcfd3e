// Serves the built UI and mocks of the native API, of Prometheus', of Loki's and of Tempo's with deterministic data.
// `node e2e/mock-server.mjs --data much|little|none|broken --port 7171`, or `startMock({ data, port })` from a test.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { answerAgents } from "./mock-agents.mjs";
import { analysis, compareTraces, lift, operations, serviceMap } from "./mock-analysis.mjs";
import { makeData, seriesLabels } from "./mock-data.mjs";
import { acceptTail, answerLoki, LokiFailure } from "./mock-loki.mjs";
import { answerProm, PromFailure } from "./mock-prometheus.mjs";
import { answerTempo, TempoFailure } from "./mock-tempo.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };
const API = "/api/watchkeep/v1";
const PROMETHEUS = "/api/v1";
const LOKI = "/loki/api/v1";
const TEMPO = "/tempo/api";
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

class Failure extends Error {
  constructor(status, kind, message, field) {
    super(message);
    Object.assign(this, { status, kind, field });
  }
}

function windowOf(query, now) {
  const read = (key, fallback) => {
    const text = query.get(key);
    if (text === null) return fallback;
    if (!/^\d+$/.test(text)) throw new Failure(400, "invalid", `${key} must be unix nanoseconds or RFC 3339, got "${text}"`, key);
    return BigInt(text);
  };
  const end = read("end", BigInt(now) * 1_000_000n);
  return { start: read("start", end - 3_600_000_000_000n), end };
}

const pairs = (query, key) => query.getAll(key).map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]);
const has = (attributes, [key, value]) => key in attributes && String(attributes[key]) === value;

/** A page of a list that was already filtered. The cursor is an offset. */
function page(list, query, fallback, name) {
  const offset = Number(query.get("cursor") ?? 0);
  const limit = Number(query.get("limit") ?? fallback);
  const next = offset + limit < list.length ? String(offset + limit) : null;
  return { [name]: list.slice(offset, offset + limit), next_cursor: next };
}

function traceOf(data, text) {
  const id = text.toLowerCase().padStart(32, "0");
  if (data.kind === "broken" && id.startsWith("0000dead")) throw new Failure(500, "internal", "part 0041 is damaged at offset 8192");
  const found = data.traces.find((one) => one.trace_id === id);
  if (!found) throw new Failure(404, "not_found", `no trace ${id} in this tenant`);
  return found;
}

function findLogs(data, query) {
  const { start, end } = windowOf(query, data.now);
  const levels = query.getAll("level");
  const text = query.get("query")?.toLowerCase();
  const attributes = pairs(query, "attribute");
  const same = (key, value) => !query.get(key) || query.get(key) === value;
  const found = data.logs.filter((log) => {
    const at = BigInt(log.time_unix_nano);
    return at >= start && at < end && same("service", log.service) && same("trace_id", log.trace_id) && same("span_id", log.span_id)
      && (levels.length === 0 || levels.includes(log.level))
      && (!text || (typeof log.body === "string" ? log.body : JSON.stringify(log.body)).toLowerCase().includes(text))
      && attributes.every((pair) => has(log.attributes, pair) || has(log.resource, pair));
  });
  return query.get("direction") === "forward" ? found.reverse() : found;
}

function metricOf(data, query) {
  const metric = data.metrics.find((one) => one.name === query.get("name"));
  if (!metric) throw new Failure(404, "not_found", `no metric named "${query.get("name")}"`, "name");
  return metric;
}

function labels(data, query) {
  const values = new Map();
  for (const set of seriesLabels(metricOf(data, query), data.kind)) {
    for (const [name, value] of Object.entries(set)) if (name !== "__name__") values.set(name, (values.get(name) ?? new Set()).add(value));
  }
  return { labels: [...values].map(([name, set]) => ({ name, values: [...set].sort(), truncated: false })) };
}

function status(data) {
  if (data.kind === "broken") throw new Failure(503, "unavailable", "the store is recovering: replayed 3 of 9 segments");
  const store = (rows, list) => ({
    rows_in_memory: Math.min(rows, 4096), bytes_in_memory: Math.min(rows, 4096) * 310, parts: Math.ceil(rows / 5000), rows_on_disk: Math.max(0, rows - 4096),
    bytes_on_disk: Math.max(0, rows - 4096) * 41, oldest_unix_nano: list.at(-1) ?? null, newest_unix_nano: list[0] ?? null,
  });
  const spans = data.traces.reduce((sum, trace) => sum + trace.span_count, 0);
  const samples = data.metrics.length * 4800;
  return {
    version: "0.1.0", commit: "0123abc", uptime_seconds: 93_784, started_at: new Date(data.now - 93_784_000).toISOString(), data_dir: "/var/lib/watchkeep", state: "ready",
    listeners: [{ name: "main", address: "127.0.0.1:7070" }, { name: "otlp-grpc", address: "127.0.0.1:4317" }, { name: "otlp-http", address: "127.0.0.1:4318" }],
    stores: {
      spans: store(spans, data.traces.map((one) => one.start_time_unix_nano)), logs: store(data.logs.length, data.logs.map((one) => one.time_unix_nano)),
      metrics: { ...store(samples, data.metrics.length ? [String(BigInt(data.now) * 1_000_000n)] : []), series_in_memory: data.metrics.reduce((sum, one) => sum + one.series_count, 0) },
    },
    wal: { segments: 4, bytes: 201_326_592, last_sequence: 182_733, queue_bytes: 1_310_720, queue_bytes_max: 67_108_864 },
    disk: { used_bytes: 412_000_000_000, free_bytes: 88_000_000_000, total_bytes: 500_000_000_000 },
    limits: { body_bytes_max: 16_777_216, decompressed_bytes_max: 67_108_864, query_series_max: 100_000, query_seconds_max: 30, attributes_per_span_max: 256, log_body_bytes_max: 262_144 },
    ingest: { spans_accepted: spans, spans_rejected: data.kind === "much" ? 17 : 0, log_records_accepted: data.logs.length, log_records_rejected: 0, samples_accepted: samples, samples_rejected: 0 },
  };
}

function answer(data, path, query, headers, request) {
  if (path.startsWith(`${LOKI}/`)) return answerLoki(data, path.slice(LOKI.length), query, headers);
  if (path.startsWith(`${TEMPO}/`)) return answerTempo(data, path.slice(TEMPO.length), query);
  if (path.startsWith(`${PROMETHEUS}/`)) return { status: "success", ...answerProm(data, path.slice(PROMETHEUS.length), query) };
  if (path === "/status") return status(data);
  // As the server: what only the page's address holds is no parameter.
  const unknown = path.startsWith(API) && ["range", "from", "to", "refresh", "sort", "tab", "view"].find((key) => query.has(key));
  if (unknown) throw new Failure(400, "invalid", `${unknown} is not a parameter here`, unknown);
  const told = path.startsWith(API) ? answerAgents(data, path.slice(API.length), query, windowOf(query, data.now), request) : null;
  if (told?.failure) throw new Failure(...told.failure);
  if (told !== null) return told;
  const [, trace, part] = /\/traces\/([0-9a-f]+)(\/analysis)?$/i.exec(path) ?? [];
  if (trace) return part ? analysis(traceOf(data, trace)) : traceOf(data, trace);
  switch (path.slice(API.length)) {
    case "/traces/compare": return compareTraces(traceOf(data, query.get("left")), traceOf(data, query.get("right")));
    case "/traces/lift": return lift(data, query, windowOf(query, data.now));
    case "/services/map": return serviceMap(data, windowOf(query, data.now));
    case "/operations": return operations(data, query, windowOf(query, data.now));
    case "/services": return { services: data.services };
    case "/logs": return page(findLogs(data, query), query, 100, "logs");
    case "/metrics": {
      const text = query.get("search")?.toLowerCase() ?? "";
      const found = data.metrics.filter((one) => one.name.toLowerCase().includes(text));
      return { metrics: found.slice(0, Number(query.get("limit") ?? 1000)), truncated: found.length > Number(query.get("limit") ?? 1000) };
    }
    case "/metrics/labels": return labels(data, query);
    default: throw new Failure(404, "not_found", `no endpoint ${path}`);
  }
}

function sendFile(path, response) {
  const wanted = join(DIST, normalize(path));
  const file = wanted.startsWith(DIST) && existsSync(wanted) && statSync(wanted).isFile() ? wanted : join(DIST, "index.html");
  response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
  // As the server's own: what it forbids must show here.
  response.setHeader("content-security-policy", POLICY);
  response.setHeader("cache-control", file.includes("/assets/") ? "public, max-age=31536000, immutable" : "no-cache");
  createReadStream(file).pipe(response);
}

/** `requests` collects what the page asked the API; `fail` may be set to a function (path) => boolean to break endpoints, `gone` to take them away. */
export async function startMock({ data: kind = "much", port = 0, delay = 0 } = {}) {
  const data = makeData(kind);
  const mock = { data, requests: [], tails: [], fail: undefined, gone: undefined };
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (!/^\/(api|loki|tempo)\//.test(url.pathname) && url.pathname !== "/status") return sendFile(url.pathname, response);
    mock.requests.push(request.url);
    const reply = (text) => {
      let code = 200;
      let body;
      try {
        if (mock.fail?.(url.pathname)) throw new Failure(503, "unavailable", "told to fail by the test");
        if (mock.gone?.(url.pathname)) throw new Failure(404, "not_found", `no path ${url.pathname}`);
        body = answer(data, url.pathname, url.searchParams, request.headers, { method: request.method, body: /json/.test(request.headers["content-type"] ?? "") ? JSON.parse(text) : undefined });
      } catch (failure) {
        code = failure.status ?? 500;
        // Loki's errors and Tempo's are plain text.
        if (failure instanceof LokiFailure || failure instanceof TempoFailure) return void response.writeHead(code, { "content-type": "text/plain; charset=utf-8" }).end(failure.message);
        if (failure instanceof PromFailure) body = { status: "error", errorType: failure.type, error: failure.message };
        else body = { error: { kind: failure.kind ?? "internal", message: failure.message, ...(failure.field ? { field: failure.field } : {}) } };
      }
      if (body === undefined) return void response.writeHead(204).end();
      return void response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => setTimeout(reply, delay, Buffer.concat(chunks).toString()));
    return undefined;
  });
  server.on("upgrade", (request, socket) => {
    mock.requests.push(request.url);
    if (!request.url.startsWith(`${LOKI}/tail`) || mock.fail?.(`${LOKI}/tail`)) return void socket.destroy();
    const tail = acceptTail(request, socket);
    mock.tails.push(tail);
    mock.onTail?.(tail);
    socket.on("close", () => { mock.tails = mock.tails.filter((one) => one !== tail); });
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  mock.url = `http://127.0.0.1:${server.address().port}`;
  mock.close = () => new Promise((done) => { for (const tail of mock.tails) tail.close(); server.close(done); server.closeAllConnections(); });
  return mock;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, fallback) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : fallback);
  const mock = await startMock({ data: option("--data", "much"), port: Number(option("--port", "7171")) });
  console.log(`mock of the API with ${mock.data.kind} data on ${mock.url}`);
}
