// Time ranges as the URL writes them: relative (`range=1h`) or absolute (`from`/`to` in unix milliseconds).

export type TimeRange = { kind: "relative"; ms: number } | { kind: "absolute"; from: number; to: number };

export interface RangeSearch {
  range?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  refresh?: string | undefined;
}

/** Absolute bounds in unix milliseconds, half-open. */
export interface Bounds {
  start: number;
  end: number;
}

export const DEFAULT_RANGE: TimeRange = { kind: "relative", ms: 3_600_000 };

export const PRESETS: { text: string; label: string }[] = [
  { text: "5m", label: "Last 5 minutes" },
  { text: "15m", label: "Last 15 minutes" },
  { text: "30m", label: "Last 30 minutes" },
  { text: "1h", label: "Last hour" },
  { text: "3h", label: "Last 3 hours" },
  { text: "6h", label: "Last 6 hours" },
  { text: "12h", label: "Last 12 hours" },
  { text: "24h", label: "Last 24 hours" },
  { text: "2d", label: "Last 2 days" },
  { text: "7d", label: "Last 7 days" },
  { text: "30d", label: "Last 30 days" },
];

export const REFRESH_CHOICES: { text: string; ms: number; label: string }[] = [
  { text: "live", ms: 2000, label: "Live" },
  { text: "5s", ms: 5000, label: "5 s" },
  { text: "10s", ms: 10_000, label: "10 s" },
  { text: "30s", ms: 30_000, label: "30 s" },
  { text: "1m", ms: 60_000, label: "1 m" },
];

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `90s`, `1.5h`, `2d` in milliseconds; undefined when it is not a positive duration. */
export function parseSpan(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*$/.exec(text);
  const [, amount, unit] = match ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const ms = Number(amount) * (UNIT_MS[unit] ?? 0);
  return ms > 0 ? ms : undefined;
}

/** The shortest way to write a relative span: 3600000 → `1h`. */
export function spanText(ms: number): string {
  if (ms % 1000 !== 0) return `${ms}ms`;
  for (const unit of ["d", "h", "m"] as const) {
    const per = UNIT_MS[unit] ?? 1;
    // 24h reads better than 1d beside 6h and 12h.
    if (ms % per === 0 && (unit !== "d" || ms > per)) return `${ms / per}${unit}`;
  }
  return `${ms / 1000}s`;
}

/** What the URL says; anything it says wrongly is the default. */
export function readRange(search: RangeSearch): TimeRange {
  const from = Number(search.from);
  const to = Number(search.to);
  if (search.from && search.to && Number.isFinite(from) && Number.isFinite(to) && to > from) {
    return { kind: "absolute", from, to };
  }
  const ms = search.range === undefined ? undefined : parseSpan(search.range);
  return ms === undefined ? DEFAULT_RANGE : { kind: "relative", ms };
}

/** The search parameters of a range; the default range leaves the URL clean. */
export function writeRange(range: TimeRange): Pick<RangeSearch, "range" | "from" | "to"> {
  if (range.kind === "absolute") {
    return { range: undefined, from: String(Math.floor(range.from)), to: String(Math.ceil(range.to)) };
  }
  const isDefault = DEFAULT_RANGE.kind === "relative" && range.ms === DEFAULT_RANGE.ms;
  return { range: isDefault ? undefined : spanText(range.ms), from: undefined, to: undefined };
}

export function resolveRange(range: TimeRange, now: number): Bounds {
  return range.kind === "absolute" ? { start: range.from, end: range.to } : { start: now - range.ms, end: now };
}

export function refreshMs(text: string | undefined): number | undefined {
  return REFRESH_CHOICES.find((choice) => choice.text === text)?.ms;
}

export function rangeLabel(range: TimeRange): string {
  if (range.kind === "absolute") return `${localText(range.from)} – ${localText(range.to, range.from)}`;
  const text = spanText(range.ms);
  return PRESETS.find((preset) => preset.text === text)?.label ?? `Last ${text}`;
}

function localText(ms: number, beside?: number): string {
  const at = new Date(ms);
  const time = at.toLocaleTimeString("en-GB");
  if (beside !== undefined && new Date(beside).toDateString() === at.toDateString()) return time;
  return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

/** A duration as the API's filters take it (`250ms`, `1.5s`, `2m`, `1h` or plain nanoseconds). */
export function isDurationFilter(text: string): boolean {
  return /^\d+(\.\d+)?(ns|us|µs|ms|s|m|h)$|^\d+$/.test(text.trim());
}
