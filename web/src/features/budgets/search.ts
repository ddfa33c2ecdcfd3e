// What the URL of the page of budgets holds.

import { one } from "@/lib/urlstate";

export interface BudgetsSearch {
  /** Id of the budget that is shown closer. */
  budget?: string | undefined;
}

export function readBudgetsSearch(search: Record<string, unknown>): BudgetsSearch {
  return { budget: one(search, "budget") };
}
