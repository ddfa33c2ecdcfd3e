// What figures of health mean: which check comes first, how a part of its history is drawn, how shares are written.

import type { Check, CheckBucket, HealthReport, HostPoint } from "@/api/healthTypes";
import type { HealthStatus } from "@/api/agentTypes";
import { formatDateTime, nsToMs, plural, significant } from "./format";

/** What is worst comes first. */
export const BY_GRAVITY: readonly HealthStatus[] = ["unhealthy", "degraded", "unknown", "healthy"];

export function gravity(status: HealthStatus): number {
  const at = BY_GRAVITY.indexOf(status);
  return at === -1 ? BY_GRAVITY.indexOf("unknown") : at;
}

export function sortedChecks(checks: readonly Check[]): Check[] {
  return [...checks].sort((a, b) => gravity(a.status) - gravity(b.status) || a.name.localeCompare(b.name));
}

export type BucketState = "up" | "partly" | "down" | "none";

export function bucketState({ uptime }: Pick<CheckBucket, "uptime">): BucketState {
  if (uptime === null || !Number.isFinite(uptime)) return "none";
  if (uptime >= 1) return "up";
  return uptime <= 0 ? "down" : "partly";
}

/** A share of the time that something was well. What is below 100 % is never rounded up to it: `99.98 %`, `100 %`. */
export function formatUptime(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return "–";
  if (share >= 1) return "100\u00a0%";
  if (share <= 0) return "0\u00a0%";
  const percent = Math.floor(share * 10_000) / 100;
  return `${percent >= 10 ? percent : significant(share * 100)}\u00a0%`;
}

export function formatPercentage(percent: number | null | undefined): string {
  return percent === null || percent === undefined || !Number.isFinite(percent) ? "–" : `${significant(percent, percent >= 100 ? 3 : 2)}\u00a0%`;
}

/** The history in words, for those who cannot see it. */
export function historyText(history: readonly CheckBucket[]): string {
  const ran = history.filter((one) => bucketState(one) !== "none");
  const failed = ran.filter((one) => bucketState(one) !== "up");
  const last = failed.at(-1);
  if (ran.length === 0) return "It did not run in this range";
  if (!last) return "No failure in this range";
  return `Failures in ${failed.length} of ${ran.length} parts of the range, last around ${formatDateTime(nsToMs(last.time_unix_nano))}`;
}

export function bucketText(bucket: CheckBucket): string {
  const state = bucketState(bucket);
  const how = state === "none" ? "did not run" : state === "up" ? "well" : state === "down" ? "every run failed" : `${formatUptime(bucket.uptime)} of the runs were well`;
  return `${formatDateTime(nsToMs(bucket.time_unix_nano))}: ${how}`;
}

/** `1 of 4 agents, this host not well`; where nothing is wrong, what is well. */
export function summaryText({ agents, checks, host }: Pick<HealthReport, "agents" | "checks" | "host">): string {
  const unwell: string[] = [];
  const well: string[] = [];
  for (const [name, of] of [["agent", agents], ["check", checks]] as const) {
    const bad = (of.unhealthy ?? 0) + (of.degraded ?? 0);
    const all = bad + (of.healthy ?? 0) + (of.unknown ?? 0);
    if (all === 0) continue;
    if (bad > 0) unwell.push(`${bad} of ${plural(all, name)}`);
    well.push(plural(all, name));
  }
  if (host) (gravity(host.status) < gravity("unknown") ? unwell : well).push("this host");
  if (unwell.length > 0) return `${unwell.join(", ")} not well`;
  return well.length === 0 ? "" : well.join(", ");
}

export type HostFigure = Exclude<keyof HostPoint, "time_unix_nano">;

/** One figure of the host over time, as charts take it; what is not a number is a gap. */
export function valuesOf(series: readonly HostPoint[], figure: HostFigure): (number | null)[] {
  return series.map((point) => {
    const value: unknown = point[figure];
    return typeof value === "number" && Number.isFinite(value) ? value : null;
  });
}
