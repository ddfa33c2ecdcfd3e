// What a query of numbers answers, in any language of logs or traces: a graph with its series, or a table.

import { SegmentedControl, Switch } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import type { ExemplarSeries, Labels } from "@/api/types";
import { formatDuration } from "@/lib/format";
import type { Answer } from "@/lib/promSeries";
import { gridOf, type Grid } from "@/lib/promql";
import { useRange } from "@/lib/useRange";
import type { ChartStyle } from "./Graph";
import classes from "./MetricResult.module.css";
import { Skeleton } from "./Skeleton";

const Graph = lazy(() => import("./Graph").then((module) => ({ default: module.Graph })));
const ResultTable = lazy(() => import("./ResultTable").then((module) => ({ default: module.ResultTable })));

/** Widths of charts are taken in such steps, so that moving a window's edge does not ask again and again. */
const WIDTH_STEP = 150;
const NO_EXEMPLARS: never[] = [];
const nothing = (): void => undefined;

/** What the URL holds of how numbers are shown. */
export interface MetricView {
  view?: string | undefined;
  style?: ChartStyle | undefined;
  /** `log` for a logarithmic scale. */
  scale?: "log" | undefined;
  sort?: string | undefined;
}

/** What a change of the view may set. */
export interface MetricViewChange {
  view?: "table" | undefined;
  style?: ChartStyle | undefined;
  scale?: "log" | undefined;
  sort?: string | undefined;
}

export interface MetricAnswer {
  range: Answer;
  instant: Answer;
  exemplars?: UseQueryResult<ExemplarSeries[]> | undefined;
  grid: Grid;
  error: Error | null;
  retry: () => void;
}

/** The instants that a chart of this width draws. */
export function useGrid(width: number): Grid {
  const { bounds } = useRange();
  return useMemo(() => gridOf(bounds, Math.max(300, Math.ceil(width / WIDTH_STEP) * WIDTH_STEP)), [bounds, width]);
}

interface MetricResultProps {
  query: string;
  unit?: string;
  metric: MetricAnswer;
  search: MetricView;
  onChange: (next: MetricViewChange, replace?: boolean) => void;
  onLabel: (name: string, value: string) => void;
  colorOf?: (labels: Labels) => string | undefined;
}

export function MetricResult({ query, unit = "", metric: { range, instant, exemplars, grid }, search, onChange, onLabel, colorOf }: MetricResultProps) {
  const table = search.view === "table";
  const ran = useMemo(() => [{ index: 0, text: query }], [query]);
  const units = useMemo(() => [unit], [unit]);
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
            <span className={classes.step}>a point every {formatDuration(grid.step * 1e6)}</span>
          </>
        )}
      </div>
      <div className={classes.result}>
        <Suspense fallback={<Skeleton height={320} />}>
          {table
            ? <ResultTable ran={ran} answers={[instant]} units={units} sort={search.sort} lettered={false} onSort={(sort) => onChange({ sort }, true)} onLabel={(_, name, value) => onLabel(name, value)} />
            : <Graph ran={ran} answers={[range]} exemplars={exemplars ? [exemplars] : NO_EXEMPLARS} units={units} grid={grid} style={search.style ?? "line"} logarithmic={search.scale === "log"} lettered={false} onQuantile={nothing} {...(colorOf ? { colorOf } : {})} />}
        </Suspense>
      </div>
    </div>
  );
}
