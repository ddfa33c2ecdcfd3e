// Every agent: how it is, how often it runs, how that ends, how long it takes and what it costs.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { agents as api } from "@/api/agents";
import type { Agent, AgentList } from "@/api/agentTypes";
import { DataTable, type Column } from "@/components/DataTable";
import { ServiceSelect, TextFilter } from "@/components/filters";
import { HealthBadge } from "@/components/HealthBadge";
import { Failure, Notice } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Sparkline } from "@/components/Sparkline";
import { Stat, Stats } from "@/components/Stat";
import { NoData } from "@/features/onboarding/NoData";
import { exactCount, exactDuration, formatAgo, formatCount, formatDuration, formatPercent, formatUsd, named, nsToMs, plural, significant } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import classes from "./AgentsPage.module.css";
import type { AgentsSearch } from "./search";

const route = getRouteApi("/agents");
const NONE: Agent[] = [];
/** As many as the server tells of at once. */
const MOST = 1000;

export function AgentsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { window } = useRange();
  const query = useQuery({ queryKey: ["agents", search.service, window], queryFn: ({ signal }) => api.list({ service: search.service, limit: MOST, ...window }, signal) });
  const all = query.data?.agents ?? NONE;
  const find = search.find?.toLowerCase();
  const rows = useMemo(() => (find === undefined ? all : all.filter((one) => one.agent.toLowerCase().includes(find))), [all, find]);
  const set = useCallback((next: AgentsSearch, replace = false) => void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) }), [navigate]);
  const open = useCallback((one: Agent) => void navigate({ to: "/agents/$agent", params: { agent: one.agent } }), [navigate]);
  const filtered = search.service !== undefined || search.find !== undefined;
  return (
    <>
      <PageHead title="Agents" facts={query.isSuccess && all.length > 0 ? `${plural(rows.length, "agent")}${query.data.truncated ? ", the dearest of more" : ""}` : undefined} />
      <FilterBar label="Filter agents">
        <ServiceSelect value={search.service} onChange={(service) => set({ service })} />
        <TextFilter aria-label="Search agents" placeholder="Search agents" value={search.find} onApply={(text) => set({ find: text }, true)} w={240} />
      </FilterBar>
      {query.isSuccess && all.length > 0 && <Overall overall={query.data.overall} />}
      <Fill>
        {query.error && <Failure what="Agents could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={12} height={32} />}
        {query.isSuccess && all.length === 0 && <NoData signal="spans" noun="agents" filtered={filtered} onClear={() => set({ service: undefined, find: undefined })} stale={query.isPlaceholderData} />}
        {all.length > 0 && rows.length === 0 && <Notice title="No agent has this in its name" text={`None of ${plural(all.length, "agent")} contains “${search.find ?? ""}”.`} />}
        {rows.length > 0 && (
          <DataTable
            label="Agents" columns={COLUMNS} rows={rows} rowKey={(one) => one.agent} sort={search.sort} onSort={(sort) => set({ sort })} onOpen={open}
            stale={query.isPlaceholderData} renderNarrow={(one) => <Narrow one={one} />}
          />
        )}
      </Fill>
    </>
  );
}

function Overall({ overall }: { overall: AgentList["overall"] }) {
  return (
    <div className={classes.overall}><Stats>
      <Stat label="Health" value={<HealthBadge health={overall.health} />} />
      <Stat label="Runs" value={formatCount(overall.runs)} title={exactCount(overall.runs)} />
      <Stat label="Success" value={overall.success_rate === null ? "–" : formatPercent(overall.success_rate)} title={`${exactCount(overall.failed)} failed`} />
      <Stat label="p95" value={overall.latency ? formatDuration(overall.latency.p95_ns) : "–"} title={overall.latency ? exactDuration(overall.latency.p95_ns) : undefined} />
      <Stat label="Tokens" value={formatCount(overall.tokens.total)} title={`${exactCount(overall.tokens.input)} read, ${exactCount(overall.tokens.output)} written`} />
      <Stat label="Cost" value={formatUsd(overall.cost_usd)} title={`$${overall.cost_usd.toFixed(6)}`} />
      <Stat label="Rating" value={overall.rating ? `${significant(overall.rating.average, 2)} of 5` : "–"} title={overall.rating ? plural(overall.rating.count, "rating") : undefined} />
    </Stats></div>
  );
}

function Name({ one }: { one: Agent }) {
  return <Link to="/agents/$agent" params={{ agent: one.agent }} className={`${classes.link ?? ""} clip`} preload={false}>{named(one.agent)}</Link>;
}

function Success({ one }: { one: Agent }) {
  if (one.success_rate === null) return <span className="dim">–</span>;
  const tone = one.success_rate < 0.9 ? "error" : one.success_rate < 0.95 ? "warn" : undefined;
  return <span className={classes.share} data-tone={tone} title={`${exactCount(one.failed)} of ${plural(one.runs, "run")} failed`}>{formatPercent(one.success_rate)}</span>;
}

function Narrow({ one }: { one: Agent }) {
  return (
    <>
      <div className={classes.narrowTop}><Name one={one} /><HealthBadge health={one.health} /></div>
      <div className={classes.narrowRest}><span>{plural(one.runs, "run")}</span><Success one={one} />{one.latency && <span title="95th percentile">p95 {formatDuration(one.latency.p95_ns)}</span>}<span>{formatUsd(one.cost_usd)}</span></div>
    </>
  );
}

function took(id: "p50_ns" | "p95_ns", label: string): Column<Agent> {
  return {
    id, label, width: "64px", align: "end", value: (one) => one.latency?.[id] ?? -1,
    render: (one) => (one.latency ? <span title={exactDuration(one.latency[id])}>{formatDuration(one.latency[id])}</span> : <span className="dim">–</span>),
  };
}

const COLUMNS: Column<Agent>[] = [
  {
    id: "agent", label: "Agent", width: "minmax(160px, 2fr)", value: (one) => one.agent,
    render: (one) => <span className={classes.name}><Name one={one} />{one.is_subagent && <span className={classes.mark} title="It only worked below other agents; their costs hold its own">below others</span>}</span>,
  },
  { id: "health", label: "Health", width: "104px", value: (one) => ["unhealthy", "degraded", "unknown", "healthy"].indexOf(one.health.status), render: (one) => <HealthBadge health={one.health} /> },
  { id: "runs", label: "Runs", width: "52px", align: "end", value: (one) => one.runs, render: (one) => <span title={exactCount(one.runs)}>{formatCount(one.runs)}</span> },
  { id: "trend", label: "Over time", width: "96px", render: (one) => <Sparkline width={96} values={one.series.runs} label={`Runs of ${one.agent} over time`} /> },
  { id: "success", label: "Success", width: "64px", align: "end", value: (one) => one.success_rate ?? -1, render: (one) => <Success one={one} /> },
  took("p50_ns", "p50"), took("p95_ns", "p95"),
  { id: "tokens", label: "Tokens", width: "60px", align: "end", value: (one) => one.tokens.total, render: (one) => <span title={`${exactCount(one.tokens.input)} read, ${exactCount(one.tokens.output)} written`}>{formatCount(one.tokens.total)}</span> },
  {
    id: "cost", label: "Cost", width: "72px", align: "end", value: (one) => one.cost_usd,
    render: (one) => <span title={one.unpriced_tokens > 0 ? `${exactCount(one.unpriced_tokens)} tokens have no price` : `$${one.cost_usd.toFixed(6)}`}>{formatUsd(one.cost_usd)}{one.unpriced_tokens > 0 ? " +" : ""}</span>,
  },
  { id: "per_run", label: "A run", width: "68px", align: "end", value: (one) => one.cost_per_run_usd ?? -1, render: (one) => <span>{one.cost_per_run_usd === null ? "–" : formatUsd(one.cost_per_run_usd)}</span> },
  { id: "rating", label: "Rating", width: "52px", align: "end", value: (one) => one.rating?.average ?? -1, render: (one) => (one.rating ? <span title={plural(one.rating.count, "rating")}>{significant(one.rating.average, 2)} ★</span> : <span className="dim">–</span>) },
  { id: "loops", label: "Loops", width: "48px", align: "end", value: (one) => one.loops, render: (one) => (one.loops > 0 ? <Link to="/runs" search={{ agent: one.agent, loop: "true" }} className={classes.link} preload={false}>{exactCount(one.loops)}</Link> : <span className="dim">0</span>) },
  { id: "seen", label: "Last run", width: "76px", align: "end", value: (one) => one.last_seen_unix_nano ?? "", render: (one) => <span className="dim">{one.last_seen_unix_nano === null ? "–" : formatAgo(nsToMs(one.last_seen_unix_nano))}</span> },
];
