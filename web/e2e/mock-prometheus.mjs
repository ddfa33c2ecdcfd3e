// A mock of the Prometheus API for the mock server: answers that look right for the queries that the UI writes. It knows
// PromQL by sight only: the first selector, whether something counts, ranks or groups, and brackets that do not match.
import { random, seriesLabels, seriesPoints } from "./mock-data.mjs";

export class PromFailure extends Error {
  constructor(status, type, message) {
    super(message);
    Object.assign(this, { status, type });
  }
}

const LE = ["0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"];

function check(query) {
  const bad = (at, what) => {
    const line = query.slice(0, at).split("\n");
    throw new PromFailure(400, "bad_data", `invalid parameter "query": ${line.length}:${line.at(-1).length + 1}: parse error: ${what}`);
  };
  if (query.trim() === "") bad(0, "no expression found in input");
  const open = [];
  for (let i = 0; i < query.length; i += 1) {
    if ("([{".includes(query[i])) open.push(i);
    if (")]}".includes(query[i]) && open.pop() === undefined) bad(i, `unexpected right parenthesis '${query[i]}'`);
  }
  if (open.length > 0) bad(query.length, `unclosed left parenthesis`);
  const call = /\b([a-z_]+)\s*\(/g;
  for (const found of query.matchAll(call)) if (/^(foo|unknown_function)$/.test(found[1])) bad(found.index, `unknown function with name "${found[1]}"`);
  const tail = /[+\-*/]\s*$/.exec(query);
  if (tail) bad(query.length, "unexpected end of input");
}

function selection(query) {
  const bare = query.replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, " ");
  for (const found of bare.matchAll(/([A-Za-z_:][\w:]*)?\s*(\{[^}]*\})?/g)) {
    const [whole, name, braces] = found;
    if (whole.trim() === "") continue;
    const after = bare.slice(found.index + whole.length).trimStart();
    if (!braces && (after.startsWith("(") || /^(by|without|offset|and|or|unless|bool|\d)/.test(name))) continue;
    if (!braces && /["'\]\d]/.test(bare[found.index - 1] ?? "")) continue;
    const matchers = [...(braces ?? "").matchAll(/"?([\w.]+)"?\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label, op, value]) => ({ label, op, value }));
    return { name: name ?? matchers.find((one) => one.label === "__name__" && one.op === "=")?.value, matchers };
  }
  return { name: undefined, matchers: [] };
}

function matches(set, { label, op, value }) {
  const own = set[label] ?? "";
  const same = op.endsWith("~") ? new RegExp(`^(?:${value})$`).test(own) : own === value;
  return op.startsWith("!") ? !same : same;
}

/** The series of a selector: metric, labels and a number that makes their values differ. */
function select(data, query) {
  const { name, matchers } = selection(query);
  const metrics = name === undefined ? (matchers.length > 0 ? data.metrics : []) : data.metrics.filter((one) => one.name === name);
  return metrics.flatMap((metric) => seriesLabels(metric, data.kind).flatMap((set, i) => (metric.kind === "histogram" ? LE.map((le) => ({ ...set, le })) : [set]).map((labels) => ({ metric, labels, i }))))
    .filter(({ labels }) => matchers.every((one) => matches(labels, one)));
}

/** Values at each instant of the series that a query answers. */
function evaluate(data, query, times) {
  check(query);
  if (data.kind === "broken" && query.includes("http_server")) throw new PromFailure(422, "execution", "query processing would load too many samples into memory in query execution");
  const number = Number(query);
  if (Number.isFinite(number)) return { scalar: number };
  const found = select(data, query);
  const step = times.length > 1 ? times[1] - times[0] : 1000;
  const rated = /\b(rate|increase|irate)\s*\(/.test(query);
  const quantile = query.includes("histogram_quantile");
  const value = ({ metric, i }, at) => {
    const [[, raw]] = seriesPoints(rated || quantile ? { ...metric, kind: "gauge", unit: quantile ? "s" : metric.unit } : metric, i, at, at + 1, 1, data.kind);
    return rated && !quantile && typeof raw === "number" && metric.unit !== "By" ? raw / 4 : raw;
  };
  const [, labels] = /\bby\s*\(([^)]*)\)/.exec(query) ?? [];
  const by = (labels ?? "").split(",").map((label) => label.trim().replaceAll('"', "")).filter((label) => label !== "" && !(quantile && label === "le"));
  const grouped = labels !== undefined || /\b(sum|avg|count|max|min)\s*\(/.test(query);
  const native = found.some(({ metric }) => metric.kind === "exponential_histogram") && !quantile && !/\bcount\b/.test(query);
  const groups = new Map();
  for (const one of found) {
    const set = grouped || quantile ? Object.fromEntries(by.filter((label) => one.labels[label] !== undefined).map((label) => [label, one.labels[label]])) : rated ? { ...one.labels, __name__: undefined } : one.labels;
    const key = JSON.stringify(set);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const counts = /\bcount\b/.test(query);
  let series = [...groups].map(([key, members]) => ({
    metric: JSON.parse(key),
    values: times.filter((at) => at <= data.now).map((at) => {
      if (counts) return [at, members.length];
      const all = members.slice(0, quantile ? 1 : 40).map((member) => value(member, Math.floor(at / step) * step));
      return [at, all.length === 1 ? all[0] : all.reduce((sum, one) => sum + (typeof one === "number" ? one : 0), 0)];
    }),
  }));
  const [, most] = /\btopk\s*\(\s*(\d+)/.exec(query) ?? [];
  if (most !== undefined) series = series.sort((a, b) => b.values.at(-1)[1] - a.values.at(-1)[1]).slice(0, Number(most));
  const infos = rated && found.some(({ metric }) => metric.kind === "gauge") ? [`PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "${found[0].metric.name}" (1:6)`] : [];
  return { series, native, infos };
}

const sample = ([at, value]) => [at / 1000, String(value)];
const histogramOf = ([at, value]) => [at / 1000, { count: String(value), sum: String(value * 0.31), buckets: [[0, "0.1", "0.2", String(Math.floor(value / 4))], [0, "0.2", "0.4", String(Math.ceil(value / 2))]] }];

function range(data, query) {
  const [start, end, step] = ["start", "end", "step"].map((key) => Number(query.get(key)) * 1000);
  if ((end - start) / step > 11_000) throw new PromFailure(400, "bad_data", "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)");
  const times = [];
  for (let at = start; at <= end; at += step) times.push(at);
  const { scalar, series, native, infos } = evaluate(data, query.get("query") ?? "", times);
  if (scalar !== undefined) return { data: { resultType: "matrix", result: [{ metric: {}, values: times.map((at) => sample([at, scalar])) }] } };
  return { data: { resultType: "matrix", result: series.map(({ metric, values }) => ({ metric, ...(native ? { histograms: values.map(histogramOf) } : { values: values.map(sample) }) })) }, infos };
}

function instant(data, query) {
  const at = query.has("time") ? Number(query.get("time")) * 1000 : data.now;
  const { scalar, series, native, infos } = evaluate(data, query.get("query") ?? "", [Math.min(at, data.now)]);
  if (scalar !== undefined) return { data: { resultType: "scalar", result: sample([at, scalar]) } };
  return { data: { resultType: "vector", result: series.map(({ metric, values }) => ({ metric, ...(native ? { histogram: histogramOf(values.at(-1)) } : { value: sample(values.at(-1)) }) })) }, infos };
}

function exemplars(data, query) {
  const [start, end] = ["start", "end"].map((key) => Number(query.get(key)) * 1000);
  const rng = random(3);
  const found = select(data, query.get("query") ?? "").filter(({ metric, labels }) => metric.kind === "histogram" && labels.le === "1").slice(0, 2);
  if (data.traces.length === 0) return { data: [] };
  return {
    data: found.map(({ labels }) => ({
      seriesLabels: labels,
      exemplars: [0.2, 0.5, 0.8].map((part) => ({ labels: { trace_id: rng.pick(data.traces).trace_id }, value: String(0.3 + part * 0.5), timestamp: (start + (end - start) * part) / 1000 })),
    })),
  };
}

function counted(map, limit) {
  return [...map].map(([name, value]) => ({ name, value })).sort((a, b) => b.value - a.value).slice(0, limit);
}

function cardinality(data, query) {
  if (data.kind === "broken") throw new PromFailure(503, "timeout", "query timed out in expression evaluation");
  const [metrics, values, pairs] = [new Map(), new Map(), new Map()];
  for (const metric of data.metrics) {
    for (const set of seriesLabels(metric, data.kind)) {
      metrics.set(metric.name, (metrics.get(metric.name) ?? 0) + 1);
      for (const [label, value] of Object.entries(set)) {
        values.set(label, (values.get(label) ?? new Set()).add(value));
        pairs.set(`${label}=${value}`, (pairs.get(`${label}=${value}`) ?? 0) + 1);
      }
    }
  }
  const limit = Number(query.get("limit") ?? 10);
  const series = [...metrics.values()].reduce((sum, one) => sum + one, 0);
  return { data: {
    headStats: { numSeries: series, numLabelPairs: pairs.size, chunkCount: series * 2, minTime: series ? data.now - 7_200_000 : 2 ** 63, maxTime: series ? data.now : -(2 ** 63) },
    seriesCountByMetricName: counted(metrics, limit), labelValueCountByLabelName: counted([...values].map(([label, set]) => [label, set.size]), limit),
    memoryInBytesByLabelName: counted([...values].map(([label, set]) => [label, [...set].join("").length]), limit), seriesCountByLabelValuePair: counted(pairs, limit),
  } };
}

const POOLS = { much: [["prometheus", 1], ["node", 120], ["agents", 24], ["kubernetes-pods", 60]], little: [["prometheus", 1], ["node", 2]], none: [], broken: [["node", 6]] };
const ERRORS = ["", "", "", "", "", "", 'Get "http://ADDRESS/metrics": dial tcp ADDRESS: connect: connection refused', "context deadline exceeded", "server returned HTTP status 503 Service Unavailable"];

function targets(data) {
  const rng = random(21);
  const active = [];
  const dropped = [];
  for (const [pool, count] of POOLS[data.kind]) {
    for (let i = 0; i < count; i += 1) {
      const address = `10.2.${Math.floor(i / 250)}.${1 + (i % 250)}:9100`;
      const discoveredLabels = { __address__: address, __metrics_path__: "/metrics", __scheme__: "http", __scrape_interval__: "15s", __scrape_timeout__: "10s", job: pool, ...(pool.startsWith("kube") ? { __meta_kubernetes_namespace: "shop", __meta_kubernetes_pod_name: `worker-${i}`, __meta_kubernetes_pod_label_app: "worker" } : {}) };
      if (pool.startsWith("kube") && i % 3 !== 0) { dropped.push({ discoveredLabels, scrapePool: pool }); continue; }
      const lastError = data.kind === "little" ? "" : data.kind === "broken" ? "x".repeat(600) + rng.pick(ERRORS) : rng.pick(ERRORS).replaceAll("ADDRESS", address);
      const fresh = data.kind === "much" && i === 3;
      active.push({
        discoveredLabels, labels: { instance: address, job: pool, ...(pool === "node" ? { rack: `r${i % 6}`, zone: "eu-central-1a" } : {}) }, scrapePool: pool, scrapeUrl: `http://${address}/metrics`, globalUrl: `http://${address}/metrics`,
        lastError: fresh ? "" : lastError, lastScrape: fresh ? "0001-01-01T00:00:00Z" : new Date(data.now - rng.int(200, 14_800)).toISOString(), lastScrapeDuration: fresh ? 0 : rng.tail(0.02), health: fresh ? "unknown" : lastError ? "down" : "up", scrapeInterval: "15s", scrapeTimeout: "10s",
      });
    }
  }
  return { data: { activeTargets: active, droppedTargets: dropped, droppedTargetCounts: Object.fromEntries(POOLS[data.kind].map(([pool]) => [pool, dropped.filter((one) => one.scrapePool === pool).length])) } };
}

function relabelSteps(query) {
  const labels = JSON.parse(query.get("labels"));
  return { data: { steps: [
    { rule: { action: "replace", source_labels: ["__meta_kubernetes_namespace"], target_label: "namespace", regex: "(.*)", replacement: "$1", separator: ";" }, output: { ...labels, namespace: labels.__meta_kubernetes_namespace ?? "" }, keep: true },
    { rule: { action: "keep", source_labels: ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"], regex: "true", separator: ";" }, output: {}, keep: false },
  ] } };
}

export function answerProm(data, path, query) {
  const [, label] = /^\/label\/(.+)\/values$/.exec(path) ?? [];
  const sets = () => (query.has("match[]") ? select(data, query.get("match[]")) : data.metrics.flatMap((metric) => seriesLabels(metric, data.kind).map((labels) => ({ labels })))).map((one) => one.labels);
  if (label) return { data: [...new Set(sets().map((set) => set[decodeURIComponent(label)]).filter(Boolean))].sort() };
  switch (path) {
    case "/query_range": return range(data, query);
    case "/query": return instant(data, query);
    case "/query_exemplars": return exemplars(data, query);
    case "/format_query": check(query.get("query") ?? ""); return { data: query.get("query").replace(/\s+/g, " ").replace(/\(\s+/g, "(").replace(/\s+\)/g, ")").replace(/\s*,\s*/g, ", ").trim() };
    case "/labels": return { data: [...new Set(sets().flatMap((set) => Object.keys(set)))].sort() };
    case "/series": return { data: sets() };
    case "/metadata": return { data: Object.fromEntries(data.metrics.map((metric) => [metric.name, [{ type: metric.kind, help: metric.help, unit: metric.unit }]])) };
    case "/status/tsdb": return cardinality(data, query);
    case "/targets": return targets(data);
    case "/scrape_pools": return { data: { scrapePools: POOLS[data.kind].map(([pool]) => pool) } };
    case "/targets/relabel_steps": return relabelSteps(query);
    default: throw new PromFailure(404, "not_found", `no endpoint ${path}`);
  }
}
