// Counts of log lines over time, stacked by level. Drag to zoom the time range.

import { useMemo } from "react";
import { Chart, type ChartSeries } from "@/components/Chart";
import { useNarrow } from "@/components/DataTable";
import { Failure } from "@/components/Notice";
import { Skeleton } from "@/components/Skeleton";
import { levelVar } from "@/lib/colors";
import { formatCount, nsToMs } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import { LEVELS, type LogsSearch } from "./search";
import { useLogHistogram } from "./useLogs";

export function Histogram({ search }: { search: LogsSearch }) {
  const { window, bounds, setRange } = useRange();
  const narrow = useNarrow();
  const query = useLogHistogram(search, window);
  const { times, series } = useMemo(() => {
    const buckets = query.data?.buckets ?? [];
    // Severe levels at the bottom, where their size can be compared along the axis.
    const series = [...LEVELS].reverse().map((level): ChartSeries => ({ label: level, color: levelVar(level), values: buckets.map((bucket) => bucket.counts[level] ?? 0) }))
      .filter((one) => one.values.some((value) => value !== 0));
    return { times: buckets.map((bucket) => nsToMs(bucket.time_unix_nano)), series };
  }, [query.data]);
  if (query.error) return <Failure what="The histogram could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <div style={{ padding: 16 }}><Skeleton height={narrow ? 50 : 78} /></div>;
  return (
    <Chart
      label="Log lines over time by level"
      kind="stacked"
      times={times}
      series={series}
      bounds={bounds}
      height={narrow ? 83 : 111}
      formatY={formatCount}
      stale={query.isPlaceholderData}
      onBrush={(from, to) => setRange({ kind: "absolute", from, to })}
    />
  );
}
