// Traces: a TraceQL query with what it finds: traces over time and as a list with the spans that matched, or numbers.

import { ActionIcon } from "@mantine/core";
import { useElementSize, useHotkeys } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { IconAdjustments } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useNarrow } from "@/components/DataTable";
import { MetricResult } from "@/components/MetricResult";
import { Fill, PageHead } from "@/components/Page";
import { focusQuery } from "@/components/QueryBar";
import type { FoundTrace } from "@/lib/foundTraces";
import { plural } from "@/lib/format";
import { add, isMetric, unitOf } from "@/lib/traceql";
import { attributeField, condition, EVERYTHING, typedLiteral } from "@/lib/traceqlText";
import { useDraft } from "@/lib/useDraft";
import { tick } from "@/lib/useRange";
import { Builder } from "./Builder";
import { CompareTools } from "./CompareTools";
import { Found } from "./Found";
import { NO_OLD_FILTERS, oldQuery, type Change, type TracesSearch } from "./search";
import { TraceQueryBar } from "./TraceQueryBar";
import classes from "./TracesPage.module.css";
import { useTraceMetric, useTraces } from "./useTraces";

const route = getRouteApi("/explore/traces");
const QUERY_ID = "traces-query";

export function TracesPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const set: Change = useCallback((next, replace = false) => {
    void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  useOldLink(search, set);
  const ran = search.query ?? oldQuery(search) ?? EVERYTHING;
  const [draft, setDraft] = useDraft(ran);
  const narrow = useNarrow();
  const [building, setBuilding] = useState(false);
  const [picked, setPicked] = useState<string[]>([]);

  const metric = useMemo(() => isMetric(ran), [ran]);
  const { result, traces } = useTraces(ran, !metric);
  const { ref, width } = useElementSize();
  const numbers = useTraceMetric(ran, search.view === "table", width, metric);
  const ask = useCallback((query: string) => set({ query: query.trim() === EVERYTHING ? undefined : query }), [set]);
  const run = useCallback((text: string) => {
    const next = text.trim() === "" ? EVERYTHING : text.trim();
    setDraft(next);
    if (next !== ran) {
      ask(next);
      return;
    }
    tick();
    void queries.invalidateQueries({ queryKey: ["tempo"] });
  }, [ask, queries, ran, setDraft]);
  const pick = useCallback((id: string) => setPicked((old) => (old.includes(id) ? old.filter((one) => one !== id) : [...old.slice(-1), id])), []);
  useHotkeys([["/", (event) => { event.preventDefault(); focusQuery(QUERY_ID); }]]);

  const error = metric ? numbers.error : result.error;
  const found = !metric && result.isSuccess && traces.length > 0;
  return (
    <>
      <PageHead title="Traces" facts={found ? facts(traces, result.hasNextPage) : undefined}>
        {!metric && <CompareTools query={ran} picked={picked} onClear={() => setPicked([])} />}
      </PageHead>
      <div className={classes.top}>
        <TraceQueryBar label="TraceQL query" id={QUERY_ID} draft={draft} ran={ran} error={error} onDraft={setDraft} onRun={run} onRetry={() => { if (metric) numbers.retry(); else void result.refetch(); }}>
          {narrow && <ActionIcon variant={building ? "light" : "default"} size={32} aria-label="Build the query" aria-expanded={building} onClick={() => setBuilding(!building)}><IconAdjustments size={16} /></ActionIcon>}
        </TraceQueryBar>
        {(!narrow || building) && <Builder query={ran} onQuery={ask} />}
      </div>
      <Fill>
        <div className={classes.measure} ref={ref}>
          {metric
            ? <MetricResult query={ran} unit={unitOf(ran)} metric={numbers} search={search} onChange={set} onLabel={(name, value) => ask(add(ran, labelCondition(name, value)))} />
            : <Found query={ran} result={result} traces={traces} sort={search.sort} picked={picked} onSort={(sort) => set({ sort })} onPick={pick} onQuery={ask} />}
        </div>
      </Fill>
    </>
  );
}

function facts(traces: FoundTrace[], more: boolean): string {
  const failed = traces.filter((trace) => (trace.errors ?? 0) > 0).length;
  const count = more ? `Newest ${plural(traces.length, "trace")}` : plural(traces.length, "trace");
  return traces.some((trace) => trace.errors !== undefined) ? `${count}, ${failed === 0 ? "none" : failed} with errors` : count;
}

/** A label of a series as a condition: it is named like the field that it comes from. */
function labelCondition(name: string, value: string): string {
  const field = /[.:]|^(name|status|kind|statusMessage|rootName|rootServiceName)$/.test(name) ? name : attributeField(name);
  return condition(field, "=", name === "status" || name === "kind" ? value : typedLiteral(value));
}

/** A link of an older version, by service, name, status, durations or attributes, becomes the query that it means. */
function useOldLink(search: TracesSearch, set: Change): void {
  const old = oldQuery(search);
  const query = search.query ?? old;
  useEffect(() => {
    if (old !== undefined) set({ ...NO_OLD_FILTERS, query }, true);
  }, [old, query, set]);
}
