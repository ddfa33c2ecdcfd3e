// LogQL read and edited by its grammar: what clicks on values, levels and patterns make of a query.
import { describe, expect, it } from "vitest";
import { addFilter, addLineFilter, hasParser, isMetric, levelsOf, marksOf, readQuery, selectorOf, selectorWithout, setLevels, setMatcher, setText, textOf, volumeQuery, type FieldFilter } from "./logql";

const field = (kind: FieldFilter["kind"], name: string, value: string, keep = true, parser?: string): FieldFilter => ({ kind, name, value, keep, parser });

describe("a query", () => {
  it.each([
    ['{a="b"}', false], ['{a="b"} |= "rate(" | json', false], ['rate({a="b"}[5m])', true], ['sum by (x) (count_over_time({a="b"} | json [1m])) / 2', true], ["vector(1)", true],
    ["", false], ["{a=", false], ["sum by (x) (rate({", true], ['# rate(\n{a="b"}', false],
  ])("%s is of numbers: %s", (query, metric) => expect(isMetric(query)).toBe(metric));
  it("has a selector, matchers and stages", () => {
    const read = readQuery('sum(rate({app="x", env=~"y.*"} |= "a" != `b` | json | duration_ms > 5 or level="error" [5m]))');
    expect(read?.kind).toBe("metric");
    expect(read?.matchers.map(({ name, op, value }) => [name, op, value])).toEqual([["app", "=", "x"], ["env", "=~", "y.*"]]);
    expect(read?.stages.map((stage) => [stage.name, stage.parser, stage.fallible])).toEqual([["LineFilters", undefined, false], ["LabelParser", "json", true], ["LabelFilter", undefined, true]]);
    expect(read?.stages[0]?.filters.map((filter) => [filter.op, filter.texts])).toEqual([["|=", ["a"]], ["!=", ["b"]]]);
  });
  it("of two selectors is that of the first", () => expect(selectorOf('rate({a="1"}[1m]) / rate({b="2"} | json [1m])')).toBe('{a="1"}'));
  it("knows its parsers", () => {
    expect([hasParser('{a="b"} | json x="y"'), hasParser('{a="b"} | logfmt --strict', "logfmt"), hasParser('{a="b"} |= "json"'), hasParser('{a="b"} | json', "logfmt")]).toEqual([true, true, false, false]);
  });
  it("without a label asks for nothing where that was all", () => {
    expect(selectorWithout('{a="b", c=~".+"} | json', "a")).toBe('{c=~".+"}');
    expect([selectorWithout('{a="b", c!="d"}', "a"), selectorWithout('{a="b", c=~".*"}', "a"), selectorWithout("{", "a")]).toEqual([undefined, undefined, undefined]);
  });
});

describe("a label of the stream", () => {
  it.each([
    ["replaces its matcher in place", '{a="1", b="2"} | json', "a", "9", '{a="9", b="2"} | json'],
    ["is added behind the others", '{a="1"}', "b", 'x"y', '{a="1", b="x\\"y"}'],
    ["replaces all of its matchers", '{a=~"1|2", a!="2", b="3"}', "a", "1", '{a="1", b="3"}'],
    ["goes", '{a="1", b="2"} |= "x"', "a", null, '{b="2"} |= "x"'],
    ["becomes any where it was the last", '{a="1"} |= "x"', "a", null, '{a=~".+"} |= "x"'],
    ["becomes any where the others ask for nothing", '{a="1", b!="2"}', "a", null, '{a=~".+", b!="2"}'],
    ["makes a query of none", "", "a", "1", '{a="1"}'],
    ["goes into the query of a rate", 'rate({a=~".+"}[5m])', "b", "2", 'rate({a=~".+", b="2"}[5m])'],
  ])("%s", (_, query, name, value, wanted) => expect(setMatcher(query, name, value)).toBe(wanted));
  it.each([
    ["kept", '{a=~".+"}', field("label", "b", "2"), '{a=~".+", b="2"}'],
    ["left out", '{a="1"}', field("label", "b", "2", false), '{a="1", b!="2"}'],
    ["left out where it was what was asked for", '{a="1"}', field("label", "a", "1", false), '{a=~".+", a!="1"}'],
    ["left out twice", '{a="1", b!="2"}', field("label", "b", "2", false), '{a="1", b!="2"}'],
    ["left out by two values", '{a="1", b!="2"}', field("label", "b", "3", false), '{a="1", b!="2", b!="3"}'],
  ])("%s", (_, query, filter, wanted) => expect(addFilter(query, filter)).toBe(wanted));
});

describe("a field of the line", () => {
  it.each([
    ["is kept at the end", '{a="b"} |= "x"', field("metadata", "user_id", "42"), '{a="b"} |= "x" | user_id="42"'],
    ["is left out", '{a="b"}', field("metadata", "user_id", "42", false), '{a="b"} | user_id!="42"'],
    ["brings its parser", '{a="b"}', field("parsed", "ms", "5", true, "json"), '{a="b"} | json | ms="5"'],
    ["finds its parser there", '{a="b"} | json | x="1"', field("parsed", "ms", "5", true, "json"), '{a="b"} | json | x="1" | ms="5"'],
    ["of the query's own parser needs no other", '{a="b"} | pattern "<ms>"', field("parsed", "ms", "5"), '{a="b"} | pattern "<ms>" | ms="5"'],
    ["is not asked for twice", '{a="b"} | x="1"', field("metadata", "x", "1"), '{a="b"} | x="1"'],
    ["turns its opposite", '{a="b"} | x="1" | json', field("metadata", "x", "1", false), '{a="b"} | x!="1" | json'],
    ["turns its opposite back", '{a="b"} | x!="1"', field("metadata", "x", "1"), '{a="b"} | x="1"'],
    ["quotes its value", '{a="b"}', field("metadata", "x", 'say "hi"\\\n'), '{a="b"} | x="say \\"hi\\"\\\\\\n"'],
    ["goes into the pipeline of a metric", 'sum(rate({a="b"} | json [5m]))', field("parsed", "x", "1", true, "json"), 'sum(rate({a="b"} | json | x="1" [5m]))'],
    ["goes before the window where there is no space", 'rate({a="b"}[5m])', field("metadata", "x", "1"), 'rate({a="b"} | x="1" [5m])'],
    ["goes before a comment at the end", '{a="b"} # all', field("metadata", "x", "1"), '{a="b"} | x="1" # all'],
    ["leaves what cannot be read", "{a=", field("metadata", "x", "1"), "{a="],
  ])("%s", (_, query, filter, wanted) => expect(addFilter(query, filter)).toBe(wanted));
  it("makes a query that reads as it was meant, again and again", () => {
    const nasty = ['"', "\\", "`", "`\"", "a\nb", "{}|=[5m]", "# x", "", "日本"];
    let query = '{a="b"}';
    for (const [i, value] of nasty.entries()) query = addFilter(query, field(i % 2 === 0 ? "metadata" : "parsed", `f${i}`, value, i % 3 !== 0, "json"));
    const read = readQuery(query);
    expect(read?.stages.filter((stage) => stage.matcher).map((stage) => stage.matcher?.value)).toEqual(nasty);
    expect(read?.stages.filter((stage) => stage.parser === "json")).toHaveLength(1);
  });
});

describe("line filters", () => {
  it.each([
    ["behind the selector", '{a="b"} | json', "|>", "x <_>", '{a="b"} |> "x <_>" | json'],
    ["behind those at the beginning", '{a="b"} |= "x" | json | line_format "{{.y}}" |= "z"', "!>", "p", '{a="b"} |= "x" !> "p" | json | line_format "{{.y}}" |= "z"'],
    ["in place of the opposite", '{a="b"} |> "p" | json', "!>", "p", '{a="b"} !> "p" | json'],
    ["once", '{a="b"} |> "p"', "|>", "p", '{a="b"} |> "p"'],
    ["in backquotes where that is plainer", '{a="b"}', "|=", 'say "x\\y"', '{a="b"} |= `say "x\\y"`'],
  ])("go %s", (_, query, op, text, wanted) => expect(addLineFilter(query, op, text)).toBe(wanted));
});

describe("the builder's text", () => {
  it.each([
    ['{a="b"}', { text: "x.y", matchCase: true }, '{a="b"} |= "x.y"'],
    ['{a="b"}', { text: "x.y", matchCase: false }, '{a="b"} |~ `(?i)x\\.y`'],
    ['{a="b"} |= "old" | json', { text: "new", matchCase: true }, '{a="b"} |= "new" | json'],
    ['{a="b"} |~ `(?i)o\\.d` != "z"', { text: "new", matchCase: true }, '{a="b"} |= "new" != "z"'],
    ['{a="b"} |= "old" | json', undefined, '{a="b"} | json'],
    ['{a="b"} |= "old"', undefined, '{a="b"}'],
    ['{a="b"} |~ "o.*d"', { text: "new", matchCase: true }, '{a="b"} |= "new" |~ "o.*d"'],
  ])("of %s", (query, filter, wanted) => {
    expect(setText(query, filter)).toBe(wanted);
    expect(textOf(wanted)).toEqual(filter);
  });
  it("leaves filters alone that it could not show", () => expect(['{a="b"} |= "x" or "y"', '{a="b"} |= ip("10.0.0.0/8")', '{a="b"} |~ "x|y"', '{a="b"} != "x"'].map(textOf)).toEqual([undefined, undefined, undefined, undefined]));
});

describe("levels", () => {
  it.each([
    ['{a="b"} |= "x" | json', ["error"], '{a="b"} |= "x" | detected_level="error" | json'],
    ['{a="b"}', ["error", "warn"], '{a="b"} | detected_level=~"warn|error"'],
    ['{a="b"} | detected_level="error" | json', ["fatal"], '{a="b"} | detected_level=~"fatal|critical" | json'],
    ['{a="b"} | detected_level=~"warn|error" | json', [], '{a="b"} | json'],
    ['{a="b"}', ["unknown"], '{a="b"} | detected_level=~"unknown|"'],
  ] as const)("of %s set to %s", (query, levels, wanted) => {
    expect(setLevels(query, levels)).toBe(wanted);
    expect([...levelsOf(wanted)].sort()).toEqual([...levels].sort());
  });
  it("by hand are left alone", () => expect(levelsOf('{a="b"} | detected_level!="debug"')).toEqual([]));
});

describe("counts by level", () => {
  it.each([
    ['{a="b"} |= "x"', 60_000, 'sum by (detected_level) (count_over_time({a="b"} |= "x" [60s]))'],
    ['{a="b"} | x="1"', 500, 'sum by (detected_level) (count_over_time({a="b"} | x="1" [500ms]))'],
    ['{a="b"} | json', 1000, 'sum by (detected_level) (count_over_time({a="b"} | json | drop __error__, __error_details__ [1s]))'],
    ['{a="b"} | x > 5', 1000, 'sum by (detected_level) (count_over_time({a="b"} | x > 5 | drop __error__, __error_details__ [1s]))'],
    ['{a="b"} # all of them', 1000, 'sum by (detected_level) (count_over_time({a="b"} [1s]))'],
  ])("of %s", (query, step, wanted) => {
    expect(volumeQuery(query, step)).toBe(wanted);
    expect(isMetric(wanted)).toBe(true);
  });
});

describe("marks", () => {
  const found = (query: string, line: string): string[] => { const marks = marksOf(query); return marks ? [...line.matchAll(marks)].map(([text]) => text) : []; };
  it("are what the query looks for", () => {
    expect(found('{a="b"} |= "a.b" |~ "x+" != "c"', "a.b axb xx c")).toEqual(["a.b", "x", "xx"]);
    expect(found('{a="b"} |~ "(?i)time(out)?"', "TimeOut time")).toEqual(["TimeOut", "time"]);
    expect(found('{a="b"} |= "x" or "y"', "xyz")).toEqual(["x", "y"]);
    expect(found('{a="b"} |= ""', "xyz")).toEqual([]);
  });
  it("are none where the browser does not know the expression", () => expect(marksOf('{a="b"} |~ "(?P<x>["')).toBeUndefined());
});
