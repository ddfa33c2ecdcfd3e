// TraceQL as text: what the form reads and writes, what completion sees, what links mean.
import { describe, expect, it } from "vitest";
import { add, durationCondition, find, isLongest, isMetric, isName, isService, isShortest, isStatus, others, readQuery, replace, setOf, textOf, withNames } from "./traceql";
import { placeOf, restOf } from "./traceqlPlace";
import { attributeField, callQuery, literalOf, operationQuery, queryOfOldFilters, serviceCondition, typedLiteral } from "./traceqlText";
import { tokens } from "./traceqlTokens";

const AGENT = '{ resource.service.name = "agent" && status = error && span."odd name" != nil && duration >= 1.5s }';

describe("tokens", () => {
  it("keep names of attributes whole, also with parts in quotes", () => {
    expect(tokens('{ span."a b".c =~ `x|y` && .http-code>=500||duration<1h30m } // end').map((one) => one.text)).toEqual(
      ["{", 'span."a b".c', "=~", "`x|y`", "&&", ".http-code", ">=", "500", "||", "duration", "<", "1h30m", "}"]);
  });
  it.each([['{ a = "b', true], ['{ a = "b\\"', true], ['{ a = "b"', false], ["{ a = `b", true], ['{ span."a', true]])("%s: open %s", (text, open) => expect(tokens(text).at(-1)?.open).toBe(open));
});

describe("reading", () => {
  it("finds the conditions that && joins", () => {
    expect(readQuery(AGENT)?.conditions.map(({ field, op, value }) => [field, op, value])).toEqual([
      ["resource.service.name", "=", '"agent"'], ["status", "=", "error"], ['span."odd name"', "!=", "nil"], ["duration", ">=", "1.5s"],
    ]);
  });
  it("takes what brackets hold as one condition, and what || joins as a whole", () => {
    expect(readQuery('{ (.a = 1 || .b = 2) && name = "x" }')?.conditions.map((one) => one.text)).toEqual(["(.a = 1 || .b = 2)", 'name = "x"']);
    expect(readQuery("{ .a = 1 || .b = -2 }")).toMatchObject({ either: true, conditions: [{ text: ".a = 1 || .b = -2" }] });
  });
  it.each(["", "{", "{ name = ", '{ name = "', "} {", "nonsense", "{ {} }"])("makes nothing of %j", (query) => expect(readQuery(query)).toBeUndefined());
  it("offers the form what is its own", () => {
    expect(textOf(find(AGENT, isService)?.value ?? "")).toBe("agent");
    expect(find(AGENT, isStatus)?.value).toBe("error");
    expect(find(AGENT, isName)).toBeUndefined();
    expect(find(AGENT, isShortest("span"))?.value).toBe("1.5s");
    expect(find(AGENT, isLongest("span"))).toBeUndefined();
    expect(others(AGENT).map((one) => one.text)).toEqual(['span."odd name" != nil']);
  });
  it.each([
    ["{} | rate()", true], ["{} | quantile_over_time(duration, .9) by (name)", true], ['{ name = "| rate(" }', false],
    ["{} | count() > 2", false], ["{ .rate = 1 } | select(.rate)", false], ["({} | rate()) + ({} | rate())", true], ["{} | compare({ status = error })", true],
  ])("%s answers numbers: %s", (query, metric) => expect(isMetric(query)).toBe(metric));
});

describe("editing", () => {
  it.each([
    ["{}", "{ status = error }"],
    ["", "{ status = error }"],
    ["| rate()", "{ status = error } | rate()"],
    ["{ status = ok && .a = 1 } | select(.b)", "{ status = error && .a = 1 } | select(.b)"],
    ["{ .a = 1 || .b = 2 }", "{ (.a = 1 || .b = 2) && status = error }"],
    ["{ .a = 1 } >> { status = ok }", "{ .a = 1 && status = error } >> { status = ok }"],
    ["{ name = ", "{ name = "],
  ])("writes a condition into %j", (query, next) => expect(replace(query, isStatus, "status = error")).toBe(next));
  it("takes a condition out, and the last leaves every span", () => {
    expect(replace("{ .a = 1 && status = error } | rate()", isStatus, undefined)).toBe("{ .a = 1 } | rate()");
    expect(replace("{ status = error }", isStatus, undefined)).toBe("{}");
    expect(replace("{ .a = 1 }", isStatus, undefined)).toBe("{ .a = 1 }");
  });
  it("adds a condition once", () => {
    const once = add("{}", ".a = 1");
    expect(once).toBe("{ .a = 1 }");
    expect(add(once, ".a = 1")).toBe(once);
    expect(setOf(`${once} | rate()`)).toBe(once);
  });
  it("writes durations with their unit", () => {
    expect(durationCondition("trace", ">=", "250ms")).toBe("traceDuration >= 250ms");
    expect(durationCondition("span", "<=", "100")).toBe("duration <= 100ns");
  });
});

describe("writing", () => {
  it.each([
    ["http.method", "span", "span.http.method"], ["a b", "resource", 'resource."a b"'], ['q"uote', undefined, '."q\\"uote"'], ["k8s/pod-name", undefined, ".k8s/pod-name"],
  ] as const)("names %s of %s as %s", (name, scope, text) => expect(attributeField(name, scope)).toBe(text));
  it.each([["x", '"x"'], ['a"b', '`a"b`'], [5, "5"], [-1.5, "-1.5"], [true, "true"], [1e300, undefined], [Number.NaN, undefined], [null, undefined], [{}, undefined]])("%o is %s", (value, text) => expect(literalOf(value)).toBe(text));
  it.each([["504", "504"], ["true", "true"], ["abc", '"abc"'], ['"504"', '"504"'], ["1e5", '"1e5"']])("takes %s as %s", (typed, text) => expect(typedLiteral(typed)).toBe(text));
  it("asks for an operation, and for calls between services", () => {
    expect(operationQuery("a", "GET /", "server")).toBe('{ resource.service.name = "a" && name = "GET /" && kind = server }');
    expect(callQuery("a", "b")).toBe('{ resource.service.name = "a" } > { resource.service.name = "b" }');
  });
  it.each([
    [{}, "{}"],
    [{ service: "a", status: "error", min: "250ms", max: "3000000" }, '{ resource.service.name = "a" && status = error && traceDuration >= 250ms && traceDuration <= 3000000ns }'],
    [{ name: "x", attributes: ["user.id=u-1", "http.response.status_code=504", "=x"] }, '{ name = "x" && .user.id = "u-1" && (.http.response.status_code = 504 || .http.response.status_code = "504") }'],
  ])("an older link %o is %s", (old, query) => expect(queryOfOldFilters(old)).toBe(query));
  it("reads what it writes", () => {
    expect(textOf(find(`{ ${serviceCondition('a "b" \\c')} }`, isService)?.value ?? "")).toBe('a "b" \\c');
  });
});

describe("names of spans", () => {
  it.each(["{}", "{ name = `x` } >> { status = error }", "{} | count() > 2", "{} | select(span.a)", "({ .a = 1 }) | by(name)"])("are asked for too by %s", (query) => expect(withNames(`${query} `)).toBe(`${query} | select(name)`));
  it.each(["", "{", "{} |", "{} >>", "{} | count() >", "{} | select(", "{} with (most_recent=true)", "{} // all", '{ name = "x'])("are not by %j", (query) => expect(withNames(query)).toBe(query));
});

describe("the place of the cursor", () => {
  it.each([
    ["", "start"], ["{", "field"], ["{ res", "field"], ["{ resource.service.name", "field"], ["{ status ", "operator"], ["{ status = ", "value"], ["{ status = er", "value"],
    ['{ .a = "x', "value"], ['{ .a = "x"', "none"], ['{ .a = "x" ', "join"], ['{ .a = "x" && ', "field"], ["{ (name ", "operator"], ["{ .a = 5 && (.b = 1) ", "join"],
    ["{} ", "next"], ["{} | ", "stage"], ["{} | ra", "stage"], ["{} | rate() ", "next"], ["{} | rate() by (", "field"], ["{} | rate() by (name, span.h", "field"], ["{} | select(", "field"],
    ["{} >> ", "start"], ["{} | rate() with (", "hint"], ["({", "field"], ["{ .a = 5", "value"], ["{} // {", "none"], ["{} | quantile_over_time(duration, .9", "none"],
  ])("behind %j it is %s", (text, kind) => expect(placeOf(text).kind).toBe(kind));
  it("knows the field, the quote and where writing began", () => {
    expect(placeOf('{ name = "x" && span."a b" =~ "ab')).toEqual({ kind: "value", field: 'span."a b"', quote: '"', from: 30 });
  });
  it.each([
    ['{ resource.service.name = "a" && name = "', undefined, '{ resource.service.name = "a" }'],
    ['{ name = "x" && resource.service.name = "a" }', 10, '{ resource.service.name = "a" }'],
    ["{ name = ", undefined, undefined], ["{ .a = 1 || name = ", undefined, undefined], ["", undefined, undefined],
    ['{ .a = 1 } >> { .b = 2 && .c = "', undefined, "{ .b = 2 }"],
  ])("the rest of %j is asked by", (query, at, rest) => expect(restOf(query, at ?? query.length)).toBe(rest));
});
