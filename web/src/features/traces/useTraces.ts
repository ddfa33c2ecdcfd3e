// The list of traces, page by page.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, type TraceFilter } from "@/api/client";
import { useRange } from "@/lib/useRange";
import type { TracesSearch } from "./search";

const PAGE = 200;
/** As many as the API gives in one answer. */
export const DRAWN = 1000;

function filterOf(search: TracesSearch): TraceFilter {
  return {
    service: search.service, name: search.name, status: search.status,
    min_duration: search.min, max_duration: search.max, attribute: search.attr,
  };
}

/** The traces that the chart draws: more at once than the list shows. */
export function useDrawnTraces(search: TracesSearch) {
  const { window } = useRange();
  const filter = filterOf(search);
  return useQuery({
    queryKey: ["traces-drawn", filter, window],
    queryFn: ({ signal }) => api.traces({ ...filter, ...window, limit: DRAWN }, signal),
  });
}

export function useTraces(search: TracesSearch) {
  const { window } = useRange();
  const filter = filterOf(search);
  const query = useInfiniteQuery({
    queryKey: ["traces", filter, window],
    queryFn: ({ pageParam, signal }) => api.traces({ ...filter, ...window, limit: PAGE, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const traces = useMemo(() => {
    // A trace whose start moved between two pages would come twice.
    const byId = new Map((query.data?.pages ?? []).flatMap((page) => page.traces).map((trace) => [trace.trace_id, trace]));
    return [...byId.values()];
  }, [query.data]);
  return { query, traces };
}
