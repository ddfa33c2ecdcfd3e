// What the URL of the page of runs holds.

import type { RunFilter } from "@/api/agents";
import { one } from "@/lib/urlstate";

export interface RunsSearch extends RunFilter {
  sort?: string | undefined;
}

export function readRunsSearch(search: Record<string, unknown>): RunsSearch {
  const status = one(search, "status");
  const read = (key: string): string | undefined => one(search, key);
  return {
    agent: read("agent"), service: read("service"), session: read("session"), user: read("user"), status: status === "ok" || status === "error" ? status : undefined, loop: read("loop"), model: read("model"), tool: read("tool"),
    rating_max: read("rating_max"), min_cost: read("min_cost"), min_duration: read("min_duration"), sort: read("sort"),
  };
}
