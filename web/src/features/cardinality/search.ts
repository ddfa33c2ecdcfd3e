// What the URL of the cardinality page holds.

import { one, oneOf } from "@/lib/urlstate";

export interface CardinalitySearch {
  /** Rows of each list. */
  limit?: "50" | "200" | undefined;
}

export function readCardinalitySearch(search: Record<string, unknown>): CardinalitySearch {
  return { limit: oneOf(one(search, "limit"), ["50", "200"]) };
}
