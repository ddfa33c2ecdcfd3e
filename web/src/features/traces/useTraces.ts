// What the query of the page finds: traces page by page, more of them at once for the chart, or numbers.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { tempo, type TraceMetric } from "@/api/tempo";
import type { TempoSearch } from "@/api/types";
import { useGrid, type MetricAnswer } from "@/components/MetricResult";
import { foundTrace, olderPage, type FoundTrace, type OlderPage } from "@/lib/foundTraces";
import { withNames } from "@/lib/traceql";
import { useRange } from "@/lib/useRange";

const PAGE = 200;
/** Traces that the chart draws at most. */
export const DRAWN = 1000;
/** Matched spans of a set that are shown at most. */
export const SPANS_SHOWN = 8;

export function useTraces(query: string, enabled: boolean) {
  const { bounds } = useRange();
  const result = useInfiniteQuery({
    queryKey: ["tempo", "search", query, bounds.start, bounds.end],
    queryFn: async ({ pageParam, signal }) => {
      const page = pageParam ?? { end: bounds.end, limit: PAGE };
      return { page, answer: await tempo.search({ q: withNames(query), limit: page.limit, spss: SPANS_SHOWN, start: bounds.start, end: page.end }, signal) };
    },
    initialPageParam: undefined as OlderPage | undefined,
    getNextPageParam: (last, all) => {
      const known = new Set(all.slice(0, -1).flatMap(({ answer }) => (answer.traces ?? []).map((one) => one.traceID)));
      return olderPage(last.answer, last.page, known);
    },
    enabled,
  });
  const traces = useMemo(() => unique((result.data?.pages ?? []).map(({ answer }) => answer)), [result.data]);
  return { result, traces };
}

function unique(answers: TempoSearch[]): FoundTrace[] {
  const byId = new Map<string, FoundTrace>();
  for (const trace of answers.flatMap((answer) => answer.traces ?? [])) if (!byId.has(trace.traceID)) byId.set(trace.traceID, foundTrace(trace));
  return [...byId.values()];
}

/** The traces that the chart draws: those of the list where that is all, else more at once. */
export function useDrawnTraces(query: string, listed: FoundTrace[], more: boolean) {
  const { bounds } = useRange();
  const drawn = useQuery({
    queryKey: ["tempo", "drawn", query, bounds.start, bounds.end],
    queryFn: async ({ signal }) => unique([await tempo.search({ q: query, limit: DRAWN, spss: 1, start: bounds.start, end: bounds.end }, signal)]),
    enabled: more,
    notifyOnChangeProps: "all",
  });
  const found = more ? (drawn.data ?? listed) : listed;
  return { traces: found.length >= listed.length ? found : listed, stale: more && drawn.isPlaceholderData };
}

const answerOf = ({ data, warnings, infos }: TraceMetric) => ({ data, warnings, infos });
const exemplarsOf = ({ exemplars }: TraceMetric) => exemplars;

/** Asks for what a query of numbers answers in a chart of this width, or in a table. */
export function useTraceMetric(query: string, table: boolean, width: number, enabled: boolean): MetricAnswer {
  const { bounds } = useRange();
  const grid = useGrid(width);
  const asked = {
    queryKey: ["tempo", "range", query, grid.start, grid.end, grid.step], queryFn: ({ signal }: { signal: AbortSignal }) => tempo.range(query, grid, signal),
    // What is read of the answers is read in parts that load later: every change must reach them.
    enabled: enabled && !table && width > 0, notifyOnChangeProps: "all" as const,
  };
  const range = useQuery({ ...asked, select: answerOf });
  const exemplars = useQuery({ ...asked, select: exemplarsOf });
  const instant = useQuery({ queryKey: ["tempo", "instant", query, bounds.start, bounds.end], queryFn: ({ signal }) => tempo.instant(query, bounds, signal), enabled: enabled && table, notifyOnChangeProps: "all" });
  const answer = table ? instant : range;
  return { range, instant, exemplars, grid, error: enabled ? answer.error : null, retry: () => void answer.refetch() };
}
