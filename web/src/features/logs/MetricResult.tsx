// What a query of numbers answers: the graph and the table of the metrics explorer.

import { SegmentedControl, Switch } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { loki } from "@/api/loki";
import type { Labels } from "@/api/types";
import { Skeleton } from "@/components/Skeleton";
import { levelVar } from "@/lib/colors";
import { formatDuration } from "@/lib/format";
import { levelOfWord } from "@/lib/level";
import type { Answer } from "@/lib/promSeries";
import { gridOf, type Grid } from "@/lib/promql";
import { useRange } from "@/lib/useRange";
import type { LogsSearch } from "./search";
import classes from "./LogsPage.module.css";

const Graph = lazy(() => import("@/components/Graph").then((module) => ({ default: module.Graph })));
const ResultTable = lazy(() => import("@/components/ResultTable").then((module) => ({ default: module.ResultTable })));

/** Widths of charts are taken in such steps, so that moving a window's edge does not ask again and again. */
const WIDTH_STEP = 150;
const NO_EXEMPLARS: never[] = [];
const UNITS = [""];
const nothing = (): void => undefined;

/** Series by level alone have the colours of levels. */
function levelColor(labels: Labels): string | undefined {
  const [[name, value] = [], ...others] = Object.entries(labels);
  if (others.length > 0 || name === undefined || !/^(detected_)?level$/.test(name)) return undefined;
  return levelVar(levelOfWord(value));
}

export interface MetricAnswer {
  range: Answer;
  instant: Answer;
  grid: Grid;
  error: Error | null;
  retry: () => void;
}

/** Asks for what a query of numbers answers in a chart of this width, or in a table. */
export function useMetricAnswer(query: string, table: boolean, width: number, enabled: boolean): MetricAnswer {
  const { bounds } = useRange();
  const grid = useMemo(() => gridOf(bounds, Math.max(300, Math.ceil(width / WIDTH_STEP) * WIDTH_STEP)), [bounds, width]);
  // What is read of the answers is read in parts that load later: every change must reach them.
  const range = useQuery({ queryKey: ["loki", "range", query, grid.start, grid.end, grid.step], queryFn: ({ signal }) => loki.range(query, grid, signal), enabled: enabled && !table && width > 0, notifyOnChangeProps: "all" });
  const instant = useQuery({ queryKey: ["loki", "instant", query, bounds.end], queryFn: ({ signal }) => loki.instant(query, bounds.end, signal), enabled: enabled && table, notifyOnChangeProps: "all" });
  const answer = table ? instant : range;
  return { range, instant, grid, error: enabled ? answer.error : null, retry: () => void answer.refetch() };
}

interface MetricResultProps {
  query: string;
  metric: MetricAnswer;
  search: LogsSearch;
  onChange: (next: LogsSearch, replace?: boolean) => void;
  onLabel: (name: string, value: string) => void;
}

export function MetricResult({ query, metric: { range, instant, grid }, search, onChange, onLabel }: MetricResultProps) {
  const table = search.view === "table";
  const ran = useMemo(() => [{ index: 0, text: query }], [query]);
  return (
    <div className={classes.metric}>
      <div className={classes.tools}>
        <SegmentedControl size="xs" aria-label="View" value={table ? "table" : "graph"} onChange={(view) => onChange({ view: view === "table" ? "table" : undefined })} data={[{ value: "graph", label: "Graph" }, { value: "table", label: "Table" }]} />
        {!table && (
          <>
            <SegmentedControl
              size="xs" aria-label="Style" value={search.style ?? "line"} onChange={(style) => onChange({ style: style === "line" ? undefined : style })}
              data={[{ value: "line", label: "Lines" }, { value: "stacked", label: "Stacked" }, { value: "points", label: "Points" }]}
            />
            <Switch label="Log scale" checked={search.scale === "log"} disabled={search.style === "stacked"} onChange={(event) => onChange({ scale: event.currentTarget.checked ? "log" : undefined })} />
            <span className={`${classes.toolsEnd} ${classes.step}`}>a point every {formatDuration(grid.step * 1e6)}</span>
          </>
        )}
      </div>
      <div className={classes.result}>
        <Suspense fallback={<Skeleton height={320} />}>
          {table
            ? <ResultTable ran={ran} answers={[instant]} units={UNITS} sort={search.sort} lettered={false} onSort={(sort) => onChange({ sort }, true)} onLabel={(_, name, value) => onLabel(name, value)} />
            : <Graph ran={ran} answers={[range]} exemplars={NO_EXEMPLARS} units={UNITS} grid={grid} style={search.style ?? "line"} logarithmic={search.scale === "log"} lettered={false} onQuantile={nothing} colorOf={levelColor} />}
        </Suspense>
      </div>
    </div>
  );
}
