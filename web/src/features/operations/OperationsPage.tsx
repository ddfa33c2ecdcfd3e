// Operations of services: how often, how often wrong, how long. A row leads to its traces.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { api } from "@/api/client";
import type { Operation } from "@/api/types";
import { DataTable, type Column } from "@/components/DataTable";
import { ServiceSelect, TextFilter } from "@/components/filters";
import { Failure, Notice } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { serviceColors } from "@/lib/colors";
import { exactCount, exactDuration, formatDuration, formatPercent, formatRate, plural, visible } from "@/lib/format";
import { operationQuery } from "@/lib/traceqlText";
import { useRange } from "@/lib/useRange";
import classes from "./OperationsPage.module.css";
import type { OperationsSearch } from "./search";

const route = getRouteApi("/explore/operations");
const NONE: Operation[] = [];

export function OperationsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { window } = useRange();
  const query = useQuery({ queryKey: ["operations", search.service, window], queryFn: ({ signal }) => api.operations({ service: search.service, ...window }, signal) });
  const all = query.data ?? NONE;
  const find = search.find?.toLowerCase();
  const rows = useMemo(() => (find === undefined ? all : all.filter((one) => `${one.service} ${one.name}`.toLowerCase().includes(find))), [all, find]);
  const columns = useColumns(all);
  const set = useCallback((next: OperationsSearch, replace = false) => void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) }), [navigate]);
  const open = useCallback((one: Operation) => void navigate({ to: "/explore/traces", search: { query: queryOf(one) } }), [navigate]);
  const filtered = search.service !== undefined || search.find !== undefined;
  return (
    <>
      <PageHead title="Operations" facts={query.isSuccess && all.length > 0 ? `${plural(rows.length, "operation")} of ${plural(new Set(rows.map((one) => one.service)).size, "service")}` : undefined} />
      <FilterBar label="Filter operations">
        <ServiceSelect value={search.service} onChange={(service) => set({ service })} />
        <TextFilter aria-label="Search operations" placeholder="Search operations" value={search.find} onApply={(text) => set({ find: text }, true)} w={240} />
      </FilterBar>
      <Fill>
        {query.error && <Failure what="Operations could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={18} height={32} />}
        {query.isSuccess && all.length === 0 && <NoData signal="spans" filtered={filtered} onClear={() => set({ service: undefined, find: undefined })} stale={query.isPlaceholderData} />}
        {all.length > 0 && rows.length === 0 && <Notice title="No operation has this in its name" text={`None of ${plural(all.length, "operation")} contains “${search.find ?? ""}”.`} />}
        {rows.length > 0 && (
          <DataTable
            label="Operations" columns={columns} rows={rows} rowKey={(one) => `${one.service}\n${one.name}\n${one.kind}`} sort={search.sort} onSort={(sort) => set({ sort })} onOpen={open}
            stale={query.isPlaceholderData} renderNarrow={(one) => <Narrow one={one} />}
          />
        )}
      </Fill>
    </>
  );
}

function queryOf(one: Operation): string {
  return operationQuery(one.service, one.name, one.kind);
}

function Name({ one }: { one: Operation }) {
  return <Link to="/explore/traces" search={{ query: queryOf(one) }} className={`${classes.link ?? ""} clip`} preload={false}>{visible(one.name) || "no name"}</Link>;
}

function share(one: Operation): number {
  return one.spans > 0 ? one.errors / one.spans : 0;
}

function ErrorShare({ one }: { one: Operation }) {
  if (one.errors === 0) return <span className="dim">0</span>;
  return (
    <span className={classes.errors} title={`${exactCount(one.errors)} of ${exactCount(one.spans)} spans`}>
      <span className={classes.errorTrack}><span className={classes.errorBar} style={{ width: `${Math.max(2, share(one) * 100)}%` }} /></span>{formatPercent(share(one))}
    </span>
  );
}

function Narrow({ one }: { one: Operation }) {
  return (
    <>
      <div className={classes.narrowTop}><Name one={one} /><span title="95th percentile">p95 {formatDuration(one.duration_ns.p95)}</span></div>
      <div className={classes.narrowRest}><span className="clip">{one.service || "unknown"} · {one.kind}</span>{one.errors > 0 && <span className={classes.narrowErrors}>{formatPercent(share(one))} errors</span>}<span>{formatRate(one.rate_per_second)}</span></div>
    </>
  );
}

function useColumns(all: Operation[]): Column<Operation>[] {
  return useMemo(() => {
    const colors = serviceColors(all.map((one) => one.service));
    // One operation of an hour must not shrink all others to dots: bars are full from the 95th percentile on.
    const sizes = all.map((one) => one.duration_ns.p95).sort((a, b) => a - b);
    const full = Math.max(1, sizes[Math.ceil(sizes.length * 0.95) - 1] ?? 1);
    const duration = (id: "p50" | "p99" | "max", label: string): Column<Operation> => ({
      id, label, width: "88px", align: "end", value: (one) => one.duration_ns[id], render: (one) => <span title={exactDuration(one.duration_ns[id])}>{formatDuration(one.duration_ns[id])}</span>,
    });
    return [
      {
        id: "service", label: "Service", width: "minmax(130px, 1fr)", value: (one) => one.service,
        render: (one) => <span className={classes.service}><i style={{ background: `var(${colors.get(one.service) ?? "--wk-faint"})` }} /><span className="clip">{one.service || "unknown"}</span></span>,
      },
      { id: "name", label: "Operation", width: "minmax(200px, 2fr)", value: (one) => one.name, render: (one) => <Name one={one} /> },
      { id: "kind", label: "Kind", width: "80px", value: (one) => one.kind, render: (one) => <span className="dim">{one.kind === "unspecified" ? "–" : one.kind}</span> },
      { id: "rate", label: "Rate", width: "84px", align: "end", value: (one) => one.rate_per_second, render: (one) => <span title={`${exactCount(one.spans)} spans`}>{formatRate(one.rate_per_second)}</span> },
      { id: "errors", label: "Errors", width: "132px", align: "end", value: share, render: (one) => <ErrorShare one={one} /> },
      duration("p50", "p50"),
      {
        id: "p95", label: "p95", width: "minmax(140px, 1fr)", align: "end", value: (one) => one.duration_ns.p95,
        render: (one) => (
          <span className={classes.duration} title={exactDuration(one.duration_ns.p95)}>
            <span className={classes.track}><span className={classes.bar} style={{ width: `${Math.min(1, one.duration_ns.p95 / full) * 100}%` }} /></span><span>{formatDuration(one.duration_ns.p95)}</span>
          </span>
        ),
      },
      duration("p99", "p99"), duration("max", "Max"),
    ];
  }, [all]);
}
