import { describe, expect, test } from "vitest";
import type { Check, CheckBucket, HostPoint } from "@/api/healthTypes";
import { bucketState, formatPercentage, formatUptime, gravity, historyText, sortedChecks, summaryText, valuesOf } from "./health";

const bucket = (uptime: number | null): CheckBucket => ({ time_unix_nano: "1763800000000000000", uptime, avg_duration_ns: null });
const check = (name: string, status: Check["status"]): Check => ({
  name, type: "tcp", target: "", status, since_unix_nano: null, last_run_unix_nano: null, last_duration_ns: null, error: null, interval_ns: 1, timeout_ns: 1, uptime: null, runs: 0, failures: 0, avg_duration_ns: null, history: [],
});

describe("checks", () => {
  test("that are not well come first, then by name", () => {
    const names = sortedChecks([check("b", "healthy"), check("c", "unknown"), check("a", "healthy"), check("z", "unhealthy")]).map((one) => one.name);
    expect(names).toEqual(["z", "c", "a", "b"]);
  });

  test("of a state that is not known count as unknown", () => expect(gravity("asleep" as "unknown")).toBe(gravity("unknown")));

  test.each([[null, "none"], [Number.NaN, "none"], [1, "up"], [0.999, "partly"], [0, "down"]] as const)("a part with an uptime of %s is %s", (uptime, state) => {
    expect(bucketState(bucket(uptime))).toBe(state);
  });
});

describe("uptime", () => {
  test.each([[null, "–"], [1, "100 %"], [0.99999, "99.99 %"], [0.975, "97.5 %"], [0.0312, "3.12 %"], [0, "0 %"]] as const)("%s is written as %s", (share, text) => {
    expect(formatUptime(share).replaceAll("\u00a0", " ")).toBe(text);
  });

  test("percentages that are no numbers are a dash", () => {
    expect([null, undefined, Number.NaN].map(formatPercentage)).toEqual(["–", "–", "–"]);
    expect(formatPercentage(100).replaceAll("\u00a0", " ")).toBe("100 %");
  });

  test("is told in words", () => {
    expect(historyText([])).toBe("It did not run in this range");
    expect(historyText([bucket(null), bucket(1)])).toBe("No failure in this range");
    expect(historyText([bucket(null), bucket(1), bucket(0.5), bucket(0)])).toMatch(/^Failures in 2 of 3 parts of the range, last around 2025-11-22/);
  });
});

describe("the summary", () => {
  test("names what is not well, and else what is", () => {
    expect(summaryText({ agents: { healthy: 3, unhealthy: 1 }, checks: { healthy: 2 }, host: { status: "degraded" } })).toBe("1 of 4 agents, this host not well");
    expect(summaryText({ agents: { healthy: 1 }, checks: { unknown: 2 }, host: { status: "healthy" } })).toBe("1 agent, 2 checks, this host");
    expect(summaryText({ agents: {}, checks: {}, host: null })).toBe("");
  });
});

test("figures of the host that are no numbers are gaps", () => {
  const points = [{ cpu_percent: 3 }, { cpu_percent: null }, { cpu_percent: "5" }, {}] as unknown as HostPoint[];
  expect(valuesOf(points, "cpu_percent")).toEqual([3, null, null, null]);
});
