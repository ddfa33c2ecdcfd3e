// Finds the selectors of a PromQL query by its grammar, and edits their label matchers in place.

import { parser } from "@prometheus-io/lezer-promql";
import { matcherText, RATE_WINDOW, type Matcher } from "./promql";

export interface Selector {
  from: number;
  to: number;
  /** The metric's name, where the selector gives one. */
  name: string | undefined;
  matchers: Matcher[];
}

interface Part {
  /** The label, or undefined for a metric's name in quotes. */
  label: string | undefined;
  text: string;
}

interface Parsed extends Selector {
  outer: string;
  parts: Part[];
}

type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];

/** The selectors of a query in their order; also of one that is not complete yet. */
export function selectorsOf(query: string): Selector[] {
  return parsed(query).map(({ from, to, name, matchers }) => ({ from, to, name, matchers }));
}

/** The metrics that a query names. */
export function metricsOf(query: string): string[] {
  return [...new Set(selectorsOf(query).map((one) => one.name).filter((name) => name !== undefined))];
}

/**
 * The query with `label="value"` in each of its selectors, in place of what they had for that label; without the label
 * where the value is null.
 */
export function setLabel(query: string, label: string, value: string | null): string {
  let out = query;
  for (const selector of parsed(query).reverse()) {
    const put = value === null ? undefined : matcherText({ name: label, op: "=", value });
    const parts: string[] = [];
    let done = false;
    for (const part of selector.parts) {
      if (part.label !== label) parts.push(part.text);
      else if (put !== undefined && !done) parts.push(put);
      done ||= part.label === label;
    }
    if (!done && put !== undefined) parts.push(put);
    out = out.slice(0, selector.from) + written(selector.outer, parts) + out.slice(selector.to);
  }
  return out;
}

/** The 95th percentile of native histograms: of what came in lately where the query is of the running totals. */
export function quantileOf(query: string): string {
  const [first] = selectorsOf(query);
  const bare = first !== undefined && query.slice(first.from, first.to) === query.trim();
  return bare ? `histogram_quantile(0.95, sum(rate(${query.trim()}[${RATE_WINDOW}])))` : `histogram_quantile(0.95, ${query.trim()})`;
}

function written(outer: string, parts: string[]): string {
  if (parts.length > 0) return `${outer}{${parts.join(", ")}}`;
  // A selector of nothing is none: this one is of every metric.
  return outer === "" ? '{__name__!=""}' : outer;
}

function parsed(query: string): Parsed[] {
  const out: Parsed[] = [];
  parser.parse(query).iterate({
    enter: (ref) => {
      if (ref.name !== "VectorSelector") return true;
      const one = selector(query, ref.node);
      if (one) out.push(one);
      return false;
    },
  });
  return out;
}

function selector(query: string, node: SyntaxNode): Parsed | undefined {
  const text = (of: SyntaxNode): string => query.slice(of.from, of.to);
  const outer = node.getChild("Identifier");
  const braces = node.getChild("LabelMatchers");
  const out: Parsed = { from: node.from, to: node.to, name: outer ? text(outer) : undefined, matchers: [], outer: outer ? text(outer) : "", parts: [] };
  for (let child = braces?.firstChild ?? null; child; child = child.nextSibling) {
    if (child.name === "QuotedLabelName") {
      out.name ??= unquote(text(child));
      out.parts.push({ label: undefined, text: text(child) });
      continue;
    }
    const [label, op, value] = [child.getChild("LabelName") ?? child.getChild("QuotedLabelName"), child.getChild("MatchOp"), child.getChild("StringLiteral")];
    if (!label || !op || !value) continue;
    const name = child.name === "QuotedLabelMatcher" ? unquote(text(label)) : text(label);
    const matcher = { name, op: text(op) as Matcher["op"], value: unquote(text(value)) };
    out.matchers.push(matcher);
    out.parts.push({ label: name, text: text(child) });
    if (name === "__name__" && matcher.op === "=") out.name ??= matcher.value;
  }
  return out.name === undefined && out.parts.length === 0 ? undefined : out;
}

/** The text of a string literal. Escapes other than the usual ones stay as written. */
function unquote(literal: string): string {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("`")) return inner;
  const plain: Record<string, string> = { n: "\n", t: "\t", r: "\r" };
  return inner.replace(/\\(.)/g, (whole, char: string) => plain[char] ?? ("\"'\\".includes(char) ? char : whole));
}
