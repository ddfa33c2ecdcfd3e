// One agent: how it is and why, how that went over time, its versions side by side, its models, tools, errors and runs.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useMemo, type ReactNode } from "react";
import { agents as api } from "@/api/agents";
import type { AgentDetail, Latency, Series } from "@/api/agentTypes";
import { Block, Blocks, FactTable } from "@/components/Blocks";
import { Chart } from "@/components/Chart";
import { HealthBadge } from "@/components/HealthBadge";
import { Failure, Notice } from "@/components/Notice";
import { Fill, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Stat, Stats } from "@/components/Stat";
import { ApiError } from "@/api/client";
import { exactCount, exactDuration, formatAgo, formatCount, formatDateTime, formatDuration, formatPercent, formatUsd, formatWhole, named, nsToMs, plural, significant, visible } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import classes from "./AgentsPage.module.css";

const route = getRouteApi("/agents/$agent");

export function AgentPage() {
  const { agent } = route.useParams();
  const { window, setRange } = useRange();
  const query = useQuery({ queryKey: ["agent", agent, window], queryFn: ({ signal }) => api.one(agent, window, signal), placeholderData: (old, of) => (of?.queryKey[1] === agent ? old : undefined) });
  const brush = useCallback((from: number, to: number) => setRange({ kind: "absolute", from, to }), [setRange]);
  const gone = query.error instanceof ApiError && query.error.kind === "not_found";
  return (
    <>
      <PageHead title={named(agent)} facts={query.data && <span className={classes.name}><HealthBadge health={query.data.agent.health} />{query.data.agent.services.join(", ")}</span>}>
        <span className={classes.links}>
          <Link to="/runs" search={{ agent }} preload={false}>Runs</Link><Link to="/sessions" search={{ agent }} preload={false}>Sessions</Link><Link to="/money/costs" search={{ agent }} preload={false}>Costs</Link><Link to="/quality/feedback" search={{ agent }} preload={false}>Feedback</Link>
        </span>
      </PageHead>
      {gone && <Fill><Notice title="Nothing of this agent in this range" text={<>No run or step of <b>{named(agent)}</b> is in the time range. A longer range may have one.</>} action={<Link to="/agents">All agents</Link>} /></Fill>}
      {query.error && !gone && <Failure what="The agent could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={10} height={52} />}
      {query.data && <Body detail={query.data} onBrush={brush} stale={query.isPlaceholderData} />}
    </>
  );
}

const took = (latency: Latency | null, at: "p50_ns" | "p95_ns" | "p99_ns"): ReactNode => (latency ? <span title={exactDuration(latency[at])}>{formatDuration(latency[at])}</span> : "–");

function Body({ detail, onBrush, stale }: { detail: AgentDetail; onBrush: (from: number, to: number) => void; stale: boolean }) {
  const { agent, projection } = detail;
  return (
    <Blocks stale={stale}>
      <Block title="In this range" wide>
        <Stats>
          <Stat label="Runs" value={formatCount(agent.runs)} title={exactCount(agent.runs)} />
          <Stat label="Success" value={agent.success_rate === null ? "–" : formatPercent(agent.success_rate)} title={plural(agent.failed, "failed run")} tone={agent.success_rate !== null && agent.success_rate < 0.9 ? "error" : undefined} />
          <Stat label="p50" value={took(agent.latency, "p50_ns")} />
          <Stat label="p95" value={took(agent.latency, "p95_ns")} />
          <Stat label="First token" value={took(agent.first_token, "p50_ns")} title="Half of the runs told sooner" />
          <Stat label="Cost" value={formatUsd(agent.cost_usd)} title={`$${agent.cost_usd.toFixed(6)}`} />
          <Stat label="A run" value={agent.cost_per_run_usd === null ? "–" : formatUsd(agent.cost_per_run_usd)} />
          <Stat label="This month" value={`→ ${formatUsd(projection.month.projected_usd)}`} title={`${formatUsd(projection.month.spent_usd)} so far; this if it goes on like the last day`} />
          <Stat label="Tokens" value={formatCount(agent.tokens.total)} title={`${exactCount(agent.tokens.input)} read, ${exactCount(agent.tokens.output)} written`} />
          <Stat label="From the cache" value={detail.cached_share === null ? "–" : formatPercent(detail.cached_share)} />
          <Stat label="Retries" value={exactCount(agent.retries)} title={`cost ${formatUsd(detail.retry_usd)}`} />
          <Stat label="Loops" value={exactCount(agent.loops)} tone={agent.loops > 0 ? "error" : undefined} />
          <Stat label="Rating" value={agent.rating ? `${significant(agent.rating.average, 2)} of 5` : "–"} title={agent.rating ? plural(agent.rating.count, "rating") : undefined} />
        </Stats>
        {agent.health.issues.length > 0 && <ul className={classes.issues}>{agent.health.issues.map((issue) => <li key={issue.kind} data-severity={issue.severity}>{issue.message}</li>)}</ul>}
      </Block>
      <Block title="Runs over time"><Trend series={agent.series} of="runs" onBrush={onBrush} /></Block>
      <Block title="Cost over time"><Trend series={agent.series} of="cost_usd" onBrush={onBrush} /></Block>
      <Block title="Versions" wide={detail.models.length === 0}>
        <FactTable label="Versions" rows={detail.versions} rowKey={(one) => one.version} columns={[
          { label: "Version", render: (one) => (named(one.version, "") || <span className="dim">not told</span>) }, { label: "Runs", render: (one) => formatCount(one.runs) },
          { label: "Success", render: (one) => (one.success_rate === null ? "–" : formatPercent(one.success_rate)) }, { label: "p95", render: (one) => took(one.latency, "p95_ns") },
          { label: "A run", render: (one) => (one.cost_per_run_usd === null ? "–" : formatUsd(one.cost_per_run_usd)) }, { label: "Rating", render: (one) => (one.rating ? `${significant(one.rating.average, 2)} ★` : "–") },
        ]} />
      </Block>
      <Block title="Models">
        <FactTable label="Models" rows={detail.models} rowKey={(one) => `${one.provider} ${one.model}`} share={(one) => (agent.cost_usd > 0 ? one.cost_usd / agent.cost_usd : 0)} columns={[
          { label: "Model", render: (one) => <Link to="/money/costs" search={{ model: one.model, by: "agent" }} preload={false}>{named(one.model)}</Link> }, { label: "Calls", render: (one) => formatCount(one.calls) }, { label: "Failed", render: (one) => exactCount(one.errors) },
          { label: "p95", render: (one) => took(one.latency, "p95_ns") }, { label: "Cached", render: (one) => (one.cached_share === null ? "–" : formatPercent(one.cached_share)) }, { label: "Cost", render: (one) => (one.unpriced_tokens > 0 && one.cost_usd === 0 ? "no price" : formatUsd(one.cost_usd)) },
        ]} />
      </Block>
      <Block title="Tools">
        {detail.tools.length === 0 ? <p className="dim">It used no tool.</p> : <FactTable label="Tools" rows={detail.tools} rowKey={(one) => one.tool} share={(one) => one.error_rate} columns={[
          { label: "Tool", render: (one) => <Link to="/runs" search={{ agent: agent.agent, tool: one.tool }} preload={false}>{named(one.tool)}</Link> }, { label: "Calls", render: (one) => formatCount(one.calls) },
          { label: "Failed", render: (one) => (one.errors === 0 ? <span className="dim">0</span> : `${exactCount(one.errors)} · ${formatPercent(one.error_rate)}`) }, { label: "Retries", render: (one) => exactCount(one.retries) }, { label: "p95", render: (one) => took(one.latency, "p95_ns") },
        ]} />}
      </Block>
      <Block title="Errors">
        {detail.errors.length === 0 ? <p className="dim">No step failed.</p> : <FactTable label="Errors" rows={detail.errors} rowKey={(one) => `${one.kind} ${one.name} ${one.error}`} columns={[
          { label: "Error", render: (one) => <span title={one.error}>{visible(one.error)}</span> }, { label: "Step", text: true, render: (one) => named(one.name) }, { label: "Times", render: (one) => exactCount(one.count) },
          { label: "Last", render: (one) => { const [id] = one.trace_ids; const at = formatAgo(nsToMs(one.last_unix_nano)); return id === undefined ? at : <Link to="/explore/traces/$traceId" params={{ traceId: id }} preload={false}>{at}</Link>; } },
        ]} />}
      </Block>
      <Block title="Users">
        <FactTable label="Users" rows={detail.users.slice(0, 12)} rowKey={(one) => one.user} share={(one) => (agent.cost_usd > 0 ? one.cost_usd / agent.cost_usd : 0)} columns={[
          { label: "User", render: (one) => (one.user === "" ? <span className="dim">not told</span> : <Link to="/runs" search={{ agent: agent.agent, user: one.user }} preload={false}>{named(one.user)}</Link>) }, { label: "Runs", render: (one) => formatCount(one.runs) },
          { label: "Cost", render: (one) => formatUsd(one.cost_usd) }, { label: "Rating", render: (one) => (one.rating ? `${significant(one.rating.average, 2)} ★` : "–") },
        ]} />
      </Block>
      <Block title="Latest runs" aside={<Link to="/runs" search={{ agent: agent.agent }} className={classes.more} preload={false}>All runs</Link>}>
        <FactTable label="Latest runs" rows={detail.recent_runs.slice(0, 12)} rowKey={(run) => run.trace_id + run.span_id} columns={[
          { label: "When", render: (run) => <Link to="/explore/traces/$traceId" params={{ traceId: run.trace_id }} title={formatDateTime(nsToMs(run.start_unix_nano))} preload={false}>{formatAgo(nsToMs(run.start_unix_nano))}</Link> },
          { label: "Outcome", text: true, render: (run) => (run.status === "error" ? <span className={classes.share} data-tone="error">{visible(run.error)}</span> : "ok") }, { label: "Duration", render: (run) => formatDuration(run.duration_ns) },
          { label: "Steps", render: (run) => exactCount(run.steps) }, { label: "Cost", render: (run) => formatUsd(run.cost_usd) },
        ]} />
      </Block>
    </Blocks>
  );
}

function Trend({ series, of, onBrush }: { series: Series; of: "runs" | "cost_usd"; onBrush: (from: number, to: number) => void }) {
  const start = nsToMs(series.start_unix_nano);
  const step = series.step_ns / 1e6;
  const times = useMemo(() => series[of].map((_, i) => start + i * step), [series, of, start, step]);
  const bounds = useMemo(() => ({ start, end: start + step * times.length }), [start, step, times]);
  const drawn = useMemo(() => (of === "runs"
    ? [{ label: "succeeded", color: "--wk-series-0", values: series.runs.map((runs, i) => runs - (series.errors[i] ?? 0)) }, { label: "failed", color: "--wk-level-error", values: series.errors }]
    : [{ label: "cost", color: "--wk-series-2", values: series.cost_usd }]), [series, of]);
  return <Chart label={of === "runs" ? "Runs over time" : "Cost over time"} kind="stacked" times={times} series={drawn} bounds={bounds} height={150} formatY={of === "runs" ? formatCount : formatUsd} {...(of === "runs" ? { formatAxis: formatWhole } : {})} onBrush={onBrush} />;
}
