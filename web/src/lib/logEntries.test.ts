// Log lines: order, levels, traces, paging by time, the fields inside of lines, the tail's buffer, files.
import { describe, expect, it } from "vitest";
import type { Labels, LogStream } from "@/api/types";
import { LEVELS, levelOf, levelOfWord, wordsOfLevel } from "./level";
import { entriesOf, keyed, lineFields, pageOf, traceIdOf, traceOf, type Cursor, type Direction, type LogEntry } from "./logEntries";
import { csvOf, isoOfNs, jsonLines } from "./logExport";
import { EMPTY_TAIL, paused, received, resumed, TAIL_MAX } from "./tailBuffer";

const entry = (more: Partial<LogEntry> = {}): LogEntry => ({ key: "", ns: "1700000000000000001", ms: 0, line: "x", labels: {}, metadata: {}, parsed: {}, level: "unknown", ...more });

describe("levels", () => {
  it("go from the least to the most severe", () => expect(LEVELS).toEqual(["trace", "debug", "info", "warn", "error", "fatal", "unknown"]));
  it.each([["WARNING", "warn"], ["err", "error"], ["critical", "fatal"], ["Notice", "info"], ["unknown", "unknown"], ["", "unknown"], ["loud", "unknown"], [undefined, "unknown"]] as const)("%s is %s", (word, level) => expect(levelOfWord(word)).toBe(level));
  it("are those that the server detected before those that a line names", () => {
    expect(levelOf({ level: "info" }, { detected_level: "error" })).toBe("error");
    expect(levelOf({ detected_level: "unknown" }, { severity: "warn" })).toBe("warn");
    expect(levelOf({}, {})).toBe("unknown");
  });
  it("are asked for by every word that means them", () => {
    for (const level of LEVELS) for (const word of wordsOfLevel(level)) expect(levelOfWord(word)).toBe(level);
  });
});

describe("the lines of an answer", () => {
  const streams: LogStream[] = [
    { stream: { app: "a" }, values: [["1700000000000000003", "c"], ["1700000000000000001", "a"]] },
    { stream: { app: "b", detected_level: "error", x: "1" }, values: [["1700000000000000002", "b", { structuredMetadata: { detected_level: "error" }, parsed: { x: "1" } }], ["999", "old", {}]] },
  ];
  it("are in order over all streams, to the nanosecond", () => {
    expect(entriesOf(streams, "backward").map(({ line }) => line)).toEqual(["c", "b", "a", "old"]);
    expect(entriesOf(streams, "forward").map(({ line }) => line)).toEqual(["old", "a", "b", "c"]);
  });
  it("have their level, metadata and parsed fields", () => expect(entriesOf(streams, "backward")[1]).toMatchObject({ level: "error", metadata: { detected_level: "error" }, parsed: { x: "1" }, labels: { app: "b" } }));
  it("have the labels of their stream apart from what is their own", () => expect(entriesOf(streams, "backward").map(({ labels }) => Object.keys(labels).join())).toEqual(["app", "app", "app", "app,detected_level,x"]));
  it("have keys that are unique, also where all is the same", () => expect(new Set(keyed([entry(), entry(), entry({ line: "y" })]).map(({ key }) => key)).size).toBe(3));
});

/** A server that holds lines at these instants, and answers as Loki: a window without its end, so many at most. */
function walk(instants: number[], limit: number, direction: Direction): string[] {
  const base = 1_700_000_000_000_000_000n;
  const rows = instants.map((at, i) => ({ ns: base + BigInt(at), line: `${at} ${i}` }));
  const seen: string[] = [];
  let cursor: Cursor | undefined;
  for (let asked = 0; asked < 1000; asked += 1) {
    const start = direction === "forward" && cursor ? BigInt(cursor.at) : base;
    const end = direction === "backward" && cursor ? BigInt(cursor.at) : base + 1_000_000n;
    const found = rows.filter(({ ns }) => ns >= start && ns < end).sort((a, b) => Number(a.ns - b.ns) * (direction === "backward" ? -1 : 1)).slice(0, limit);
    const page = pageOf([{ stream: {}, values: found.map(({ ns, line }) => [String(ns), line]) }], direction, limit, cursor);
    seen.push(...page.entries.map(({ line }) => line));
    if (!page.next) return seen;
    cursor = page.next;
  }
  throw new Error("paging does not end");
}

describe("paging", () => {
  const spread = Array.from({ length: 57 }, (_, i) => i * 3);
  const ties = Array.from({ length: 60 }, (_, i) => Math.floor(i / 4));
  for (const direction of ["backward", "forward"] as const) {
    it.each([[1], [7], [10], [57], [100]])(`${direction} brings every line once, %i at a time`, (limit) => {
      const seen = walk(spread, limit, direction);
      expect(seen).toHaveLength(57);
      expect(new Set(seen).size).toBe(57);
    });
    it.each([[5], [7], [60]])(`${direction} brings lines that share an instant once, %i at a time`, (limit) => {
      const seen = walk(ties, limit, direction);
      expect(new Set(seen).size).toBe(60);
      expect(seen).toHaveLength(60);
    });
    it(`${direction} passes over what an instant holds beyond a page, and goes on`, () => {
      const seen = walk([...new Array<number>(9).fill(5), 1, 9], 4, direction);
      expect(seen).toHaveLength(6);
    });
  }
});

describe("traces", () => {
  const hex = "0123456789abcdef";
  it.each([
    [hex + hex, hex + hex], [hex, "0".repeat(16) + hex], [(hex + hex).toUpperCase(), hex + hex], ["0".repeat(32), undefined], [hex.slice(1), undefined], [`${hex}x`, undefined], ["", undefined],
  ])("the id %s is that of %s", (text, id) => expect(traceIdOf(text)).toBe(id));
  it.each([["trace_id"], ["traceid"], ["traceID"], ["traceId"], ["trace.id"], ["otelTraceID"]])("are named by %s", (name) => {
    expect(traceOf(entry({ metadata: { [name]: hex } }))).toEqual({ traceId: hex.padStart(32, "0"), spanId: undefined });
    expect(traceOf(entry({ parsed: { [name]: hex, span_id: hex } }))?.spanId).toBe(hex);
    expect(traceOf(entry(), { [name]: hex })?.traceId).toBe(hex.padStart(32, "0"));
  });
  it("are none where nothing names one", () => {
    const sets: Labels[] = [{}, { request_id: hex + hex }, { trace_id: "none" }, { parent_trace_id: hex }];
    expect(sets.map((metadata) => traceOf(entry({ metadata })))).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("fields inside of a line", () => {
  it("of JSON are flat, with names as LogQL has them", () => {
    expect(lineFields('{"a":{"b.c":1,"d":[1]},"ok":true,"9x":"y","none":null}')).toEqual({ parser: "json", fields: { a_b_c: "1", ok: "true", _9x: "y" } });
  });
  it("of logfmt are read with their quotes", () => expect(lineFields('level=info msg="say \\"hi\\"" took=3ms')).toEqual({ parser: "logfmt", fields: { level: "info", msg: 'say "hi"', took: "3ms" } }));
  it.each([["plain words"], ["one x=1 alone"], ["{broken"], ["[1,2]"], ["{}"], [""]])("are none in %s", (line) => expect(lineFields(line)).toBeUndefined());
  it("of a hostile line are bounded", () => {
    expect(lineFields("{".repeat(100_000))).toBeUndefined();
    expect(Object.keys(lineFields(JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))))?.fields ?? {}).length).toBeLessThanOrEqual(200);
    expect(lineFields('{"a":'.repeat(5000) + "1" + "}".repeat(5000))).toBeUndefined();
  });
});

describe("the live tail's buffer", () => {
  const some = (count: number, from = 0): LogEntry[] => Array.from({ length: count }, (_, i) => entry({ line: `${from + count - 1 - i}` }));
  it("shows the newest first, with keys of their own", () => {
    const buffer = received(received(EMPTY_TAIL, some(2), 0), some(2, 2), 0);
    expect(buffer.shown.map(({ line }) => line)).toEqual(["3", "2", "1", "0"]);
    expect(new Set(buffer.shown.map(({ key }) => key)).size).toBe(4);
  });
  it("holds so many, and counts none of the old ones that go as dropped", () => {
    const buffer = received(received(EMPTY_TAIL, some(TAIL_MAX), 0), some(10), 3);
    expect([buffer.shown.length, buffer.seen, buffer.dropped]).toEqual([TAIL_MAX, TAIL_MAX + 10, 3]);
  });
  it("keeps new lines aside while it is paused, counts what it cannot keep, and shows them after", () => {
    let buffer = received(paused(received(EMPTY_TAIL, some(2), 0)), some(TAIL_MAX + 7, 2), 0);
    expect([buffer.shown.length, buffer.waiting.length, buffer.dropped]).toEqual([2, TAIL_MAX, 7]);
    buffer = resumed(buffer);
    expect([buffer.shown.length, buffer.waiting.length, buffer.paused]).toEqual([TAIL_MAX, 0, false]);
    expect(buffer.shown[0]?.line).toBe(String(TAIL_MAX + 8));
  });
});

describe("files", () => {
  const entries = [entry({ line: 'a "b", c', labels: { app: "x" }, metadata: { trace_id: "1" }, parsed: { ms: "5" }, level: "warn" }), entry({ line: "=cmd()", labels: { app: "y" } })];
  it("name instants to the nanosecond", () => expect([isoOfNs("1700000000123456789"), isoOfNs("1"), isoOfNs("1700000000999999999")]).toEqual(["2023-11-14T22:13:20.123456789Z", "1970-01-01T00:00:00.000000001Z", "2023-11-14T22:13:20.999999999Z"]));
  it("of JSON hold a line each with all that is known", () => expect(jsonLines(entries).trimEnd().split("\n").map((line) => JSON.parse(line) as unknown)).toEqual([
    { timestamp: "2023-11-14T22:13:20.000000001Z", line: 'a "b", c', labels: { app: "x" }, metadata: { trace_id: "1" }, parsed: { ms: "5" } },
    { timestamp: "2023-11-14T22:13:20.000000001Z", line: "=cmd()", labels: { app: "y" } },
  ]));
  it("of CSV have a column for each field", () => expect(csvOf(entries).trimEnd().split("\r\n")).toEqual([
    "timestamp,level,line,app,ms,trace_id", '2023-11-14T22:13:20.000000001Z,warn,"a ""b"", c",x,5,1', "2023-11-14T22:13:20.000000001Z,unknown,'=cmd(),y,,",
  ]));
});
