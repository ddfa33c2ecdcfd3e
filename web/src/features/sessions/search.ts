// What the URL of the list of sessions holds.

import { one } from "@/lib/urlstate";

export interface SessionsSearch {
  agent?: string | undefined;
  service?: string | undefined;
  user?: string | undefined;
  sort?: string | undefined;
}

export function readSessionsSearch(search: Record<string, unknown>): SessionsSearch {
  return { agent: one(search, "agent"), service: one(search, "service"), user: one(search, "user"), sort: one(search, "sort") };
}
