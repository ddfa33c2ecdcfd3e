// Durations of traces over time: one mark a trace, crosses for those with errors. Click opens, drag zooms.

import { useMemo } from "react";
import type { TraceSummary } from "@/api/types";
import { Chart, type Mark } from "@/components/Chart";
import { useNarrow } from "@/components/DataTable";
import { Failure } from "@/components/Notice";
import { formatCount, formatDuration, nsToMs } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import type { TracesSearch } from "./search";
import classes from "./TracesPage.module.css";
import { useDrawnTraces } from "./useTraces";

interface DurationsProps {
  search: TracesSearch;
  onOpen: (trace: TraceSummary) => void;
}

const NO_TIMES: number[] = [];
const NO_SERIES: never[] = [];

/** Powers of ten stay powers of ten: `100 s`, not `1 m 40 s`. */
function axisDuration(ns: number): string {
  return ns >= 1e9 ? `${(ns / 1e9).toLocaleString("en-US")}\u00a0s` : formatDuration(ns);
}

export function Durations({ search, onOpen }: DurationsProps) {
  const { bounds, setRange } = useRange();
  const narrow = useNarrow();
  const query = useDrawnTraces(search);
  const traces = useMemo(() => query.data?.traces ?? [], [query.data]);
  const marks = useMemo(() => traces.map((trace): Mark => ({
    id: trace.trace_id,
    time: nsToMs(trace.start_time_unix_nano),
    value: Math.max(1, trace.duration_ns),
    label: `${trace.root_service} · ${trace.root_name}`,
    color: trace.error_count > 0 ? "--wk-level-error" : "--wk-level-info",
    shape: trace.error_count > 0 ? "cross" : "dot",
  })), [traces]);
  if (query.error) return <Failure what="The durations could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <div className={classes.chartInner}>
      <Chart
        label={`Durations of ${traces.length} traces over time`}
        kind="points"
        times={NO_TIMES}
        series={NO_SERIES}
        bounds={bounds}
        height={narrow ? 91 : 127}
        formatY={formatDuration}
        formatAxis={axisDuration}
        logarithmic
        marks={marks}
        stale={query.isPlaceholderData}
        onMark={(mark) => {
          const trace = traces.find((one) => one.trace_id === mark.id);
          if (trace) onOpen(trace);
        }}
        onBrush={(from, to) => setRange({ kind: "absolute", from, to })}
      />
      {query.data?.next_cursor != null && <span className={classes.partial}>Newest {formatCount(traces.length)} drawn</span>}
    </div>
  );
}
