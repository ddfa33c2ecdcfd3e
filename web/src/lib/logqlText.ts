// Writes LogQL as text alone: selectors, stages, the queries that links from elsewhere mean. Without the grammar, so that
// any page can use it.

import type { Level } from "@/api/types";
import { linePlace, type ErrorPlace } from "./errorPlace";
import { LEVELS, levelOfWord, wordsOfLevel } from "./level";
import { quote } from "./promql";

/** The label that every line has unless its discovery is switched off. */
export const SERVICE_LABEL = "service_name";

/** Lines of every stream that has the label. */
export function everything(label: string = SERVICE_LABEL): string {
  return `{${label}=~".+"}`;
}

/** A string as LogQL reads it, in backquotes where that spares escapes. */
export function literal(text: string): string {
  return /["\\]/.test(text) && !/[`\n\r]/.test(text) ? `\`${text}\`` : quote(text);
}

/** The name of an attribute as LogQL has it: what is not of a name becomes `_`. */
export function fieldName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, "_");
  return /^[0-9]/.test(plain) ? `_${plain}` : plain;
}

export function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A line filter for lines that contain a text, in any case of letters unless told. */
export function containsFilter(text: string, matchCase: boolean): string {
  return matchCase ? `|= ${literal(text)}` : `|~ ${literal(`(?i)${escapeRegex(text)}`)}`;
}

export const LEVEL_FIELD = "detected_level";

/** The stage that keeps lines of some levels; undefined where all are kept. */
export function levelStage(levels: readonly Level[]): string | undefined {
  const words = LEVELS.filter((level) => levels.includes(level)).flatMap(wordsOfLevel);
  if (words.length === 0) return undefined;
  return words.length === 1 ? `| ${LEVEL_FIELD}=${quote(words[0] ?? "")}` : `| ${LEVEL_FIELD}=~${quote(words.join("|"))}`;
}

/** Lines that carry the id of a trace, and of a span. */
export function traceQuery(traceId: string, spanId?: string): string {
  return queryOfFilters({ trace: traceId, span: spanId });
}

/** An id of 64 bits stands in lines as it is, or filled up with zeros. */
function traceStage(traceId: string): string {
  const [, short] = /^0{16}([0-9a-f]{16})$/.exec(traceId) ?? [];
  return short === undefined ? `| trace_id=${quote(traceId)}` : `| trace_id=~${quote(`${traceId}|${short}`)}`;
}

/** What an address of an older version of the page asks for. */
export interface OldFilters {
  service?: string | undefined;
  text?: string | undefined;
  levels?: string[] | undefined;
  attributes?: string[] | undefined;
  trace?: string | undefined;
  span?: string | undefined;
}

/** The query that those filters mean. */
export function queryOfFilters({ service, text, levels, attributes, trace, span }: OldFilters): string {
  const wanted = (levels ?? []).filter((word) => word === "unknown" || levelOfWord(word) !== "unknown").map(levelOfWord);
  return [
    service === undefined ? everything() : `{${SERVICE_LABEL}=${quote(service)}}`,
    text === undefined ? undefined : containsFilter(text, false),
    levelStage(wanted),
    ...(attributes ?? []).filter((pair) => pair.indexOf("=") > 0).map((pair) => `| ${fieldName(pair.slice(0, pair.indexOf("=")))}=${quote(pair.slice(pair.indexOf("=") + 1))}`),
    trace === undefined ? undefined : traceStage(trace),
    span === undefined ? undefined : `| span_id=${quote(span)}`,
  ].filter((part) => part !== undefined).join(" ");
}

/** Where in the query the server found an error. */
export function logqlErrorPlace(query: string, message: string): ErrorPlace | undefined {
  const named = linePlace(query, message);
  if (named || /at line \d+, col \d+/.test(message)) return named;
  // An error of the selector as a whole has no place of its own.
  const braces = /at least one regexp or equality matcher/.test(message) ? /\{[^}]*\}?/.exec(query) : null;
  return braces ? { from: braces.index, to: braces.index + braces[0].length } : undefined;
}
