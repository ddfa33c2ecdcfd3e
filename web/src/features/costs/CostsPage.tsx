// What is spent: on what, by whom, over time, what it comes to, and what of it was for nothing.

import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { agents as api } from "@/api/agents";
import type { Costs, GroupBy, Wasted } from "@/api/agentTypes";
import { Block, Blocks, FactTable } from "@/components/Blocks";
import { Chart, type ChartSeries } from "@/components/Chart";
import { ServiceSelect, TextFilter } from "@/components/filters";
import { Failure } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Stat, Stats } from "@/components/Stat";
import { NoData } from "@/features/onboarding/NoData";
import { seriesVar } from "@/lib/colors";
import { capital, exactCount, formatCount, formatDay, formatPercent, formatUsd, named, nsToMs, plural } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import classes from "./CostsPage.module.css";
import { GROUPS, type CostsSearch } from "./search";

const route = getRouteApi("/money/costs");
/** Groups that the chart tells apart; the rest is one. */
const DRAWN = 8;

export function CostsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const { window, setRange } = useRange();
  const brush = useCallback((from: number, to: number) => setRange({ kind: "absolute", from, to }), [setRange]);
  const { by = "model", agent, service, user, model } = search;
  const query = useQuery({ queryKey: ["costs", by, agent, service, user, model, window], queryFn: ({ signal }) => api.costs({ by, agent, service, user, model, ...window }, signal) });
  const set = useCallback((next: CostsSearch) => void navigate({ to: ".", search: (old) => ({ ...old, ...next }) }), [navigate]);
  const filtered = agent !== undefined || service !== undefined || user !== undefined || model !== undefined;
  const costs = query.data;
  return (
    <>
      <PageHead title="Costs" facts={costs && costs.totals.calls > 0 ? `${plural(costs.totals.calls, "call")} of models` : undefined} />
      <FilterBar label="Filter costs">
        <ServiceSelect value={service} onChange={(value) => set({ service: value })} />
        <TextFilter aria-label="Agent" placeholder="Agent" value={agent} onApply={(value) => set({ agent: value })} w={150} />
        <TextFilter aria-label="Model" placeholder="Model" value={model} onApply={(value) => set({ model: value })} w={150} />
        <TextFilter aria-label="User" placeholder="User" value={user} onApply={(value) => set({ user: value })} w={150} />
      </FilterBar>
      {query.error && <Failure what="Costs could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={10} height={52} />}
      {costs?.totals.calls === 0 && <Fill><NoData signal="spans" noun="calls of models" filtered={filtered} onClear={() => set({ agent: undefined, service: undefined, user: undefined, model: undefined })} stale={query.isPlaceholderData} /></Fill>}
      {costs && costs.totals.calls > 0 && <Body costs={costs} by={by} set={set} onBrush={brush} stale={query.isPlaceholderData} />}
    </>
  );
}

function Body({ costs, by, set, onBrush, stale }: { costs: Costs; by: GroupBy; set: (next: CostsSearch) => void; onBrush: (from: number, to: number) => void; stale: boolean }) {
  const { totals, projection } = costs;
  return (
    <Blocks stale={stale}>
      <Block title="In this range" wide>
        <Stats>
          <Stat label="Cost" value={formatUsd(totals.cost_usd)} title={`$${totals.cost_usd.toFixed(6)}`} />
          <Stat label="Per hour" value={formatUsd(projection.usd_per_hour)} title="Over the last 24 hours" />
          <Stat label="Today" value={<>{formatUsd(projection.day.spent_usd)} <span className={classes.projected}>→ {formatUsd(projection.day.projected_usd)}</span></>} title={`Until ${formatDay(nsToMs(projection.day.end_unix_nano))}, if it goes on like this`} />
          <Stat label="This month" value={<>{formatUsd(projection.month.spent_usd)} <span className={classes.projected}>→ {formatUsd(projection.month.projected_usd)}</span></>} title={`Until ${formatDay(nsToMs(projection.month.end_unix_nano))}, if it goes on like this`} />
          <Stat label="Tokens" value={formatCount(totals.tokens.total)} title={`${exactCount(totals.tokens.input)} read, ${exactCount(totals.tokens.output)} written`} />
          <Stat label="From the cache" value={totals.cached_share === null ? "–" : formatPercent(totals.cached_share)} title={`saved ${formatUsd(totals.cache_savings_usd)}`} />
          <Stat label="Wasted" value={formatUsd(costs.waste.total_usd)} title={totals.cost_usd > 0 ? `${formatPercent(costs.waste.total_usd / totals.cost_usd)} of the cost` : undefined} tone={costs.waste.total_usd > totals.cost_usd * 0.1 ? "error" : undefined} />
          {totals.unpriced_tokens > 0 && <Stat label="Without a price" value={`${formatCount(totals.unpriced_tokens)} tokens`} tone="error" title="Their cost is not known and is missing in all sums" />}
        </Stats>
      </Block>
      <Block title="Over time" wide aside={<SegmentedControl size="xs" aria-label="Group by" value={by} onChange={(value) => set({ by: value })} data={GROUPS} />}>
        <Trend costs={costs} onBrush={onBrush} />
      </Block>
      <Block title={`By ${by}`} wide>
        <Groups costs={costs} by={by} set={set} />
      </Block>
      <Block title="For nothing" aside={formatUsd(costs.waste.total_usd)}><Waste costs={costs} /></Block>
      <Block title="Models without a price" aside={<Link to="/money/prices" className={classes.link} preload={false}>Prices</Link>}>
        {costs.unpriced.length === 0
          ? <p className="dim">Every model that was called has a price.</p>
          : <FactTable label="Models without a price" rows={costs.unpriced} rowKey={(one) => `${one.provider} ${one.model}`} columns={[
            { label: "Model", render: (one) => named(one.model) }, { label: "Provider", text: true, render: (one) => named(one.provider, "–") },
            { label: "Calls", render: (one) => exactCount(one.calls) }, { label: "Tokens", render: (one) => formatCount(one.tokens) },
          ]} />}
      </Block>
    </Blocks>
  );
}

/** The colour of a group in the chart; those that are drawn together with others have theirs. */
function colorOf(costs: Costs, group: Costs["groups"][number]): string {
  const at = costs.groups.indexOf(group);
  return seriesVar(at < DRAWN ? at : DRAWN + 1);
}

function Trend({ costs, onBrush }: { costs: Costs; onBrush: (from: number, to: number) => void }) {
  const { times, series } = useMemo(() => {
    const start = nsToMs(costs.series.start_unix_nano);
    const step = costs.series.step_ns / 1e6;
    const drawn: ChartSeries[] = costs.groups.slice(0, DRAWN).map((group, i) => ({ label: named(group.key, "not told"), color: seriesVar(i), values: group.series }));
    const rest = costs.series.cost_usd.map((all, i) => Math.max(0, all - costs.groups.slice(0, DRAWN).reduce((sum, group) => sum + (group.series[i] ?? 0), 0)));
    if (rest.some((value) => value > 1e-9)) drawn.push({ label: "others", color: seriesVar(DRAWN + 1), values: rest });
    return { times: costs.series.cost_usd.map((_, i) => start + i * step), series: drawn };
  }, [costs]);
  const bounds = useMemo(() => ({ start: nsToMs(costs.start_unix_nano), end: nsToMs(costs.end_unix_nano) }), [costs]);
  return <Chart label={`Cost over time by ${costs.by}`} kind="stacked" times={times} series={series} bounds={bounds} height={220} formatY={formatUsd} onBrush={onBrush} />;
}

function Groups({ costs, by, set }: { costs: Costs; by: GroupBy; set: (next: CostsSearch) => void }) {
  return (
    <>
      <FactTable label={`Costs by ${by}`} rows={costs.groups} rowKey={(one) => one.key} share={(one) => one.share} columns={[
        { label: capital(by), render: (one) => <span className={classes.group}><i style={{ background: `var(${colorOf(costs, one)})` }} aria-hidden /><Key by={by} value={one.key} set={set} /></span> },
        { label: "Cost", render: (one) => <span title={`$${one.cost_usd.toFixed(6)}`}>{formatUsd(one.cost_usd)}{one.unpriced_tokens > 0 ? " +" : ""}</span> },
        { label: "Share", render: (one) => formatPercent(one.share) },
        { label: "Calls", render: (one) => formatCount(one.calls) },
        { label: "Failed", render: (one) => (one.errors > 0 ? exactCount(one.errors) : <span className="dim">0</span>) },
        { label: "Read", render: (one) => <span title={exactCount(one.tokens.input)}>{formatCount(one.tokens.input)}</span> },
        { label: "Written", render: (one) => <span title={exactCount(one.tokens.output)}>{formatCount(one.tokens.output)}</span> },
        { label: "Cached", render: (one) => (one.cached_share === null ? "–" : formatPercent(one.cached_share)) },
        { label: "Saved", render: (one) => formatUsd(one.cache_savings_usd) },
      ]} />
      {costs.others && <p className="dim">{plural(costs.others.groups, "more group")} cost {formatUsd(costs.others.cost_usd)} together.</p>}
    </>
  );
}

function Key({ by, value, set }: { by: GroupBy; value: string; set: (next: CostsSearch) => void }) {
  if (value === "") return <span className="dim">not told</span>;
  if (by === "session") return <Link to="/sessions/$session" params={{ session: value }} preload={false}>{named(value)}</Link>;
  if (by === "agent") return <Link to="/agents/$agent" params={{ agent: value }} preload={false}>{named(value)}</Link>;
  if (by === "model" || by === "user" || by === "service") return <Button variant="transparent" color="gray" size="compact-sm" className={classes.key} title={`Only ${value}`} onClick={() => set({ [by]: value, by: by === "model" ? "agent" : "model" })}>{named(value)}</Button>;
  return named(value);
}

const WASTE: [keyof Omit<Costs["waste"], "total_usd">, string][] = [
  ["failed_runs", "Runs that failed"], ["low_rated_runs", "Runs that were rated badly"], ["retries", "Steps tried again"], ["uncached_repeats", "Sent again past the cache"], ["loops", "Runs with a loop"],
];

function Waste({ costs }: { costs: Costs }) {
  // Of runs nothing is told where only some of their calls are asked for.
  const rows = WASTE.flatMap(([key, label]): (Wasted & { label: string })[] => { const one = costs.waste[key]; return one === null ? [] : [{ ...one, label }]; });
  return (
    <FactTable label="Waste" rows={rows} rowKey={(one) => one.label} share={(one) => (costs.waste.total_usd > 0 ? one.usd / costs.waste.total_usd : 0)} columns={[
      { label: "What", render: (one) => one.label }, { label: "How often", render: (one) => exactCount(one.count) }, { label: "Cost", render: (one) => formatUsd(one.usd) },
      { label: "For example", text: true, render: (one) => <span className={classes.examples}>{one.trace_ids.slice(0, 3).map((id) => <Link key={id} to="/explore/traces/$traceId" params={{ traceId: id }} className="mono" preload={false}>{id.slice(0, 6)}</Link>)}</span> },
    ]} />
  );
}
