// PromQL: the query of each kind, selectors, steps and their grid, where errors are, units of answers.
import { describe, expect, it } from "vitest";
import { chooseStep, errorPlace, errorText, gridOf, kindOfName, queryForMetric, selectorText, unitOfQuery } from "./promql";
import { countBy, named } from "./queries";

describe("the query for a metric", () => {
  it.each([
    ["requests_total", "counter", "rate(requests_total[5m])"],
    ["queue_depth", "gauge", "queue_depth"],
    ["latency_seconds_bucket", "histogram", "histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[5m])))"],
    ["latency_seconds", "histogram", "histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[5m])))"],
    ["latency_seconds_count", "histogram", "rate(latency_seconds_count[5m])"],
    ["latency_seconds", "exponential_histogram", "histogram_quantile(0.95, sum(rate(latency_seconds[5m])))"],
    ["gc_seconds", "summary", "gc_seconds"],
    ["gc_seconds_sum", "summary", "rate(gc_seconds_sum[5m])"],
    ["up", "unknown", "up"],
  ] as const)("%s, a %s", (name, kind, query) => expect(queryForMetric(name, kind)).toBe(query));
  it("has label filters inside", () => expect(queryForMetric("requests_total", "counter", [{ name: "job", op: "=", value: 'a"b\\c' }])).toBe('rate(requests_total{job="a\\"b\\\\c"}[5m])'));
  it("is of the values where those are asked for", () => expect(queryForMetric("requests_total", "counter", [], "value")).toBe("requests_total"));
  it("guesses the kind of a name that nobody knows", () => expect(["a_total", "a_bucket", "a"].map(kindOfName)).toEqual(["counter", "histogram", "unknown"]));
});

describe("selectors", () => {
  it("quote names that the language does not take bare", () => {
    expect(selectorText("http.requests")).toBe('{"http.requests"}');
    expect(selectorText("http.requests", [{ name: "service.name", op: "=~", value: "a|b" }])).toBe('{"http.requests", "service.name"=~"a|b"}');
    expect(selectorText("", [{ name: "job", op: "!=", value: "" }])).toBe('{job!=""}');
  });
  it("rank by labels", () => expect(countBy(["job", "service.name"], named("a.b"))).toBe('topk(20, count by (job, "service.name") ({__name__="a.b"}))'));
});

describe("the step", () => {
  it.each([[300_000, 1000, 1000], [3_600_000, 900, 15_000], [3_600_000, 300, 60_000], [86_400_000, 900, 300_000], [30 * 86_400_000, 900, 10_800_000]])("of %i ms in %i px is %i ms", (range, width, step) => expect(chooseStep(range, width)).toBe(step));
  it("never asks for more points than there are pixels to see, nor for more than the server answers", () => {
    for (const range of [1, 60_000, 3_600_000, 86_400_000 * 365, 86_400_000 * 365 * 40]) {
      for (const width of [1, 300, 1200, 100_000]) {
        const points = range / chooseStep(range, width);
        expect(points).toBeLessThanOrEqual(Math.min(11_000, Math.max(20, width / 3)));
        expect(chooseStep(range, width) % 1000).toBe(0);
      }
    }
  });
  it("keeps both ends on its multiples, so that a range that moved on a little is the same", () => {
    const grid = gridOf({ start: 1_000_003, end: 4_600_003 }, 900);
    expect(grid).toEqual({ start: 990_000, end: 4_590_000, step: 15_000 });
    expect(gridOf({ start: 1_000_903, end: 4_600_903 }, 900)).toEqual(grid);
  });
});

describe("the place of an error", () => {
  it("is where the server says", () => expect(errorPlace("sum(foo bar)", "1:9: parse error: unexpected identifier")).toEqual({ from: 8, to: 11 }));
  it("counts lines", () => expect(errorPlace("sum(\n  foo(1))", "2:3: parse error: unknown function")).toEqual({ from: 7, to: 10 }));
  it("counts bytes", () => expect(errorPlace('{a="äö"} bad', "1:12: parse error: x")).toEqual({ from: 9, to: 12 }));
  it("marks the last character when the query ends too early", () => expect(errorPlace("sum(", "1:5: parse error: unclosed left parenthesis")).toEqual({ from: 3, to: 4 }));
  it("is none where the message has none, or one that is not in the query", () => {
    expect(errorPlace("a", "too many samples")).toBeUndefined();
    expect(errorPlace("a", "7:1: parse error: x")).toBeUndefined();
  });
  it("is told without the parameter's name", () => expect(errorText('invalid parameter "query": 1:5: parse error: x')).toBe("1:5: parse error: x"));
});

describe("the unit of an answer", () => {
  it.each([
    ["process_resident_memory_bytes", "process_resident_memory_bytes", "By"],
    ["sum by (job) (rate(sent_bytes_total[5m]))", "sent_bytes_total", "By/s"],
    ["rate(cpu_seconds_total[5m])", "cpu_seconds_total", ""],
    ["histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[5m])))", "latency_seconds_bucket", "s"],
    ["latency_seconds_count", "latency_seconds_count", ""],
    ['topk(20, count by (job) ({__name__="a_bytes"}))', "a_bytes", ""],
    ["a_bytes / b_bytes", "a_bytes", ""],
    ['max(a_seconds{path="/x/*"})', "a_seconds", "s"],
    ["up", "up", ""],
  ])("%s", (query, metric, unit) => expect(unitOfQuery(query, metric, undefined)).toBe(unit));
  it("is what the metric was told to be in, before its name", () => expect(unitOfQuery("temperature", "temperature", "Cel")).toBe("Cel"));
});
