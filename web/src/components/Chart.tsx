// Time series on a canvas (uPlot): lines, stacked bars or areas, points; crosshairs in step with the other charts;
// drag to zoom the time range of the whole page.

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import type uPlot from "uplot";
import type { Bounds } from "@/lib/range";
import { mount, type ChartCallbacks, type ChartKind, type ChartSeries, type Hover, type Mark } from "./chartEngine";
import { formatDateTime } from "@/lib/format";
import classes from "./Chart.module.css";

export type { ChartSeries, Mark } from "./chartEngine";

interface ChartProps {
  /** What the chart shows, for those who cannot see it. */
  label: string;
  kind: ChartKind;
  /** Unix milliseconds, ascending. */
  times: number[];
  series: ChartSeries[];
  bounds: Bounds;
  height: number;
  formatY: (value: number) => string;
  formatAxis?: (value: number) => string;
  logarithmic?: boolean;
  /** Lines of the grid at powers of two: for bytes. */
  binary?: boolean;
  /** The axis reaches at least so far: 100 for percentages. */
  reach?: number | undefined;
  /** Points beside the series: exemplars, traces. Clickable. */
  marks?: Mark[];
  onMark?: (mark: Mark) => void;
  onBrush?: (from: number, to: number) => void;
  stale?: boolean;
}

const TOOLTIP_ROWS = 12;

export function Chart(props: ChartProps) {
  const { kind, times, series, bounds, height, formatY, formatAxis, logarithmic = false, binary = false, reach, marks } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [hover, setHover] = useState<Hover | null>(null);
  const scheme = useComputedColorScheme("light");
  const callbacks = useRef<ChartCallbacks>({});
  useEffect(() => {
    callbacks.current = { onBrush: props.onBrush, onMark: props.onMark, onHover: setHover };
  }, [props.onBrush, props.onMark]);

  // Rebuilding a plot takes a millisecond or two; the data changes rarely enough.
  const signature = useMemo(() => ({ kind, times, series, bounds, height, formatY, formatAxis, logarithmic, binary, reach, marks }), [kind, times, series, bounds, height, formatY, formatAxis, logarithmic, binary, reach, marks]);
  useEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const instance = mount(element, { ...signature, scheme }, callbacks);
    plot.current = instance;
    const observer = new ResizeObserver(() => instance.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      instance.destroy();
      plot.current = undefined;
    };
  }, [signature, scheme, height]);

  return (
    <div className={classes.frame} style={{ height }} data-stale={props.stale} role="img" aria-label={props.label}>
      <div ref={holder} className={classes.plot} data-clickable={hover?.mark !== undefined} />
      {hover && <Tooltip hover={hover} times={times} series={series} formatY={formatY} />}
    </div>
  );
}

function Tooltip({ hover, times, series, formatY }: { hover: Hover; times: number[]; series: ChartSeries[]; formatY: (value: number) => string }) {
  const side = hover.x > hover.width / 2 ? { right: hover.width - hover.x + 14 } : { left: hover.x + 14 };
  if (hover.mark) {
    return (
      <div className={classes.tooltip} style={{ ...side, top: Math.max(0, hover.y - 16) }}>
        <div className={classes.time}>{formatDateTime(hover.mark.time)}</div>
        <div className={classes.row}><i style={{ background: `var(${hover.mark.color})` }} /><span>{hover.mark.label}</span><b>{formatY(hover.mark.value)}</b></div>
        <div className={classes.rest}>Click to open the trace</div>
      </div>
    );
  }
  const index = hover.index;
  const time = index === null ? undefined : times[index];
  if (index === null || time === undefined) return null;
  const rows = series
    .map((one) => ({ label: one.label, color: one.color, value: one.values[index], format: one.format ?? formatY }))
    .filter((row): row is typeof row & { value: number } => typeof row.value === "number" && (row.value !== 0 || series.length === 1))
    .sort((a, b) => b.value - a.value);
  if (series.length === 0) return null;
  return (
    <div className={classes.tooltip} style={{ ...side, top: 4 }}>
      <div className={classes.time}>{formatDateTime(time)}</div>
      {rows.slice(0, TOOLTIP_ROWS).map((row) => (
        <div key={row.label} className={classes.row}><i style={{ background: `var(${row.color})` }} /><span>{row.label}</span><b>{row.format(row.value)}</b></div>
      ))}
      {rows.length > TOOLTIP_ROWS && <div className={classes.rest}>and {rows.length - TOOLTIP_ROWS} more</div>}
      {rows.length === 0 && <div className={classes.rest}>Nothing here</div>}
    </div>
  );
}
