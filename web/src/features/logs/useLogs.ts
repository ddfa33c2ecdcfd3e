// Log lines page by page, and their counts over time, for the filters in the URL.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, type LogFilter, type Window } from "@/api/client";
import { useRange } from "@/lib/useRange";
import type { LogsSearch } from "./search";

const PAGE = 300;
const BUCKETS = 80;

function filterOf(search: LogsSearch): LogFilter {
  return { service: search.service, level: search.level, query: search.q, attribute: search.attr, trace_id: search.trace, span_id: search.span };
}

export function useLogs(search: LogsSearch) {
  const { window } = useRange();
  const filter = filterOf(search);
  const query = useInfiniteQuery({
    queryKey: ["logs", filter, window],
    queryFn: ({ pageParam, signal }) => api.logs({ ...filter, ...window, limit: PAGE, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  // Ids are unique within one answer only: the page makes them unique in the list.
  const logs = useMemo(
    () => (query.data?.pages ?? []).flatMap((page, i) => page.logs.map((log) => ({ key: `${i}/${log.id}`, log }))),
    [query.data],
  );
  return { query, logs };
}

export type LogItem = ReturnType<typeof useLogs>["logs"][number];

export function useLogHistogram(search: LogsSearch, window: Window) {
  const filter = filterOf(search);
  return useQuery({
    queryKey: ["log-histogram", filter, window],
    queryFn: ({ signal }) => api.logHistogram({ ...filter, ...window, buckets: BUCKETS }, signal),
  });
}
