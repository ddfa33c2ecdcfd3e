// What the URL of the page of feedback holds.

import type { FeedbackFilter } from "@/api/agents";
import { one, oneOf } from "@/lib/urlstate";

export const BY = ["agent", "user", "model", "version"] as const;

export interface FeedbackSearch extends FeedbackFilter {
  by?: (typeof BY)[number] | undefined;
}

export function readFeedbackSearch(search: Record<string, unknown>): FeedbackSearch {
  const read = (key: string): string | undefined => one(search, key);
  return { agent: read("agent"), user: read("user"), model: read("model"), name: read("name"), kind: read("kind"), rating_max: read("rating_max"), has_comment: read("has_comment"), q: read("q"), by: oneOf(read("by"), [...BY]) };
}
