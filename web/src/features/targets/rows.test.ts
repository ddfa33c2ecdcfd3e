// Targets as rows: states, counts by pool, what a search keeps.
import { describe, expect, it } from "vitest";
import type { Targets } from "@/api/types";
import { found, poolRows, targetRows, totals } from "./rows";

const active = (pool: string, host: string, health: "up" | "down" | "unknown", lastError = ""): Targets["activeTargets"][number] => ({
  discoveredLabels: { __address__: host }, labels: { instance: host, job: pool }, scrapePool: pool, scrapeUrl: `http://${host}/metrics`, globalUrl: "", lastError,
  lastScrape: health === "unknown" ? "0001-01-01T00:00:00Z" : "2026-11-22T10:00:00.5Z", lastScrapeDuration: 0.02, health,
});
const targets: Targets = {
  activeTargets: [active("a", "h1:1", "up"), active("a", "h2:1", "down", "connection refused"), active("b", "h3:1", "unknown")],
  droppedTargets: [{ discoveredLabels: { __address__: "h4:1", zone: "x" }, scrapePool: "b" }],
};
const rows = targetRows(targets);

describe("targets", () => {
  it("have no last scrape before the first", () => expect(rows.map((row) => row.scraped)).toEqual([1795341600500, 1795341600500, undefined, undefined]));
  it("are counted by pool, the pools with trouble first and those without targets too", () => {
    const pools = poolRows(["a", "b", "empty"], rows, { b: 7 });
    expect(pools.map((one) => [one.pool, one.counts])).toEqual([
      ["a", { up: 1, down: 1, unknown: 0, dropped: 0 }], ["b", { up: 0, down: 0, unknown: 1, dropped: 7 }], ["empty", { up: 0, down: 0, unknown: 0, dropped: 0 }],
    ]);
    expect(totals(pools)).toEqual({ up: 1, down: 1, unknown: 1, dropped: 7 });
  });
  it("are listed broken first, the dropped only when asked for", () => {
    expect(found(rows, {}).map((row) => row.state)).toEqual(["down", "unknown", "up"]);
    expect(found(rows, { state: "dropped" }).map((row) => row.url)).toEqual(["h4:1"]);
  });
  it("are found by address, label and error", () => {
    expect(found(rows, { q: "REFUSED" }).map((row) => row.labels["instance"])).toEqual(["h2:1"]);
    expect(found(rows, { q: "job=b" }).length).toBe(1);
    expect(found(rows, { q: "zone=x", state: "dropped" }).length).toBe(1);
    expect(found(rows, { pool: "b" }).length).toBe(1);
  });
});
