// Log lines: filters, counts over time by level, an endless list whose lines open into their fields.

import { Switch } from "@mantine/core";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback } from "react";
import { Failure } from "@/components/Notice";
import { Fill, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { plural } from "@/lib/format";
import { LogFilters } from "./LogFilters";
import { LogList } from "./LogList";
import type { LogsSearch } from "./search";
import { useLogHistogram, useLogs } from "./useLogs";
import { useRange } from "@/lib/useRange";
import classes from "./LogsPage.module.css";

const Histogram = lazy(() => import("./Histogram").then((module) => ({ default: module.Histogram })));
const route = getRouteApi("/explore/logs");

/** Lines in the time range, as the histogram counts them. */
function useTotal(search: LogsSearch): number | undefined {
  const { window } = useRange();
  const { data } = useLogHistogram(search, window);
  return data?.buckets.reduce((sum, bucket) => sum + Object.values(bucket.counts).reduce((all, count) => all + count, 0), 0);
}

export function LogsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { query, logs } = useLogs(search);
  const total = useTotal(search);
  const set = useCallback((next: LogsSearch) => {
    void navigate({ to: ".", search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const filterBy = useCallback((key: string, value: string) => {
    void navigate({ to: ".", search: (old: LogsSearch) => ({ ...old, attr: [...new Set([...(old.attr ?? []), `${key}=${value}`])] }) });
  }, [navigate]);

  const filtered = [search.service, search.level, search.q, search.attr, search.trace, search.span].some(Boolean);
  const clear = (): void => set({ service: undefined, level: undefined, q: undefined, attr: undefined, trace: undefined, span: undefined });
  const empty = query.isSuccess && logs.length === 0;
  const facts = query.isSuccess && !empty ? plural(query.hasNextPage ? (total ?? logs.length) : logs.length, "line") : undefined;
  return (
    <>
      <PageHead title="Logs" facts={facts}>
        <Switch label="Wrap lines" checked={search.wrap === "1"} onChange={(event) => set({ wrap: event.currentTarget.checked ? "1" : undefined })} />
      </PageHead>
      <LogFilters search={search} onChange={set} onClear={filtered ? clear : undefined} />
      <Fill>
        {!empty && <div className={classes.chart}><Suspense><Histogram search={search} /></Suspense></div>}
        {query.error && <Failure what="Log lines could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={22} height={24} />}
        {empty && <NoData signal="logs" filtered={filtered} onClear={clear} stale={query.isPlaceholderData} />}
        {logs.length > 0 && (
          <LogList
            logs={logs}
            wrap={search.wrap === "1"}
            stale={query.isPlaceholderData}
            onEnd={more}
            onFilter={filterBy}
            footer={isFetchingNextPage ? "Loading older lines …" : hasNextPage ? "" : `${plural(logs.length, "line")}, that is all in this time range`}
          />
        )}
      </Fill>
    </>
  );
}
