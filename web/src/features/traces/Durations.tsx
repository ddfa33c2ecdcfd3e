// Durations of traces over time: one mark a trace, crosses for those with errors. Click opens, drag zooms.

import { useMemo } from "react";
import { Chart, type Mark } from "@/components/Chart";
import { useNarrow } from "@/components/DataTable";
import { formatCount, formatDuration, nsToMs } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import type { FoundTrace } from "@/lib/foundTraces";
import classes from "./TracesPage.module.css";
import { useDrawnTraces } from "./useTraces";

interface DurationsProps {
  query: string;
  /** The traces of the list. */
  listed: FoundTrace[];
  /** Whether the query finds more than those. */
  more: boolean;
  stale: boolean;
  onOpen: (id: string) => void;
}

const NO_TIMES: number[] = [];
const NO_SERIES: never[] = [];
/** Search tells durations in whole milliseconds: shorter ones are drawn at half of one. */
const LEAST_NS = 500_000;

/** Powers of ten stay powers of ten: `100 s`, not `1 m 40 s`. */
function axisDuration(ns: number): string {
  return ns >= 1e9 ? `${(ns / 1e9).toLocaleString("en-US")}\u00a0s` : formatDuration(ns);
}

export function Durations({ query, listed, more, stale, onOpen }: DurationsProps) {
  const { bounds, setRange } = useRange();
  const narrow = useNarrow();
  const drawn = useDrawnTraces(query, listed, more);
  const { traces } = drawn;
  const marks = useMemo(() => traces.map((trace): Mark => {
    const failed = (trace.errors ?? 0) > 0;
    return {
      id: trace.id, time: nsToMs(trace.startNs), value: Math.max(LEAST_NS, trace.durationNs),
      label: `${trace.rootService} · ${trace.rootName}`, color: failed ? "--wk-level-error" : "--wk-level-info", shape: failed ? "cross" : "dot",
    };
  }), [traces]);
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
        stale={stale || drawn.stale}
        onMark={(mark) => onOpen(mark.id)}
        onBrush={(from, to) => setRange({ kind: "absolute", from, to })}
      />
      {more && <span className={classes.partial}>Newest {formatCount(traces.length)} drawn</span>}
    </div>
  );
}
