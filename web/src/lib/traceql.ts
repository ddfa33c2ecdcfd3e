// Reads the first set of spans of a TraceQL query as a list of conditions and edits it in place: what the form and a click
// on a value mean for the query. What it does not understand it leaves as it is.

import { unquote } from "./quotes";
import { condition, EVERYTHING, SERVICE_FIELD } from "./traceqlText";
import { tokens, type Token } from "./traceqlTokens";

interface Piece {
  from: number;
  to: number;
}

/** A part between `&&`. */
export interface Condition extends Piece {
  /** As written. */
  text: string;
  /** Where it is a field compared with a literal. */
  field: string | undefined;
  op: string | undefined;
  /** The literal as written. */
  value: string | undefined;
}

export interface TraceQuery {
  /** The first braces with what is in them. */
  set: Piece;
  /** What `&&` joins in the braces; one alone where anything else joins. */
  conditions: Condition[];
  /** Whether the braces hold something that `||` joins. */
  either: boolean;
  /** Whether there is no other set of spans. */
  alone: boolean;
}

const METRICS = new Set([
  "rate", "count_over_time", "min_over_time", "max_over_time", "avg_over_time", "sum_over_time", "quantile_over_time", "histogram_over_time", "compare",
]);

/** Whether a query answers numbers. */
export function isMetric(query: string): boolean {
  const all = tokens(query);
  let depth = 0;
  return all.some((token, i) => {
    if (token.text === "{") depth += 1;
    if (token.text === "}") depth -= 1;
    return depth === 0 && token.kind === "word" && METRICS.has(token.text) && all[i - 1]?.text === "|" && all[i + 1]?.text === "(";
  });
}

export function readQuery(query: string): TraceQuery | undefined {
  const all = tokens(query);
  const first = all.findIndex((token) => token.text === "{");
  const last = all.findIndex((token, i) => i > first && token.text === "}");
  const [open, close] = [all[first], all[last]];
  if (!open || !close || all.some((token, i) => i > first && i < last && (token.text === "{" || token.open))) return undefined;
  const inner = all.slice(first + 1, last);
  const either = topLevel(inner, (token) => token.text === "||").length > 0;
  const parts = either ? [inner] : split(inner);
  return {
    set: { from: open.from, to: close.to },
    conditions: parts.filter((part) => part.length > 0).map((part) => conditionOf(query, part)),
    either,
    alone: !all.some((token, i) => i > last && token.text === "{"),
  };
}

/** Positions of tokens that stand in no brackets. */
function topLevel(list: Token[], wanted: (token: Token) => boolean): number[] {
  let depth = 0;
  return list.flatMap((token, i) => {
    if (token.text === "(") depth += 1;
    if (token.text === ")") depth -= 1;
    return depth === 0 && token.kind !== "string" && wanted(token) ? [i] : [];
  });
}

function split(list: Token[]): Token[][] {
  const cuts = topLevel(list, (token) => token.text === "&&");
  return [...cuts, list.length].map((cut, i) => list.slice(i === 0 ? 0 : (cuts[i - 1] ?? 0) + 1, cut));
}

const COMPARES = new Set(["=", "!=", "=~", "!~", ">", ">=", "<", "<="]);

function conditionOf(query: string, part: Token[]): Condition {
  const from = part[0]?.from ?? 0;
  const to = part.at(-1)?.to ?? from;
  const [field, op, ...value] = part;
  const isNumber = value.length === 2 && value[0]?.text === "-" && value[1]?.kind === "number";
  const simple = field?.kind === "word" && op !== undefined && COMPARES.has(op.text) && (isNumber || (value.length === 1 && value[0]?.kind !== "punct"));
  const text = query.slice(from, to);
  return simple
    ? { from, to, text, field: field.text, op: op.text, value: query.slice(value[0]?.from, to) }
    : { from, to, text, field: undefined, op: undefined, value: undefined };
}

/** The text that a literal stands for. */
export function textOf(value: string): string {
  return /^["`]/.test(value) ? unquote(value) : value;
}

export type Wanted = (one: Condition) => boolean;

/** The first condition of a kind. */
export function find(query: string, wanted: Wanted): Condition | undefined {
  return readQuery(query)?.conditions.find(wanted);
}

/** The query with a condition in place of those of a kind, or without them. */
export function replace(query: string, wanted: Wanted, next: string | undefined): string {
  const read = readQuery(query);
  if (!read) return next === undefined ? query : insertSet(query, next);
  const at = read.conditions.findIndex(wanted);
  if (at < 0 && next === undefined) return query;
  const texts = read.conditions.map((one) => (read.either ? `(${one.text})` : one.text));
  const kept = texts.filter((_, i) => !read.conditions[i] || !wanted(read.conditions[i]) || (i === at && next !== undefined));
  if (next !== undefined) {
    const place = read.conditions.slice(0, Math.max(0, at)).filter((one) => !wanted(one)).length;
    if (at < 0) kept.push(next);
    else kept[place] = next;
  }
  return query.slice(0, read.set.from) + (kept.length === 0 ? EVERYTHING : `{ ${kept.join(" && ")} }`) + query.slice(read.set.to);
}

/** The query with one more condition, unless it is there. */
export function add(query: string, next: string): string {
  return replace(query, (one) => one.text === next, next);
}

/** A query without a whole set of spans gets one, where it is a pipeline alone. */
function insertSet(query: string, next: string): string {
  return /^\s*(\||$)/.test(query) ? `{ ${next} }${query.trim() === "" ? "" : ` ${query.trim()}`}` : query;
}

/** The first set of spans alone: `{ … }` without what follows it. */
export function setOf(query: string): string {
  const read = readQuery(query);
  return read ? query.slice(read.set.from, read.set.to) : EVERYTHING;
}

export const isService: Wanted = (one) => one.op === "=" && (one.field === SERVICE_FIELD || one.field === ".service.name");
export const isName: Wanted = (one) => one.op === "=" && (one.field === "name" || one.field === "span:name");
export const isStatus: Wanted = (one) => one.op === "=" && (one.field === "status" || one.field === "span:status") && /^(ok|error|unset)$/.test(one.value ?? "");

/** Whose duration is compared. */
export type Lasting = "trace" | "span";
const LASTING: Record<Lasting, string[]> = { trace: ["traceDuration", "trace:duration"], span: ["duration", "span:duration"] };
export const isShortest = (of: Lasting): Wanted => (one) => LASTING[of].includes(one.field ?? "") && /^>=?$/.test(one.op ?? "");
export const isLongest = (of: Lasting): Wanted => (one) => LASTING[of].includes(one.field ?? "") && /^<=?$/.test(one.op ?? "");

/** A bound of a duration. */
export function durationCondition(of: Lasting, op: ">=" | "<=", text: string): string {
  return condition(LASTING[of][0] ?? "", op, /^\d+$/.test(text) ? `${text}ns` : text);
}

/** The conditions that the form has no field of its own for. */
export function others(query: string): Condition[] {
  const own = [isService, isName, isStatus, isShortest("trace"), isLongest("trace"), isShortest("span"), isLongest("span")];
  const seen = new Set<Wanted>();
  return (readQuery(query)?.conditions ?? []).filter((one) => {
    const taken = own.find((wanted) => wanted(one) && !seen.has(wanted));
    if (taken) seen.add(taken);
    return taken === undefined;
  });
}

/** The unit of what a query of numbers answers: durations come in seconds. */
export function unitOf(query: string): string {
  return /\b(quantile|min|max|avg|sum)_over_time\s*\(\s*(duration|span:duration|traceDuration|trace:duration|event:timeSinceStart)\b/.test(query) ? "s" : "";
}

/** The query asking for the names of its spans too, which a search leaves out otherwise; as it is where its end is open. */
export function withNames(query: string): string {
  const all = tokens(query);
  const last = all.at(-1);
  const depth = all.reduce((sum, one) => sum + (one.text === "(" ? 1 : one.text === ")" ? -1 : 0), 0);
  const whole = last !== undefined && depth === 0 && !last.open && (last.kind === "number" || last.text === "}" || last.text === ")");
  // Hints stand at the end, and a comment would swallow what follows it.
  const hinted = all.some((one, i) => one.text === "with" && all[i + 1]?.text === "(");
  return whole && !hinted && query.slice(last.to).trim() === "" && readQuery(query) ? `${query.trimEnd()} | select(name)` : query;
}
