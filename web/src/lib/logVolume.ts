// How many lines there are over time: bars by level, and rows of patterns.

import type { Level, LogPattern, MatrixItem } from "@/api/types";
import { levelOfWord, LEVELS } from "./level";
import { LEVEL_FIELD } from "./logqlText";
import type { Bounds } from "./range";

export interface Volume {
  /** When each bar begins, in unix milliseconds. */
  times: number[];
  levels: { level: Level; values: number[]; total: number }[];
  total: number;
}

/** Round steps for bars, in milliseconds. */
const STEPS = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000];
const BARS_MAX = 90;

export function volumeStep(bounds: Bounds): number {
  const least = (bounds.end - bounds.start) / BARS_MAX;
  return STEPS.find((step) => step >= least) ?? Math.ceil(least / 86_400_000) * 86_400_000;
}

export function volumeOf(items: MatrixItem[], grid: { start: number; end: number; step: number }): Volume {
  const count = Math.max(1, Math.round((grid.end - grid.start) / grid.step));
  const rows = new Map<Level, number[]>();
  for (const { metric, values = [] } of items) {
    const level = levelOfWord(metric[LEVEL_FIELD]);
    const row = rows.get(level) ?? new Array<number>(count).fill(0);
    for (const [at, text] of values) {
      const i = Math.round((at * 1000 - grid.start) / grid.step) - 1;
      if (i >= 0 && i < count) row[i] = (row[i] ?? 0) + Number(text);
    }
    rows.set(level, row);
  }
  const levels = LEVELS.flatMap((level) => {
    const values = rows.get(level);
    return values ? [{ level, values, total: values.reduce((sum, value) => sum + value, 0) }] : [];
  });
  return { times: Array.from({ length: count }, (_, i) => grid.start + i * grid.step), levels, total: levels.reduce((sum, one) => sum + one.total, 0) };
}

export interface PatternRow {
  pattern: string;
  count: number;
  share: number;
  /** Beside the most frequent one. */
  part: number;
  values: number[];
}

/** The patterns with their counts in steps of the range; those that differ by level alone are one. */
export function patternRows(patterns: LogPattern[], bounds: Bounds, step: number): PatternRow[] {
  const bars = Math.max(1, Math.ceil((bounds.end - bounds.start) / step));
  const byText = new Map<string, PatternRow>();
  for (const { pattern, samples } of patterns) {
    const row = byText.get(pattern) ?? { pattern, count: 0, share: 0, part: 0, values: new Array<number>(bars).fill(0) };
    for (const [at, count] of samples) {
      const i = Math.max(0, Math.min(bars - 1, Math.floor((at * 1000 - bounds.start) / step)));
      row.values[i] = (row.values[i] ?? 0) + count;
      row.count += count;
    }
    byText.set(pattern, row);
  }
  const rows = [...byText.values()].filter((row) => row.count > 0);
  const total = rows.reduce((sum, row) => sum + row.count, 0);
  const most = rows.reduce((max, row) => Math.max(max, row.count), 0);
  return rows.map((row) => ({ ...row, share: row.count / total, part: row.count / most }));
}
