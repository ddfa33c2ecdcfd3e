// Answers of range queries made ready for a chart: values on the grid of the query, names, figures for the legend.

import type { UseQueryResult } from "@tanstack/react-query";
import type { Labels, MatrixItem, PromAnswer, PromHistogram, PromResult } from "@/api/types";
import { significant } from "./format";
import type { Grid } from "./promql";

export interface Drawn {
  /** Of which query, from 0. */
  query: number;
  id: string;
  labels: Labels;
  name: string;
  values: (number | null)[];
  stats: SeriesStats;
}

export interface SeriesStats {
  last: number | null;
  min: number | null;
  max: number | null;
  avg: number | null;
}

export interface Shaped {
  times: number[];
  series: Drawn[];
  /** Labels that all series of a query share, by query. */
  common: { query: number; labels: [name: string, value: string][] }[];
  /** Series that are not drawn, as there are too many. */
  left: number;
  /** Queries that answer native histograms: there is no one line for those. */
  histograms: number[];
}

export interface Answered {
  query: number;
  text: string;
  result: PromResult;
}

/** A query that is shown: of several, which one. */
export interface Ran {
  index: number;
  text: string;
}

export type Answer = UseQueryResult<PromAnswer<PromResult>>;

/** Series that a table asks for at most. */
export const TABLE_MAX = 10_000;

/** Series that one chart draws at most. */
export const SERIES_MAX = 300;

/** A value as a chart can draw it. */
export function drawable(text: string): number | null {
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** A value of the API as a number: `+Inf`, `-Inf` and `NaN` too. */
export function numberOf(text: string): number {
  if (text === "+Inf" || text === "Inf") return Infinity;
  return text === "-Inf" ? -Infinity : Number(text);
}

export function gridTimes(grid: Grid): number[] {
  const count = Math.round((grid.end - grid.start) / grid.step) + 1;
  return Array.from({ length: count }, (_, i) => grid.start + i * grid.step);
}

export function shape(answers: Answered[], grid: Grid, lettered: boolean): Shaped {
  const times = gridTimes(grid);
  const found = answers.flatMap((answer) => items(answer, grid).map((item) => ({ ...item, query: answer.query, text: answer.text })));
  const kept = found.length > SERIES_MAX ? largest(found) : found;
  const named = answers.map(({ query }) => {
    const own = kept.filter((one) => one.query === query);
    const { common, names } = nameAll(own);
    return { query, common, series: own.map((one, i): Drawn => ({
      query, id: `${query} ${JSON.stringify(one.labels)}`, labels: one.labels, name: lettered ? `${letter(query)} · ${names[i] ?? ""}` : (names[i] ?? ""),
      values: one.values, stats: statsOf(one.values),
    })) };
  });
  const series = named.flatMap((one) => one.series);
  const common = named.filter((one) => one.common.length > 0).map((one) => ({ query: one.query, labels: one.common }));
  const histograms = answers.filter((answer) => answer.result.resultType === "matrix" && answer.result.result.some((item) => (item.histograms?.length ?? 0) > 0)).map((answer) => answer.query);
  return { times, series, common, left: found.length - kept.length, histograms };
}

export function letter(query: number): string {
  return String.fromCharCode(65 + (query % 26));
}

interface Item {
  labels: Labels;
  values: (number | null)[];
}

function items({ result }: Answered, grid: Grid): Item[] {
  if (result.resultType !== "matrix") return [];
  return result.result.filter((one) => (one.values?.length ?? 0) > 0).map((one) => ({ labels: one.metric, values: onGrid(one, grid) }));
}

function onGrid(item: MatrixItem, grid: Grid): (number | null)[] {
  const row = new Array<number | null>(Math.round((grid.end - grid.start) / grid.step) + 1).fill(null);
  for (const [at, text] of item.values ?? []) {
    const i = Math.round((at * 1000 - grid.start) / grid.step);
    if (i >= 0 && i < row.length) row[i] = drawable(text);
  }
  return row;
}

/** The series that reach highest, in the order they came. */
function largest<T extends Item>(all: T[]): T[] {
  const tops = all.map((one, i) => ({ i, top: statsOf(one.values).max ?? -Infinity }));
  const keep = new Set(tops.sort((a, b) => b.top - a.top).slice(0, SERIES_MAX).map(({ i }) => i));
  return all.filter((_, i) => keep.has(i));
}

export function statsOf(values: (number | null)[]): SeriesStats {
  let last: number | null = null;
  let min: number | null = null;
  let max: number | null = null;
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    last = value;
    min = min === null || value < min ? value : min;
    max = max === null || value > max ? value : max;
    sum += value;
    count += 1;
  }
  return { last, min, max, avg: count > 0 ? sum / count : null };
}

/** What tells each of some series apart, as text, and what they share. */
export function nameAll(all: { labels: Labels; text: string }[]): { common: [string, string][]; names: string[] } {
  const [first] = all;
  if (!first) return { common: [], names: [] };
  if (all.length === 1) return { common: [], names: [describe(first.labels) || first.text] };
  const shared = Object.entries(first.labels).filter(([name, value]) => all.every((one) => one.labels[name] === value));
  const isShared = new Set(shared.map(([name]) => name));
  const names = all.map(({ labels, text }) => describe(Object.fromEntries(Object.entries(labels).filter(([name]) => !isShared.has(name)))) || labels["__name__"] || text);
  return { common: shared.filter(([name]) => name !== "__name__"), names };
}

/** `name a=1, b=2`; an instance is often a long id and comes last. One label alone is its value. */
function describe(labels: Labels): string {
  const { __name__: name, ...rest } = labels;
  const own = Object.entries(rest).sort(([a], [b]) => Number(a === "instance") - Number(b === "instance"));
  const text = own.map(([key, value]) => (own.length === 1 && name === undefined ? value || `${key}=""` : `${key}=${value}`)).join(", ");
  return [name, text].filter(Boolean).join(" ");
}

/** A native histogram in a few words. */
export function histogramText(histogram: PromHistogram): string {
  const [count, sum] = [Number(histogram.count), Number(histogram.sum)];
  const mean = count > 0 ? `, mean ${significant(sum / count)}` : "";
  return `${significant(count)} observations in ${histogram.buckets?.length ?? 0} buckets${mean}`;
}
