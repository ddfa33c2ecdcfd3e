// Durations of the loaded traces over time: one mark a trace, crosses for those with errors. Click opens, drag zooms.

import { useMemo } from "react";
import type { TraceSummary } from "@/api/types";
import { Chart, type Mark } from "@/components/Chart";
import { useNarrow } from "@/components/DataTable";
import { formatDuration, nsToMs } from "@/lib/format";
import { useRange } from "@/lib/useRange";

interface DurationsProps {
  traces: TraceSummary[];
  stale: boolean;
  onOpen: (trace: TraceSummary) => void;
}

const NO_TIMES: number[] = [];
const NO_SERIES: never[] = [];

export function Durations({ traces, stale, onOpen }: DurationsProps) {
  const { bounds, setRange } = useRange();
  const narrow = useNarrow();
  const marks = useMemo(() => traces.map((trace): Mark => ({
    id: trace.trace_id,
    time: nsToMs(trace.start_time_unix_nano),
    value: Math.max(1, trace.duration_ns),
    label: `${trace.root_service} · ${trace.root_name}`,
    color: trace.error_count > 0 ? "--wk-level-error" : "--wk-level-info",
    shape: trace.error_count > 0 ? "cross" : "dot",
  })), [traces]);
  return (
    <Chart
      label={`Durations of ${traces.length} traces over time`}
      kind="points"
      times={NO_TIMES}
      series={NO_SERIES}
      bounds={bounds}
      height={narrow ? 91 : 127}
      formatY={formatDuration}
      logarithmic
      marks={marks}
      stale={stale}
      onMark={(mark) => {
        const trace = traces.find((one) => one.trace_id === mark.id);
        if (trace) onOpen(trace);
      }}
      onBrush={(from, to) => setRange({ kind: "absolute", from, to })}
    />
  );
}
