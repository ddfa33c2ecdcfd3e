// What agents depend on: each check with its state, its history over the range, and its last error.

import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { IconChevronRight } from "@tabler/icons-react";
import { useMemo } from "react";
import { health as api } from "@/api/health";
import type { Check } from "@/api/healthTypes";
import { Block } from "@/components/Blocks";
import { Chart } from "@/components/Chart";
import { CodeBlock } from "@/components/CodeBlock";
import { HealthBadge } from "@/components/HealthBadge";
import { HealthFailure, isUntold } from "@/components/HealthFailure";
import { HistoryStrip } from "@/components/HistoryStrip";
import { Failure } from "@/components/Notice";
import { SkeletonRows } from "@/components/Skeleton";
import { Stat, Stats } from "@/components/Stat";
import { exactCount, exactDuration, formatAgo, formatCount, formatDateTime, formatDuration, named, nsToMs, visible } from "@/lib/format";
import { formatUptime, sortedChecks } from "@/lib/health";
import { useRange } from "@/lib/useRange";
import classes from "./Dependencies.module.css";

const route = getRouteApi("/watch/health");
/** Checks run by themselves: their state is asked for again so often. */
const REFRESH_MS = 15_000;

export function Dependencies() {
  const { check: chosen } = route.useSearch();
  const navigate = useNavigate();
  const { window } = useRange();
  const query = useQuery({
    queryKey: ["health", "checks", window], queryFn: ({ signal }) => api.checks(window, signal),
    refetchInterval: ({ state }) => (isUntold(state.error) ? false : REFRESH_MS),
  });
  const checks = useMemo(() => sortedChecks(query.data ?? []), [query.data]);
  const choose = (name: string): void => void navigate({ to: ".", replace: true, search: (old) => ({ ...old, check: name === chosen ? undefined : name }) });
  return (
    <Block title="What agents depend on" wide aside={checks.length > 0 ? `${checks.filter((one) => one.status === "healthy").length} of ${checks.length} well` : undefined}>
      {query.error && <HealthFailure what="dependencies" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={3} height={48} />}
      {query.data?.length === 0 && <FirstCheck />}
      {checks.length > 0 && (
        <ul className={classes.checks} aria-label="Checks" data-stale={query.isPlaceholderData}>
          {checks.map((one) => <Row key={one.name} check={one} open={one.name === chosen} onOpen={() => choose(one.name)} />)}
        </ul>
      )}
    </Block>
  );
}

function Row({ check, open, onOpen }: { check: Check; open: boolean; onOpen: () => void }) {
  const queries = useQueryClient();
  const run = useMutation({ mutationFn: () => api.run(check.name), onSettled: () => queries.invalidateQueries({ queryKey: ["health"] }) });
  const name = named(check.name);
  return (
    <li className={classes.check}>
      <div className={classes.row}>
        <div className={classes.name}>
          <button type="button" className={classes.open} aria-expanded={open} onClick={onOpen}><IconChevronRight size={14} aria-hidden className={classes.arrow} /><span className="clip" title={name}>{name}</span></button>
          <span className={`${classes.target ?? ""} clip`} title={check.target}>{check.type} · {visible(check.target)}</span>
        </div>
        <div className={classes.state}><HealthBadge health={{ status: check.status }} />{check.since_unix_nano !== null && <span className={classes.since} title={`since ${formatDateTime(nsToMs(check.since_unix_nano))}`}>{since(check.since_unix_nano)}</span>}</div>
        <div className={classes.history}><HistoryStrip history={check.history} name={name} /></div>
        <Link className={classes.uptime} to="/explore/metrics" search={{ expr: [`watchkeep_check_up{check=${JSON.stringify(check.name)}}`] }} preload={false} title={`${exactCount(check.runs)} runs in this range, ${exactCount(check.failures)} failed`}>{formatUptime(check.uptime)}</Link>
        <span className={classes.took} title={check.last_duration_ns === null ? "It has not run yet" : `last run: ${exactDuration(check.last_duration_ns)}`}>{check.last_duration_ns === null ? "–" : formatDuration(check.last_duration_ns)}</span>
        <Button className={classes.run ?? ""} variant="default" size="compact-xs" loading={run.isPending} aria-label={`Run ${name} now`} onClick={() => run.mutate()}>Run now</Button>
      </div>
      {check.error !== null && check.error !== "" && <p className={classes.error}>{visible(check.error)}</p>}
      {run.error && <Failure what="The check could not be run" error={run.error} onRetry={() => run.mutate()} />}
      {open && <Details check={check} />}
    </li>
  );
}

/** `for 3 h`: how long it has been so. */
function since(ns: string): string {
  const ago = Date.now() - nsToMs(ns);
  return ago < 1000 ? "just now" : `for ${formatAgo(nsToMs(ns)).replace(/\s+ago$/, "")}`;
}

function Details({ check }: { check: Check }) {
  const { bounds, setRange } = useRange();
  const times = useMemo(() => check.history.map((one) => nsToMs(one.time_unix_nano)), [check.history]);
  const series = useMemo(() => [{ label: "took, on average", color: "--wk-series-0", values: check.history.map((one) => one.avg_duration_ns) }], [check.history]);
  return (
    <div className={classes.details}>
      <Stats>
        <Stat label="Last run" value={check.last_run_unix_nano === null ? "not yet" : formatAgo(nsToMs(check.last_run_unix_nano))} title={check.last_run_unix_nano === null ? undefined : formatDateTime(nsToMs(check.last_run_unix_nano))} />
        <Stat label="Runs" value={formatCount(check.runs)} title={exactCount(check.runs)} />
        <Stat label="Failed" value={formatCount(check.failures)} title={exactCount(check.failures)} tone={check.failures > 0 ? "error" : undefined} />
        <Stat label="On average" value={check.avg_duration_ns === null ? "–" : formatDuration(check.avg_duration_ns)} />
        <Stat label="Every" value={formatDuration(check.interval_ns)} />
        <Stat label="Gives up after" value={formatDuration(check.timeout_ns)} />
      </Stats>
      <Chart label={`How long ${check.name} took`} kind="line" times={times} series={series} bounds={bounds} height={120} formatY={(ns) => (ns === 0 ? "0" : formatDuration(ns))} onBrush={(from, to) => setRange({ kind: "absolute", from, to })} />
    </div>
  );
}

const SNIPPET = `health:
  checks:
    postgres:
      type: postgres
      url: postgres://app@db:5432/app
    redis:
      type: redis
      url: redis://cache:6379
    qdrant:
      type: http
      url: http://qdrant:6333/healthz
      interval: 30s
      timeout: 5s
`;

function FirstCheck() {
  return (
    <div className={classes.first}>
      <p>Databases, caches, model servers and whatever else agents need can be checked on a schedule: by <code>http</code>, <code>tcp</code>, <code>postgres</code>, <code>redis</code>, <code>dns</code> or a <code>command</code>. Each shows here with its history, makes an event when its state changes, and decides what <code>/health</code> answers.</p>
      <CodeBlock title="watchkeep.yaml" what="configuration" code={SNIPPET} />
      <CodeBlock title="Start the server with it" what="command" code="watchkeep serve --config watchkeep.yaml" />
    </div>
  );
}
