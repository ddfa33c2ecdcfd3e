// Lines as files: JSON lines with everything that is known, or a table with a column for each field.

import type { Labels } from "@/api/types";
import { csvText } from "./csv";
import type { LogEntry } from "./logEntries";

/** An instant with all its digits: `2026-11-22T14:03:07.123456789Z`. */
export function isoOfNs(ns: string): string {
  const at = BigInt(ns);
  const seconds = new Date(Number(at / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(at % 1_000_000_000n).padStart(9, "0")}Z`;
}

export function jsonLines(entries: LogEntry[]): string {
  return entries.map((entry) => JSON.stringify({
    timestamp: isoOfNs(entry.ns), line: entry.line, labels: entry.labels,
    ...(hasAny(entry.metadata) ? { metadata: entry.metadata } : {}), ...(hasAny(entry.parsed) ? { parsed: entry.parsed } : {}),
  })).join("\n") + (entries.length > 0 ? "\n" : "");
}

/** Columns of the table besides the fixed ones at most; spreadsheets end somewhere. */
const COLUMNS_MAX = 500;

export function csvOf(entries: LogEntry[]): string {
  const names = new Set<string>();
  for (const entry of entries) for (const set of [entry.labels, entry.metadata, entry.parsed]) for (const name of Object.keys(set)) if (names.size < COLUMNS_MAX) names.add(name);
  const fields = [...names].sort();
  return csvText([
    ["timestamp", "level", "line", ...fields],
    ...entries.map((entry) => [isoOfNs(entry.ns), entry.level, entry.line, ...fields.map((name) => entry.parsed[name] ?? entry.metadata[name] ?? entry.labels[name] ?? "")]),
  ]);
}

function hasAny(set: Labels): boolean {
  return Object.keys(set).length > 0;
}
