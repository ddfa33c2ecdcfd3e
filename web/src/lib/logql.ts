// Reads LogQL by its grammar and edits it in place: what a click on a value, a level or a pattern means for the query.

import { parser } from "@grafana/lezer-logql";
import type { Level } from "@/api/types";
import { LEVELS, levelOfWord } from "./level";
import { containsFilter, escapeRegex, LEVEL_FIELD, levelStage, literal } from "./logqlText";
import { matcherText, type Matcher } from "./promql";
import { unquote } from "./quotes";

type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];

interface Piece {
  from: number;
  to: number;
}

interface ParsedMatcher extends Matcher, Piece {}

interface LineFilter extends Piece {
  op: string;
  /** What it looks for; several where they are joined by `or`. */
  texts: string[];
  plain: boolean;
}

interface Stage extends Piece {
  /** The name of the grammar's node: `LineFilters`, `LabelParser`, `LabelFilter`, … */
  name: string;
  filters: LineFilter[];
  /** The one matcher of a label filter that is nothing else. */
  matcher: Matcher | undefined;
  /** Whether it can go wrong on a line, and then leaves an error label. */
  fallible: boolean;
  parser: string | undefined;
}

export interface LogQuery {
  kind: "logs" | "metric";
  selector: Piece;
  matchers: ParsedMatcher[];
  stages: Stage[];
}

/** Where a field of a line comes from. */
export type FieldKind = "label" | "metadata" | "parsed";

export interface FieldFilter {
  kind: FieldKind;
  name: string;
  value: string;
  /** Keeps lines with the value, or those without. */
  keep: boolean;
  /** The stage that makes the field, for those that are not there without. */
  parser?: string | undefined;
}

/** The first selector of a query with its pipeline; undefined where there is none. */
export function readQuery(query: string): LogQuery | undefined {
  const tree = parser.parse(query);
  const selectors: SyntaxNode[] = [];
  const matchers: ParsedMatcher[] = [];
  const stages: Stage[] = [];
  tree.iterate({
    enter: (ref) => {
      if (ref.name === "Selector") selectors.push(ref.node);
      if (selectors.length > 1) return false;
      const matcher = ref.name === "Matcher" ? matcherOf(query, ref.node) : undefined;
      if (matcher) matchers.push({ ...matcher, from: ref.from, to: ref.to });
      if (ref.name !== "PipelineStage") return true;
      stages.push(stageOf(query, ref.node));
      return false;
    },
  });
  const [selector] = selectors;
  return selector && { kind: isMetricTree(tree) ? "metric" : "logs", selector: { from: selector.from, to: selector.to }, matchers, stages };
}

/** A query to edit: its selector must be whole. */
function editable(query: string): LogQuery | undefined {
  const read = readQuery(query);
  return read && query[read.selector.to - 1] === "}" ? read : undefined;
}

/** Whether a query answers numbers; also one without a selector, as `vector(1)`. */
export function isMetric(query: string): boolean {
  return isMetricTree(parser.parse(query));
}

function isMetricTree(tree: ReturnType<typeof parser.parse>): boolean {
  return tree.topNode.getChild("Expr")?.getChild("MetricExpr") != null;
}

/** The selector alone, as written. */
export function selectorOf(query: string): string | undefined {
  const read = readQuery(query);
  return read && query.slice(read.selector.from, read.selector.to);
}

/** The selector of a query without one label's matchers; undefined where nothing is left to ask for. */
export function selectorWithout(query: string, label: string): string | undefined {
  const kept = (readQuery(query)?.matchers ?? []).filter((one) => one.name !== label);
  return kept.some(demands) ? `{${kept.map(matcherText).join(", ")}}` : undefined;
}

/** The query with `label="value"` in its selector in place of what it had for that label, or without it. */
export function setMatcher(query: string, label: string, value: string | null): string {
  const read = readQuery(query);
  if (!read) return value === null ? query : `${selectorText([{ name: label, op: "=", value }])}${query.trim() === "" ? "" : ` ${query.trim()}`}`;
  const others: Matcher[] = read.matchers.filter((one) => one.name !== label);
  const at = read.matchers.findIndex((one) => one.name === label);
  if (value !== null) others.splice(at < 0 ? others.length : Math.min(at, others.length), 0, { name: label, op: "=", value });
  return replaceSelector(query, read, others, label);
}

/** The query that keeps or leaves out lines by the value of a field. */
export function addFilter(query: string, { kind, name, value, keep, parser: needed }: FieldFilter): string {
  const read = editable(query);
  if (!read) return query;
  const op = keep ? "=" : "!=";
  if (kind === "label") {
    if (keep) return setMatcher(query, name, value);
    const others: Matcher[] = read.matchers.filter((one) => !(one.name === name && one.value === value && (one.op === "=" || one.op === "!=")));
    return replaceSelector(query, read, [...others, { name, op, value }], name);
  }
  const isThis = (stage: Stage, of: string): boolean => stage.matcher?.name === name && stage.matcher.value === value && stage.matcher.op === of;
  if (read.stages.some((stage) => isThis(stage, op))) return query;
  const opposite = read.stages.find((stage) => isThis(stage, keep ? "!=" : "="));
  const text = `| ${matcherText({ name, op, value })}`;
  if (opposite) return splice(query, opposite, text);
  const parse = needed !== undefined && kind === "parsed" && !read.stages.some((stage) => stage.parser === needed) ? `| ${needed} ` : "";
  return insertAfter(query, read.stages.at(-1) ?? read.selector, parse + text);
}

/** Whether a query has a stage that parses lines. */
export function hasParser(query: string, name?: string): boolean {
  return readQuery(query)?.stages.some((stage) => (name === undefined ? stage.parser !== undefined : stage.parser === name)) ?? false;
}

/** The query with a line filter behind those that it begins with. */
export function addLineFilter(query: string, op: string, text: string): string {
  const read = editable(query);
  if (!read) return query;
  const opposite = op.startsWith("!") ? op.replace("!", "|") : op.replace("|", "!");
  const other = read.stages.flatMap((stage) => stage.filters).find((one) => one.op === opposite && one.texts.length === 1 && one.texts[0] === text);
  if (other) return splice(query, other, `${op} ${literal(text)}`);
  if (read.stages.some((stage) => stage.filters.some((one) => one.op === op && one.texts.includes(text)))) return query;
  return insertAfter(query, lastLineFilter(read), `${op} ${literal(text)}`);
}

export interface TextFilter {
  text: string;
  matchCase: boolean;
}

/** The text that lines must contain, as the builder writes it. */
export function textOf(query: string): TextFilter | undefined {
  return findText(readQuery(query))?.filter;
}

export function setText(query: string, filter: TextFilter | undefined): string {
  const read = editable(query);
  if (!read) return query;
  const found = findText(read);
  const text = filter && containsFilter(filter.text, filter.matchCase);
  if (found) return text === undefined ? remove(query, found.piece) : splice(query, found.piece, text);
  return text === undefined ? query : insertAfter(query, read.selector, text);
}

/** The levels that a query keeps; none where it keeps all. */
export function levelsOf(query: string): Level[] {
  const matcher = readQuery(query)?.stages.find(isLevelStage)?.matcher;
  if (!matcher) return [];
  const words = matcher.op === "=~" ? matcher.value.split("|") : [matcher.value];
  const levels = new Set(words.map(levelOfWord));
  return LEVELS.filter((level) => levels.has(level));
}

export function setLevels(query: string, levels: readonly Level[]): string {
  const read = editable(query);
  if (!read) return query;
  const found = read.stages.find(isLevelStage);
  const text = levelStage(levels);
  if (found) return text === undefined ? remove(query, found) : splice(query, found, text);
  return text === undefined ? query : insertAfter(query, lastLineFilter(read), text);
}

/** Counts of the lines of a query by level, in steps of some milliseconds. */
export function volumeQuery(query: string, stepMs: number): string {
  const read = readQuery(query);
  // Lines that a stage fails on are shown, so they are counted too: an error label alone would fail the whole count.
  const errors = read?.stages.some((stage) => stage.fallible) === true ? " | drop __error__, __error_details__" : "";
  const end = read ? (read.stages.at(-1) ?? read.selector).to : query.length;
  return `sum by (${LEVEL_FIELD}) (count_over_time(${query.slice(read?.selector.from ?? 0, end)}${errors} [${durationText(stepMs)}]))`;
}

export function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** What to mark in the lines: the texts and expressions that the query looks for. */
export function marksOf(query: string): RegExp | undefined {
  const parts: string[] = [];
  let flags = "g";
  for (const filter of readQuery(query)?.stages.flatMap((stage) => stage.filters) ?? []) {
    for (const text of filter.texts.filter((one) => one !== "")) {
      if (filter.op === "|=") parts.push(escapeRegex(text));
      if (filter.op !== "|~") continue;
      const [, inline = ""] = /^\(\?([a-z]+)\)/.exec(text) ?? [];
      if (inline.includes("i")) flags = "gi";
      parts.push(inline === "" ? text : text.slice(inline.length + 3));
    }
  }
  if (parts.length === 0) return undefined;
  try {
    return new RegExp(parts.map((part) => `(?:${part})`).join("|"), flags);
  } catch {
    // Go's expressions and the browser's differ: nothing is marked then.
    return undefined;
  }
}

function stageOf(query: string, node: SyntaxNode): Stage {
  const inner = stageNode(node);
  const name = inner?.name ?? "";
  const filters: LineFilter[] = [];
  let others = 0;
  node.cursor().iterate((ref) => {
    if (ref.name === "LineFilter") filters.push(lineFilterOf(query, ref.node));
    if (/^(NumberFilter|DurationFilter|BytesFilter|UnitFilter|IpLabelFilter)$/.test(ref.name)) others += 1;
  });
  const own = name === "LabelFilter" ? inner?.getChild("Matcher") : undefined;
  const parse = /^(LabelParser|JsonExpressionParser|LogfmtParser|LogfmtExpressionParser)$/.test(name) ? /^\|\s*(\w+)/.exec(query.slice(node.from, node.to))?.[1] : undefined;
  return {
    from: node.from, to: node.to, name, filters, parser: parse, matcher: own ? matcherOf(query, own) : undefined,
    fallible: parse !== undefined || others > 0 || /^(LineFormatExpr|LabelFormatExpr)$/.test(name),
  };
}

function lineFilterOf(query: string, node: SyntaxNode): LineFilter {
  const texts: string[] = [];
  let functions = 0;
  node.cursor().iterate((ref) => {
    if (ref.name === "String") texts.push(unquote(query.slice(ref.from, ref.to)));
    if (ref.name === "FilterOp") functions += 1;
  });
  const op = node.getChild("Filter");
  return { from: node.from, to: node.to, op: op ? query.slice(op.from, op.to) : "", texts, plain: functions === 0 && texts.length === 1 };
}

function matcherOf(query: string, node: SyntaxNode): Matcher | undefined {
  const [name, value] = [node.getChild("Identifier"), node.getChild("String")];
  const op = node.getChild("Eq") ?? node.getChild("Neq") ?? node.getChild("Re") ?? node.getChild("Nre");
  if (!name || !value || !op) return undefined;
  return { name: query.slice(name.from, name.to), op: query.slice(op.from, op.to) as Matcher["op"], value: unquote(query.slice(value.from, value.to)) };
}

/** What a stage is, behind its pipe. */
function stageNode(node: SyntaxNode): SyntaxNode | null {
  const first = node.firstChild;
  return first?.name === "Pipe" ? first.nextSibling : first;
}

function isLevelStage(stage: Stage): boolean {
  const { matcher } = stage;
  if (matcher?.name !== LEVEL_FIELD) return false;
  return matcher.op === "=" || (matcher.op === "=~" && matcher.value.split("|").every((word) => /^[a-z]*$/.test(word)));
}

function findText(read: LogQuery | undefined): { filter: TextFilter; piece: LineFilter } | undefined {
  for (const piece of read?.stages.flatMap((stage) => stage.filters) ?? []) {
    const [text = ""] = piece.texts;
    if (!piece.plain || text === "") continue;
    if (piece.op === "|=") return { filter: { text, matchCase: true }, piece };
    if (piece.op !== "|~" || !text.startsWith("(?i)")) continue;
    const bare = text.slice(4).replace(/\\([.*+?^${}()|[\]\\])/g, "$1");
    if (text === `(?i)${escapeRegex(bare)}`) return { filter: { text: bare, matchCase: false }, piece };
  }
  return undefined;
}

/** The last of the line filters that stand before anything else. */
function lastLineFilter(read: LogQuery): Piece {
  const other = read.stages.findIndex((stage) => stage.name !== "LineFilters");
  return read.stages[(other < 0 ? read.stages.length : other) - 1] ?? read.selector;
}

/** Whether a matcher leaves out streams without the label: a selector needs one that does. */
function demands({ op, value }: Matcher): boolean {
  if (op === "=") return value !== "";
  if (op !== "=~") return false;
  try {
    return !new RegExp(`^(?:${value})$`).test("");
  } catch {
    return true;
  }
}

function selectorText(matchers: Matcher[]): string {
  return `{${matchers.map(matcherText).join(", ")}}`;
}

function replaceSelector(query: string, read: LogQuery, matchers: Matcher[], label: string): string {
  const all: Matcher[] = matchers.some(demands) ? matchers : [{ name: label, op: "=~", value: ".+" }, ...matchers];
  return query.slice(0, read.selector.from) + selectorText(all) + query.slice(read.selector.to);
}

function splice(query: string, { from, to }: Piece, text: string): string {
  return query.slice(0, from) + text + query.slice(to);
}

function insertAfter(query: string, { to }: Piece, text: string): string {
  const rest = query.slice(to);
  return `${query.slice(0, to).trimEnd()} ${text}${rest === "" || /^[\s\])]/.test(rest) ? rest : ` ${rest}`}`;
}

/** Takes a piece out with the space before it. */
function remove(query: string, { from, to }: Piece): string {
  return query.slice(0, from).trimEnd() + (query.slice(to).trim() === "" ? "" : ` ${query.slice(to).trimStart()}`);
}
