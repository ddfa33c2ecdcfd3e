// Selectors in a query: found by the grammar, edited in place.
import { describe, expect, it } from "vitest";
import { metricsOf, quantileOf, selectorsOf, setLabel } from "./selectors";

describe("selectors", () => {
  it("are found wherever they stand", () => {
    expect(selectorsOf('sum by (job) (rate(a_total{x="1", y=~"2|3"}[5m])) / on (job) b').map(({ name, matchers }) => ({ name, matchers }))).toEqual([
      { name: "a_total", matchers: [{ name: "x", op: "=", value: "1" }, { name: "y", op: "=~", value: "2|3" }] }, { name: "b", matchers: [] },
    ]);
  });
  it("name metrics in braces too", () => expect(metricsOf('{"http.requests", "service.name"="a"} + {__name__="up"} + up')).toEqual(["http.requests", "up"]));
  it("have their strings without quotes and escapes", () => expect(selectorsOf("a{x='it\\'s', y=`\\d`, z=\"a\\\"b\"}")[0]!.matchers.map((one) => one.value)).toEqual(["it's", "\\d", 'a"b']));
  it("are found in what is not complete yet", () => expect(metricsOf("sum(rate(a_total[5m]")).toContain("a_total"));
  it("are none in numbers and strings", () => expect(selectorsOf('1 + 2')).toEqual([]));
});

describe("a label filter", () => {
  it.each([
    ["up", "job", "a", 'up{job="a"}'],
    ['rate(a_total{x="1"}[5m])', "job", "a", 'rate(a_total{x="1", job="a"}[5m])'],
    ['a{job=~"b|c", x="1"}', "job", "a", 'a{job="a", x="1"}'],
    ['a{job!="b", job!="c"}', "job", "a", 'a{job="a"}'],
    ["a / b", "job", "x", 'a{job="x"} / b{job="x"}'],
    ['{"http.requests"}', "service.name", 'q"', '{"http.requests", "service.name"="q\\""}'],
    ['sum by (job) (a{job="b"})', "job", "c", 'sum by (job) (a{job="c"})'],
  ])("in %s", (query, label, value, edited) => expect(setLabel(query, label, value)).toBe(edited));
  it.each([
    ['up{job="a"}', "up"], ['up{job="a", x="1"}', 'up{x="1"}'], ["up", "up"], ['{job="a"}', '{__name__!=""}'],
  ])("taken out of %s", (query, edited) => expect(setLabel(query, "job", null)).toBe(edited));
  it("stays the same when it is put twice", () => expect(setLabel(setLabel("a + b", "x", "1"), "x", "1")).toBe('a{x="1"} + b{x="1"}'));
});

describe("the percentile of native histograms", () => {
  it("is of what came lately for running totals, and of the query itself otherwise", () => {
    expect(quantileOf('h{x="1"} ')).toBe('histogram_quantile(0.95, sum(rate(h{x="1"}[5m])))');
    expect(quantileOf("sum(rate(h[1m]))")).toBe("histogram_quantile(0.95, sum(rate(h[1m])))");
  });
});
