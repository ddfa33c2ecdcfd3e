// What the queries answer over the range: a chart with exemplars, and its series with their figures.

import { useNavigate } from "@tanstack/react-router";
import { Button } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { ExemplarSeries, Labels } from "@/api/types";
import { Chart, type Mark } from "./Chart";
import { useNarrow } from "./DataTable";
import { Notice } from "./Notice";
import { Skeleton } from "./Skeleton";
import { seriesVar } from "@/lib/colors";
import { formatCount, formatValue } from "@/lib/format";
import { letter, numberOf, SERIES_MAX, shape, type Answer, type Answered, type Ran } from "@/lib/promSeries";
import type { Grid } from "@/lib/promql";
import { useRange } from "@/lib/useRange";
import classes from "./Result.module.css";
import { SeriesTable, type Row } from "./SeriesTable";

export type ChartStyle = "line" | "stacked" | "points";

interface GraphProps {
  ran: Ran[];
  answers: Answer[];
  exemplars: UseQueryResult<ExemplarSeries[]>[];
  units: string[];
  grid: Grid;
  style: ChartStyle;
  logarithmic: boolean;
  lettered: boolean;
  onQuantile: (query: number) => void;
  /** A CSS variable for series that have a colour by what they mean. */
  colorOf?: (labels: Labels) => string | undefined;
}

/** Of the exemplars of each such part of the range the largest few are drawn: they are what is looked for. */
const MARK_PARTS = 60;
const MARKS_OF_PART = 2;
const KINDS = { line: "line", stacked: "area", points: "points" } as const;

export function Graph({ ran, answers, exemplars, units, grid, style, logarithmic, lettered, onQuantile, colorOf }: GraphProps) {
  const { bounds, setRange } = useRange();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const [alone, setAlone] = useState<string | undefined>();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const stale = answers.some((answer) => answer.isPlaceholderData);
  // Results are the same objects as long as the answers are.
  const results = answers.map((answer) => answer.data?.data);
  const shaped = useMemo(
    () => shape(ran.flatMap(({ index, text }, i): Answered[] => { const result = results[i]; return result ? [{ query: index, text, result }] : []; }), grid, lettered),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the list is new each time, what is in it is not
    [...results, results.length, ran, grid, lettered],
  );
  const unitsText = units.join("\n");
  const rows = useMemo(() => {
    const formats = unitsText.split("\n").map((unit) => (value: number): string => formatValue(value, unit));
    return shaped.series.map((one, i): Row => ({ ...one, color: colorOf?.(one.labels) ?? seriesVar(i), format: formats[one.query] ?? String }));
  }, [shaped, unitsText, colorOf]);
  const present = alone !== undefined && rows.some((row) => row.id === alone) ? alone : undefined;
  const shown = useMemo(() => rows.filter((row) => (present === undefined ? !hidden.has(row.id) : row.id === present)), [rows, present, hidden]);
  const drawn = useMemo(() => shown.map((row) => ({ label: row.name, color: row.color, values: row.values, format: row.format })), [shown]);
  const marks = useMarks(ran, exemplars, rows, grid);
  const unit = shared(ran.map(({ index }) => units[index] ?? ""));
  const format = useMemo(() => (value: number): string => formatValue(value, unit), [unit]);

  if (answers.every((answer) => answer.isPending)) return <Skeleton height={320} />;
  const failed = answers.every((answer) => answer.error !== null);
  if (rows.length === 0 && !failed && shaped.histograms.length === 0) {
    return <Notice title="No series in this time range" text="The query is right, but nothing matches it here. Remove a label filter, or widen the time range." />;
  }
  return (
    <div className={classes.graph}>
      {shaped.histograms.map((query) => (
        <p key={query} className={classes.note}>
          {lettered ? `Query ${letter(query)} answers` : "The query answers"} native histograms, which are no lines. <Button variant="default" size="compact-xs" onClick={() => onQuantile(query)}>Show the 95th percentile</Button>
        </p>
      ))}
      {rows.length > 0 && (
        <>
          <Chart
            label={`${ran.map((one) => one.text).join("; ")} over time, ${rows.length} series`} kind={KINDS[style]} times={shaped.times} series={drawn} bounds={bounds}
            height={narrow ? 240 : 340} formatY={format} logarithmic={logarithmic && style !== "stacked"} binary={unit.startsWith("By")} marks={present === undefined ? marks : undefined} stale={stale}
            onMark={(mark) => {
              const [, traceId = "", span = ""] = mark.id.split("/");
              void navigate({ to: "/explore/traces/$traceId", params: { traceId }, search: span === "" ? {} : { span } });
            }}
            onBrush={(from, to) => setRange({ kind: "absolute", from, to })}
          />
          {shaped.left > 0 && <p className={classes.note}>The {SERIES_MAX} series that reach highest are drawn, {formatCount(shaped.left)} are not. Aggregate with sum by (…), or rank with topk(20, …).</p>}
          {shaped.common.map(({ query, labels }) => <p key={query} className={classes.common}>{lettered ? `All of ${letter(query)} with` : "All with"} {labels.map(([name, value]) => <code key={name}>{name}={value}</code>)}</p>)}
          <SeriesTable rows={rows} alone={present} hidden={hidden} onAlone={setAlone} onHidden={setHidden} />
        </>
      )}
    </div>
  );
}

function shared(units: string[]): string {
  const [first = ""] = units;
  return units.every((unit) => unit === first) ? first : "";
}

const TRACE_LABELS = ["trace_id", "traceID", "traceId", "TraceID", "trace:id"];
const SPAN_LABELS = ["span_id", "spanID", "spanId", "SpanID", "span:id"];

function useMarks(ran: Ran[], exemplars: UseQueryResult<ExemplarSeries[]>[], rows: Row[], grid: Grid): Mark[] {
  const found = exemplars.map((one) => one.data);
  return useMemo(
    () => {
      const marks = ran.flatMap(({ index }, i) => (found[i] ?? []).flatMap((series) => {
        const color = (rows.find((row) => row.query === index && Object.entries(row.labels).every(([name, value]) => series.seriesLabels[name] === value)) ?? rows.find((row) => row.query === index))?.color;
        return series.exemplars.flatMap((exemplar): Mark[] => {
          const trace = pick(exemplar.labels, TRACE_LABELS);
          const value = numberOf(exemplar.value);
          if (trace === undefined || !/^[0-9a-fA-F]{1,32}$/.test(trace) || !Number.isFinite(value) || color === undefined) return [];
          const id = `${index}/${trace.toLowerCase().padStart(32, "0")}/${pick(exemplar.labels, SPAN_LABELS) ?? ""}/${exemplar.timestamp}`;
          return [{ id, time: exemplar.timestamp * 1000, value, label: `Exemplar, trace ${trace.slice(0, 8)}…`, color, shape: "diamond" }];
        });
      }));
      return thinned(marks, grid);
    },
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the list is new each time, what is in it is not
    [...found, found.length, ran, rows, grid],
  );
}

function thinned(marks: Mark[], grid: Grid): Mark[] {
  const part = Math.max(1, (grid.end - grid.start) / MARK_PARTS);
  const taken = new Map<number, number>();
  return marks.sort((a, b) => b.value - a.value).filter((mark) => {
    const at = Math.floor((mark.time - grid.start) / part);
    const count = taken.get(at) ?? 0;
    taken.set(at, count + 1);
    return count < MARKS_OF_PART;
  });
}

function pick(labels: Record<string, string>, names: string[]): string | undefined {
  return names.map((name) => labels[name]).find((value) => value !== undefined && value !== "");
}
