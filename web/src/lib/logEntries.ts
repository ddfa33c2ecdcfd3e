// Log lines of the Loki API made ready for a list: one entry a line in order of time, its level and trace, paging by time.

import type { Labels, Level, LogStream } from "@/api/types";
import { nsToMs } from "./format";
import { levelOf } from "./level";

export interface LogEntry {
  /** Unique in a list that `keyed` made. */
  key: string;
  /** Unix nanoseconds. */
  ns: string;
  ms: number;
  line: string;
  labels: Labels;
  metadata: Labels;
  parsed: Labels;
  level: Level;
}

export type Direction = "backward" | "forward";

const NONE: Labels = {};

/** Compares instants that are written in decimal. */
export function compareNs(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The lines of an answer, in order. Lines of one instant stay as the server sent them. */
export function entriesOf(streams: LogStream[], direction: Direction): LogEntry[] {
  const out = streams.flatMap(({ stream, values }) => values.map(([ns, line, more]): LogEntry => {
    const [metadata, parsed] = [more?.structuredMetadata ?? NONE, more?.parsed ?? NONE];
    return { key: "", ns, ms: nsToMs(ns), line, labels: more ? ownLabels(stream, metadata, parsed) : stream, metadata, parsed, level: levelOf(metadata, parsed, stream) };
  }));
  return out.sort((a, b) => (direction === "backward" ? compareNs(b.ns, a.ns) : compareNs(a.ns, b.ns)));
}

/** The labels of the stream alone: in an answer they stand together with all that the line has, told apart line by line. */
function ownLabels(all: Labels, metadata: Labels, parsed: Labels): Labels {
  return Object.fromEntries(Object.entries(all).filter(([name]) => metadata[name] === undefined && parsed[name] === undefined));
}

/** What makes a line the same in two answers. */
function identity(entry: LogEntry): string {
  return `${entry.ns} ${JSON.stringify(entry.labels)} ${JSON.stringify(entry.metadata)} ${entry.line}`;
}

/** Entries with keys that are unique in the list. */
export function keyed(entries: LogEntry[]): LogEntry[] {
  const seen = new Map<string, number>();
  return entries.map((entry) => {
    const base = `${entry.ns} ${entry.line.length} ${entry.line.slice(0, 40)}`;
    const count = seen.get(base) ?? 0;
    seen.set(base, count + 1);
    return { ...entry, key: `${base} ${count}` };
  });
}

export interface Cursor {
  /** The bound that moves: the end going back in time, the start going forward. */
  at: string;
  /** Lines of the boundary's instant that were shown already. */
  shown: string[];
}

export interface LogPageOf {
  entries: LogEntry[];
  /** Where the next page begins; undefined after the last one. */
  next: Cursor | undefined;
}

/**
 * One page out of an answer. The next page asks from the last instant again, as further lines may share it, and leaves out
 * what was shown. Where one instant fills whole pages, its lines beyond the limit are passed over.
 */
export function pageOf(streams: LogStream[], direction: Direction, limit: number, cursor: Cursor | undefined): LogPageOf {
  const all = entriesOf(streams, direction);
  const shown = new Map<string, number>();
  for (const id of cursor?.shown ?? []) shown.set(id, (shown.get(id) ?? 0) + 1);
  const entries = all.filter((entry) => {
    const left = shown.size === 0 ? 0 : (shown.get(identity(entry)) ?? 0);
    if (left > 0) shown.set(identity(entry), left - 1);
    return left === 0;
  });
  const last = all.at(-1);
  if (!last || all.length < limit) return { entries, next: undefined };
  const step = (by: bigint): string => String(BigInt(last.ns) + by);
  if (entries.length === 0) return { entries, next: { at: direction === "backward" ? last.ns : step(1n), shown: [] } };
  const edge = all.filter((entry) => entry.ns === last.ns).map(identity);
  // The end is not part of a window, the start is.
  return { entries, next: { at: direction === "backward" ? step(1n) : last.ns, shown: edge } };
}

const TRACE_NAME = /^(otel)?traceid$/;
const SPAN_NAME = /^(otel)?spanid$/;
const fold = (name: string): string => name.toLowerCase().replace(/[_.-]/g, "");

/** An id of a trace as its page takes it: 32 digits; 16 are filled up. */
export function traceIdOf(text: string): string | undefined {
  const id = text.toLowerCase();
  return /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/.test(id) && /[1-9a-f]/.test(id) ? id.padStart(32, "0") : undefined;
}

/** The trace that a line belongs to, and its span where it names one. Fields may be given that were read out of the line. */
export function traceOf(entry: LogEntry, fields: Labels = NONE): { traceId: string; spanId: string | undefined } | undefined {
  const find = <T>(name: RegExp, read: (text: string) => T | undefined): T | undefined => {
    for (const set of [entry.metadata, entry.parsed, entry.labels, fields]) {
      for (const [key, value] of Object.entries(set)) {
        const found = name.test(fold(key)) ? read(value) : undefined;
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
  const traceId = find(TRACE_NAME, traceIdOf);
  if (traceId === undefined) return undefined;
  return { traceId, spanId: find(SPAN_NAME, (text) => (/^[0-9a-fA-F]{16}$/.test(text) ? text.toLowerCase() : undefined)) };
}

/** A field of an entry by its name, wherever it is. */
export function valueOf(entry: LogEntry, name: string): string | undefined {
  return entry.parsed[name] ?? entry.metadata[name] ?? entry.labels[name];
}

const FIELDS_MAX = 200;
const DEPTH_MAX = 8;
const LINE_MAX = 200_000;

export interface LineFields {
  parser: "json" | "logfmt";
  fields: Labels;
}

/** What `| json` or `| logfmt` would read out of a line, for fields that the query does not ask for. */
export function lineFields(line: string): LineFields | undefined {
  if (line.length > LINE_MAX) return undefined;
  if (/^\s*\{/.test(line)) {
    const fields: Labels = {};
    try {
      flatten(JSON.parse(line, asWritten), "", 0, fields);
    } catch {
      return undefined;
    }
    return Object.keys(fields).length > 0 ? { parser: "json", fields } : undefined;
  }
  const fields: Labels = {};
  for (const [, key = "", quoted, plain] of line.matchAll(/(?:^|\s)([A-Za-z_][\w.\-/]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))/g)) {
    if (Object.keys(fields).length >= FIELDS_MAX) break;
    fields[sanitize(key)] ??= quoted?.replace(/\\(["\\])/g, "$1") ?? plain ?? "";
  }
  // A lone `x=1` in prose is no logfmt.
  return Object.keys(fields).length >= 2 ? { parser: "logfmt", fields } : undefined;
}

/** Numbers stay the text that they are in the line: `1.0`, `12345678901234567890`. Browsers that cannot tell give the number. */
const asWritten = ((_key: string, value: unknown, context?: { source?: string }) => (typeof value === "number" ? (context?.source ?? value) : value)) as (key: string, value: unknown) => unknown;

function sanitize(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, "_");
  return /^[0-9]/.test(plain) ? `_${plain}` : plain;
}

function flatten(value: unknown, prefix: string, depth: number, out: Labels): void {
  if (typeof value !== "object" || value === null || Array.isArray(value) || depth > DEPTH_MAX) return;
  for (const [key, inner] of Object.entries(value)) {
    if (Object.keys(out).length >= FIELDS_MAX) return;
    const name = prefix === "" ? sanitize(key) : `${prefix}_${key.replace(/[^A-Za-z0-9_]/g, "_")}`;
    if (typeof inner === "object") flatten(inner, name, depth + 1, out);
    else if (typeof inner === "string" || typeof inner === "number" || typeof inner === "boolean") out[name] ??= String(inner);
  }
}
