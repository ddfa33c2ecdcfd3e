// What happened lately that anyone should know of.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { agents as api } from "@/api/agents";
import type { AgentEvent } from "@/api/agentTypes";
import { Block, FactTable } from "@/components/Blocks";
import { Failure } from "@/components/Notice";
import { SkeletonRows } from "@/components/Skeleton";
import { StatusBadge } from "@/components/StatusBadge";
import { formatAgo, formatDateTime, nsToMs, visible } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import classes from "./HealthPage.module.css";

export function Lately() {
  const { window } = useRange();
  const query = useQuery({ queryKey: ["events", "lately", window], queryFn: ({ signal }) => api.events({ limit: 15, ...window }, signal) });
  return (
    <Block title="Lately" wide aside={<Link to="/watch/events" className={classes.link} preload={false}>All events</Link>}>
      {query.error && <Failure what="Events could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={4} height={32} />}
      {query.data?.events.length === 0 && <p className="dim">Nothing happened in this range that anyone should know of.</p>}
      {query.data && query.data.events.length > 0 && (
        <FactTable label="Events" sentences rows={query.data.events} rowKey={(one) => one.id} columns={[
          { label: "What", render: (one) => <Title one={one} /> },
          { label: "How grave", text: true, render: (one) => <StatusBadge tone={one.severity === "critical" ? "error" : one.severity === "warning" ? "warn" : "plain"}>{one.severity}</StatusBadge> },
          { label: "When", render: (one) => <time title={formatDateTime(nsToMs(one.time_unix_nano))}>{formatAgo(nsToMs(one.time_unix_nano))}</time> },
        ]} />
      )}
    </Block>
  );
}

function Title({ one }: { one: AgentEvent }) {
  const text = visible(one.title);
  if (one.trace_id !== null) return <Link to="/explore/traces/$traceId" params={{ traceId: one.trace_id }} title={text} preload={false}>{text}</Link>;
  if (one.kind === "agent_health" && one.agent !== "") return <Link to="/agents/$agent" params={{ agent: one.agent }} title={text} preload={false}>{text}</Link>;
  if (one.kind === "host") return <Link to="/system/hosts" title={text} preload={false}>{text}</Link>;
  return <span title={text}>{text}</span>;
}
