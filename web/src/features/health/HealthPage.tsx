// Is everything all right? What is wrong and why comes first; then what agents depend on, the agents, the host, and what
// happened lately. Each part is loaded by itself: one that fails leaves the others.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { agents as api } from "@/api/agents";
import type { Agent, AgentList } from "@/api/agentTypes";
import { health } from "@/api/health";
import type { HealthIssue, HealthReport } from "@/api/healthTypes";
import { Block, Blocks, FactTable } from "@/components/Blocks";
import { HealthBadge } from "@/components/HealthBadge";
import { HealthFailure, isUntold } from "@/components/HealthFailure";
import { Failure } from "@/components/Notice";
import { PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { formatCount, formatDuration, formatPercent, named, plural, visible } from "@/lib/format";
import { gravity, summaryText } from "@/lib/health";
import { useRange } from "@/lib/useRange";
import { Dependencies } from "./Dependencies";
import classes from "./HealthPage.module.css";
import { HostSummary } from "./HostSummary";
import { Lately } from "./Lately";

/** Agents that are shown; those that are not well come first. */
const SHOWN = 30;
const REFRESH_MS = 15_000;

export function HealthPage() {
  const { window } = useRange();
  const report = useQuery({
    queryKey: ["health", "report", window], queryFn: ({ signal }) => health.report(window, signal),
    refetchInterval: ({ state }) => (isUntold(state.error) ? false : REFRESH_MS),
  });
  return (
    <>
      <PageHead title="Health" facts={report.data && <span className={classes.facts}><HealthBadge health={report.data} />{summaryText(report.data)}</span>} />
      <Blocks stale={report.isPlaceholderData}>
        {report.error && !isUntold(report.error) && <div className={classes.failed}><HealthFailure what="health" error={report.error} onRetry={() => void report.refetch()} /></div>}
        {report.data && <Issues report={report.data} />}
        <Dependencies />
        <Agents />
        <HostSummary />
        <Lately />
      </Blocks>
    </>
  );
}

function Issues({ report }: { report: HealthReport }) {
  const issues = useMemo(() => [...report.issues].sort((a, b) => gravity(a.severity) - gravity(b.severity)), [report.issues]);
  if (issues.length === 0) return null;
  return (
    <Block title="What is wrong" wide>
      <ul className={classes.issues}>
        {issues.map((issue, i) => (
          <li key={`${issue.kind} ${issue.name} ${i}`}>
            <HealthBadge health={{ status: issue.severity }} />
            <span className={classes.issue}><Subject issue={issue} /><span className={classes.message} title={issue.message}>{visible(issue.message)}</span></span>
          </li>
        ))}
      </ul>
    </Block>
  );
}

function Subject({ issue }: { issue: HealthIssue }) {
  const name = named(issue.name, issue.kind);
  if (issue.kind === "agent" && issue.name !== "") return <Link to="/agents/$agent" params={{ agent: issue.name }} className={classes.subject} preload={false}>{name}</Link>;
  if (issue.kind === "host") return <Link to="/system/hosts" className={classes.subject} preload={false}>{name}</Link>;
  if (issue.kind === "dependency") return <Link to="/watch/health" search={(old) => ({ ...old, check: issue.name })} className={classes.subject} preload={false}>{name}</Link>;
  if (issue.kind === "server") return <Link to="/system/status" className={classes.subject} preload={false}>{name}</Link>;
  return <b>{name}</b>;
}

function Agents() {
  const { window } = useRange();
  const query = useQuery({ queryKey: ["agents", undefined, window], queryFn: ({ signal }) => api.list(window, signal) });
  return (
    <Block title="Agents" wide aside={<span className={classes.facts}>{query.data && query.data.agents.length > 0 && <HealthBadge health={query.data.overall.health} />}<Link to="/agents" className={classes.link} preload={false}>All agents</Link></span>}>
      {query.error && <Failure what="The health of agents could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={4} height={32} />}
      {query.data && <AgentTable found={query.data} />}
    </Block>
  );
}

function AgentTable({ found }: { found: AgentList }) {
  const agents = useMemo(() => [...found.agents].sort((a, b) => gravity(a.health.status) - gravity(b.health.status)), [found]);
  if (agents.length === 0) return <p className="dim">No agent ran in this range. Agents show here as soon as their traces arrive; <Link to="/agents" className={classes.link} preload={false}>how to send them</Link>.</p>;
  return (
    <>
      <FactTable label="Agents" rows={agents.slice(0, SHOWN)} rowKey={(one: Agent) => one.agent} columns={[
        { label: "Agent", render: (one) => <Link to="/agents/$agent" params={{ agent: one.agent }} preload={false}>{named(one.agent)}</Link> },
        { label: "Health", text: true, render: (one) => <HealthBadge health={one.health} /> },
        { label: "Because", text: true, render: (one) => <span className={classes.because}>{one.health.issues.map((issue) => issue.message).join("; ") || <span className="dim">–</span>}</span> },
        { label: "Runs", render: (one) => formatCount(one.runs) },
        { label: "Success", render: (one) => (one.success_rate === null ? "–" : formatPercent(one.success_rate)) },
        { label: "Average", render: (one) => (one.latency ? formatDuration(one.latency.avg_ns) : "–") },
      ]} />
      {agents.length > SHOWN && <p className="dim">{plural(agents.length - SHOWN, "more agent")} are not shown here.</p>}
    </>
  );
}
