// Metrics: queries in PromQL with what they answer, beside the list of all metrics, from which a query is built.

import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { IconListSearch } from "@tabler/icons-react";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { api } from "@/api/client";
import type { Metric } from "@/api/types";
import { useNarrow } from "@/components/DataTable";
import { Failure } from "@/components/Notice";
import { Fill, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { plural } from "@/lib/format";
import { kindOfName, queryForMetric, type Matcher } from "@/lib/promql";
import { MetricList } from "./MetricList";
import classes from "./MetricsPage.module.css";
import type { MetricsSearch } from "./search";
import { useDrafts } from "./useDrafts";

const Explorer = lazy(() => import("./Explorer").then((module) => ({ default: module.Explorer })));
const route = getRouteApi("/explore/metrics");
const LIMIT = 5000;

export function MetricsPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const query = useQuery({
    queryKey: ["metrics", search.find ?? ""],
    queryFn: ({ signal }) => api.metrics({ search: search.find ?? "", limit: LIMIT }, signal),
  });
  const set = useCallback((next: MetricsSearch, replace = false) => {
    void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  const drafts = useDrafts(search.expr ?? []);
  const [active, setActive] = useState(0);
  const [listOpen, setListOpen] = useState(false);
  useOldLink(search, set);

  const metrics = useMemo(() => query.data?.metrics ?? [], [query.data]);
  const byName = useMemo(() => new Map(metrics.map((metric) => [metric.name, metric])), [metrics]);
  const at = Math.min(active, drafts.list.length - 1);
  const choose = useCallback((metric: Metric) => {
    const text = queryForMetric(metric.name, metric.kind);
    const list = drafts.list.map((one, i) => (i === at ? text : one)).filter((one) => one.trim() !== "");
    setListOpen(false);
    set({ expr: list, metric: metric.name, label: undefined, show: undefined });
  }, [drafts.list, at, set]);
  const none = query.isSuccess && metrics.length === 0 && search.find === undefined && search.expr === undefined;
  const showList = !narrow || listOpen;
  return (
    <>
      <PageHead title="Metrics" facts={query.isSuccess && !none ? `${plural(metrics.length, "metric")}${query.data.truncated ? ", more by searching" : ""}` : undefined}>
        {narrow && !none && <Button variant="default" leftSection={<IconListSearch size={14} aria-hidden />} onClick={() => setListOpen(!listOpen)}>{listOpen ? "Back to the query" : "All metrics"}</Button>}
      </PageHead>
      <Fill>
        {none ? <NoData signal="metrics" filtered={false} stale={false} /> : (
          <div className={classes.panes}>
            {showList && (
              <div className={classes.side}>
                {query.error
                  ? <Failure what="Metric names could not be loaded" error={query.error} onRetry={() => void query.refetch()} />
                  : query.isPending ? <SkeletonRows rows={14} height={46} />
                  : <MetricList metrics={metrics} find={search.find} chosen={search.metric} stale={query.isPlaceholderData} onFind={(find) => set({ find }, true)} onChoose={choose} />}
              </div>
            )}
            {(!narrow || !listOpen) && (
              <div className={classes.main}>
                <Suspense fallback={<SkeletonRows rows={8} height={40} />}>
                  <Explorer search={search} drafts={drafts} active={at} metrics={byName} onActive={setActive} onChange={set} />
                </Suspense>
              </div>
            )}
          </div>
        )}
      </Fill>
    </>
  );
}

/** A link that names a metric alone (of an older version, or from the palette) becomes the query that shows it. */
function useOldLink(search: MetricsSearch, set: (next: MetricsSearch, replace?: boolean) => void): void {
  const { metric: name, label, show, expr } = search;
  const wanted = name !== undefined && expr === undefined;
  const found = useQuery({ queryKey: ["metric", name], queryFn: async ({ signal }) => (await api.metrics({ search: name ?? "", limit: 1000 }, signal)).metrics, enabled: wanted, placeholderData: undefined });
  useEffect(() => {
    if (!wanted || found.isPending) return;
    const metric = found.data?.find((one) => one.name === name);
    const matchers = (label ?? []).map((text): Matcher => ({ name: text.slice(0, text.indexOf("=")), op: "=", value: text.slice(text.indexOf("=") + 1) }));
    set({ expr: [queryForMetric(name, metric?.kind ?? kindOfName(name), matchers, show)], label: undefined, show: undefined }, true);
  }, [wanted, name, label, show, found.isPending, found.data, set]);
}
