// LogQL as text: links of older versions, literals, where errors are, and where the cursor stands for completion.
import { describe, expect, it } from "vitest";
import { fieldName, literal, logqlErrorPlace, queryOfFilters, traceQuery } from "./logqlText";
import { placeOf } from "./logqlPlace";

describe("older filters", () => {
  it.each([
    [{}, '{service_name=~".+"}'],
    [{ service: 'a"b' }, '{service_name="a\\"b"}'],
    [{ text: "1+1" }, '{service_name=~".+"} |~ `(?i)1\\+1`'],
    [{ levels: ["warning", "error", "nonsense"] }, '{service_name=~".+"} | detected_level=~"warn|error"'],
    [{ attributes: ["user.id=42", "k=a=b", "=x", "y"] }, '{service_name=~".+"} | user_id="42" | k="a=b"'],
    [{ trace: "ab", span: "cd", service: "x" }, '{service_name="x"} | trace_id="ab" | span_id="cd"'],
  ])("%o", (old, query) => expect(queryOfFilters(old)).toBe(query));
  it("of a trace of 64 bits find its id in either length", () => {
    expect(traceQuery("0".repeat(16) + "0123456789abcdef")).toBe(`{service_name=~".+"} | trace_id=~"${"0".repeat(16)}0123456789abcdef|0123456789abcdef"`);
    expect(traceQuery("1".repeat(32), "ab")).toBe(`{service_name=~".+"} | trace_id="${"1".repeat(32)}" | span_id="ab"`);
  });
});

describe("names and literals", () => {
  it.each([["service.name", "service_name"], ["9lives", "_9lives"], ["a-b/c", "a_b_c"], ["ok_1", "ok_1"]])("%s is the field %s", (name, field) => expect(fieldName(name)).toBe(field));
  it.each([["plain", '"plain"'], ['a"b', '`a"b`'], ["a\\d", "`a\\d`"], ['a"`', '"a\\"`"'], ['a"\n', '"a\\"\\n"']])("%s is written %s", (text, written) => expect(literal(text)).toBe(written));
});

describe("the place of an error", () => {
  const at = (query: string, message: string): string | undefined => { const place = logqlErrorPlace(query, message); return place && query.slice(place.from, place.to); };
  it.each([
    ['{a="b"} | jsn', "parse error at line 1, col 11: syntax error: unexpected IDENTIFIER", "jsn"],
    ['{a="b"}\n|= x', "parse error at line 2, col 4: syntax error: unexpected IDENTIFIER", "x"],
    ['{a="日本"} | !', "parse error at line 1, col 12: unexpected", "!"],
    ['{a="b"} |', "parse error at line 1, col 10: syntax error: unexpected $end", "|"],
    ["{}", "parse error : queries require at least one regexp or equality matcher that does not have an empty-compatible value.", "{}"],
    ['rate({a=~".*"}[1m])', "parse error : queries require at least one regexp or equality matcher that does not …", '{a=~".*"}'],
  ])("%s: %s", (query, message, text) => expect(at(query, message)).toBe(text));
  it("is nowhere where the message names none", () => expect([at("x", "the query took too long"), at("x", "parse error at line 7, col 1: y"), at("", "parse error at line 1, col 1: y")]).toEqual([undefined, undefined, undefined]));
});

describe("what is completed", () => {
  it.each([
    ["", "function", ""], ["cou", "function", "cou"], ["sum(", "function", ""], ["sum by (", "grouping", ""], ["sum by (a, le", "grouping", "le"], ['sum(rate({a="b"}[5m])) / cou', "function", "cou"],
    ["{", "label", ""], ["{ap", "label", "ap"], ['{a="b", ', "label", ""], ['{a="b", c', "label", "c"],
    ['{a="', "value", '"'], ["{a=~`x", "value", "`x"], ['{a="b", c!="d', "value", '"d'], ["{a=", "value", ""],
    ['{a="b"} ', "next", ""], ['{a="b"} | json ', "next", ""], ['{a="b"} |= "x" ', "next", ""],
    ['{a="b"} |', "stage", ""], ['{a="b"} | js', "stage", "js"], ['{a="b"} | json | ', "stage", ""], ['sum(rate({a="b"} | js', "stage", "js"],
    ['{a="b"} | level="', "fieldValue", '"'], ['{a="b"} | json | x=~"y', "fieldValue", '"y'], ['{a="b"} | x="1" or y=', "fieldValue", ""],
    ['{a="b"} | x="1" or ', "field", ""], ['{a="b"} | x="1" and le', "field", "le"], ['{a="b"} | drop ', "field", ""], ['{a="b"} | keep a, b', "field", "b"], ['{a="b"} | unwrap du', "field", "du"], ['{a="b"} | unwrap duration(', "field", ""],
    ['{a="b"} |= "', "none", '"'], ['{a="b"} |= "some text', "none", ""], ['rate({a="b"}[', "range", ""], ['rate({a="b"}[5', "range", "5"], ["# a comm", "none", ""], ['{a="b"} | x > 5', "none", ""],
  ])("behind %s", (text, kind, written) => {
    const place = placeOf(text);
    expect(place.kind).toBe(kind);
    if (kind !== "none") expect(text.slice(place.from)).toBe(written);
  });
  it("knows the label, the quote and the pipeline before it", () => {
    expect(placeOf('{a="b", c="d')).toMatchObject({ name: "c", quote: '"' });
    expect(placeOf('sum(rate({a="b"} | json | x="')).toMatchObject({ name: "x", before: '{a="b"} | json', quote: '"' });
    expect(placeOf('rate({a="b"}[1m]) / rate({c="d"} |= "x" | ').before).toBe('{c="d"} |= "x"');
  });
});
