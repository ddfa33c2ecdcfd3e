// What the URL of the operations page holds.

import { one } from "@/lib/urlstate";

export interface OperationsSearch {
  service?: string | undefined;
  /** Part of a name. */
  find?: string | undefined;
  sort?: string | undefined;
}

export function readOperationsSearch(search: Record<string, unknown>): OperationsSearch {
  return { service: one(search, "service"), find: one(search, "find"), sort: one(search, "sort") };
}
