// The names of all metrics, searchable, with kind, unit and help. Choosing one writes its query.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, type KeyboardEvent } from "react";
import type { Metric } from "@/api/types";
import { TextFilter } from "@/components/filters";
import { formatCount, plural } from "@/lib/format";
import classes from "./MetricsPage.module.css";

interface MetricListProps {
  metrics: Metric[];
  find: string | undefined;
  chosen: string | undefined;
  stale: boolean;
  onFind: (find: string | undefined) => void;
  onChoose: (metric: Metric) => void;
}

const KIND_LABEL: Record<Metric["kind"], string> = {
  counter: "counter", gauge: "gauge", histogram: "histogram", summary: "summary", exponential_histogram: "native histogram", unknown: "untyped",
};

export function MetricList({ metrics, find, chosen, stale, onFind, onChoose }: MetricListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: metrics.length, getScrollElement: () => scroller.current, estimateSize: () => 46, overscan: 10 });
  const at = useMemo(() => metrics.findIndex((metric) => metric.name === chosen), [metrics, chosen]);
  const settled = useRef(false);
  useEffect(() => {
    if (at < 0) return;
    // A link lands with its metric in the middle; moving by keyboard only keeps it in view.
    virtual.scrollToIndex(at, { align: settled.current ? "auto" : "center" });
    settled.current = true;
  }, [at, virtual]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    const next = by === undefined ? undefined : metrics[Math.max(0, Math.min(metrics.length - 1, at + by))];
    if (!next) return;
    event.preventDefault();
    onChoose(next);
  };
  return (
    <>
      <div className={classes.find}><TextFilter aria-label="Search metrics" placeholder="Search metrics" value={find} onApply={onFind} /></div>
      <div ref={scroller} className={classes.names} role="listbox" aria-label="Metrics" tabIndex={0} onKeyDown={onKeyDown} data-stale={stale}>
        {metrics.length === 0 && <p className={classes.nothing}>No metric contains “{find}”.</p>}
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((item) => {
            const metric = metrics[item.index];
            return metric && (
              <div
                key={metric.name} role="option" aria-selected={metric.name === chosen} className={classes.metric}
                style={{ transform: `translateY(${item.start}px)` }} onClick={() => onChoose(metric)} title={`${metric.name}\n${metric.help}`}
              >
                <span className={classes.metricName}>{metric.name}</span>
                <span className={classes.metricAbout}>
                  {KIND_LABEL[metric.kind]}{metric.unit && metric.unit !== "1" ? `, ${metric.unit}` : ""} · {plural(metric.series_count, "series", "series")}
                  {metric.help && <> · {metric.help}</>}
                </span>
              </div>
            );
          })}
        </div>
      </div>
      <div className={classes.sideFoot}>{formatCount(metrics.length)} shown</div>
    </>
  );
}
