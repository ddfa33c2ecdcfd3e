// What a query of numbers answers of logs.

import { useQuery } from "@tanstack/react-query";
import { loki } from "@/api/loki";
import type { Labels } from "@/api/types";
import { useGrid, type MetricAnswer } from "@/components/MetricResult";
import { levelVar } from "@/lib/colors";
import { levelOfWord } from "@/lib/level";
import { useRange } from "@/lib/useRange";

/** Series by level alone have the colours of levels. */
export function levelColor(labels: Labels): string | undefined {
  const [[name, value] = [], ...others] = Object.entries(labels);
  if (others.length > 0 || name === undefined || !/^(detected_)?level$/.test(name)) return undefined;
  return levelVar(levelOfWord(value));
}

/** Asks for what a query of numbers answers in a chart of this width, or in a table. */
export function useMetricAnswer(query: string, table: boolean, width: number, enabled: boolean): MetricAnswer {
  const { bounds } = useRange();
  const grid = useGrid(width);
  // What is read of the answers is read in parts that load later: every change must reach them.
  const range = useQuery({ queryKey: ["loki", "range", query, grid.start, grid.end, grid.step], queryFn: ({ signal }) => loki.range(query, grid, signal), enabled: enabled && !table && width > 0, notifyOnChangeProps: "all" });
  const instant = useQuery({ queryKey: ["loki", "instant", query, bounds.end], queryFn: ({ signal }) => loki.instant(query, bounds.end, signal), enabled: enabled && table, notifyOnChangeProps: "all" });
  const answer = table ? instant : range;
  return { range, instant, grid, error: enabled ? answer.error : null, retry: () => void answer.refetch() };
}
