// What the URL of the service map holds.

import { one, oneOf } from "@/lib/urlstate";

export interface ServiceMapSearch {
  view?: "table" | undefined;
  /** The service that is looked at. */
  service?: string | undefined;
  sort?: string | undefined;
}

export function readServiceMapSearch(search: Record<string, unknown>): ServiceMapSearch {
  return { view: oneOf(one(search, "view"), ["table"]), service: one(search, "service"), sort: one(search, "sort") };
}
