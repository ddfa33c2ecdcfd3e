// Writes TraceQL as text alone: fields, literals, conditions, the queries that links from elsewhere mean. Without the
// grammar, so that any page can use it.

import { literal } from "./logqlText";

/** Every span. */
export const EVERYTHING = "{}";
export const SERVICE_FIELD = "resource.service.name";

export type AttributeScope = "span" | "resource" | "event" | "link" | "instrumentation";

/** What a name of an attribute may hold outside of quotes. */
const PLAIN_NAME = /^[^\s{}()=~!<>&|^,"`\\]+$/;

/** An attribute as TraceQL names it; without a scope, of the span or its resource. */
export function attributeField(name: string, scope?: AttributeScope): string {
  return `${scope ?? ""}.${PLAIN_NAME.test(name) ? name : `"${name.replace(/["\\]/g, "\\$&")}"`}`;
}

/** A value as TraceQL writes it; undefined where no literal stands for it. */
export function literalOf(value: unknown): string | undefined {
  if (typeof value === "string") return literal(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  // The language has no exponents.
  const text = String(value);
  return /e/i.test(text) ? undefined : text;
}

/** A value as somebody types it: numbers and booleans are those, everything else is a text. */
export function typedLiteral(text: string): string {
  const bare = text.trim();
  if (/^"(?:[^"\\]|\\.)*"$|^`[^`]*`$/.test(bare)) return bare;
  return /^-?\d+(\.\d+)?$|^(true|false)$/.test(bare) ? bare : literal(bare);
}

export function condition(field: string, op: string, value: string): string {
  return `${field} ${op} ${value}`;
}

export function spanset(conditions: readonly string[]): string {
  return conditions.length === 0 ? EVERYTHING : `{ ${conditions.join(" && ")} }`;
}

export function serviceCondition(service: string): string {
  return condition(SERVICE_FIELD, "=", literal(service));
}

export function serviceQuery(service: string): string {
  return spanset([serviceCondition(service)]);
}

/** The spans of an operation. */
export function operationQuery(service: string, name: string, kind?: string): string {
  return spanset([
    serviceCondition(service), condition("name", "=", literal(name)), ...(kind === undefined || kind === "unspecified" || kind === "" ? [] : [condition("kind", "=", kind)]),
  ]);
}

/** Calls from one service to another. */
export function callQuery(parent: string, child: string): string {
  return `${serviceQuery(parent)} > ${serviceQuery(child)}`;
}

/** What an address of an older version of the page asks for. */
export interface OldTraceFilters {
  service?: string | undefined;
  name?: string | undefined;
  status?: string | undefined;
  min?: string | undefined;
  max?: string | undefined;
  attributes?: string[] | undefined;
}

/** The query that those filters mean. */
export function queryOfOldFilters({ service, name, status, min, max, attributes }: OldTraceFilters): string {
  const pairs = (attributes ?? []).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const).filter(([key]) => key !== "");
  const lasting = (text: string): string => (/^\d+$/.test(text) ? `${text}ns` : text);
  return spanset([
    ...(service === undefined ? [] : [serviceCondition(service)]),
    ...(name === undefined ? [] : [condition("name", "=", literal(name))]),
    ...(status === undefined ? [] : [condition("status", "=", status)]),
    ...(min === undefined ? [] : [condition("traceDuration", ">=", lasting(min))]),
    ...(max === undefined ? [] : [condition("traceDuration", "<=", lasting(max))]),
    ...pairs.map(([key, value]) => pairCondition(key, value)),
  ]);
}

/** The text of an older link does not tell a number from a text that looks like one. */
function pairCondition(key: string, value: string): string {
  const field = attributeField(key);
  const typed = typedLiteral(value);
  const text = literal(value);
  return typed === text ? condition(field, "=", text) : `(${condition(field, "=", typed)} || ${condition(field, "=", text)})`;
}
