// The host in a few figures; its own page says more.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useCallback } from "react";
import { health as api } from "@/api/health";
import { Block } from "@/components/Blocks";
import { HealthBadge } from "@/components/HealthBadge";
import { HealthFailure } from "@/components/HealthFailure";
import { HostChart } from "@/components/HostChart";
import { SkeletonRows } from "@/components/Skeleton";
import { named } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import classes from "./HealthPage.module.css";

const SHOWN = ["cpu", "memory", "disk", "network"] as const;

export function HostSummary() {
  const { window, bounds, setRange } = useRange();
  const query = useQuery({ queryKey: ["health", "host", window], queryFn: ({ signal }) => api.host(window, signal) });
  const brush = useCallback((from: number, to: number) => setRange({ kind: "absolute", from, to }), [setRange]);
  const host = query.data;
  return (
    <Block title="This host" wide aside={<span className={classes.facts}>{host && <HealthBadge health={host} />}{host && named(host.host)}<Link to="/system/hosts" className={classes.link} preload={false}>More of it</Link></span>}>
      {query.error && <HealthFailure what="hosts" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={3} height={48} />}
      {host && host.series.length === 0 && <p className="dim">{host.latest === null ? "There is no reading yet: the first comes within half a minute of the start." : "There are no readings in this range."}</p>}
      {host && host.series.length > 0 && <div className={classes.charts}>{SHOWN.map((of) => <HostChart key={of} of={of} series={host.series} bounds={bounds} height={104} onBrush={brush} stale={query.isPlaceholderData} />)}</div>}
    </Block>
  );
}
