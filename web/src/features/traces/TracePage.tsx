// One trace: what ran, in what order, for how long, and what failed. Waterfall left, the selected step right.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { agents } from "@/api/agents";
import type { TraceSteps } from "@/api/agentTypes";
import { api, ApiError } from "@/api/client";
import type { Trace, TraceAnalysis } from "@/api/types";
import { useNarrow } from "@/components/DataTable";
import { Failure, Notice } from "@/components/Notice";
import { SkeletonRows } from "@/components/Skeleton";
import { Split } from "@/components/Split";
import { Waterfall } from "@/components/Waterfall";
import { stretchesOf } from "@/lib/criticalPath";
import { isWhole, whole } from "@/lib/timeView";
import { modelOf, type TraceModel } from "@/lib/traceModel";
import { useCopy } from "@/lib/useCopy";
import { leadsToError, reveal, visibleRows, type Folding, type Node } from "@/lib/waterfall";
import { Detail } from "./Detail";
import { ErrorPaths } from "./ErrorPaths";
import { matching } from "./matching";
import type { TraceSearch } from "./search";
import { TraceGraph } from "./TraceGraph";
import { TraceHead } from "./TraceHead";
import { TraceLogs } from "./TraceLogs";
import classes from "./TracePage.module.css";
import { TraceServices } from "./TraceServices";
import { TraceTools } from "./TraceTools";
import { useTraceKeys } from "./useTraceKeys";

const route = getRouteApi("/explore/traces/$traceId");

export function TracePage() {
  const { traceId } = route.useParams();
  const query = useQuery({
    queryKey: ["trace", traceId],
    queryFn: async ({ signal }) => {
      const trace = await api.trace(traceId, signal);
      performance.mark("trace-received");
      return trace;
    },
    placeholderData: undefined,
    staleTime: 60_000,
  });
  // The waterfall does not wait for what is worked out about it.
  const analysis = useQuery({ queryKey: ["trace-analysis", traceId], queryFn: ({ signal }) => api.traceAnalysis(traceId, signal), placeholderData: undefined, staleTime: 60_000, enabled: query.isSuccess });
  const steps = useQuery({ queryKey: ["trace-steps", traceId], queryFn: ({ signal }) => agents.steps(traceId, signal), placeholderData: undefined, staleTime: 30_000, enabled: query.isSuccess });
  if (query.data) return <Loaded key={query.data.trace_id} trace={query.data} steps={steps.data} analysis={analysis.data} analysisError={analysis.error} onRetry={() => void analysis.refetch()} />;
  if (query.error) {
    const gone = query.error instanceof ApiError && query.error.kind === "not_found";
    return gone
      ? <Notice title="No such trace" text={<>There is no trace <span className="mono">{traceId}</span>. It may not have arrived yet, or retention has removed it.</>} action={<Link to="/explore/traces">All traces</Link>} />
      : <Failure what="The trace could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  }
  return <div className={classes.loading}><SkeletonRows rows={24} height={28} /></div>;
}

interface LoadedProps {
  trace: Trace;
  steps: TraceSteps | undefined;
  analysis: TraceAnalysis | undefined;
  analysisError: Error | null;
  onRetry: () => void;
}

const ungrouped = (node: Node): string => String(node.index);

function Loaded({ trace, steps, analysis, analysisError, onRetry }: LoadedProps) {
  const search = route.useSearch();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const model = useMemo(() => modelOf(trace), [trace]);
  const total = Math.max(1, model.tree.durationNs);
  const onlyErrors = search.only === "errors" && trace.error_count > 0;
  const groupKey = onlyErrors ? ungrouped : model.groupKey;
  const [folding, setFolding] = useState<Folding>({ collapsed: new Set(), opened: new Set() });
  const [view, setView] = useState(() => whole(total));
  const rows = useMemo(() => visibleRows(model.tree, folding, groupKey, onlyErrors ? leadsToError : undefined), [model, folding, groupKey, onlyErrors]);
  const selected = useSelected(model, search.span, narrow);
  const set = useCallback((next: TraceSearch, replace = true) => {
    void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  const select = useCallback((node: Node) => {
    setFolding((old) => reveal(model.tree, node, old, groupKey));
    set({ span: node.span.span_id });
  }, [model, groupKey, set]);
  // A link to a span inside something folded opens it.
  useEffect(() => {
    if (selected) setFolding((old) => reveal(model.tree, selected, old, groupKey));
  }, [model, selected, groupKey]);
  useShownMark(trace.trace_id);

  const findRef = useRef<HTMLInputElement>(null);
  const find = useDeferredValue(search.find);
  const matches = useMemo(() => matching(model, find), [model, find]);
  const critical = useMemo(() => (analysis && search.path !== "off" ? stretchesOf(analysis.critical_path, model.tree.originNs) : undefined), [analysis, model, search.path]);
  const [pathAt, setPathAt] = useState(0);
  const errorPath = useMemo(() => new Set(analysis?.error_paths[pathAt]?.spans), [analysis, pathAt]);
  const stepOf = useMemo(() => new Map(steps?.steps.map((step) => [step.span_id, step])), [steps]);
  const costs = useMemo(() => steps && new Map(steps.steps.map((step) => [step.span_id, step.cost.usd])), [steps]);
  const { copied, copy } = useCopy();
  const copyLink = (): void => copy(window.location.href);
  const origin = useCallback((at: number) => {
    const path = analysis?.error_paths[at];
    const id = path?.spans.at(-1);
    const node = model.tree.nodes.find((one) => one.span.span_id === id);
    setPathAt(at);
    if (node) select(node);
  }, [analysis, model, select]);
  useTraceKeys({
    model, rows, selected, matches, select, folding, setFolding, view, setView, total, copyLink, find: () => findRef.current?.focus(), origin: () => origin(pathAt),
  });
  const detail = selected && (
    <Detail
      key={selected.index} trace={trace} model={model} node={selected} analysis={analysis} critical={critical} onClose={narrow ? () => set({ span: undefined }) : undefined}
      onSpan={(id) => set({ span: id })} step={stepOf.get(selected.span.span_id)}
    />
  );
  return (
    <>
      <TraceHead trace={trace} model={model} steps={steps} copied={copied} onCopy={copyLink} />
      <TraceTools
        findRef={findRef} search={search} set={set} model={model} folding={folding} onFolding={setFolding} matches={matches} selected={selected} onSelect={select} failed={trace.error_count} hasSteps={search.tab === "graph" || stepOf.size > 0}
        analysed={analysis !== undefined} analysisError={analysisError} onRetry={onRetry}
      />
      {search.tab === "logs" && <TraceLogs traceId={trace.trace_id} onSpan={(id) => set({ span: id, tab: undefined }, false)} />}
      {search.tab === "graph" && <TraceGraph traceId={trace.trace_id} onSpan={(id) => set({ span: id, tab: undefined }, false)} />}
      {search.tab === "services" && <TraceServices model={model} analysis={analysis} error={analysisError} onRetry={onRetry} />}
      {search.tab === undefined && (
        <>
          {analysis && analysis.error_paths.length > 0 && <ErrorPaths paths={analysis.error_paths} at={pathAt} model={model} onPath={origin} />}
          <Split
            storageKey="trace" narrow={narrow} right={detail}
            left={
              <Waterfall
                model={model} rows={rows} folding={folding} onFolding={setFolding} selected={selected} onSelect={select} matches={find ? matches : undefined}
                view={isWhole(view, total) ? whole(total) : view} onView={setView} critical={critical} errorPath={errorPath} costs={costs}
              />
            }
          />
        </>
      )}
    </>
  );
}

/** The span of the URL; without one, the first, where there is room for it. */
function useSelected(model: TraceModel, id: string | undefined, narrow: boolean): Node | undefined {
  return useMemo(() => model.tree.nodes.find((node) => node.span.span_id === id) ?? (narrow ? undefined : model.tree.nodes[0]), [model, id, narrow]);
}

/** Says in the browser's timeline when the trace was first drawn. */
function useShownMark(traceId: string): void {
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      performance.mark("trace-shown");
      if (performance.getEntriesByName("trace-received").length > 0) performance.measure("trace-drawing", "trace-received", "trace-shown");
    });
    return () => cancelAnimationFrame(frame);
  }, [traceId]);
}
