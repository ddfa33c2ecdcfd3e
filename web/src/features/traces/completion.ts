// What the editor completes: fields and values as the server has them in the page's time range.

import type { QueryClient } from "@tanstack/react-query";
import type { Span } from "@/api/prometheus";
import { tempo } from "@/api/tempo";
import type { TraceCompletionClient } from "./traceqlLanguage";

const FRESH_MS = 60_000;
/** Values that are offered at most. */
const VALUES_MAX = 500;

/** Completion without an answer offers the language alone, and says nothing: the query itself will tell what is wrong. */
export function completionClient(queries: QueryClient, span: () => Span): TraceCompletionClient {
  const ask = async <T>(key: string[], load: (signal: AbortSignal) => Promise<T[]>): Promise<T[]> => {
    try {
      return await queries.query({ queryKey: ["trace-completion", ...key], queryFn: ({ signal }) => load(signal), staleTime: FRESH_MS, retry: false });
    } catch {
      return [];
    }
  };
  return {
    tags: (query) => ask(["tags", query ?? ""], (signal) => tempo.tags(query, span(), signal)),
    values: async (field, query) => (await ask(["values", field, query ?? ""], (signal) => tempo.tagValues(field, query, span(), signal))).slice(0, VALUES_MAX),
  };
}
