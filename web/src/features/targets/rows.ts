// Targets as rows: those that are scraped and those that relabelling dropped; and their counts by pool.

import type { Labels, Targets } from "@/api/types";
import { STATES, type State, type TargetsSearch } from "./search";

export interface TargetRow {
  id: string;
  pool: string;
  state: State;
  /** The address that is scraped; of a dropped target the one that was discovered. */
  url: string;
  labels: Labels;
  discovered: Labels;
  error: string;
  /** Unix milliseconds, undefined before the first scrape. */
  scraped: number | undefined;
  /** Seconds. */
  took: number | undefined;
  interval: string | undefined;
  timeout: string | undefined;
}

export interface PoolRow {
  pool: string;
  counts: Record<State, number>;
}

export function targetRows(targets: Targets): TargetRow[] {
  const active = targets.activeTargets.map((one): TargetRow => {
    const at = Date.parse(one.lastScrape);
    // The year 1 stands for never.
    const scraped = Number.isFinite(at) && at > 0 ? at : undefined;
    return {
      id: `${one.scrapePool} ${one.scrapeUrl} ${JSON.stringify(one.labels)}`, pool: one.scrapePool, state: one.health === "up" || one.health === "down" ? one.health : "unknown",
      url: one.scrapeUrl, labels: one.labels, discovered: one.discoveredLabels, error: one.lastError, scraped, took: scraped === undefined ? undefined : one.lastScrapeDuration,
      interval: one.scrapeInterval, timeout: one.scrapeTimeout,
    };
  });
  const dropped = targets.droppedTargets.map((one): TargetRow => {
    const pool = one.scrapePool ?? one.discoveredLabels["job"] ?? "";
    return {
      id: `dropped ${pool} ${JSON.stringify(one.discoveredLabels)}`, pool, state: "dropped", url: one.discoveredLabels["__address__"] ?? "", labels: {}, discovered: one.discoveredLabels,
      error: "", scraped: undefined, took: undefined, interval: undefined, timeout: undefined,
    };
  });
  return [...active, ...dropped];
}

/** The pools of the configuration, also those without targets. A limit may keep fewer dropped targets than there were. */
export function poolRows(names: string[], rows: TargetRow[], dropped: Record<string, number> = {}): PoolRow[] {
  const pools = new Map<string, PoolRow>();
  const poolOf = (pool: string): PoolRow => {
    const found = pools.get(pool) ?? { pool, counts: { up: 0, down: 0, unknown: 0, dropped: 0 } };
    pools.set(pool, found);
    return found;
  };
  for (const name of names) poolOf(name);
  for (const row of rows) poolOf(row.pool).counts[row.state] += 1;
  for (const [pool, count] of Object.entries(dropped)) {
    const { counts } = poolOf(pool);
    counts.dropped = Math.max(counts.dropped, count);
  }
  return [...pools.values()].sort((a, b) => b.counts.down - a.counts.down || a.pool.localeCompare(b.pool));
}

/** Rows that the search keeps, the broken first. Dropped targets only where they are asked for. */
export function found(rows: TargetRow[], { pool, state, q }: TargetsSearch): TargetRow[] {
  const text = q?.toLowerCase();
  const order = (row: TargetRow): number => ["down", "unknown", "up", "dropped"].indexOf(row.state);
  return rows
    .filter((row) => (pool === undefined || row.pool === pool) && (state === undefined ? row.state !== "dropped" : row.state === state) && (text === undefined || haystack(row).includes(text)))
    .sort((a, b) => order(a) - order(b));
}

function haystack(row: TargetRow): string {
  const labels = Object.entries(row.state === "dropped" ? row.discovered : row.labels).map(([name, value]) => `${name}=${value}`);
  return [row.pool, row.url, row.error, ...labels].join("\n").toLowerCase();
}

export function totals(pools: PoolRow[]): Record<State, number> {
  const out = { up: 0, down: 0, unknown: 0, dropped: 0 };
  for (const { counts } of pools) for (const state of STATES) out[state] += counts[state];
  return out;
}
