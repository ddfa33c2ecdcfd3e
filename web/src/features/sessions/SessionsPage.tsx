// Conversations, the latest activity first. A row leads to what was said.

import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { agents as api } from "@/api/agents";
import type { Session } from "@/api/agentTypes";
import { DataTable, type Column } from "@/components/DataTable";
import { ServiceSelect, TextFilter } from "@/components/filters";
import { Failure } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { exactCount, exactDuration, formatAgo, formatCount, formatDateTime, formatDuration, formatUsd, named, nsToMs, plural, significant, visible } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import type { SessionsSearch } from "./search";
import classes from "./Sessions.module.css";

const route = getRouteApi("/sessions");
const PAGE = 100;

export function SessionsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { window } = useRange();
  const { agent, service, user } = search;
  const query = useInfiniteQuery({
    queryKey: ["sessions", agent, service, user, window], initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => api.sessions({ agent, service, user, limit: PAGE, cursor: pageParam, ...window }, signal),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.sessions) ?? [], [query.data]);
  const set = useCallback((next: SessionsSearch, replace = false) => void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) }), [navigate]);
  const open = useCallback((one: Session) => void navigate({ to: "/sessions/$session", params: { session: one.session } }), [navigate]);
  const filtered = agent !== undefined || service !== undefined || user !== undefined;
  return (
    <>
      <PageHead title="Sessions" facts={rows.length > 0 ? `${plural(rows.length, "session")}${query.hasNextPage ? " so far" : ""}` : undefined} />
      <FilterBar label="Filter sessions">
        <ServiceSelect value={service} onChange={(value) => set({ service: value })} />
        <TextFilter aria-label="Agent" placeholder="Agent" value={agent} onApply={(value) => set({ agent: value })} w={180} />
        <TextFilter aria-label="User" placeholder="User" value={user} onApply={(value) => set({ user: value })} w={180} />
      </FilterBar>
      <Fill>
        {query.error && <Failure what="Sessions could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={18} height={32} />}
        {query.isSuccess && rows.length === 0 && <NoData signal="spans" noun="sessions" filtered={filtered} onClear={() => set({ agent: undefined, service: undefined, user: undefined })} stale={query.isPlaceholderData} />}
        {rows.length > 0 && (
          <DataTable
            label="Sessions" columns={COLUMNS} rows={rows} rowKey={(one) => one.session} sort={search.sort} onSort={(sort) => set({ sort })} onOpen={open} stale={query.isPlaceholderData}
            onEnd={() => { if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage(); }} renderNarrow={(one) => <Narrow one={one} />}
          />
        )}
      </Fill>
    </>
  );
}

function Name({ one }: { one: Session }) {
  return <Link to="/sessions/$session" params={{ session: one.session }} className={`${classes.link ?? ""} clip`} preload={false}>{named(one.session)}</Link>;
}

function Narrow({ one }: { one: Session }) {
  return (
    <>
      <div className={classes.narrowTop}><Name one={one} /><span>{formatUsd(one.cost_usd)}</span></div>
      <div className={classes.narrowRest}><span className="clip">{one.users.join(", ") || one.agents.join(", ")}</span><span>{plural(one.turns, "turn")}</span>{one.errors > 0 && <span className={classes.failed}>{plural(one.errors, "failed turn")}</span>}<span>{formatAgo(nsToMs(one.last_activity_unix_nano))}</span></div>
    </>
  );
}

const COLUMNS: Column<Session>[] = [
  { id: "session", label: "Session", width: "minmax(150px, 2fr)", value: (one) => one.session, render: (one) => <Name one={one} /> },
  { id: "user", label: "User", width: "minmax(90px, 1fr)", value: (one) => one.users[0] ?? "", render: (one) => <span className="clip dim">{one.users.map(visible).join(", ") || "–"}</span> },
  { id: "agents", label: "Agents", width: "minmax(130px, 1.4fr)", value: (one) => one.agents[0] ?? "", render: (one) => <span className="clip">{one.agents.map(visible).join(", ")}</span> },
  { id: "turns", label: "Turns", width: "68px", align: "end", value: (one) => one.turns, render: (one) => exactCount(one.turns) },
  { id: "errors", label: "Failed", width: "72px", align: "end", value: (one) => one.errors, render: (one) => (one.errors > 0 ? <span className={classes.failed}>{exactCount(one.errors)}</span> : <span className="dim">0</span>) },
  { id: "tools", label: "Tool calls", width: "92px", align: "end", value: (one) => one.tool_calls, render: (one) => formatCount(one.tool_calls) },
  { id: "tokens", label: "Tokens", width: "80px", align: "end", value: (one) => one.tokens.total, render: (one) => <span title={`${exactCount(one.tokens.input)} read, ${exactCount(one.tokens.output)} written`}>{formatCount(one.tokens.total)}</span> },
  { id: "cost", label: "Cost", width: "84px", align: "end", value: (one) => one.cost_usd, render: (one) => <span title={`$${one.cost_usd.toFixed(6)}`}>{formatUsd(one.cost_usd)}</span> },
  { id: "active", label: "Answering", width: "92px", align: "end", value: (one) => one.active_ns, render: (one) => <span title={`${exactDuration(one.active_ns)} of ${exactDuration(one.duration_ns)} from the first question to the last answer`}>{formatDuration(one.active_ns)}</span> },
  { id: "rating", label: "Rating", width: "76px", align: "end", value: (one) => one.rating?.average ?? -1, render: (one) => (one.rating ? <span title={plural(one.rating.count, "rating")}>{significant(one.rating.average, 2)} ★</span> : <span className="dim">–</span>) },
  { id: "last", label: "Last activity", width: "108px", align: "end", value: (one) => one.last_activity_unix_nano, render: (one) => <span className="dim" title={formatDateTime(nsToMs(one.last_activity_unix_nano))}>{formatAgo(nsToMs(one.last_activity_unix_nano))}</span> },
];
