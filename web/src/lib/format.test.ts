// Numbers as text: units change at the right place, precision fits, nothing reads "1000 ms".
import { describe, expect, it } from "vitest";
import {
  formatAgo, formatBytes, formatCount, formatDuration, formatPercent, formatRate, formatUsd, formatValue, inline, named, msToNs, nsToMs, prettyJson, significant,
} from "./format";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("formatDuration", () => {
  const cases: [number, string][] = [
    [0, "0 ns"], [850, "850 ns"], [999.9, "1 µs"], [1000, "1 µs"], [12_345, "12.3 µs"], [999_999, "1 ms"], [2_340_000, "2.34 ms"],
    [999_999_999, "1 s"], [1_500_000_000, "1.5 s"], [59_999_999_999, "1 m"], [83e9, "1 m 23 s"], [3600e9, "1 h"], [7500e9, "2 h 5 m"],
    [86_400e9, "1 d"], [100 * 3600e9, "4 d 4 h"], [-1500, "−1.5 µs"], [Number.NaN, "NaN"],
  ];
  for (const [ns, text] of cases) it(`${ns} ns is ${text}`, () => expect(plain(formatDuration(ns))).toBe(text));

  it("never shows a number that belongs to the next unit", () => {
    for (let ns = 1; ns < 1e15; ns *= 1.37) {
      const [, amount, unit] = /^(\S+) (\S+)/.exec(plain(formatDuration(ns))) ?? [];
      expect(Number(amount), `${ns}`).toBeLessThan(unit === "s" || unit === "m" ? 60 : 1000);
    }
  });
});

describe("counts, bytes and money", () => {
  it("keeps small counts exact and shortens large ones", () => {
    expect([0, 7, 1234, 9999, 10_000, 999_999, 1_240_000, 3.1e9, 0.1234].map((n) => plain(formatCount(n))))
      .toEqual(["0", "7", "1,234", "9,999", "10 k", "1 M", "1.24 M", "3.1 G", "0.123"]);
  });
  it("uses binary units for bytes", () => {
    expect([0, 512, 1024, 1_572_864, 1_073_741_823].map((n) => plain(formatBytes(n)))).toEqual(["0 B", "512 B", "1 KiB", "1.5 MiB", "1 GiB"]);
  });
  it("gives money the digits it needs", () => {
    expect([0, 2e-7, 0.000076, 0.0042, 0.0245, 0.0999, 0.5, 1.239, 1240.4, -2].map(formatUsd)).toEqual(["$0", "<$0.000001", "$0.000076", "$0.0042", "$0.025", "$0.10", "$0.50", "$1.24", "$1,240", "−$2.00"]);
  });
  it("follows the unit of a metric", () => {
    expect([formatValue(0.25, "s"), formatValue(2048, "By"), formatValue(3, "1"), formatValue(Infinity, "s")].map(plain))
      .toEqual(["250 ms", "2 KiB", "3", "+∞"]);
  });
  it("keeps three significant digits", () => {
    expect([1, 1.5, 0.004204, 123456, 1e-9].map((n) => significant(n))).toEqual(["1", "1.5", "0.0042", "123456", "1.00e-9"]);
  });
});

describe("instants and values", () => {
  it("converts nanosecond strings past 2^53 without losing milliseconds", () => {
    expect(nsToMs("1763840000123456789")).toBe(1763840000123.456);
    expect(msToNs(1763840000123)).toBe("1763840000123000000");
  });
  it("says how long ago", () => {
    expect([0, 5_000, 150_000, 7_200_000, 3 * 86_400_000, -5000].map((back) => plain(formatAgo(1e12 - back, 1e12))))
      .toEqual(["just now", "5 s ago", "3 m ago", "2 h ago", "3 d ago", "in 5 s"]);
  });
  it("puts any JSON value on a line", () => {
    expect([null, "a", 1, true, { a: [1] }].map(inline)).toEqual(["", "a", "1", "true", '{"a":[1]}']);
  });
  it("pretty-prints only what is JSON", () => {
    expect(prettyJson('[{"role":"user"}]')).toBe('[\n  {\n    "role": "user"\n  }\n]');
    expect(prettyJson("{not json")).toBeUndefined();
    expect(prettyJson("plain")).toBeUndefined();
  });
});

describe("rates and shares", () => {
  it.each([[0, "0/s"], [0.0001, "0.36/h"], [0.01, "36/h"], [0.05, "3/min"], [1, "1/s"], [12.345, "12.3/s"], [12_345, "12.3 k/s"]])("%f a second is %s", (rate, text) => expect(plain(formatRate(rate))).toBe(text));
  it.each([[0, "0"], [0.00001, "<0.01 %"], [0.00421, "0.421 %"], [0.5, "50 %"], [0.9991, "99.9 %"], [0.9997, ">99.9 %"], [1, "100 %"], [203308.45, "20.3 M %"]])("%f is %s", (share, text) => expect(plain(formatPercent(share))).toBe(text));
});

describe("names from outside", () => {
  it("are shown as they are, without what would change the page", () => {
    expect(named("агент 研究 👩‍🔬")).toBe("агент 研究 👩‍🔬");
    expect(named("a\u202eb")).toBe("a\ufffdb");
  });

  it.each(["", "   ", "\u200b", "\u200d\u2060\ufeff", "\u3164", "\u2800"])("that nobody could see have words in their place", (text) => {
    expect(named(text)).toBe("no name");
    expect(named(text, "not told")).toBe("not told");
  });
});
