// The queries, and what they answer as a graph or as a table.

import { Button, SegmentedControl, Switch, Tooltip } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { IconPlayerPlay, IconPlus } from "@tabler/icons-react";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef } from "react";
import type { Metric } from "@/api/types";
import { Notice } from "@/components/Notice";
import type { EditorLanguage } from "@/components/QueryEditor";
import { Skeleton } from "@/components/Skeleton";
import { formatDuration } from "@/lib/format";
import { letter, type Ran } from "@/lib/promSeries";
import { gridOf, unitOfQuery } from "@/lib/promql";
import { metricsOf, quantileOf, selectorsOf, setLabel } from "@/lib/selectors";
import { toggle } from "@/lib/urlstate";
import { tick, useRange } from "@/lib/useRange";
import { completionClient } from "./completion";
import { LabelFilters } from "./LabelFilters";
import classes from "./MetricsPage.module.css";
import { QueryRow } from "./QueryRow";
import type { MetricsSearch } from "./search";
import { remember, type Drafts } from "./useDrafts";
import { useExemplarAnswers, useInstantAnswers, useRangeAnswers } from "./useQueries";

const Graph = lazy(() => import("@/components/Graph").then((module) => ({ default: module.Graph })));
const ResultTable = lazy(() => import("@/components/ResultTable").then((module) => ({ default: module.ResultTable })));

interface ExplorerProps {
  search: MetricsSearch;
  drafts: Drafts;
  active: number;
  metrics: Map<string, Metric>;
  onActive: (index: number) => void;
  onChange: (next: MetricsSearch, replace?: boolean) => void;
}

const KEYS = "Enter runs, Shift Enter makes a new line, Tab completes, Alt ↑ brings earlier queries";
/** Widths of charts are taken in such steps, so that moving a window's edge does not ask again and again. */
const WIDTH_STEP = 150;

export function Explorer({ search, drafts, active, metrics, onActive, onChange }: ExplorerProps) {
  const { bounds } = useRange();
  const queries = useQueryClient();
  const { ref, width } = useElementSize();
  const now = useRef(bounds);
  useEffect(() => { now.current = bounds; }, [bounds]);
  const language = useMemo((): EditorLanguage => ({
    placeholder: "PromQL, as rate(requests_total[5m])",
    load: async () => (await import("./promqlLanguage")).promql(completionClient(queries, () => now.current)),
  }), [queries]);

  const exprs = useMemo(() => search.expr ?? [], [search.expr]);
  const off = search.off ?? [];
  const ran = useMemo(() => exprs.map((text, index): Ran => ({ index, text })).filter(({ index }) => !(search.off ?? []).includes(letter(index))), [exprs, search.off]);
  const grid = useMemo(() => gridOf(bounds, Math.max(300, Math.ceil(width / WIDTH_STEP) * WIDTH_STEP)), [bounds, width]);
  const table = search.view === "table";
  const ready = width > 0;
  const ranges = useRangeAnswers(ran, grid, !table && ready);
  const instants = useInstantAnswers(ran, bounds.end, table);
  const answers = table ? instants : ranges;
  const withExemplars = search.exemplars === undefined ? exprs.some(suitsExemplars) : search.exemplars === "on";
  const exemplars = useExemplarAnswers(ran, grid, withExemplars && !table && ready);

  const run = useCallback(() => {
    const next = [...new Set(drafts.list.map((text) => text.trim()).filter((text) => text !== ""))];
    for (const text of next) remember(text);
    if (JSON.stringify(next) !== JSON.stringify(exprs)) onChange({ expr: next.length > 0 ? next : undefined, metric: undefined });
    else {
      tick();
      void queries.invalidateQueries({ queryKey: ["prom"] });
    }
  }, [drafts.list, exprs, onChange, queries]);
  const remove = (index: number): void => {
    if (exprs[index] === undefined) drafts.remove(index);
    else onChange({ expr: exprs.filter((_, i) => i !== index), off: undefined });
  };
  const changed = JSON.stringify([...new Set(drafts.list.map((text) => text.trim()).filter(Boolean))]) !== JSON.stringify(exprs);
  const first = metricsOf(exprs[active] ?? "")[0];
  const units = exprs.map((text) => {
    const [metric] = metricsOf(text);
    return unitOfQuery(text, metric, metric === undefined ? undefined : metrics.get(metric)?.unit);
  });
  const filter = useCallback((index: number, label: string, value: string | null) => {
    onChange({ expr: exprs.map((text, i) => (i === index ? setLabel(text, label, value) : text)) });
  }, [exprs, onChange]);

  return (
    <div className={classes.view} ref={ref}>
      <section aria-label="Queries" className={classes.queries}>
        {drafts.list.map((text, index) => {
          const at = ran.findIndex((one) => one.index === index);
          return (
            <QueryRow
              key={index} index={index} alone={drafts.list.length === 1} text={text} ran={exprs[index]} answer={at < 0 ? undefined : answers[at]} off={off.includes(letter(index))} language={language}
              onChange={(next) => drafts.set(index, next)} onRun={run} onFocus={() => onActive(index)} onOff={() => onChange({ off: toggle(off, letter(index)) })} onRemove={() => remove(index)}
            />
          );
        })}
        <div className={classes.queryFoot}>
          <Tooltip label={KEYS}><Button leftSection={<IconPlayerPlay size={14} aria-hidden />} variant={changed ? "filled" : "default"} onClick={run}>Run</Button></Tooltip>
          <Button leftSection={<IconPlus size={14} aria-hidden />} variant="subtle" onClick={drafts.add}>Add query</Button>
          {first !== undefined && (
            <LabelFilters letter={exprs.length > 1 ? letter(active) : undefined} metric={first} matchers={selectorsOf(exprs[active] ?? "")[0]?.matchers ?? []} onChange={(label, value) => filter(active, label, value)} />
          )}
        </div>
      </section>
      {exprs.length === 0 ? <Notice title="Write a query or choose a metric" text={`A metric from the list becomes the query that suits its kind. What it answers appears here as a graph and as a table. In the editor: ${KEYS}.`} /> : (
        <>
          <Tools search={search} exemplars={withExemplars} step={table ? undefined : grid.step} onChange={onChange} />
          <Suspense fallback={<Skeleton height={320} />}>
            {table
              ? <ResultTable ran={ran} answers={instants} units={units} sort={search.sort} lettered={exprs.length > 1} onSort={(sort) => onChange({ sort }, true)} onLabel={filter} />
              : <Graph ran={ran} answers={ranges} exemplars={withExemplars ? exemplars : []} units={units} grid={grid} style={search.style ?? "line"} logarithmic={search.scale === "log"} lettered={exprs.length > 1} onQuantile={(index) => onChange({ expr: exprs.map((text, i) => (i === index ? quantileOf(text) : text)) })} />}
          </Suspense>
        </>
      )}
    </div>
  );
}

/** Values of exemplars are observations: they lie on the scale of quantiles and of plain values, not on that of rates. */
function suitsExemplars(query: string): boolean {
  return /\bhistogram_(quantile|avg)\b/.test(query) || !/\b(rate|irate|increase|count)\b/.test(query);
}

interface ToolsProps {
  search: MetricsSearch;
  exemplars: boolean;
  step: number | undefined;
  onChange: (next: MetricsSearch) => void;
}

function Tools({ search, exemplars, step, onChange }: ToolsProps) {
  const table = search.view === "table";
  return (
    <div className={classes.tools}>
      <SegmentedControl
        size="xs" aria-label="View" value={search.view ?? "graph"} onChange={(view) => onChange({ view: view === "table" ? "table" : undefined })}
        data={[{ value: "graph", label: "Graph" }, { value: "table", label: "Table" }]}
      />
      {!table && (
        <>
          <SegmentedControl
            size="xs" aria-label="Style" value={search.style ?? "line"} onChange={(style) => onChange({ style: style === "line" ? undefined : style })}
            data={[{ value: "line", label: "Lines" }, { value: "stacked", label: "Stacked" }, { value: "points", label: "Points" }]}
          />
          <Switch label="Log scale" checked={search.scale === "log"} disabled={search.style === "stacked"} onChange={(event) => onChange({ scale: event.currentTarget.checked ? "log" : undefined })} />
          <Switch label="Exemplars" checked={exemplars} onChange={(event) => onChange({ exemplars: event.currentTarget.checked ? "on" : "off" })} />
        </>
      )}
      {step !== undefined && <span className={classes.step}>a point every {formatDuration(step * 1e6)}</span>}
    </div>
  );
}
