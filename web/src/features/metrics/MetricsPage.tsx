// Every metric by name; the chosen one's series as a chart and as a table of latest values.

import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { IconArrowLeft } from "@tabler/icons-react";
import { lazy, Suspense, useCallback } from "react";
import { api } from "@/api/client";
import { useNarrow } from "@/components/DataTable";
import { Failure, Notice } from "@/components/Notice";
import { Fill, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { plural } from "@/lib/format";
import { MetricList } from "./MetricList";
import classes from "./MetricsPage.module.css";
import type { MetricsSearch } from "./search";

const MetricView = lazy(() => import("./MetricView").then((module) => ({ default: module.MetricView })));
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
  const choose = useCallback((metric: string) => set({ metric, label: undefined, show: undefined }), [set]);

  const metrics = query.data?.metrics ?? [];
  const none = query.isSuccess && metrics.length === 0 && search.find === undefined;
  const chosen = metrics.find((metric) => metric.name === search.metric);
  const showList = !narrow || search.metric === undefined;
  return (
    <>
      <PageHead title="Metrics" facts={query.isSuccess && !none ? `${plural(metrics.length, "metric")}${query.data.truncated ? ", more by searching" : ""}` : undefined}>
        {narrow && search.metric !== undefined && (
          <Button variant="default" leftSection={<IconArrowLeft size={14} aria-hidden />} onClick={() => set({ metric: undefined, label: undefined })}>All metrics</Button>
        )}
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
            {(!narrow || search.metric !== undefined) && (
              <div className={classes.main}>
                {search.metric === undefined
                  ? !query.isPending && <Notice title="Choose a metric" text="Its series appear here as a chart and as a table of latest values." />
                  : <Suspense fallback={<SkeletonRows rows={8} height={40} />}><MetricView key={search.metric} name={search.metric} metric={chosen} search={search} onChange={set} /></Suspense>}
              </div>
            )}
          </div>
        )}
      </Fill>
    </>
  );
}
