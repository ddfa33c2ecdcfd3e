// What the URL of the page of costs holds.

import type { GroupBy } from "@/api/agentTypes";
import { one, oneOf } from "@/lib/urlstate";

export const GROUPS: GroupBy[] = ["model", "agent", "user", "service", "provider", "session", "prompt", "tag", "release", "environment"];

export interface CostsSearch {
  by?: GroupBy | undefined;
  agent?: string | undefined;
  service?: string | undefined;
  user?: string | undefined;
  model?: string | undefined;
}

export function readCostsSearch(search: Record<string, unknown>): CostsSearch {
  return { by: oneOf(one(search, "by"), GROUPS), agent: one(search, "agent"), service: one(search, "service"), user: one(search, "user"), model: one(search, "model") };
}
