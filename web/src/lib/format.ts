// Turns numbers into text with a unit and sensible precision: durations, counts, bytes, instants, metric values.

const NBSP = "\u00a0";
/** In place of an instant that nobody told. */
const UNKNOWN = "–";

/** Three significant digits without trailing zeros: 1.5, 12.3, 123, 0.0042. */
export function significant(value: number, digits = 3): string {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return nonFinite(value);
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -6) return value.toExponential(Math.max(0, digits - 1));
  const decimals = Math.max(0, Math.min(12, digits - 1 - magnitude));
  const text = value.toFixed(decimals);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function nonFinite(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+∞" : "−∞";
}

const NS_STEPS: [limit: number, unit: string, per: number][] = [
  [1e3, "ns", 1],
  [1e6, "µs", 1e3],
  [1e9, "ms", 1e6],
  [60e9, "s", 1e9],
];

/** A duration in nanoseconds: `850 ns`, `12.3 ms`, `2.34 s`, `1 m 23 s`, `2 h 5 m`, `3 d 4 h`. */
export function formatDuration(ns: number): string {
  if (!Number.isFinite(ns)) return nonFinite(ns);
  if (ns < 0) return `−${formatDuration(-ns)}`;
  for (const [limit, unit, per] of NS_STEPS) {
    // Rounding must not produce "1000 µs" or "60 s": take the next unit then.
    if (ns < limit && Number(significant(ns / per)) < limit / per) return significant(ns / per) + NBSP + unit;
  }
  const seconds = Math.round(ns / 1e9);
  if (seconds < 3600) return pair(seconds, 60, "m", "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return pair(minutes, 60, "h", "m");
  return pair(Math.round(minutes / 60), 24, "d", "h");
}

function pair(amount: number, base: number, big: string, small: string): string {
  const rest = amount % base;
  const head = `${Math.floor(amount / base)}${NBSP}${big}`;
  return rest === 0 ? head : `${head} ${rest}${NBSP}${small}`;
}

/** The exact nanoseconds, for titles. */
export function exactDuration(ns: number): string {
  return `${ns.toLocaleString("en-US")}${NBSP}ns`;
}

/** A count: exact below ten thousand, then `12.4 k`, `1.24 M`, `3.1 G`. */
export function formatCount(n: number): string {
  if (!Number.isFinite(n)) return nonFinite(n);
  const size = Math.abs(n);
  if (size < 10_000) return Number.isInteger(n) ? n.toLocaleString("en-US") : significant(n);
  for (const [limit, unit, per] of [[1e6, "k", 1e3], [1e9, "M", 1e6], [1e12, "G", 1e9]] as const) {
    if (size < limit && Math.abs(Number(significant(n / per))) < 1000) return significant(n / per) + NBSP + unit;
  }
  return `${significant(n / 1e12)}${NBSP}T`;
}

/** A count on an axis, where parts of one mean nothing. */
export function formatWhole(n: number): string {
  return Number.isInteger(n) ? formatCount(n) : "";
}

export function exactCount(n: number): string {
  return n.toLocaleString("en-US", { maximumFractionDigits: 20 });
}

/** `1 span`, `12 spans`, `12.4 k spans`. */
export function plural(n: number, noun: string, many = `${noun}s`): string {
  return `${formatCount(n)} ${n === 1 ? noun : many}`;
}

/** A share of a whole: `0`, `0.42 %`, `12.3 %`, `100 %`. Nearly all is not all: `>99.9 %`. */
export function formatPercent(share: number): string {
  if (share === 0) return "0";
  if (share < 1 && share >= 0.9995) return `>99.9${NBSP}%`;
  if (share >= 100) return `${formatCount(Math.round(share * 100))}${NBSP}%`;
  return share < 0.0001 ? `<0.01${NBSP}%` : `${significant(share * 100)}${NBSP}%`;
}

/** How often something is: `12.4/s`, `3.5/min`, `2/h`. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 1 || perSecond === 0) return `${formatCount(Number(significant(perSecond)))}/s`;
  return perSecond * 60 >= 1 ? `${significant(perSecond * 60)}/min` : `${significant(perSecond * 3600)}/h`;
}

/** Bytes in binary units. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return nonFinite(bytes);
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : significant(value)}${NBSP}${units[unit] ?? "B"}`;
}

/** A metric value in its unit (UCUM as OpenTelemetry writes it, or the suffix of a Prometheus name). */
export function formatValue(value: number, unit: string): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  switch (unit) {
    case "s": case "seconds": return value === 0 ? "0" : formatDuration(value * 1e9);
    case "ms": case "milliseconds": return value === 0 ? "0" : formatDuration(value * 1e6);
    case "us": case "µs": return value === 0 ? "0" : formatDuration(value * 1e3);
    case "ns": case "nanoseconds": return value === 0 ? "0" : formatDuration(value);
    case "By": case "bytes": return value === 0 ? "0" : formatBytes(value);
    case "By/s": return `${formatBytes(value)}/s`;
    case "%": case "percent": return `${significant(value)}${NBSP}%`;
    case "usd": case "USD": case "$": return formatUsd(value);
    default: return formatCount(value);
  }
}

/** Money with the precision small amounts need, two digits at least: `$0.0042`, `$0.025`, `$1.24`, `$1,240`. */
export function formatUsd(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size === 0) return "$0";
  if (size < 1e-6) return `${sign}<$0.000001`;
  if (size < 0.0995) return `${sign}$${significant(size, 2)}`;
  const digits = size < 1000 ? 2 : 0;
  return `${sign}$${size.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** `14:03:07.123`; with the date when it is not the day of `now`. Local time. */
export function formatInstant(ms: number, now: number = Date.now()): string {
  if (!Number.isFinite(ms)) return UNKNOWN;
  const at = new Date(ms);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return at.toDateString() === new Date(now).toDateString() ? clock : `${formatDay(ms)} ${clock}`;
}

/** `2026-11-22`, local. */
export function formatDay(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** `2026-11-22 14:03:07`, local. */
export function formatDateTime(ms: number): string {
  if (!Number.isFinite(ms)) return UNKNOWN;
  const at = new Date(ms);
  return `${formatDay(ms)} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `just now`, `42 s ago`, `3 m ago`, `2 d ago`, `in 5 s`. */
export function formatAgo(ms: number, now: number = Date.now()): string {
  if (!Number.isFinite(ms)) return UNKNOWN;
  const seconds = Math.round((now - ms) / 1000);
  const size = Math.abs(seconds);
  if (size < 2) return "just now";
  const [amount, unit] =
    size < 60 ? [size, "s"] : size < 3600 ? [Math.round(size / 60), "m"]
    : size < 86_400 ? [Math.round(size / 3600), "h"] : [Math.round(size / 86_400), "d"];
  return seconds > 0 ? `${amount}${NBSP}${unit} ago` : `in ${amount}${NBSP}${unit}`;
}

/** Milliseconds (with microseconds as decimals) of a nanosecond instant given as a decimal string; of anything else `NaN`. */
export function nsToMs(ns: string): number {
  if (!/^-?\d+$/.test(ns)) return Number.NaN;
  return Number(BigInt(ns) / 1000n) / 1000;
}

/** Nanoseconds as a decimal string of an instant in milliseconds. */
export function msToNs(ms: number): string {
  return `${BigInt(Math.round(ms)) * 1_000_000n}`;
}

/** Any JSON value on one line, for a table cell or a log line. */
export function inline(value: unknown): string {
  switch (typeof value) {
    case "string": return value;
    case "number": case "boolean": case "bigint": return value.toString();
    case "object": return value === null ? "" : JSON.stringify(value);
    default: return "";
  }
}

/** A word as the head of a column. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Text from outside as it may be shown: control and direction-changing characters are made visible, not obeyed. */
export function visible(text: string): string {
  // Answers are not checked against their types: what is no text is written as what it is.
  const told: unknown = text;
  // eslint-disable-next-line no-control-regex -- these are what must not reach the page
  return inline(told).replace(/\u001b\[[0-9;]*m/g, "").replace(/[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** What nobody sees: spaces, zero-width characters, fillers. */
const UNSEEN = /^[\s\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/** A name from outside as it may be shown; one that nobody could see or click has words in its place. */
export function named(text: string, none = "no name"): string {
  return UNSEEN.test(inline(text)) ? none : visible(text);
}

/** Pretty text of a value whose string form is JSON (object or array); undefined when it is not. */
export function prettyJson(value: unknown): string | undefined {
  if (typeof value === "object" && value !== null) return JSON.stringify(value, null, 2);
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return undefined;
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return undefined;
  }
}
