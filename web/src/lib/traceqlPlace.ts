// Where in a TraceQL query the cursor stands, for completion: read from the text before it, which is seldom complete.

import { readQuery } from "./traceql";
import { endsInComment, tokens, type Token } from "./traceqlTokens";

export type PlaceKind =
  /** The beginning of a query. */
  | "start"
  /** A field, where a condition or an argument begins. */
  | "field"
  /** Behind a field: what compares it. */
  | "operator"
  /** The value that a field is compared with. */
  | "value"
  /** Behind a condition: what joins the next. */
  | "join"
  /** Behind a set of spans or a stage: a pipe, or how another set relates. */
  | "next"
  /** Behind a pipe: a stage or a function. */
  | "stage"
  /** The bracket of `with`. */
  | "hint"
  | "none";

export interface TracePlace {
  kind: PlaceKind;
  /** Where what is being written begins. */
  from: number;
  /** The field whose value it is. */
  field: string | undefined;
  /** The quote that is open already. */
  quote: string | undefined;
}

const COMPARES = new Set(["=", "!=", "=~", "!~", ">", ">=", "<", "<="]);
const JOINS = new Set(["&&", "||", "!", "+", "-", "*", "/", "%", "^"]);
const RELATES = new Set([">>", "<<", ">", "<", "~", "!>>", "!<<", "!>", "!<", "!~", "&>>", "&<<", "&>", "&<", "&~", "&&", "||"]);

/** The place of the cursor behind this text. */
export function placeOf(text: string): TracePlace {
  const none: TracePlace = { kind: "none", from: text.length, field: undefined, quote: undefined };
  if (endsInComment(text)) return none;
  const all = tokens(text);
  const stack: number[] = [];
  for (const [i, token] of all.entries()) {
    if (token.kind !== "punct") continue;
    if (token.text === "(" || token.text === "{") stack.push(i);
    if (token.text === ")" || token.text === "}") stack.pop();
  }
  const last = all.at(-1);
  const touching = last && last.to === text.length && (last.kind === "word" || last.open || last.kind === "number") ? last : undefined;
  const rest = touching ? all.slice(0, -1) : all;
  const quote = touching?.kind === "string" ? touching.text[0] : undefined;
  const place = (kind: PlaceKind, field?: string): TracePlace => ({ kind, from: touching?.from ?? text.length, field, quote });
  const inSet = stack.some((at) => all[at]?.text === "{");
  const before = rest.at(-1);
  // Behind a string's end nothing begins without a space.
  if (last?.kind === "string" && !last.open && last.to === text.length) return none;
  if (inSet) return inside(rest, before, touching, place, none);
  const opener = stack.at(-1);
  if (opener !== undefined) {
    const callee = all[opener - 1];
    if (quote !== undefined || touching?.kind === "number") return none;
    if (callee?.text === "with") return before?.text === "(" || before?.text === "," ? place("hint") : none;
    // Brackets around sets of spans; those of a function take fields.
    if (callee?.kind !== "word") return before?.text === "(" ? place("start") : place("next");
    return before?.text === "(" || before?.text === "," ? place("field") : none;
  }
  if (quote !== undefined || touching?.kind === "number") return none;
  if (before === undefined || (before.kind === "op" && RELATES.has(before.text))) return place("start");
  if (before.text === "|") return place("stage");
  return before.text === "}" || before.text === ")" ? place("next") : none;
}

function inside(rest: Token[], before: Token | undefined, touching: Token | undefined, place: (kind: PlaceKind, field?: string) => TracePlace, none: TracePlace): TracePlace {
  const field = rest.at(-2);
  if (before?.kind === "op" && COMPARES.has(before.text)) return field?.kind === "word" ? place("value", field.text) : none;
  if (touching?.kind === "string" || touching?.kind === "number") return none;
  if (before?.text === "{" || before?.text === "(" || (before?.kind === "op" && JOINS.has(before.text))) return place("field");
  const compared = rest.at(-2)?.kind === "op" && COMPARES.has(rest.at(-2)?.text ?? "");
  if (before?.kind === "word" && !compared) return place("operator", before.text);
  if (before && (compared || before.text === ")")) return place("join");
  return none;
}

/**
 * The spans that the rest of a query asks for: the conditions of the set that the cursor stands in but the one at the
 * cursor. Undefined where nothing is left to ask by.
 */
export function restOf(query: string, cursor: number): string | undefined {
  const all = tokens(query);
  const open = all.findLastIndex((token) => token.text === "{" && token.to <= cursor);
  const start = all[open];
  if (!start) return undefined;
  const close = all.find((token, i) => i > open && token.text === "}" && token.from >= cursor);
  const end = close?.from ?? query.length;
  // What is open is closed, so that the conditions before it can be read.
  const written = query.slice(start.from, end);
  const opened = tokens(written).at(-1);
  const read = readQuery(`${written}${opened?.open ? (opened.text.startsWith("`") ? "`" : '"') : ""}}`);
  if (!read || read.either) return undefined;
  const at = cursor - start.from;
  const kept = read.conditions.filter((one) => one.field !== undefined && (at < one.from || at > one.to));
  return kept.length === 0 ? undefined : `{ ${kept.map((one) => one.text).join(" && ")} }`;
}
