// The traces that a query found: durations over time, and the list. A row unfolds to the spans that matched.

import { Button } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo, useState } from "react";
import { DataTable } from "@/components/DataTable";
import { Examples, type Example } from "@/components/Examples";
import { Notice } from "@/components/Notice";
import { isOfQuery } from "@/components/QueryError";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import type { FoundTrace } from "@/lib/foundTraces";
import { plural } from "@/lib/format";
import { EVERYTHING } from "@/lib/traceqlText";
import { useTraceColumns } from "./columns";
import { Matched, matchedHeight } from "./Matched";
import { TraceRowNarrow } from "./TraceRowNarrow";
import classes from "./TracesPage.module.css";

const Durations = lazy(() => import("./Durations").then((module) => ({ default: module.Durations })));

const EXAMPLES: Example[] = [
  ['{ resource.service.name = "gateway" && status = error }', "Spans of a service that failed"],
  ["{ traceDuration > 5s } | select(span.http.route)", "Spans of slow traces, each with an attribute"],
  ['{ kind = server } >> { status = error && name =~ "execute_tool.*" }', "Calls of tools that failed somewhere below a server's span"],
  ["{ status = error } | rate() by (resource.service.name)", "Errors a second by service, as a graph"],
  ["{} | quantile_over_time(duration, .5, .95) by (name)", "Durations by operation"],
];

interface FoundProps {
  query: string;
  result: UseInfiniteQueryResult<InfiniteData<unknown>>;
  traces: FoundTrace[];
  sort: string | undefined;
  picked: readonly string[];
  onSort: (sort: string | undefined) => void;
  onPick: (id: string) => void;
  onQuery: (query: string) => void;
}

export function Found({ query, result, traces, sort, picked, onSort, onPick, onQuery }: FoundProps) {
  const navigate = useNavigate();
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const open = useCallback((id: string) => void navigate({ to: "/explore/traces/$traceId", params: { traceId: id } }), [navigate]);
  const unfold = useCallback((trace: FoundTrace, shown: boolean) => setUnfolded((old) => {
    const next = new Set(old);
    if (shown) next.add(trace.id);
    else next.delete(trace.id);
    return next;
  }), []);
  const columns = useTraceColumns({ traces, unfolded, picked, onUnfold: unfold, onPick });
  const below = useMemo(() => (trace: FoundTrace) => (unfolded.has(trace.id) && trace.sets.length > 0 ? { height: matchedHeight(trace), content: <Matched trace={trace} /> } : undefined), [unfolded]);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = result;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  if (result.error && traces.length === 0) {
    return isOfQuery(result.error)
      ? <Notice title="A query begins with the spans to find" text="In braces stand conditions on fields of spans; what follows relates sets of spans, or makes numbers of them. The editor completes fields and values; Ctrl Space asks it to. For example:" action={<Examples examples={EXAMPLES} onQuery={onQuery} />} />
      : null;
  }
  if (result.isSuccess && traces.length === 0) return <NoData signal="spans" filtered={query !== EVERYTHING} onClear={() => onQuery(EVERYTHING)} stale={result.isPlaceholderData} />;
  return (
    <>
      <div className={classes.chart}>
        <Suspense><Durations query={query} listed={traces} more={hasNextPage} onOpen={open} stale={result.isPlaceholderData} /></Suspense>
      </div>
      {result.isPending && <SkeletonRows rows={18} height={32} />}
      {traces.length > 0 && (
        <DataTable
          label="Traces" columns={columns} rows={traces} rowKey={(trace) => trace.id} renderNarrow={(trace) => <TraceRowNarrow trace={trace} />}
          onOpen={(trace) => open(trace.id)} below={below} onUnfold={unfold} sort={sort} onSort={onSort} onEnd={more} stale={result.isPlaceholderData}
          footer={<Footer sorted={sort !== undefined} loading={isFetchingNextPage} more={hasNextPage} count={traces.length} onMore={more} />}
        />
      )}
    </>
  );
}

function Footer({ sorted, loading, more, count, onMore }: { sorted: boolean; loading: boolean; more: boolean; count: number; onMore: () => void }) {
  if (loading) return <>Loading older traces …</>;
  if (!more) return <>{plural(count, "trace")}, that is all in this time range</>;
  return (
    <>
      {sorted && <>Sorted among the {count} traces loaded so far. </>}
      <Button variant="default" onClick={onMore}>Load older traces</Button>
    </>
  );
}
