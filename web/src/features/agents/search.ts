// What the URLs of the pages about agents hold.

import { one } from "@/lib/urlstate";

export interface AgentsSearch {
  service?: string | undefined;
  /** Part of a name. */
  find?: string | undefined;
  sort?: string | undefined;
}

export function readAgentsSearch(search: Record<string, unknown>): AgentsSearch {
  return { service: one(search, "service"), find: one(search, "find"), sort: one(search, "sort") };
}
