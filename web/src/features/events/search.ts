// What the URL of the page of events holds.

import { one } from "@/lib/urlstate";

export interface EventsSearch {
  kind?: string | undefined;
  severity?: string | undefined;
  agent?: string | undefined;
  sort?: string | undefined;
}

export function readEventsSearch(search: Record<string, unknown>): EventsSearch {
  return { kind: one(search, "kind"), severity: one(search, "severity"), agent: one(search, "agent"), sort: one(search, "sort") };
}
