// One figure of a host over time, with its present value above.

import { useMemo } from "react";
import type { HostPoint } from "@/api/healthTypes";
import { formatBytes, nsToMs, significant } from "@/lib/format";
import { formatPercentage, valuesOf, type HostFigure } from "@/lib/health";
import type { Bounds } from "@/lib/range";
import { Chart } from "./Chart";
import classes from "./HostChart.module.css";

type Kind = "cpu" | "memory" | "disk" | "load" | "network";

interface Drawn {
  title: string;
  lines: { figure: HostFigure; label: string; color: string }[];
  format: (value: number) => string;
  /** The axis reaches at least so far. */
  reach?: number;
}

const rate = (value: number): string => `${formatBytes(Math.round(value))}/s`;

const DRAWN: Record<Kind, Drawn> = {
  cpu: { title: "CPU", lines: [{ figure: "cpu_percent", label: "CPU in use", color: "--wk-series-0" }], format: formatPercentage, reach: 100 },
  memory: { title: "Memory", lines: [{ figure: "memory_percent", label: "memory in use", color: "--wk-series-6" }], format: formatPercentage, reach: 100 },
  disk: { title: "Disk of the data", lines: [{ figure: "disk_percent", label: "disk in use", color: "--wk-series-7" }], format: formatPercentage, reach: 100 },
  load: { title: "Load", lines: [{ figure: "load1", label: "load over a minute", color: "--wk-series-8" }], format: (value) => significant(value) },
  network: {
    title: "Network", format: rate,
    lines: [{ figure: "receive_bytes_per_second", label: "in", color: "--wk-series-2" }, { figure: "transmit_bytes_per_second", label: "out", color: "--wk-series-1" }],
  },
};

interface HostChartProps {
  of: Kind;
  series: readonly HostPoint[];
  bounds: Bounds;
  height: number;
  onBrush: (from: number, to: number) => void;
  stale: boolean;
}

export function HostChart({ of, series, bounds, height, onBrush, stale }: HostChartProps) {
  const { title, lines, format, reach } = DRAWN[of];
  const times = useMemo(() => series.map((point) => nsToMs(point.time_unix_nano)), [series]);
  const drawn = useMemo(() => lines.map((line) => ({ label: line.label, color: line.color, values: valuesOf(series, line.figure) })), [series, lines]);
  return (
    <figure className={classes.figure}>
      <figcaption className={classes.caption}>
        <b>{title}</b>
        {drawn.map((line) => {
          const last = line.values.findLast((value) => value !== null);
          return <span key={line.label}>{drawn.length > 1 && <><i style={{ background: `var(${line.color})` }} aria-hidden /> {line.label} </>}{last == null ? "–" : format(last)}</span>;
        })}
      </figcaption>
      <Chart label={`${title} over time`} kind="line" times={times} series={drawn} bounds={bounds} height={height} formatY={format} binary={of === "network"} reach={reach} onBrush={onBrush} stale={stale} />
    </figure>
  );
}
