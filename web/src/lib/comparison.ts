// What two sides of a comparison differ in.

import type { LiftValue, NodeFigures } from "@/api/types";
import { formatDuration, significant } from "./format";
import { attributeField, condition, literalOf, type AttributeScope } from "./traceqlText";

export interface Change {
  left: NodeFigures | null;
  right: NodeFigures | null;
}

/** A change of time below this share, and below this many nanoseconds, is noise. */
const NOISE_SHARE = 0.1;
const NOISE_NS = 1_000_000;

/** Whether a place differs enough to be worth a look. */
export function changed({ left, right }: Change): boolean {
  if (!left || !right) return true;
  if (left.spans !== right.spans || left.errors !== right.errors) return true;
  const delta = Math.abs(right.duration_ns - left.duration_ns);
  return delta > NOISE_NS && delta > NOISE_SHARE * Math.max(left.duration_ns, right.duration_ns);
}

/** A difference of time with its sign. */
export function deltaText(ns: number): string {
  if (ns === 0) return "0";
  return ns > 0 ? `+${formatDuration(ns)}` : formatDuration(ns);
}

/** How many times as often a value is in the selection. */
export function liftText(lift: number | null): string {
  if (lift === null || !Number.isFinite(lift)) return "only here";
  return `${lift >= 100 ? Math.round(lift).toLocaleString("en-US") : significant(lift)}×`;
}

const SCOPES = new Set(["span", "resource", "event", "link", "instrumentation"]);

/** The condition for a value that was found; undefined where the language has none. */
export function conditionOfValue({ scope, key, value }: Pick<LiftValue, "scope" | "key" | "value">): string | undefined {
  const text = literalOf(value);
  if (text === undefined) return undefined;
  if (SCOPES.has(scope)) return condition(attributeField(key, scope as AttributeScope), "=", text);
  // Values of these are words of the language.
  return condition(key, "=", /^(span:)?(status|kind)$/.test(key) ? String(value) : text);
}
