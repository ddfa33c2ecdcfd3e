// Where in a LogQL query the cursor stands, for completion: read from the text before it, which is seldom complete.

export type PlaceKind =
  /** A label's name in the selector. */
  | "label"
  /** A label's value in the selector. */
  | "value"
  /** Behind the selector or a stage: what may follow. */
  | "next"
  /** Behind `|`: a stage, or a field to filter by. */
  | "stage"
  /** A field of the line. */
  | "field"
  /** The value of a field in a label filter. */
  | "fieldValue"
  /** The list of a grouping. */
  | "grouping"
  | "range"
  /** The beginning of an expression. */
  | "function"
  | "none";

export interface Place {
  kind: PlaceKind;
  /** Where what is being written begins. */
  from: number;
  /** The label or field whose value it is. */
  name: string | undefined;
  /** The quote that is open already. */
  quote: string | undefined;
  /** The selector and its stages before the place. */
  before: string;
}

type Make = (kind: PlaceKind, more?: Partial<Place>) => Place;

interface Token {
  kind: "name" | "string" | "op" | "punct" | "number";
  text: string;
  from: number;
  to: number;
  /** A string without its end. */
  open: boolean;
}

const STAGES_OF_NAMES = new Set(["drop", "keep", "unwrap", "label_format"]);
const JOINS = new Set(["and", "or"]);
const LINE_OPS = new Set(["|=", "|~", "|>", "!=", "!~", "!>"]);
const VALUE_OPS = new Set(["=", "!=", "=~", "!~", "==", ">", "<", ">=", "<="]);

function tokens(text: string): Token[] {
  const out: Token[] = [];
  const rule = /\s+|#[^\n]*|("(?:[^"\\\n]|\\.)*"?|`[^`]*`?)|([A-Za-z_][\w]*)|(\d[\w.]*)|(\|[=~>]|![=~>]|=~|==|>=|<=|[=<>|])|(.)/gsu;
  for (const found of text.matchAll(rule)) {
    const [whole, string, name, number, op, punct] = found;
    const kind = string !== undefined ? "string" : name !== undefined ? "name" : number !== undefined ? "number" : op !== undefined ? "op" : punct !== undefined ? "punct" : undefined;
    // A comment that the cursor stands in is no place for anything.
    if (kind === undefined) continue;
    const open = string !== undefined && (string.length === 1 || !string.endsWith(string[0] ?? "") || /(?:^|[^\\])(?:\\\\)*\\"$/.test(string));
    out.push({ kind, text: whole, from: found.index, to: found.index + whole.length, open });
  }
  return out;
}

/** The place of the cursor behind this text. */
export function placeOf(text: string): Place {
  const none: Place = { kind: "none", from: text.length, name: undefined, quote: undefined, before: "" };
  if (/#[^\n]*$/.test(text.replace(/"(?:[^"\\\n]|\\.)*"|`[^`]*`/g, ""))) return none;
  const all = tokens(text);
  const stack: { open: string; at: number }[] = [];
  // Where the selector began whose pipeline the cursor may stand in, and how deep in brackets that was.
  let start = -1;
  let depth = 0;
  let selected = false;
  for (const [i, token] of all.entries()) {
    if (token.kind !== "punct") continue;
    if ("([{".includes(token.text)) {
      if (token.text === "{") [start, depth, selected] = [token.from, stack.length, false];
      stack.push({ open: token.text, at: i });
    } else if (")]}".includes(token.text)) {
      const closed = stack.pop()?.open;
      selected = closed === "{" || (selected && closed === "(" && stack.length >= depth);
    }
  }
  const last = all.at(-1);
  const touching = last?.to === text.length && (last.kind === "name" || last.open) ? last : undefined;
  const from = touching?.from ?? text.length;
  const inner = stack.at(-1);
  const place: Make = (kind, more = {}) => ({ ...none, kind, from, ...more, before: (more.before ?? "").trim() });
  const rest = touching ? all.slice(0, -1) : all;
  const quote = touching?.open ? touching.text[0] : undefined;
  if (last?.kind === "number" && last.to === text.length && inner?.open !== "[") return none;

  if (inner?.open === "[") return place("range", { from: (all[inner.at]?.to ?? from) });
  if (inner?.open === "{") {
    const own = rest.slice(inner.at + 1);
    const item = own.slice(own.findLastIndex((token) => token.text === ",") + 1);
    if (item.length === 0) return quote === undefined ? place("label") : none;
    if (item.length === 2 && VALUE_OPS.has(item[1]?.text ?? "")) return place("value", { name: item[0]?.text, quote, before: text.slice(start) });
    return none;
  }
  const opener = inner && all[inner.at - 1]?.text;
  if (inner && (opener === "by" || opener === "without")) return quote === undefined ? place("grouping", { before: "" }) : none;
  if (start < 0 || !selected) return quote === undefined && begins(rest) ? place("function") : none;
  return pipeline(text, rest, start, place, quote);
}

/** Whether an expression may begin behind these tokens. */
function begins(before: Token[]): boolean {
  const last = before.at(-1);
  return last === undefined || last.text === "(" || last.text === "," || /^[-+*/%^]$/.test(last.text) || JOINS.has(last.text) || last.text === "unless";
}

function pipeline(text: string, rest: Token[], start: number, place: Make, quote: string | undefined): Place {
  const pipe = rest.findLastIndex((token) => token.text === "|");
  const brace = rest.findLastIndex((token) => token.text === "}");
  const last = rest.at(-1);
  if (pipe < brace) {
    if (quote !== undefined || (last && LINE_OPS.has(last.text))) return place("none");
    return place("next", { before: text.slice(start) });
  }
  const before = text.slice(start, rest[pipe]?.from);
  const stage = rest.slice(pipe + 1);
  const [head] = stage;
  if (!head) return quote === undefined ? place("stage", { before }) : place("none");
  const [name, op] = stage.slice(-2);
  if (stage.length >= 2 && name?.kind === "name" && op && VALUE_OPS.has(op.text) && !["json", "logfmt", "pattern", "regexp"].includes(head.text)) {
    return place("fieldValue", { name: name.text, quote, before });
  }
  if (quote !== undefined || (last && LINE_OPS.has(last.text))) return place("none");
  if (STAGES_OF_NAMES.has(head.text) && (stage.length === 1 || last?.text === "," || last?.text === "(")) return place("field", { before });
  if (last && (JOINS.has(last.text) || last.text === ",")) return place("field", { before });
  return place("next", { before: text.slice(start) });
}
