// Counts of lines over time, stacked by level. Drag to zoom the time range.

import { useMemo } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import { Chart, type ChartSeries } from "@/components/Chart";
import { useNarrow } from "@/components/DataTable";
import { Failure } from "@/components/Notice";
import { Skeleton } from "@/components/Skeleton";
import { levelVar } from "@/lib/colors";
import { formatCount } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import type { Volume } from "@/lib/logVolume";

const NO_TIMES: number[] = [];

export function Histogram({ query }: { query: UseQueryResult<Volume> }) {
  const { bounds, setRange } = useRange();
  const narrow = useNarrow();
  const { data } = query;
  // Severe levels at the bottom, where their size can be compared along the axis.
  const series = useMemo(() => [...(data?.levels ?? [])].reverse().map(({ level, values }): ChartSeries => ({ label: level, color: levelVar(level), values })), [data]);
  const height = narrow ? 83 : 111;
  if (query.error) return <Failure what="The histogram could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <div style={{ height, padding: 16, display: "grid" }}><Skeleton height={height - 33} /></div>;
  return (
    <Chart
      label="Log lines over time by level" kind="stacked" times={data?.times ?? NO_TIMES} series={series} bounds={bounds} height={height} formatY={formatCount} stale={query.isPlaceholderData}
      onBrush={(from, to) => setRange({ kind: "absolute", from, to })}
    />
  );
}
