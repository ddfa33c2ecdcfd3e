// What people should know of: budgets that are used up, loops, low ratings, agents and hosts that are not well.

import { SegmentedControl, Select } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { agents as api } from "@/api/agents";
import type { AgentEvent } from "@/api/agentTypes";
import { DataTable, type Column } from "@/components/DataTable";
import { Failure, Notice } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { StatusBadge } from "@/components/StatusBadge";
import { formatAgo, formatDateTime, named, nsToMs, plural, visible } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import classes from "./EventsPage.module.css";
import type { EventsSearch } from "./search";

const route = getRouteApi("/watch/events");
const PAGE = 200;
const KINDS = [{ value: "", label: "Of any kind" }, { value: "budget_threshold", label: "Budgets" }, { value: "loop", label: "Loops" }, { value: "low_rating", label: "Low ratings" }, { value: "agent_health", label: "Health of agents" }, { value: "host", label: "This host" }, { value: "dependency", label: "Dependencies" }];
const NAMES = new Map(KINDS.map((kind) => [kind.value, kind.label]));

export function EventsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { window } = useRange();
  const { kind, severity, agent } = search;
  const query = useInfiniteQuery({
    queryKey: ["events", kind, severity, agent, window], initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => api.events({ kind, severity, agent, limit: PAGE, cursor: pageParam, ...window }, signal),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const rows = useMemo<AgentEvent[]>(() => query.data?.pages.flatMap((page) => page.events) ?? [], [query.data]);
  const set = useCallback((next: EventsSearch) => void navigate({ to: ".", search: (old) => ({ ...old, ...next }) }), [navigate]);
  const filtered = kind !== undefined || severity !== undefined || agent !== undefined;
  return (
    <>
      <PageHead title="Events" facts={rows.length > 0 ? `${plural(rows.length, "event")}${query.hasNextPage ? " so far" : ""}` : undefined} />
      <FilterBar label="Filter events">
        <SegmentedControl size="xs" aria-label="How grave" value={severity ?? "all"} data={[{ value: "all", label: "All" }, { value: "critical", label: "Critical" }, { value: "warning", label: "Warnings" }, { value: "info", label: "Notes" }]} onChange={(value) => set({ severity: value === "all" ? undefined : value })} />
        <Select aria-label="Kind" allowDeselect={false} data={KINDS} value={kind ?? ""} onChange={(value) => set({ kind: value || undefined })} w={180} />
      </FilterBar>
      <Fill>
        {query.error && <Failure what="Events could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={12} height={32} />}
        {query.isSuccess && rows.length === 0 && <Notice title={filtered ? "No event is like this" : "Nothing happened"} text={filtered ? "None in this range passes the filters." : "Budgets that reach a threshold, agents that turn in circles, low ratings and whatever is not well show here."} />}
        {rows.length > 0 && <DataTable label="Events" columns={COLUMNS} rows={rows} rowKey={(one) => one.id} sort={search.sort} onSort={(sort) => set({ sort })} stale={query.isPlaceholderData} onEnd={() => { if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage(); }} renderNarrow={(one) => <Narrow one={one} />} />}
      </Fill>
    </>
  );
}

function Badge({ one }: { one: AgentEvent }) {
  return <StatusBadge tone={one.severity === "critical" ? "error" : one.severity === "warning" ? "warn" : "plain"}>{one.severity}</StatusBadge>;
}

function Title({ one }: { one: AgentEvent }) {
  const text = visible(one.title);
  if (one.trace_id !== null) return <Link to="/explore/traces/$traceId" params={{ traceId: one.trace_id }} search={one.span_id === null ? {} : { span: one.span_id }} className={`${classes.link ?? ""} clip`} title={one.text} preload={false}>{text}</Link>;
  if (one.kind === "budget_threshold") return <Link to="/money/budgets" search={{ budget: typeof one.details["budget"] === "string" ? one.details["budget"] : undefined }} className={`${classes.link ?? ""} clip`} title={one.text} preload={false}>{text}</Link>;
  return <span className="clip" title={one.text}>{text}</span>;
}

function Narrow({ one }: { one: AgentEvent }) {
  return (
    <>
      <div className={classes.narrow}><Title one={one} /></div>
      <div className={classes.narrow}><Badge one={one} /><span className="dim">{NAMES.get(one.kind) ?? one.kind}</span><span className="dim">{formatAgo(nsToMs(one.time_unix_nano))}</span></div>
    </>
  );
}

const COLUMNS: Column<AgentEvent>[] = [
  { id: "time", label: "When", width: "100px", value: (one) => one.time_unix_nano, render: (one) => <span className="dim" title={formatDateTime(nsToMs(one.time_unix_nano))}>{formatAgo(nsToMs(one.time_unix_nano))}</span> },
  { id: "severity", label: "How grave", width: "104px", value: (one) => ["critical", "warning", "info"].indexOf(one.severity), render: (one) => <Badge one={one} /> },
  { id: "kind", label: "Kind", width: "130px", value: (one) => one.kind, render: (one) => <span className="clip">{NAMES.get(one.kind) ?? visible(one.kind)}</span> },
  { id: "title", label: "What happened", width: "minmax(260px, 3fr)", value: (one) => one.title, render: (one) => <Title one={one} /> },
  { id: "agent", label: "Agent", width: "minmax(100px, 1fr)", value: (one) => one.agent, render: (one) => (one.agent === "" ? <span className="dim">–</span> : <Link to="/agents/$agent" params={{ agent: one.agent }} className={`${classes.plain ?? ""} clip`} preload={false}>{named(one.agent)}</Link>) },
  { id: "user", label: "User", width: "minmax(80px, 0.8fr)", value: (one) => one.user, render: (one) => <span className="clip dim">{named(one.user, "–")}</span> },
];
