// The host and the dependency checks as the mock server tells of them; what is wrong with agents comes from its runs.
import { random } from "./mock-data.mjs";

const GIB = 2 ** 30;
const BUCKETS = 60;

/** What stands in the configuration: how often each fails, and how it is now. */
const CHECKS = [
  ["postgres", "postgres", "db.internal:5432", 0.002, null],
  ["redis", "redis", "cache.internal:6379", 0.03, "connection refused"],
  ["qdrant", "http", "http://qdrant.internal:6333/healthz", 0.01, null],
  ["model-server", "http", "https://models.internal/v1/models?deployment=a-rather-long-name-of-a-deployment-of-models", 0.15, null],
  ["resolver", "dns", "db.internal", 0, null],
  ["queue-depth", "command", "/usr/local/bin/check-queue --max 1000", 0, undefined],
];

const ns = (ms) => String(BigInt(Math.round(ms)) * 1_000_000n);

function checkOf([name, type, target, failing, error], window, now) {
  const rng = random(name.length * 31 + name.charCodeAt(0));
  const [start, step] = [Number(window.start / 1_000_000n), Number(window.end - window.start) / 1e6 / BUCKETS];
  const ran = error !== undefined;
  const began = start + (name === "model-server" ? 20 : 0) * step;
  const history = Array.from({ length: BUCKETS }, (_, at) => {
    const here = start + at * step;
    const down = error && at > BUCKETS - 5;
    const uptime = !ran || here < began ? null : down ? 0 : rng.next() < failing ? rng.pick([0, 0.5, 0.9]) : 1;
    return { time_unix_nano: ns(here), uptime, avg_duration_ns: uptime === null ? null : down ? null : 1e6 * (3 + rng.next() * 9) };
  });
  const known = history.filter((one) => one.uptime !== null);
  const uptime = known.length === 0 ? null : known.reduce((sum, one) => sum + one.uptime, 0) / known.length;
  return {
    name, type, target, status: ran ? (error ? "unhealthy" : "healthy") : "unknown", since_unix_nano: ran ? ns(error ? now - 4 * step : now - 86_400_000 * 3) : null, last_run_unix_nano: ran ? ns(now - 12_000) : null,
    last_duration_ns: ran ? (error ? 412_000 : 6_100_000) : null, error: error ?? null, interval_ns: 30e9, timeout_ns: 5e9, uptime, runs: known.length * 2, failures: uptime === null ? 0 : Math.round(known.length * 2 * (1 - uptime)),
    avg_duration_ns: ran ? 7_400_000 : null, history,
  };
}

const LONG = "a\u202Eb\u200b".repeat(40);

function checks(data, window) {
  if (data.kind === "none") return [];
  const list = (data.kind === "little" ? CHECKS.slice(0, 1) : CHECKS).map((one) => checkOf(one, window, data.now));
  // Names and errors as nobody would write them.
  if (data.kind === "broken") list.push({ ...checkOf(CHECKS[1], window, data.now), name: `${LONG}\u0007`, target: LONG, error: `${"no route to host ".repeat(120)}` }, { ...checkOf(CHECKS[5], window, data.now), name: "", history: [] });
  return list.map((one) => ({ ...one, ...(data.checked?.has(one.name) ? { last_run_unix_nano: ns(Date.now()), status: "healthy", error: null } : {}) }));
}

function percentOf(total, used) {
  return { total_bytes: total, used_bytes: used, available_bytes: total - used, percent: (used / total) * 100 };
}

function host(data, window) {
  const about = { host: "agents-1", os: "Linux 6.8.0 (Debian GNU/Linux 13)", uptime_seconds: 1_034_221, cpus: 8, status: "healthy", issues: [], latest: null, series: [], step: "30000000000" };
  if (data.kind === "none") return { ...about, status: "unknown" };
  const rng = random(5);
  const [start, step] = [Number(window.start / 1_000_000n), Number(window.end - window.start) / 1e6 / 120];
  const wave = (at, base, swing) => base + swing * Math.sin(at / 9) + rng.next() * swing * 0.6;
  const series = Array.from({ length: 120 }, (_, at) => ({
    time_unix_nano: ns(start + at * step), cpu_percent: data.kind === "little" && at < 90 ? null : wave(at, 34, 18), memory_percent: wave(at, 71, 3), disk_percent: 82.4 + at * 0.004, load1: wave(at, 2.6, 1.3),
    receive_bytes_per_second: wave(at, 2.4e6, 1.1e6), transmit_bytes_per_second: wave(at, 7e5, 3e5),
  }));
  const disks = [
    { device: "/dev/nvme0n1p2", mountpoint: "/", ...percentOf(220 * GIB, 96 * GIB), data: false }, { device: "/dev/mapper/data", mountpoint: "/var/lib/watchkeep", ...percentOf(500 * GIB, 414 * GIB), data: true },
  ];
  const latest = {
    time_unix_nano: ns(data.now - 9000), cpu_percent: 34.2, load: [2.61, 2.3, 1.94], memory: percentOf(64 * GIB, 45.6 * GIB), swap: percentOf(8 * GIB, 0.3 * GIB), disks,
    network: [["eth0", 2.4e6, 7.1e5], ["lo", 12_400, 12_400]].map(([name, receive, transmit]) => ({ interface: name, receive_bytes_per_second: receive, transmit_bytes_per_second: transmit, receive_bytes: 812e9, transmit_bytes: 233e9 })),
    processes: 412, process: { cpu_percent: 6.4, resident_bytes: 310e6 }, watched: data.kind === "little" ? [] : [{ name: "postgres", count: 14, cpu_percent: 3.1, resident_bytes: 2.2e9 }, { name: "ollama", count: 0, cpu_percent: 0, resident_bytes: 0 }],
    gpus: data.kind === "much" ? [0, 1].map((index) => ({ index, name: "NVIDIA L4", usage_percent: 41 + index * 40, memory_used_bytes: 9.2e9, memory_total_bytes: 24e9, temperature_celsius: 61, power_watts: 52 })) : [],
  };
  if (data.kind === "broken") {
    disks.push(...Array.from({ length: 40 }, (_, at) => ({ device: `${LONG}${at}`, mountpoint: `/var/lib/docker/overlay2/${"f00d".repeat(16)}/${at}`, ...percentOf(at === 3 ? 0 : 10 * GIB, 9.6 * GIB), data: false })));
    Object.assign(latest, { load: null, swap: null, network: [], process: null, cpu_percent: Number.NaN });
  }
  const issues = [{ kind: "host", name: "disk", severity: "degraded", message: "82.9 % of the disk of the data directory is in use, more than 80 %", value: 82.9, threshold: 80 }];
  return data.kind === "little" ? { ...about, latest, series } : { ...about, status: "degraded", issues, latest, series };
}

function report(data, window, agents) {
  const all = checks(data, window);
  const own = host(data, window);
  const count = (list, of) => Object.fromEntries(["healthy", "degraded", "unhealthy", "unknown"].map((status) => [status, list.filter((one) => of(one) === status).length]));
  const issues = [
    ...agents.flatMap((one) => one.health.issues.map((issue) => ({ ...issue, kind: "agent", name: one.agent }))), ...own.issues,
    ...all.filter((one) => one.status === "unhealthy").map((one) => ({ kind: "dependency", name: one.name, severity: "unhealthy", message: one.error, value: null, threshold: null })),
  ];
  const status = issues.some((one) => one.severity === "unhealthy") ? "unhealthy" : issues.length > 0 ? "degraded" : agents.length + all.length === 0 ? "unknown" : "healthy";
  return { status, issues, agents: count(agents, (one) => one.health.status), checks: count(all, (one) => one.status), host: own.latest && { status: own.status }, time_unix_nano: ns(data.now) };
}

/** The answer to a request below `/health` of the native API; `agents` are the rows of the list of agents. */
export function answerHealth(data, parts, window, method, agents) {
  if (parts.length === 0) return report(data, window, agents);
  if (parts[0] === "host") return host(data, window);
  const found = checks(data, window).find((one) => one.name === parts[1]);
  if (parts.length === 1) return { checks: checks(data, window) };
  if (!found) return { failure: [404, "not_found", `no check ${parts[1]}`] };
  if (method === "POST") {
    data.checked = (data.checked ?? new Set()).add(found.name);
    return checks(data, window).find((one) => one.name === found.name);
  }
  return found;
}
