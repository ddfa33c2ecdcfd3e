// A mock of what the native API works out of traces: critical path, comparisons, the service map, operations.
import { Parser, rootOf, spansIn, tracesIn } from "./mock-tempo.mjs";

/** Children by parent's id, in order of time. */
function childrenOf(trace) {
  const ids = new Set(trace.spans.map((span) => span.span_id));
  const children = new Map();
  const roots = [];
  for (const span of trace.spans) {
    const list = ids.has(span.parent_span_id) && span.parent_span_id !== span.span_id ? (children.get(span.parent_span_id) ?? children.set(span.parent_span_id, []).get(span.parent_span_id)) : roots;
    list.push(span);
  }
  return { roots, children };
}

const startOf = (span) => Number(BigInt(span.start_time_unix_nano) - 1_700_000_000_000_000_000n);
const endOf = (span) => startOf(span) + span.duration_ns;
const told = (at) => String(BigInt(Math.round(at)) + 1_700_000_000_000_000_000n);

function selfTime(span, children) {
  let covered = 0;
  let until = startOf(span);
  for (const child of [...children].sort((a, b) => startOf(a) - startOf(b))) {
    const [from, to] = [Math.max(until, startOf(child)), Math.min(endOf(span), endOf(child))];
    if (to > from) { covered += to - from; until = to; }
  }
  return Math.max(0, span.duration_ns - covered);
}

export function analysis(trace) {
  const { roots, children } = childrenOf(trace);
  const root = [...roots].sort((a, b) => b.duration_ns - a.duration_ns)[0] ?? trace.spans[0];
  const path = [];
  const seen = new Set();
  const walk = (span, until) => {
    if (seen.has(span.span_id)) return;
    seen.add(span.span_id);
    let at = until;
    for (const child of [...(children.get(span.span_id) ?? [])].sort((a, b) => endOf(b) - endOf(a))) {
      if (endOf(child) > at || startOf(child) < startOf(span)) continue;
      if (at > endOf(child)) path.push({ span_id: span.span_id, start_time_unix_nano: told(endOf(child)), end_time_unix_nano: told(at) });
      walk(child, endOf(child));
      at = startOf(child);
    }
    if (at > startOf(span)) path.push({ span_id: span.span_id, start_time_unix_nano: span.start_time_unix_nano, end_time_unix_nano: told(at) });
  };
  if (root) walk(root, endOf(root));
  const self = Object.fromEntries(trace.spans.map((span) => [span.span_id, selfTime(span, children.get(span.span_id) ?? [])]));
  const byId = new Map(trace.spans.map((span) => [span.span_id, span]));
  const error_paths = trace.spans.filter((span) => span.status.code === "error" && !(children.get(span.span_id) ?? []).some((child) => child.status.code === "error")).slice(0, 50).map((origin) => {
    const spans = [];
    for (let span = origin; span && spans.length < 50; span = byId.get(span.parent_span_id)) spans.unshift(span.span_id);
    return { spans, service: trace.resources[origin.resource].service, name: origin.name, message: origin.status.message };
  });
  const services = trace.services.map((one) => {
    const own = trace.spans.filter((span) => trace.resources[span.resource].service === one.name);
    const ids = new Set(own.map((span) => span.span_id));
    return {
      name: one.name, spans: one.span_count, errors: one.error_count, self_time_ns: own.reduce((sum, span) => sum + self[span.span_id], 0),
      critical_ns: path.filter((part) => ids.has(part.span_id)).reduce((sum, part) => sum + Number(BigInt(part.end_time_unix_nano) - BigInt(part.start_time_unix_nano)), 0),
    };
  }).sort((a, b) => b.self_time_ns - a.self_time_ns);
  return {
    trace_id: trace.trace_id, start_time_unix_nano: trace.start_time_unix_nano, end_time_unix_nano: String(BigInt(trace.start_time_unix_nano) + BigInt(trace.duration_ns)),
    critical_path: path.reverse(), self_time_ns: self, error_paths, services,
  };
}

export function compareTraces(left, right) {
  const top = { children: new Map() };
  for (const [side, trace] of [["left", left], ["right", right]]) {
    const { roots, children } = childrenOf(trace);
    const open = roots.map((span) => [span, top]);
    const seen = new Set();
    while (open.length > 0) {
      const [span, above] = open.shift();
      if (seen.has(span)) continue;
      seen.add(span);
      const service = trace.resources[span.resource].service;
      const key = `${service}\n${span.name}`;
      const place = above.children.get(key) ?? { service, name: span.name, left: null, right: null, children: new Map() };
      above.children.set(key, place);
      const own = children.get(span.span_id) ?? [];
      const figures = (place[side] ??= { spans: 0, errors: 0, duration_ns: 0, self_time_ns: 0 });
      figures.spans += 1;
      figures.errors += span.status.code === "error" ? 1 : 0;
      figures.duration_ns += span.duration_ns;
      figures.self_time_ns += selfTime(span, own);
      open.push(...own.map((child) => [child, place]));
    }
  }
  const nodes = [];
  const write = (place, depth) => {
    for (const one of place.children.values()) {
      nodes.push({ service: one.service, name: one.name, depth, left: one.left, right: one.right });
      write(one, depth + 1);
    }
  };
  write(top, 0);
  const summary = (trace) => {
    const root = rootOf(trace) ?? trace.spans[0];
    return { trace_id: trace.trace_id, root_service: trace.resources[root.resource].service, root_name: root.name, start_time_unix_nano: trace.start_time_unix_nano, duration_ns: trace.duration_ns, span_count: trace.span_count, error_count: trace.error_count };
  };
  return { left: summary(left), right: summary(right), nodes };
}

const withIntrinsics = ({ span, trace }) => [
  ["intrinsic", "name", span.name], ["intrinsic", "kind", span.kind], ["intrinsic", "status", span.status.code], ["resource", "service.name", trace.resources[span.resource].service],
  ...Object.entries(trace.resources[span.resource].attributes).filter(([key]) => key !== "service.name").map(([key, value]) => ["resource", key, value]),
  ...Object.entries(span.attributes).filter(([, value]) => typeof value !== "object" && String(value).length < 200).map(([key, value]) => ["span", key, value]),
];

export function lift(data, query, range) {
  const selected = new Parser(query.get("q") ?? "{}").query().set;
  const baseline = new Parser(query.get("baseline") || "{}").query().set;
  const chosen = spansIn(data, selected, range);
  const ids = new Set(chosen.map(({ span }) => span));
  const others = spansIn(data, baseline, range).filter(({ span }) => !ids.has(span));
  const counts = new Map();
  for (const [side, spans] of [["selection", chosen], ["baseline", others]]) {
    for (const one of spans) for (const [scope, key, value] of withIntrinsics(one)) {
      const id = `${scope} ${key} ${value}`;
      const found = counts.get(id) ?? { scope, key, value, selection: 0, baseline: 0 };
      found[side] += 1;
      counts.set(id, found);
    }
  }
  const values = [...counts.values()].filter((one) => one.selection > Math.max(1, chosen.length * 0.02)).map((one) => ({
    ...one, lift: one.baseline === 0 ? null : (one.selection / Math.max(1, chosen.length)) / (one.baseline / Math.max(1, others.length)),
  })).filter((one) => one.lift === null || one.lift > 1).sort((a, b) => (b.lift ?? 1e9) * Math.sqrt(b.selection) - (a.lift ?? 1e9) * Math.sqrt(a.selection));
  return { selection_spans: chosen.length, baseline_spans: others.length, values: values.slice(0, Number(query.get("limit") ?? 100)) };
}

export function serviceMap(data, range) {
  const services = new Map();
  const calls = new Map();
  for (const trace of tracesIn(data, range)) {
    const byId = new Map(trace.spans.map((span) => [span.span_id, span]));
    for (const span of trace.spans) {
      const name = trace.resources[span.resource].service;
      const failed = span.status.code === "error" ? 1 : 0;
      const service = services.get(name) ?? { name, spans: 0, errors: 0 };
      services.set(name, { name, spans: service.spans + 1, errors: service.errors + failed });
      const parent = byId.get(span.parent_span_id);
      const caller = parent && trace.resources[parent.resource].service;
      if (caller === undefined || caller === name) continue;
      const id = `${caller}\n${name}`;
      const call = calls.get(id) ?? { parent: caller, child: name, calls: 0, errors: 0 };
      calls.set(id, { ...call, calls: call.calls + 1, errors: call.errors + failed });
    }
  }
  return { services: [...services.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), calls: [...calls.values()] };
}

export function operations(data, query, range) {
  const groups = new Map();
  const seconds = Number((range.end - range.start) / 1_000_000n) / 1000;
  for (const { span, trace } of spansIn(data, { test: () => true }, range)) {
    const service = trace.resources[span.resource].service;
    if (query.get("service") && query.get("service") !== service) continue;
    const id = `${service}\n${span.name}\n${span.kind}`;
    const group = groups.get(id) ?? { service, name: span.name, kind: span.kind, errors: 0, all: [] };
    group.all.push(span.duration_ns);
    group.errors += span.status.code === "error" ? 1 : 0;
    groups.set(id, group);
  }
  const found = [...groups.values()].map(({ all, ...rest }) => {
    const sorted = all.sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    return { ...rest, spans: sorted.length, rate_per_second: sorted.length / seconds, duration_ns: { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) } };
  });
  return { operations: found.sort((a, b) => b.spans - a.spans) };
}
