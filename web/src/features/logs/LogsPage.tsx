// Logs: a LogQL query with what it answers: lines, their patterns, the live tail, or numbers as graph and table.

import { ActionIcon, Button } from "@mantine/core";
import { useElementSize, useHotkeys } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { IconAdjustments, IconBroadcast } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useNarrow } from "@/components/DataTable";
import { MetricResult } from "@/components/MetricResult";
import { focusQuery } from "@/components/QueryBar";
import { isOfQuery } from "@/components/QueryError";
import { Fill, PageHead } from "@/components/Page";
import { formatCount, plural } from "@/lib/format";
import { addFilter, addLineFilter, hasParser, isMetric, marksOf, readQuery, type FieldFilter } from "@/lib/logql";
import type { LogEntry } from "@/lib/logEntries";
import { everything, queryOfFilters, SERVICE_LABEL } from "@/lib/logqlText";
import { toggle } from "@/lib/urlstate";
import { useDraft } from "@/lib/useDraft";
import { tick } from "@/lib/useRange";
import { Builder } from "./Builder";
import { Columns } from "./Columns";
import { Download } from "./Download";
import { LogExamples } from "./Examples";
import { FieldsPanel } from "./FieldsPanel";
import { Bars, Lines } from "./Lines";
import type { LineActions } from "./LogDetail";
import { Patterns } from "./Patterns";
import { LogQueryBar, QUERY_ID } from "./QueryBar";
import { NO_OLD_FILTERS, oldFilters, type Change, type LogsSearch } from "./search";
import { Tools, type LogMode } from "./Tools";
import { TailView } from "./TailView";
import { useCheck, useLabelNames, useLines, useVolume } from "./useLogs";
import { levelColor, useMetricAnswer } from "./useMetric";
import classes from "./LogsPage.module.css";

const route = getRouteApi("/explore/logs");
const NO_NAMES: string[] = [];
const NO_COLUMN = "-";


export function LogsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const set: Change = useCallback((next, replace = false) => {
    void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  useOldLink(search, set);
  const labelNames = useLabelNames();
  const labels = labelNames.data ?? NO_NAMES;
  const base = useMemo(() => everything(labels.length === 0 || labels.includes(SERVICE_LABEL) ? SERVICE_LABEL : labels[0]), [labels]);
  const ran = search.query ?? (oldFilters(search) ? queryOfFilters(oldFilters(search) ?? {}) : base);
  const [draft, setDraft] = useDraft(ran);

  const metric = useMemo(() => isMetric(ran), [ran]);
  const asked: LogMode = search.tail === "1" ? "tail" : search.view === "patterns" ? "patterns" : "lines";
  const mode = metric ? "metric" : asked;
  const direction = search.dir ?? "backward";
  const { lines, entries } = useLines(ran, direction, mode === "lines");
  const volume = useVolume(ran, mode === "lines" || mode === "patterns");
  const { ref, width } = useElementSize();
  const numbers = useMetricAnswer(ran, search.view === "table", width, metric);
  const narrow = useNarrow();
  const [building, setBuilding] = useState(false);
  const [tailed, setTailed] = useState<LogEntry[]>([]);

  const columns = useColumns(search, ran, entries);
  const actions = useActions(ran, labels, columns, set);
  const run = useCallback((text: string) => {
    const next = text.trim();
    if (next === "" || next === base) set({ query: undefined });
    else if (next !== ran) set({ query: next });
    setDraft(next === "" ? base : next);
    if (next !== ran) return;
    tick();
    void queries.invalidateQueries({ queryKey: ["loki"] });
  }, [base, ran, queries, set, setDraft]);
  const onPattern = useCallback((op: "|>" | "!>", pattern: string) => set({ query: addLineFilter(ran, op, pattern), view: undefined }), [ran, set]);
  useHotkeys([["/", (event) => { event.preventDefault(); focusQuery(QUERY_ID); }]]);

  const refused = useCheck(ran, mode === "patterns" || mode === "tail");
  const error = metric ? numbers.error : mode === "lines" ? (entries.length === 0 ? lines.error : null) : refused && isOfQuery(refused) ? refused : null;
  const wrong = !metric && error !== null && isOfQuery(error);
  const empty = lines.isSuccess && entries.length === 0;
  const shownEntries = mode === "tail" ? tailed : entries;
  const marks = useMemo(() => marksOf(ran), [ran]);
  const wrap = search.wrap === "1";
  return (
    <>
      <PageHead title="Logs" facts={mode === "lines" && !empty ? factsOf(lines.hasNextPage, entries.length, volume.data?.total) : undefined}>
        {!metric && <Button variant={mode === "tail" ? "filled" : "default"} aria-pressed={mode === "tail"} leftSection={<IconBroadcast size={14} aria-hidden />} onClick={() => set({ tail: mode === "tail" ? undefined : "1", view: undefined })}>Live tail</Button>}
        {(mode === "lines" || mode === "tail") && <Download key={ran} query={ran} direction={direction} shown={mode === "tail" ? tailed : undefined} />}
      </PageHead>
      <div className={classes.top}>
        <LogQueryBar draft={draft} ran={ran} error={error} onDraft={setDraft} onRun={run} onRetry={() => { if (metric) numbers.retry(); else void lines.refetch(); }}>
          {narrow && !metric && <ActionIcon variant={building ? "light" : "default"} size={32} aria-label="Labels and text" aria-expanded={building} onClick={() => setBuilding(!building)}><IconAdjustments size={16} /></ActionIcon>}
        </LogQueryBar>
        {!metric && <Builder counted={mode !== "tail" && !volume.error} brief={narrow && !building} query={ran} labels={labels} volume={volume.isPlaceholderData || mode === "tail" ? undefined : volume.data} onQuery={(query) => set({ query: query === base ? undefined : query })} />}
      </div>
      <Fill>
        <div className={classes.measure} ref={ref}>
          {metric && <MetricResult query={ran} metric={numbers} search={search} colorOf={levelColor} onChange={set} onLabel={(name, value) => actions.onFilter({ kind: labels.includes(name) ? "label" : "metadata", name, value, keep: true })} />}
          {!metric && (
            <>
              {(mode === "lines" || mode === "patterns") && <Bars volume={volume} hidden={wrong || (empty && mode === "lines")} />}
              <Tools mode={asked} search={search} set={set}>
                {(mode === "lines" || mode === "tail") && <Columns query={ran} columns={columns} entries={shownEntries} onColumn={actions.onColumn} />}
              </Tools>
              <div className={classes.body}>
                {search.fields === "1" && mode !== "patterns" && <FieldsPanel query={ran} columns={columns} actions={actions} onClose={() => set({ fields: undefined })} />}
                <div className={classes.main}>
                  {mode === "tail" && !wrong && <TailView query={ran} columns={columns} marks={marks} wrap={wrap} actions={actions} onStop={() => set({ tail: undefined })} onShown={setTailed} />}
                  {mode === "patterns" && !wrong && <Patterns query={ran} onPattern={onPattern} />}
                  {wrong && <LogExamples onQuery={(query) => set({ query })} />}
                  {mode === "lines" && <Lines lines={lines} entries={entries} volume={volume} columns={columns} marks={marks} wrap={wrap} older={direction === "backward"} actions={actions} filtered={ran !== base} onClear={() => set({ query: undefined })} />}
                </div>
              </div>
            </>
          )}
        </div>
      </Fill>
    </>
  );
}

function factsOf(more: boolean, loaded: number, total: number | undefined): string | undefined {
  if (loaded === 0) return undefined;
  return more ? (total === undefined ? undefined : `about ${formatCount(Math.max(total, loaded))} lines`) : plural(loaded, "line");
}

/** A link of an older version, by service, text, levels, attributes or trace, becomes the query that it means. */
function useOldLink(search: LogsSearch, set: Change): void {
  const old = oldFilters(search);
  const query = search.query ?? (old && queryOfFilters(old));
  const isOld = old !== undefined;
  useEffect(() => {
    if (isOld) set({ ...NO_OLD_FILTERS, query }, true);
  }, [isOld, query, set]);
}

/** The columns that were chosen; else the service, where lines are of several. */
function useColumns(search: LogsSearch, query: string, entries: LogEntry[]): string[] {
  return useMemo(() => {
    if (search.col) return search.col.filter((name) => name !== NO_COLUMN);
    const pinned = readQuery(query)?.matchers.some((one) => one.name === SERVICE_LABEL && one.op === "=");
    return pinned !== true && entries.some((entry) => entry.labels[SERVICE_LABEL] !== undefined) ? [SERVICE_LABEL] : NO_NAMES;
  }, [search.col, query, entries]);
}

function useActions(query: string, labels: string[], columns: string[], set: Change): LineActions {
  return useMemo(() => ({
    onFilter: (filter: FieldFilter) => {
      // Where the query reads lines already, the field is there without another stage.
      const parser = filter.parser !== undefined && filter.kind === "parsed" && !hasParser(query, filter.parser) ? filter.parser : undefined;
      set({ query: addFilter(query, { ...filter, parser }) });
    },
    onColumn: (name: string) => set({ col: toggle(columns, name) ?? [NO_COLUMN] }),
    streamLabels: new Set(labels),
  }), [query, labels, columns, set]);
}
