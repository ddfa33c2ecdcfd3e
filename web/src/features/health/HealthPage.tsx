// Is everything all right? Agents that are not well first, with their reasons, and what happened lately.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { agents as api } from "@/api/agents";
import type { Agent, HealthStatus } from "@/api/agentTypes";
import { Block, Blocks, FactTable } from "@/components/Blocks";
import { HealthBadge } from "@/components/HealthBadge";
import { Failure } from "@/components/Notice";
import { PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { StatusBadge } from "@/components/StatusBadge";
import { NoData } from "@/features/onboarding/NoData";
import { formatAgo, formatCount, formatDuration, formatPercent, nsToMs, plural, visible } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import classes from "./HealthPage.module.css";

const ORDER: HealthStatus[] = ["unhealthy", "degraded", "unknown", "healthy"];

export function HealthPage() {
  const { window } = useRange();
  const query = useQuery({ queryKey: ["agents", undefined, window], queryFn: ({ signal }) => api.list(window, signal) });
  const agents = useMemo(() => [...(query.data?.agents ?? [])].sort((a, b) => ORDER.indexOf(a.health.status) - ORDER.indexOf(b.health.status)), [query.data]);
  const unwell = agents.filter((one) => one.health.issues.length > 0).length;
  return (
    <>
      <PageHead title="Health" facts={query.data && agents.length > 0 ? <span className={classes.facts}><HealthBadge health={query.data.overall.health} />{unwell === 0 ? `all of ${plural(agents.length, "agent")} are well` : `${unwell} of ${plural(agents.length, "agent")} not well`}</span> : undefined} />
      {query.error && <Failure what="The health of agents could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={8} height={52} />}
      {query.isSuccess && agents.length === 0 && <NoData signal="spans" filtered={false} onClear={() => undefined} stale={query.isPlaceholderData} />}
      {agents.length > 0 && (
        <Blocks stale={query.isPlaceholderData}>
          <Block title="Agents" wide><Agents agents={agents} /></Block>
          <Lately />
        </Blocks>
      )}
    </>
  );
}

function Agents({ agents }: { agents: Agent[] }) {
  return (
    <FactTable label="Agents" rows={agents} rowKey={(one) => one.agent} columns={[
      { label: "Agent", render: (one) => <Link to="/agents/$agent" params={{ agent: one.agent }} preload={false}>{visible(one.agent)}</Link> },
      { label: "Health", text: true, render: (one) => <HealthBadge health={one.health} /> },
      { label: "Because", text: true, render: (one) => <span className={classes.because}>{one.health.issues.map((issue) => issue.message).join("; ") || <span className="dim">–</span>}</span> },
      { label: "Runs", render: (one) => formatCount(one.runs) },
      { label: "Success", render: (one) => (one.success_rate === null ? "–" : formatPercent(one.success_rate)) },
      { label: "Average", render: (one) => (one.latency ? formatDuration(one.latency.avg_ns) : "–") },
    ]} />
  );
}

function Lately() {
  const { window } = useRange();
  const query = useQuery({ queryKey: ["events", "lately", window], queryFn: ({ signal }) => api.events({ limit: 15, ...window }, signal) });
  return (
    <Block title="Lately" wide aside={<Link to="/watch/events" className={classes.link} preload={false}>All events</Link>}>
      {query.error && <Failure what="Events could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.data?.events.length === 0 && <p className="dim">Nothing happened in this range that anyone should know of.</p>}
      {query.data && query.data.events.length > 0 && (
        <FactTable label="Events" rows={query.data.events} rowKey={(one) => one.id} columns={[
          { label: "What", render: (one) => (one.trace_id === null ? visible(one.title) : <Link to="/explore/traces/$traceId" params={{ traceId: one.trace_id }} preload={false}>{visible(one.title)}</Link>) },
          { label: "", text: true, render: (one) => <StatusBadge tone={one.severity === "critical" ? "error" : one.severity === "warning" ? "warn" : "plain"}>{one.severity}</StatusBadge> },
          { label: "When", render: (one) => formatAgo(nsToMs(one.time_unix_nano)) },
        ]} />
      )}
    </Block>
  );
}
