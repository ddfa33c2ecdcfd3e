// The list of traces: filters, durations over time, a table that opens the trace.

import { Button } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback } from "react";
import type { TraceSummary } from "@/api/types";
import { DataTable } from "@/components/DataTable";
import { Failure } from "@/components/Notice";
import { Fill, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { plural } from "@/lib/format";
import { useTraceColumns } from "./columns";
import type { TracesSearch } from "./search";
import { TraceFilters } from "./TraceFilters";
import { TraceRowNarrow } from "./TraceRowNarrow";
import { useTraces } from "./useTraces";
import classes from "./TracesPage.module.css";

const Durations = lazy(() => import("./Durations").then((module) => ({ default: module.Durations })));
const route = getRouteApi("/explore/traces");

export function TracesPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { query, traces } = useTraces(search);
  const columns = useTraceColumns(traces);
  const open = useCallback((trace: TraceSummary) => {
    void navigate({ to: "/explore/traces/$traceId", params: { traceId: trace.trace_id } });
  }, [navigate]);
  const set = useCallback((next: TracesSearch) => {
    void navigate({ to: ".", search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  const filtered = [search.service, search.name, search.status, search.min, search.max, search.attr].some(Boolean);
  const clear = (): void => set({ service: undefined, name: undefined, status: undefined, min: undefined, max: undefined, attr: undefined });
  const empty = query.isSuccess && traces.length === 0;
  return (
    <>
      <PageHead title="Traces" facts={query.isSuccess && !empty ? facts(traces, query.hasNextPage) : undefined} />
      <TraceFilters search={search} onChange={set} onClear={filtered ? clear : undefined} />
      <Fill>
        {query.error && <Failure what="Traces could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {!empty && !(query.error && traces.length === 0) && (
          <div className={classes.chart}>
            <Suspense><Durations search={search} onOpen={open} /></Suspense>
          </div>
        )}
        {query.isPending && <SkeletonRows rows={18} height={32} />}
        {empty && <NoData signal="spans" filtered={filtered} onClear={clear} stale={query.isPlaceholderData} />}
        {traces.length > 0 && (
          <DataTable
            label="Traces"
            columns={columns}
            rows={traces}
            rowKey={(trace) => trace.trace_id}
            renderNarrow={(trace) => <TraceRowNarrow trace={trace} />}
            onOpen={open}
            sort={search.sort}
            onSort={(sort) => set({ sort })}
            onEnd={more}
            stale={query.isPlaceholderData}
            footer={<Footer search={search} loading={isFetchingNextPage} more={hasNextPage} count={traces.length} onMore={more} />}
          />
        )}
      </Fill>
    </>
  );
}

function facts(traces: TraceSummary[], more: boolean): string {
  const failed = traces.filter((trace) => trace.error_count > 0).length;
  const count = more ? `Newest ${plural(traces.length, "trace")}` : plural(traces.length, "trace");
  return `${count}, ${failed === 0 ? "none" : failed} with errors`;
}

function Footer({ search, loading, more, count, onMore }: { search: TracesSearch; loading: boolean; more: boolean; count: number; onMore: () => void }) {
  if (loading) return <>Loading older traces …</>;
  if (!more) return <>{plural(count, "trace")}, that is all in this time range</>;
  return (
    <>
      {search.sort !== undefined && <>Sorted among the {count} traces loaded so far. </>}
      <Button variant="default" onClick={onMore}>Load older traces</Button>
    </>
  );
}
