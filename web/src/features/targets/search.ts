// What the URL of the targets page holds.

import { one, oneOf } from "@/lib/urlstate";

export const STATES = ["up", "down", "unknown", "dropped"] as const;
export type State = (typeof STATES)[number];

export interface TargetsSearch {
  pool?: string | undefined;
  state?: State | undefined;
  /** Text in the address, a label or the error. */
  q?: string | undefined;
  sort?: string | undefined;
  /** The target whose details are open. */
  target?: string | undefined;
}

export function readTargetsSearch(search: Record<string, unknown>): TargetsSearch {
  return { pool: one(search, "pool"), state: oneOf(one(search, "state"), STATES), q: one(search, "q"), sort: one(search, "sort"), target: one(search, "target") };
}
