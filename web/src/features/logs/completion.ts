// What the editor completes: labels, values and fields as the server has them in the page's time range.

import type { QueryClient } from "@tanstack/react-query";
import { loki } from "@/api/loki";
import type { Window } from "@/api/client";
import { selectorWithout } from "@/lib/logql";
import type { LogCompletionClient } from "./logqlLanguage";

const FRESH_MS = 60_000;
/** Fields and values that are offered at most. */
const FIELDS_MAX = 500;

/** Completion without an answer offers the language alone, and says nothing: the query itself will tell what is wrong. */
export function completionClient(queries: QueryClient, window: () => Window): LogCompletionClient {
  const ask = async <T>(key: string[], none: T, load: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await queries.query({ queryKey: ["log-completion", ...key], queryFn: ({ signal }) => load(signal), staleTime: FRESH_MS, retry: false });
    } catch {
      return none;
    }
  };
  return {
    labels: (selector) => ask(["labels", selector ?? ""], [], (signal) => loki.labels(selector, window(), signal)),
    values: (label, selector) => ask(["values", label, selector ?? ""], [], (signal) => loki.labelValues(label, selector, window(), signal)),
    fields: async (query) => {
      const fields = await ask(["fields", query], [], (signal) => loki.fields(query, FIELDS_MAX, window(), signal));
      return fields.map(({ label, type, cardinality }) => ({ name: label, about: `${type}, ${cardinality} values` }));
    },
    fieldValues: (field, query) => ask(["field-values", field, query], [], (signal) => loki.fieldValues(field, query, FIELDS_MAX, window(), signal)),
    selectorWithout,
  };
}
