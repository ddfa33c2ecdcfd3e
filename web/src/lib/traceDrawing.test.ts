// What is drawn over a trace: the critical path on bars, and the part of time that is shown.
import { describe, expect, it } from "vitest";
import { criticalTime, drawnStretches, stretchesOf } from "./criticalPath";
import { between, isWhole, moved, whole, zoomed } from "./timeView";

const T0 = 1_763_840_000_000_000_000n;
const part = (span_id: string, from: number, to: number) => ({ span_id, start_time_unix_nano: String(T0 + BigInt(from)), end_time_unix_nano: String(T0 + BigInt(to)) });

describe("the critical path", () => {
  it("is stretches of each span, to the nanosecond, those that touch joined", () => {
    const stretches = stretchesOf([part("root", 0, 10), part("child", 10, 90), part("root", 90, 95), part("root", 95, 101)], T0);
    expect(stretches.get("root")).toEqual([{ from: 0, to: 10 }, { from: 90, to: 101 }]);
    expect(stretches.get("child")).toEqual([{ from: 10, to: 90 }]);
    expect(criticalTime(stretches.get("root"))).toBe(21);
    expect(criticalTime(undefined)).toBe(0);
  });
  it("takes segments in any order, and those that end before they begin not at all", () => {
    expect(stretchesOf([part("a", 50, 60), part("a", 0, 10), part("a", 5, 2)], T0).get("a")).toEqual([{ from: 0, to: 10 }, { from: 50, to: 60 }]);
  });
  it("is cut to what is shown", () => {
    expect(drawnStretches([{ from: 0, to: 10 }, { from: 20, to: 40 }, { from: 90, to: 95 }], { from: 5, to: 30 })).toEqual([{ from: 5, to: 10 }, { from: 20, to: 30 }]);
  });
  it("draws no more parts than can be told apart", () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ from: i * 10, to: i * 10 + 9 }));
    expect(drawnStretches(many, { from: 0, to: 200_000 })).toEqual([{ from: 0, to: 199_999 }]);
    expect(drawnStretches(many.filter((_, i) => i % 2 === 0), { from: 0, to: 200_000 }).length).toBeLessThan(1500);
  });
});

describe("the view", () => {
  it("is made from either side, inside the trace, never empty", () => {
    expect(between(80, 20, 100)).toEqual({ from: 20, to: 80 });
    expect(between(-5, 500, 100)).toEqual({ from: 0, to: 100 });
    const least = between(100, 100, 100);
    expect(least.to - least.from).toBeGreaterThan(0);
    expect(least.to).toBeLessThanOrEqual(100);
  });
  it("moves as far as the trace goes", () => {
    expect(moved({ from: 20, to: 40 }, 30, 100)).toEqual({ from: 50, to: 70 });
    expect(moved({ from: 20, to: 40 }, 300, 100)).toEqual({ from: 80, to: 100 });
    expect(moved({ from: 20, to: 40 }, -300, 100)).toEqual({ from: 0, to: 20 });
  });
  it("zooms around an instant, and out to all of it", () => {
    expect(zoomed({ from: 0, to: 100 }, 0.5, 20, 100)).toEqual({ from: 10, to: 60 });
    expect(zoomed({ from: 10, to: 60 }, 2, 20, 100)).toEqual(whole(100));
    expect(isWhole(zoomed({ from: 10, to: 60 }, 4, 20, 100), 100)).toBe(true);
  });
});
