// Series of a metric made ready for a chart: one time grid, rates of counters, names that tell series apart.

import type { MetricSeries, SampleValue } from "@/api/types";

export interface Aligned {
  times: number[];
  values: (number | null)[][];
}

export function sampleNumber(value: SampleValue): number | null {
  return typeof value === "number" ? value : null;
}

/** Points of a series; native histograms stand as their counts. */
export function pointsOf(series: MetricSeries): [ms: number, value: number | null][] {
  if (series.points.length === 0) return series.histograms.map(([ms, histogram]) => [ms, histogram.count]);
  return series.points.map(([ms, value]) => [ms, sampleNumber(value)]);
}

/**
 * Per-second increase between neighbouring points. A counter that went down was reset: it counted from zero again.
 * Points further apart than a gap are not joined.
 */
export function rate(points: [ms: number, value: number | null][], gapMs: number): [ms: number, value: number | null][] {
  const out: [number, number | null][] = [];
  let before: [number, number] | undefined;
  for (const [ms, value] of points) {
    if (value === null) {
      out.push([ms, null]);
      before = undefined;
      continue;
    }
    if (before && ms > before[0]) {
      const grown = value >= before[1] ? value - before[1] : value;
      out.push([ms, ms - before[0] > gapMs ? null : (grown * 1000) / (ms - before[0])]);
    }
    before = [ms, value];
  }
  return out;
}

/** Puts series on one grid of times; where a series is silent for longer than `gapMs` its line breaks. */
export function align(all: [ms: number, value: number | null][][], gapMs: number): Aligned {
  const grid = new Set<number>();
  for (const points of all) {
    let before: number | undefined;
    for (const [ms] of points) {
      if (before !== undefined && ms - before > gapMs) grid.add(before + 1);
      grid.add(ms);
      before = ms;
    }
  }
  const times = [...grid].sort((a, b) => a - b);
  const at = new Map(times.map((ms, i) => [ms, i]));
  const values = all.map((points) => {
    const row = new Array<number | null>(times.length).fill(null);
    for (const [ms, value] of points) row[at.get(ms) ?? 0] = value;
    return row;
  });
  return { times, values: bridge(values, times, gapMs) };
}

/** Series whose points fall between those of others: short holes are filled straight, long ones stay. */
function bridge(values: (number | null)[][], times: number[], gapMs: number): (number | null)[][] {
  if (values.length < 2) return values;
  return values.map((row) => {
    const out = [...row];
    let last = -1;
    for (let i = 0; i < row.length; i += 1) {
      const to = row[i];
      if (to === null || to === undefined) continue;
      const from = last >= 0 ? row[last] : undefined;
      const [t0 = 0, t1 = 0] = [times[last], times[i]];
      if (from !== null && from !== undefined && i - last > 1 && t1 - t0 <= gapMs) {
        for (let k = last + 1; k < i; k += 1) out[k] = from + ((to - from) * ((times[k] ?? t0) - t0)) / (t1 - t0);
      }
      last = i;
    }
    return out;
  });
}

export interface SeriesNames {
  /** Labels that all series share. */
  common: [name: string, value: string][];
  /** What is left of each, as text. */
  names: string[];
}

export function nameSeries(labelSets: Record<string, string>[]): SeriesNames {
  const [first] = labelSets;
  if (!first) return { common: [], names: [] };
  const shared = Object.entries(first).filter(([name, value]) => name !== "__name__" && labelSets.every((set) => set[name] === value));
  const isShared = new Set(shared.map(([name]) => name));
  const names = labelSets.map((set) => {
    // An instance is often a long id: it comes last, so that what tells series apart is seen first.
    const own = Object.entries(set).filter(([name]) => name !== "__name__" && !isShared.has(name)).sort(([a], [b]) => Number(a === "instance") - Number(b === "instance"));
    return own.map(([name, value]) => (own.length === 1 ? value || `${name}=""` : `${name}=${value}`)).join(", ") || (first["__name__"] ?? "value");
  });
  return { common: labelSets.length > 1 ? shared : [], names: labelSets.length > 1 ? names : [shared.map(([name, value]) => `${name}=${value}`).join(", ") || (first["__name__"] ?? "value")] };
}

/** The last value that a row has. */
export function lastValue(row: (number | null)[]): number | null {
  for (let i = row.length - 1; i >= 0; i -= 1) {
    const value = row[i];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}
