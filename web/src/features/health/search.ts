// What the URL of the page of health holds.

import { one } from "@/lib/urlstate";

export interface HealthSearch {
  /** The check that is unfolded. */
  check?: string | undefined;
}

export function readHealthSearch(search: Record<string, unknown>): HealthSearch {
  return { check: one(search, "check") };
}
