// What the server scrapes: pools with their counts, each target with its health, and those that relabelling dropped.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Button, SegmentedControl } from "@mantine/core";
import { useCallback, useMemo } from "react";
import { prometheus } from "@/api/prometheus";
import { CodeBlock } from "@/components/CodeBlock";
import { DataTable, useNarrow } from "@/components/DataTable";
import { TextFilter } from "@/components/filters";
import { Failure, Notice } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Split } from "@/components/Split";
import { formatCount, plural } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import { Health, narrowRow, targetColumns } from "./columns";
import { found, poolRows, targetRows, totals, type PoolRow } from "./rows";
import { STATES, type State, type TargetsSearch } from "./search";
import { TargetDetail } from "./TargetDetail";
import classes from "./TargetsPage.module.css";

const route = getRouteApi("/system/targets");
/** Health changes with every scrape. */
const REFRESH_MS = 5000;

export function TargetsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const { held } = useRange();
  const query = useQuery({
    queryKey: ["targets"], refetchInterval: held ? false : REFRESH_MS,
    queryFn: async ({ signal }) => {
      const [targets, pools] = await Promise.all([prometheus.targets(signal), prometheus.scrapePools(signal)]);
      return { targets, pools };
    },
  });
  const set = useCallback((next: TargetsSearch, replace = false) => {
    void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  const rows = useMemo(() => (query.data ? targetRows(query.data.targets) : []), [query.data]);
  const pools = useMemo(() => (query.data ? poolRows(query.data.pools, rows, query.data.targets.droppedTargetCounts) : []), [query.data, rows]);
  const shown = useMemo(() => found(rows, search), [rows, search]);
  const counts = totals(pools);
  const columns = useMemo(() => targetColumns(search.state === "dropped"), [search.state]);
  const open = rows.find((row) => row.id === search.target);
  const none = query.data !== undefined && pools.length === 0;
  const list = (
    <div className={classes.list}>
      {shown.length === 0
        ? <Notice title={counts.up + counts.down + counts.unknown === 0 && search.state === undefined && search.q === undefined ? "No targets" : "No targets match"} text="The pools are configured, but nothing that is found matches here." action={<Button variant="default" onClick={() => set({ pool: undefined, state: undefined, q: undefined })}>Clear filters</Button>} />
        : (
          <DataTable
            label="Targets" columns={columns} rows={shown} rowKey={(row) => row.id} renderNarrow={narrowRow} sort={search.sort} onSort={(sort) => set({ sort }, true)}
            onOpen={(row) => set({ target: row.id }, search.target !== undefined)} footer={plural(shown.length, "target")}
          />
        )}
    </div>
  );
  return (
    <>
      <PageHead title="Targets" facts={query.data && !none ? `${plural(pools.length, "pool")}, ${plural(counts.up + counts.down + counts.unknown, "target")}, ${counts.down === 0 ? "none down" : `${formatCount(counts.down)} down`}` : undefined} />
      {query.data && !none && <Filters search={search} counts={counts} onChange={set} />}
      {query.error && <Failure what="The targets could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={16} height={32} />}
      {none && <FirstTarget />}
      {query.data && !none && (
        <>
          <Pools pools={pools} search={search} onChange={set} />
          {open
            ? <Split storageKey="targets" narrow={narrow} left={list} right={<TargetDetail key={open.id} row={open} onClose={() => set({ target: undefined })} />} />
            : <Fill>{list}</Fill>}
        </>
      )}
    </>
  );
}

function Filters({ search, counts, onChange }: { search: TargetsSearch; counts: Record<State, number>; onChange: (next: TargetsSearch, replace?: boolean) => void }) {
  return (
    <FilterBar label="Filter targets">
      <TextFilter aria-label="Search targets" placeholder="Address, label or error" value={search.q} onApply={(q) => onChange({ q }, true)} w={240} />
      <SegmentedControl
        size="xs" aria-label="State" value={search.state ?? "all"} onChange={(state) => onChange({ state: STATES.find((one) => one === state), target: undefined })}
        data={[{ value: "all", label: `Scraped ${formatCount(counts.up + counts.down + counts.unknown)}` }, ...STATES.map((state) => ({ value: state, label: `${WORDS[state]} ${formatCount(counts[state])}` }))]}
      />
      {(search.pool ?? search.q ?? search.state) !== undefined && <Button variant="subtle" onClick={() => onChange({ pool: undefined, state: undefined, q: undefined })}>Clear filters</Button>}
    </FilterBar>
  );
}

const WORDS: Record<State, string> = { up: "Up", down: "Down", unknown: "Unknown", dropped: "Dropped" };

function Pools({ pools, search, onChange }: { pools: PoolRow[]; search: TargetsSearch; onChange: (next: TargetsSearch) => void }) {
  return (
    <div className={classes.pools} role="group" aria-label="Scrape pools">
      {pools.map(({ pool, counts }) => (
        <button key={pool} type="button" className={classes.pool} aria-pressed={search.pool === pool} onClick={() => onChange({ pool: search.pool === pool ? undefined : pool, target: undefined })}>
          <span className={classes.poolName} title={pool}>{pool}</span>
          <span className={classes.poolCounts}>
            {STATES.filter((state) => counts[state] > 0 || state === "up").map((state) => <Health key={state} state={state} text={`${formatCount(counts[state])} ${state}`} />)}
          </span>
        </button>
      ))}
    </div>
  );
}

const SNIPPET = `global:
  scrape_interval: 15s

scrape_configs:
  - job_name: my-service
    static_configs:
      - targets: ["localhost:8000"]
`;

function FirstTarget() {
  return (
    <div className={classes.first}>
      <h2 className={classes.firstTitle}>Scrape your first target</h2>
      <p>Watchkeep reads a Prometheus configuration file as it is. What it finds and scrapes appears here, with the health of each target.</p>
      <CodeBlock title="1. prometheus.yml" what="configuration" code={SNIPPET} />
      <CodeBlock title="2. Start the server with it" what="command" code="watchkeep serve --config.file prometheus.yml" />
    </div>
  );
}
