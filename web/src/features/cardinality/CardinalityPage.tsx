// What the metrics store holds by metric and by label: where series come from, each a click away from its query.

import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { prometheus } from "@/api/prometheus";
import type { Cardinality, Counted } from "@/api/types";
import { Failure } from "@/components/Notice";
import { PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Stat, Stats } from "@/components/Stat";
import { NoData } from "@/features/onboarding/NoData";
import { exactCount, formatAgo, formatBytes, formatCount, formatDateTime } from "@/lib/format";
import { labelText, matcherText } from "@/lib/promql";
import { countBy, named } from "@/lib/queries";
import classes from "./CardinalityPage.module.css";

const route = getRouteApi("/system/cardinality");
const LIMIT = 15;

export function CardinalityPage() {
  const { limit } = route.useSearch();
  const navigate = useNavigate();
  const query = useQuery({ queryKey: ["cardinality", limit], queryFn: ({ signal }) => prometheus.cardinality(Number(limit ?? LIMIT), signal) });
  const none = query.data?.headStats.numSeries === 0;
  return (
    <>
      <PageHead title="Cardinality" facts={query.data && !none ? `${formatCount(query.data.headStats.numSeries)} series` : undefined}>
        {!none && (
          <SegmentedControl
            size="xs" aria-label="Rows of each list" value={limit ?? String(LIMIT)} data={[{ value: String(LIMIT), label: `Top ${LIMIT}` }, { value: "50", label: "50" }, { value: "200", label: "200" }]}
            onChange={(value) => void navigate({ to: ".", search: (old) => ({ ...old, limit: value === "50" || value === "200" ? value : undefined }) })}
          />
        )}
      </PageHead>
      <div className={classes.page}>
        {query.error && <Failure what="The cardinality could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={16} height={36} />}
        {none && <NoData signal="metrics" filtered={false} stale={false} />}
        {query.data && !none && <div data-stale={query.isPlaceholderData}><Body data={query.data} /></div>}
      </div>
    </>
  );
}

function Body({ data }: { data: Cardinality }) {
  const head = data.headStats;
  const pairs = data.seriesCountByLabelValuePair;
  return (
    <div className={classes.grid}>
      <section className={classes.block} data-wide>
        <Stats>
          <Stat label="Series" value={formatCount(head.numSeries)} title={exactCount(head.numSeries)} />
          {head.numLabelPairs !== undefined && <Stat label="Label pairs" value={formatCount(head.numLabelPairs)} title={exactCount(head.numLabelPairs)} />}
          <Stat label="Chunks in memory" value={formatCount(head.chunkCount)} title={exactCount(head.chunkCount)} />
          {head.maxTime >= head.minTime && <Stat label="Oldest in memory" value={formatAgo(head.minTime)} title={formatDateTime(head.minTime)} />}
          {head.maxTime >= head.minTime && <Stat label="Newest in memory" value={formatAgo(head.maxTime)} title={formatDateTime(head.maxTime)} />}
        </Stats>
      </section>
      <Ranking title="Metrics with the most series" about="Series" rows={data.seriesCountByMetricName} whole={head.numSeries} query={({ name }) => countBy(["job", "instance"], named(name))} />
      <Ranking title="Label pairs with the most series" about="Series" rows={pairs} whole={head.numSeries} query={({ name }) => countBy(["__name__"], `{${pairMatcher(name)}}`)} />
      <Ranking title="Labels with the most values" about="Values" rows={data.labelValueCountByLabelName} query={({ name }) => countBy([name], `{${labelText(name)}!=""}`)} />
      <Ranking title="Labels by bytes of their values" about="Bytes" rows={data.memoryInBytesByLabelName} format={formatBytes} query={({ name }) => countBy([name], `{${labelText(name)}!=""}`)} />
    </div>
  );
}

/** A pair comes as `label=value`. */
function pairMatcher(pair: string): string {
  const at = pair.indexOf("=");
  return matcherText({ name: pair.slice(0, at), op: "=", value: pair.slice(at + 1) });
}

interface RankingProps {
  title: string;
  about: string;
  rows: Counted[];
  /** Of what the rows are parts, where they are. */
  whole?: number;
  format?: (value: number) => string;
  query: (row: Counted) => string;
}

function Ranking({ title, about, rows, whole, format = formatCount, query }: RankingProps) {
  const most = rows.reduce((max, row) => Math.max(max, row.value), 0);
  return (
    <section className={classes.block} aria-label={title}>
      <h2 className={classes.title}>{title}</h2>
      <table className={classes.table}>
        <thead><tr><th scope="col">Name</th><th scope="col" aria-label="Share" /><th scope="col">{about}</th>{whole !== undefined && <th scope="col">Share</th>}</tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.name}>
              <td><Link to="/explore/metrics" search={{ expr: [query(row)], view: "table" }} title={`${row.name}\n${query(row)}`} className={classes.name}>{row.name}</Link></td>
              <td className={classes.barCell}><div className={classes.bar} style={{ width: `${most > 0 ? Math.max(0.5, (row.value / most) * 100) : 0}%` }} /></td>
              <td title={exactCount(row.value)}>{format(row.value)}</td>
              {whole !== undefined && <td className="dim">{percent(row.value, whole)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className={classes.nothing}>None</p>}
    </section>
  );
}

function percent(part: number, whole: number): string {
  const share = whole > 0 ? (part / whole) * 100 : 0;
  return `${share >= 10 || share === 0 ? share.toFixed(0) : share >= 0.1 ? share.toFixed(1) : "<0.1"}\u00a0%`;
}
