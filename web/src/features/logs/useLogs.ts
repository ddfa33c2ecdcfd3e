// Lines page by page, their counts by level over time, the labels there are.

import { useInfiniteQuery, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import { loki } from "@/api/loki";
import { keyed, pageOf, type Cursor, type Direction } from "@/lib/logEntries";
import { volumeQuery } from "@/lib/logql";
import { volumeOf, volumeStep, type Volume } from "@/lib/logVolume";
import { useRange } from "@/lib/useRange";

/** Lines asked for at once. */
export const PAGE = 300;

/** The window of a page: a cursor moves the bound that the direction goes to. */
export function windowOf(window: { start: string; end: string }, direction: Direction, cursor: Cursor | undefined): { start: string; end: string } {
  if (!cursor) return window;
  return direction === "backward" ? { ...window, end: cursor.at } : { ...window, start: cursor.at };
}

export function useLines(query: string, direction: Direction, enabled: boolean) {
  const { window } = useRange();
  const lines = useInfiniteQuery({
    queryKey: ["loki", "lines", query, direction, window],
    queryFn: async ({ pageParam, signal }) => pageOf(await loki.lines({ query, limit: PAGE, direction, ...windowOf(window, direction, pageParam) }, signal), direction, PAGE, pageParam),
    initialPageParam: undefined as Cursor | undefined,
    getNextPageParam: (last) => last.next,
    enabled,
  });
  const entries = useMemo(() => keyed((lines.data?.pages ?? []).flatMap((page) => page.entries)), [lines.data]);
  return { lines, entries };
}

/** Bars on multiples of the step, so that they stand still while time goes on; those at the edges reach beyond the range. */
export function useVolume(query: string, enabled: boolean): UseQueryResult<Volume> {
  const { bounds } = useRange();
  const step = volumeStep(bounds);
  const grid = { start: Math.floor(bounds.start / step) * step, end: Math.ceil(bounds.end / step) * step, step };
  const text = volumeQuery(query, step);
  return useQuery({
    queryKey: ["loki", "volume", text, bounds.start, bounds.end],
    // A value is of the step before its instant: the first bar ends a step after the range's beginning.
    queryFn: async ({ signal }) => {
      const { data } = await loki.range(text, { ...grid, start: grid.start + step }, signal);
      return volumeOf(data.resultType === "matrix" ? data.result : [], grid);
    },
    enabled,
    // The chart loads later than this asks: every change must reach it.
    notifyOnChangeProps: "all",
  });
}

/** Whether the server understands a query whose lines are not asked for. */
export function useCheck(query: string, enabled: boolean): Error | null {
  return useQuery({ queryKey: ["loki", "check", query], queryFn: ({ signal }) => loki.format(query, signal), enabled, retry: false, placeholderData: undefined }).error;
}

/** The labels of all streams in the time range. */
export function useLabelNames(): UseQueryResult<string[]> {
  const { window, range } = useRange();
  // Ticks of a live range do not ask again: labels change slowly.
  return useQuery({ queryKey: ["loki", "labels", range], queryFn: ({ signal }) => loki.labels(undefined, window, signal), retry: false });
}
