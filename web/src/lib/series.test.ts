// Metric series: rates over resets and gaps, alignment on one grid, names without what all share.
import { describe, expect, it } from "vitest";
import { align, lastValue, nameSeries, pointsOf, rate } from "./series";

describe("rate", () => {
  it("is the increase per second", () => expect(rate([[0, 10], [1000, 15], [3000, 15]], 10_000)).toEqual([[1000, 5], [3000, 0]]));
  it("counts from zero after a reset", () => expect(rate([[0, 100], [1000, 4]], 10_000)).toEqual([[1000, 4]]));
  it("does not join over a gap or a missing value", () => {
    expect(rate([[0, 1], [60_000, 2]], 30_000)).toEqual([[60_000, null]]);
    expect(rate([[0, 1], [1000, null], [2000, 5], [3000, 6]], 30_000)).toEqual([[1000, null], [3000, 1]]);
  });
  it("is never negative", () => {
    const points = Array.from({ length: 200 }, (_, i): [number, number] => [i * 1000, (i * 7919) % 83]);
    expect(rate(points, 5000).every(([, value]) => value === null || value >= 0)).toBe(true);
  });
});

describe("align", () => {
  it("puts series on one grid and fills short holes straight", () => {
    expect(align([[[0, 0], [2000, 2]], [[1000, 5], [3000, 7]]], 5000)).toEqual({ times: [0, 1000, 2000, 3000], values: [[0, 1, 2, null], [null, 5, 6, 7]] });
  });
  it("breaks the line where nothing came", () => {
    expect(align([[[0, 1], [60_000, 2]]], 5000)).toEqual({ times: [0, 1, 60_000], values: [[1, null, 2]] });
  });
  it("takes no series", () => expect(align([], 1)).toEqual({ times: [], values: [] }));
});

describe("names", () => {
  it("leave out what all series share", () => {
    expect(nameSeries([{ __name__: "m", job: "a", zone: "x" }, { __name__: "m", job: "b", zone: "x" }])).toEqual({ common: [["zone", "x"]], names: ["a", "b"] });
    expect(nameSeries([{ __name__: "m", job: "a", i: "1" }, { __name__: "m", job: "b", i: "2" }]).names).toEqual(["job=a, i=1", "job=b, i=2"]);
  });
  it("put the instance last", () => expect(nameSeries([{ instance: "x", job: "a" }, { instance: "y", job: "b" }]).names[0]).toBe("job=a, instance=x"));
  it("of a single series say all", () => expect(nameSeries([{ __name__: "m", job: "a" }]).names).toEqual(["job=a"]));
  it("of a series without labels are the metric's", () => expect(nameSeries([{ __name__: "m" }]).names).toEqual(["m"]));
});

describe("points", () => {
  it("drop what is not a number, and count native histograms", () => {
    const base = { labels: {}, exemplars: [] };
    expect(pointsOf({ ...base, points: [[1, 2], [2, "NaN"]], histograms: [] })).toEqual([[1, 2], [2, null]]);
    expect(pointsOf({ ...base, points: [], histograms: [[1, { count: 9, sum: 1, buckets: [] }]] })).toEqual([[1, 9]]);
  });
  it("have a last value", () => expect([lastValue([1, null, 3, null]), lastValue([null])]).toEqual([3, null]));
});
