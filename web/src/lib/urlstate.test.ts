// The URL as state: both ways for search values and time ranges, and nonsense in a URL does no harm.
import { describe, expect, it } from "vitest";
import { isDurationFilter, parseSpan, rangeLabel, readRange, resolveRange, spanText, writeRange, DEFAULT_RANGE } from "./range";
import { many, one, parseSearch, sameSearch, stringifySearch, toggle } from "./urlstate";

describe("search", () => {
  const cases: Record<string, string | string[]>[] = [
    {}, { a: "1" }, { q: "a b+c&d=e#f", attr: ["http.route=/v1/chat", "user.id=42"] }, { text: "ü 😀 %41 \\ \"" }, { from: "1763840000000" },
  ];
  for (const search of cases) {
    it(`survives the round trip: ${JSON.stringify(search)}`, () => expect(parseSearch(stringifySearch(search))).toEqual(search));
  }
  it("leaves out what is empty and stays legible", () => {
    expect(stringifySearch({ a: undefined, b: "", c: [], d: "x y" })).toBe("?d=x+y");
    expect(stringifySearch({ attr: ["http.route=/v1/a"] })).toBe("?attr=http.route=/v1/a");
  });
  it("reads one or many whatever the URL holds", () => {
    const search = parseSearch("?a=1&a=2&a=1&b=");
    expect([one(search, "a"), one(search, "b"), one(search, "c")]).toEqual(["1", undefined, undefined]);
    expect([many(search, "a"), many(search, "b")]).toEqual([["1", "2"], undefined]);
  });
  it("takes lone surrogates", () => expect(stringifySearch({ a: "\ud800" })).toBe("?a=%EF%BF%BD"));
  it("toggles items of a list", () => {
    expect(toggle(undefined, "x")).toEqual(["x"]);
    expect(toggle(["x"], "x")).toBeUndefined();
  });
  it("compares searches by meaning", () => expect(sameSearch({ a: "1", b: undefined }, { a: "1" })).toBe(true));
});

describe("time ranges", () => {
  it("survive the round trip", () => {
    for (const range of [DEFAULT_RANGE, { kind: "relative", ms: 900_000 }, { kind: "relative", ms: 86_400_000 }, { kind: "absolute", from: 1e12, to: 1e12 + 5 }] as const) {
      expect(readRange(writeRange(range))).toEqual(range);
    }
  });
  it("fall back to the default when the URL is wrong", () => {
    for (const search of [{}, { range: "soon" }, { range: "-1h" }, { from: "5", to: "4" }, { from: "a", to: "9" }, { from: "5" }]) {
      expect(readRange(search)).toEqual(DEFAULT_RANGE);
    }
  });
  it("leave a clean URL for the default", () => expect(stringifySearch(writeRange(DEFAULT_RANGE))).toBe(""));
  it("resolve against the moment", () => {
    expect(resolveRange({ kind: "relative", ms: 10 }, 100)).toEqual({ start: 90, end: 100 });
  });
  it("read and write spans", () => {
    expect(["90s", "1.5h", "2d", "1w", "0s", "x"].map(parseSpan)).toEqual([90_000, 5_400_000, 172_800_000, 604_800_000, undefined, undefined]);
    expect([90_000, 5_400_000, 86_400_000, 172_800_000, 500].map(spanText)).toEqual(["90s", "90m", "24h", "2d", "500ms"]);
  });
  it("have names", () => expect(rangeLabel({ kind: "relative", ms: 900_000 })).toBe("Last 15 minutes"));
  it("accept the API's durations", () => {
    expect(["250ms", "1.5s", "2m", "1h", "5000", "1 s", "fast", ""].map(isDurationFilter)).toEqual([true, true, true, true, true, false, false, false]);
  });
});
