// Bars by level, and patterns over time.
import { describe, expect, it } from "vitest";
import { patternRows, volumeOf, volumeStep } from "./logVolume";

describe("bars", () => {
  it.each([[60_000, 1000], [3_600_000, 60_000], [86_400_000, 1_800_000], [7 * 86_400_000, 7_200_000], [500, 10], [40 * 365 * 86_400_000, 163 * 86_400_000]])("of %i ms are %i ms wide", (range, step) => expect(volumeStep({ start: 0, end: range })).toBe(step));
  it("are never more than fit", () => {
    for (const range of [1, 999, 12_345, 3_600_000, 86_400_000 * 31, 86_400_000 * 4000]) expect(range / volumeStep({ start: 0, end: range })).toBeLessThanOrEqual(90);
  });
  it("hold what was counted up to their end, by level in order, words for one level together", () => {
    const volume = volumeOf([
      { metric: { detected_level: "critical" }, values: [[10, "1"]] },
      { metric: { detected_level: "info" }, values: [[10, "4"], [30, "2"]] },
      { metric: { detected_level: "fatal" }, values: [[10, "2"], [20, "5"]] },
      { metric: {}, values: [[20, "1"]] },
      { metric: { detected_level: "warn" }, values: [[40, "9"], [0, "9"]] },
    ], { start: 0, end: 30_000, step: 10_000 });
    expect(volume.times).toEqual([0, 10_000, 20_000]);
    expect(volume.levels).toEqual([
      { level: "info", values: [4, 0, 2], total: 6 }, { level: "warn", values: [0, 0, 0], total: 0 }, { level: "fatal", values: [3, 5, 0], total: 8 }, { level: "unknown", values: [0, 1, 0], total: 1 },
    ]);
    expect(volume.total).toBe(15);
  });
});

describe("patterns", () => {
  it("are counted over the range, each once, with their share", () => {
    const rows = patternRows([
      { pattern: "a <_>", level: "info", samples: [[0, 1], [10, 2]] }, { pattern: "b", samples: [[29, 2], [31, 1]] }, { pattern: "a <_>", level: "error", samples: [[10, 3]] }, { pattern: "none", samples: [] },
    ], { start: 0, end: 30_000 }, 10_000);
    expect(rows).toEqual([
      { pattern: "a <_>", count: 6, share: 6 / 9, part: 1, values: [1, 5, 0] }, { pattern: "b", count: 3, share: 3 / 9, part: 0.5, values: [0, 0, 3] },
    ]);
  });
  it("are none where there are no lines", () => expect(patternRows([], { start: 0, end: 1 }, 1)).toEqual([]));
});
