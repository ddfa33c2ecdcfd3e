// What the URL of the page of prices holds.

import { one } from "@/lib/urlstate";

export interface PricesSearch {
  q?: string | undefined;
  sort?: string | undefined;
}

export function readPricesSearch(search: Record<string, unknown>): PricesSearch {
  return { q: one(search, "q"), sort: one(search, "sort") };
}
