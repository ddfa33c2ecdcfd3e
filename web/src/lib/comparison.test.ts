// What counts as a difference, and how it is told.
import { describe, expect, it } from "vitest";
import type { NodeFigures } from "@/api/types";
import { changed, conditionOfValue, deltaText, liftText } from "./comparison";

const figures = (spans: number, ms: number, errors = 0): NodeFigures => ({ spans, errors, duration_ns: ms * 1e6, self_time_ns: 0 });

describe("places of two traces", () => {
  it.each([
    ["one side alone", figures(1, 5), null, true], ["another number of spans", figures(1, 5), figures(2, 5), true], ["more errors", figures(1, 5), figures(1, 5, 1), true],
    ["a tenth and more", figures(1, 100), figures(1, 120), true], ["less than that", figures(1, 100), figures(1, 105), false], ["hardly any time", figures(1, 0.1), figures(1, 0.9), false],
  ])("%s: differs %s", (_, left, right, differs) => expect(changed({ left, right })).toBe(differs));
  it("tell differences with their sign", () => {
    expect([deltaText(0), deltaText(1e6), deltaText(-2.5e9)].map((text) => text.replaceAll("\u00a0", " "))).toEqual(["0", "+1 ms", "−2.5 s"]);
  });
});

describe("values", () => {
  it.each([[null, "only here"], [Infinity, "only here"], [1.234, "1.23×"], [1234.5, "1,235×"]])("%s times as often is %s", (lift, text) => expect(liftText(lift)).toBe(text));
  it.each([
    [{ scope: "span", key: "http.method", value: "GET" }, 'span.http.method = "GET"'], [{ scope: "resource", key: "a b", value: 5 }, 'resource."a b" = 5'],
    [{ scope: "intrinsic", key: "status", value: "error" }, "status = error"], [{ scope: "intrinsic", key: "name", value: "x" }, 'name = "x"'], [{ scope: "span", key: "list", value: [1] }, undefined],
  ])("%o is %s", (value, text) => expect(conditionOfValue(value)).toBe(text));
});
