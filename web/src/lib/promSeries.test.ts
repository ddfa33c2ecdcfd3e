// Answers of range queries: on the grid of the query, named by what tells them apart, with figures; CSV of tables.
import { describe, expect, it } from "vitest";
import type { PromResult } from "@/api/types";
import { csvText } from "./csv";
import { nameAll, SERIES_MAX, shape, statsOf } from "./promSeries";

const grid = { start: 10_000, end: 40_000, step: 10_000 };
const matrix = (result: { metric: Record<string, string>; values?: [number, string][] }[]): PromResult => ({ resultType: "matrix", result });

describe("the shape of answers", () => {
  it("has a value for each instant of the grid, none where there is nothing to draw", () => {
    const shaped = shape([{ query: 0, text: "a", result: matrix([{ metric: {}, values: [[10, "1"], [20, "NaN"], [40, "+Inf"]] }, { metric: { x: "1" }, values: [[40, "-2.5"]] }]) }], grid, false);
    expect(shaped.times).toEqual([10_000, 20_000, 30_000, 40_000]);
    expect(shaped.series.map((one) => one.values)).toEqual([[1, null, null, null], [null, null, null, -2.5]]);
  });
  it("names each query's series by themselves", () => {
    const a = matrix([{ metric: { __name__: "a", job: "x" }, values: [[10, "1"]] }, { metric: { __name__: "a", job: "y" }, values: [[10, "1"]] }]);
    const b = matrix([{ metric: {}, values: [[10, "1"]] }]);
    const shaped = shape([{ query: 0, text: "a", result: a }, { query: 2, text: "sum(b)", result: b }], grid, true);
    expect(shaped.series.map((one) => one.name)).toEqual(["A · x", "A · y", "C · sum(b)"]);
  });
  it("keeps the series that reach highest where there are too many, and says how many it left", () => {
    const many = matrix(Array.from({ length: SERIES_MAX + 5 }, (_, i) => ({ metric: { i: String(i) }, values: [[10, String(i)]] })));
    const shaped = shape([{ query: 0, text: "a", result: many }], grid, false);
    expect([shaped.left, shaped.series.length, shaped.series[0]!.labels["i"]]).toEqual([5, SERIES_MAX, "5"]);
  });
  it("tells which queries answer native histograms", () => {
    const shaped = shape([{ query: 1, text: "h", result: { resultType: "matrix", result: [{ metric: {}, histograms: [[10, { count: "1", sum: "1" }]] }] } }], grid, true);
    expect([shaped.histograms, shaped.series]).toEqual([[1], []]);
  });
});

describe("names", () => {
  it("leave out what all share, and keep the metric where it differs", () => {
    expect(nameAll([{ labels: { __name__: "a", job: "x", zone: "1" }, text: "q" }, { labels: { __name__: "b", job: "y", zone: "1" }, text: "q" }])).toEqual({ common: [["zone", "1"]], names: ["a job=x", "b job=y"] });
  });
  it("fall back to the query", () => expect(nameAll([{ labels: {}, text: "sum(a)" }]).names).toEqual(["sum(a)"]));
});

describe("figures", () => {
  it("are of the values there are", () => expect(statsOf([null, 3, 1, null, 2, null])).toEqual({ last: 2, min: 1, max: 3, avg: 2 }));
  it("are none of nothing", () => expect(statsOf([null])).toEqual({ last: null, min: null, max: null, avg: null }));
});

describe("CSV", () => {
  it("quotes what needs it, and lets no cell be a formula", () => {
    expect(csvText([["a", 'b"c', "d,e"], ["-1.5", "=1+1", "-x"], ["+Inf", "@a", "two\nlines"]])).toBe('a,"b""c","d,e"\r\n-1.5,\'=1+1,\'-x\r\n+Inf,\'@a,"two\nlines"\r\n');
  });
});
