// The host that the server runs on: its figures now and over the range, disks, network, processes and graphics cards.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useCallback } from "react";
import { health as api } from "@/api/health";
import type { Host, HostReading } from "@/api/healthTypes";
import { Block, Blocks } from "@/components/Blocks";
import { HealthBadge } from "@/components/HealthBadge";
import { HealthFailure, isUntold } from "@/components/HealthFailure";
import { HostChart } from "@/components/HostChart";
import { Notice } from "@/components/Notice";
import { PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Stat, Stats } from "@/components/Stat";
import { exactCount, formatAgo, formatBytes, formatCount, formatDateTime, formatDuration, named, nsToMs, plural, significant, visible } from "@/lib/format";
import { formatPercentage } from "@/lib/health";
import { useRange } from "@/lib/useRange";
import classes from "./HostsPage.module.css";
import { Disks, Gpus, Network, Processes } from "./Parts";

const REFRESH_MS = 30_000;
const FIGURES = ["cpu", "load", "memory", "disk"] as const;

export function HostsPage() {
  const { window } = useRange();
  const query = useQuery({
    queryKey: ["health", "host", window], queryFn: ({ signal }) => api.host(window, signal),
    refetchInterval: ({ state }) => (isUntold(state.error) ? false : REFRESH_MS),
  });
  const host = query.data;
  return (
    <>
      <PageHead title="Hosts" facts={host && <span className={classes.facts}><HealthBadge health={host} /><b>{named(host.host)}</b><span>{visible(host.os)}</span></span>} />
      {query.error && (isUntold(query.error)
        ? <Notice title="This server tells nothing of its host" text="It is of an older version than this page, or was told not to watch the host it runs on." />
        : <HealthFailure what="hosts" error={query.error} onRetry={() => void query.refetch()} />)}
      {query.isPending && <SkeletonRows rows={12} height={52} />}
      {host && <Body host={host} stale={query.isPlaceholderData} />}
    </>
  );
}

function Body({ host, stale }: { host: Host; stale: boolean }) {
  const { latest } = host;
  return (
    <Blocks stale={stale}>
      <Block title="Now" wide aside={latest && <time title={formatDateTime(nsToMs(latest.time_unix_nano))}>{formatAgo(nsToMs(latest.time_unix_nano))}</time>}>
        {latest ? <Now host={host} latest={latest} /> : <p className="dim">There is no reading yet. The host is read shortly after the start and then every 30 seconds, unless <code>health.host</code> says not to.</p>}
        {host.issues.length > 0 && <ul className={classes.issues}>{host.issues.map((issue) => <li key={`${issue.name} ${issue.message}`}><HealthBadge health={{ status: issue.severity }} /><span>{visible(issue.message)}</span></li>)}</ul>}
      </Block>
      <Charts host={host} stale={stale} />
      {latest && <Disks disks={latest.disks} />}
      {latest && <Network interfaces={latest.network} />}
      {latest && <Processes latest={latest} />}
      {latest && latest.gpus.length > 0 && <Gpus gpus={latest.gpus} />}
    </Blocks>
  );
}

function Now({ host, latest }: { host: Host; latest: HostReading }) {
  return (
    <Stats>
      <Stat label="CPU" value={formatPercentage(latest.cpu_percent)} title={plural(host.cpus, "CPU")} />
      <Stat label="Load" value={latest.load === null || latest.load.length === 0 ? "–" : latest.load.map((one) => significant(one, 2)).join(" · ")} title={`over 1, 5 and 15 minutes, on ${plural(host.cpus, "CPU")}`} />
      <Stat label="Memory" value={formatPercentage(latest.memory.percent)} title={`${formatBytes(latest.memory.used_bytes)} of ${formatBytes(latest.memory.total_bytes)}`} />
      <Stat label="Free memory" value={formatBytes(latest.memory.available_bytes)} title={`of ${formatBytes(latest.memory.total_bytes)}`} />
      {latest.swap && latest.swap.total_bytes > 0 && <Stat label="Swap" value={formatPercentage(latest.swap.percent)} title={`${formatBytes(latest.swap.used_bytes)} of ${formatBytes(latest.swap.total_bytes)}`} />}
      <Stat label="Processes" value={formatCount(latest.processes)} title={exactCount(latest.processes)} />
      <Stat label="CPUs" value={exactCount(host.cpus)} />
      <Stat label="Up for" value={formatDuration(host.uptime_seconds * 1e9)} />
    </Stats>
  );
}

/** The same figures as queries, to look closer or to alert on. */
const QUERIES = ["watchkeep_host_cpu_usage_ratio", "watchkeep_host_memory_used_bytes / watchkeep_host_memory_total_bytes", "watchkeep_host_load1"];

function Charts({ host, stale }: { host: Host; stale: boolean }) {
  const { bounds, setRange } = useRange();
  const brush = useCallback((from: number, to: number) => setRange({ kind: "absolute", from, to }), [setRange]);
  return (
    <Block title="Over time" wide aside={<Link to="/explore/metrics" search={{ expr: QUERIES }} className={classes.link} preload={false}>As metrics</Link>}>
      {host.series.length === 0 ? <p className="dim">There are no readings in this range.</p> : (
        <div className={classes.charts}>
          {FIGURES.map((of) => <HostChart key={of} of={of} series={host.series} bounds={bounds} height={150} onBrush={brush} stale={stale} />)}
          <div className={classes.whole}><HostChart of="network" series={host.series} bounds={bounds} height={150} onBrush={brush} stale={stale} /></div>
        </div>
      )}
    </Block>
  );
}
