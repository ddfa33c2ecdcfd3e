// Every run of an agent, newest first. A row leads to what it did.

import { SegmentedControl } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { agents as api } from "@/api/agents";
import type { Run } from "@/api/agentTypes";
import { ServiceSelect, TextFilter } from "@/components/filters";
import { Failure } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { RunTable } from "@/components/RunTable";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { plural } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import { readRunsSearch, type RunsSearch } from "./search";

const route = getRouteApi("/runs");
const PAGE = 100;
const SHOWN = [{ value: "all", label: "All" }, { value: "error", label: "Failed" }, { value: "loop", label: "Loops" }, { value: "low", label: "Low rated" }];
const NO_FILTER: RunsSearch = { agent: undefined, service: undefined, session: undefined, user: undefined, status: undefined, loop: undefined, model: undefined, tool: undefined, rating_max: undefined, min_cost: undefined, min_duration: undefined };

export function RunsPage() {
  // Only what is of this page: the range is in the search too, and no filter of the server.
  const { sort, ...filter } = readRunsSearch({ ...route.useSearch() });
  const navigate = useNavigate();
  const { window } = useRange();
  const query = useInfiniteQuery({
    queryKey: ["runs", filter, window], initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => api.runs({ ...filter, limit: PAGE, cursor: pageParam, ...window }, signal),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const rows = useMemo<Run[]>(() => query.data?.pages.flatMap((page) => page.runs) ?? [], [query.data]);
  const set = useCallback((next: RunsSearch) => void navigate({ to: ".", search: (old) => ({ ...old, ...next }) }), [navigate]);
  const filtered = Object.values<string | undefined>(filter).some((value) => value !== undefined);
  const shown = filter.status === "error" ? "error" : filter.loop === "true" ? "loop" : filter.rating_max !== undefined ? "low" : "all";
  return (
    <>
      <PageHead title="Runs" facts={rows.length > 0 ? `${plural(rows.length, "run")}${query.hasNextPage ? " so far" : ""}` : undefined} />
      <FilterBar label="Filter runs">
        <SegmentedControl size="xs" aria-label="Which runs" value={shown} data={SHOWN} onChange={(value) => set({ status: value === "error" ? "error" : undefined, loop: value === "loop" ? "true" : undefined, rating_max: value === "low" ? "2" : undefined })} />
        <ServiceSelect value={filter.service} onChange={(service) => set({ service })} />
        <TextFilter aria-label="Agent" placeholder="Agent" value={filter.agent} onApply={(agent) => set({ agent })} w={150} />
        <TextFilter aria-label="User" placeholder="User" value={filter.user} onApply={(user) => set({ user })} w={130} />
        <TextFilter aria-label="Model" placeholder="Model" value={filter.model} onApply={(model) => set({ model })} w={150} />
        <TextFilter aria-label="Tool" placeholder="Tool" value={filter.tool} onApply={(tool) => set({ tool })} w={130} />
      </FilterBar>
      <Fill>
        {query.error && <Failure what="Runs could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={18} height={32} />}
        {query.isSuccess && rows.length === 0 && <NoData signal="spans" noun="runs of agents" filtered={filtered} onClear={() => set(NO_FILTER)} stale={query.isPlaceholderData} />}
        {rows.length > 0 && <RunTable rows={rows} sort={sort} onSort={(next) => set({ sort: next })} stale={query.isPlaceholderData} onEnd={() => { if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage(); }} />}
      </Fill>
    </>
  );
}
