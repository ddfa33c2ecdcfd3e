// Runs the queries of the page: over the range for the graph, at its end for the table, exemplars beside.

import { useQueries, type UseQueryResult } from "@tanstack/react-query";
import { prometheus } from "@/api/prometheus";
import type { ExemplarSeries } from "@/api/types";
import { TABLE_MAX, type Answer, type Ran } from "@/lib/promSeries";
import type { Grid } from "@/lib/promql";

export function useRangeAnswers(queries: Ran[], grid: Grid, enabled: boolean): Answer[] {
  return useQueries({
    queries: queries.map(({ text }) => ({
      queryKey: ["prom", "range", text, grid.start, grid.end, grid.step], queryFn: ({ signal }: { signal: AbortSignal }) => prometheus.range(text, grid, signal), enabled,
    })),
  });
}

export function useInstantAnswers(queries: Ran[], time: number, enabled: boolean): Answer[] {
  return useQueries({
    queries: queries.map(({ text }) => ({
      queryKey: ["prom", "instant", text, time], queryFn: ({ signal }: { signal: AbortSignal }) => prometheus.instant(text, time, TABLE_MAX, signal), enabled,
    })),
  });
}

export function useExemplarAnswers(queries: Ran[], grid: Grid, enabled: boolean): UseQueryResult<ExemplarSeries[]>[] {
  return useQueries({
    queries: queries.map(({ text }) => ({
      queryKey: ["prom", "exemplars", text, grid.start, grid.end], queryFn: ({ signal }: { signal: AbortSignal }) => prometheus.exemplars(text, grid, signal), enabled, retry: false,
    })),
  });
}
