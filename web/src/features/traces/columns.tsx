// The columns of the traces table.

import { IconAlertTriangle } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { TraceSummary } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { serviceColors } from "@/lib/colors";
import { exactDuration, formatCount, formatDateTime, formatDuration, formatInstant, nsToMs, visible } from "@/lib/format";
import classes from "./TracesPage.module.css";

const SHOWN_SERVICES = 3;

export function TraceName({ trace }: { trace: TraceSummary }) {
  return (
    <Link to="/explore/traces/$traceId" params={{ traceId: trace.trace_id }} className={`${classes.link ?? ""} clip`} preload={false}>
      {visible(trace.root_name) || <span className={classes.unnamed}>{trace.root_missing ? "root span missing" : "no name"}</span>}
    </Link>
  );
}

export function Errors({ count }: { count: number }) {
  if (count === 0) return <span className={classes.zero}>0</span>;
  return <span className={classes.errors}><IconAlertTriangle size={13} aria-hidden />{formatCount(count)}</span>;
}

export function useTraceColumns(traces: TraceSummary[]): Column<TraceSummary>[] {
  return useMemo(() => {
    // One trace of an hour must not shrink all others to dots: bars are full from the 95th percentile on.
    const sizes = traces.map((trace) => trace.duration_ns).sort((a, b) => a - b);
    const full = Math.max(1, sizes[Math.ceil(sizes.length * 0.95) - 1] ?? 1);
    const colors = serviceColors(traces.flatMap((trace) => trace.services.map((one) => one.name)));
    const color = (service: string): string => `var(${colors.get(service) ?? "--wk-faint"})`;
    return [
      {
        id: "start", label: "Start", width: "108px", value: (trace) => trace.start_time_unix_nano.padStart(20, "0"),
        render: (trace) => {
          const at = nsToMs(trace.start_time_unix_nano);
          return <time title={formatDateTime(at)} className="dim">{formatInstant(at)}</time>;
        },
      },
      {
        id: "name", label: "Root", width: "minmax(220px, 2.2fr)", value: (trace) => `${trace.root_service} ${trace.root_name}`,
        render: (trace) => (
          <span className={classes.name}>
            <span className={classes.service}><i className={classes.dot} style={{ background: color(trace.root_service) }} /><span className="clip">{trace.root_service || "unknown"}</span></span>
            <TraceName trace={trace} />
          </span>
        ),
      },
      {
        id: "duration", label: "Duration", width: "minmax(130px, 1.2fr)", align: "end", value: (trace) => trace.duration_ns,
        render: (trace) => (
          <span className={classes.duration} title={exactDuration(trace.duration_ns)}>
            <span className={classes.track}><div className={classes.bar} data-error={trace.error_count > 0} style={{ width: `${Math.min(1, trace.duration_ns / full) * 100}%` }} /></span>
            <span>{formatDuration(trace.duration_ns)}</span>
          </span>
        ),
      },
      { id: "spans", label: "Spans", width: "56px", align: "end", value: (trace) => trace.span_count, render: (trace) => formatCount(trace.span_count) },
      { id: "errors", label: "Errors", width: "56px", align: "end", value: (trace) => trace.error_count, render: (trace) => <Errors count={trace.error_count} /> },
      {
        id: "services", label: "Services", width: "minmax(200px, 2fr)",
        render: (trace) => (
          <span className={classes.services} title={trace.services.map((one) => `${one.name || "unknown"}: ${one.span_count} spans, ${one.error_count} errors`).join("\n")}>
            {trace.services.slice(0, SHOWN_SERVICES).map((one) => <span key={one.name} className={classes.one}><i className={classes.dot} style={{ background: color(one.name) }} /><span className="clip">{one.name || "unknown"}</span></span>)}
            {trace.services.length > SHOWN_SERVICES && <span className="dim">+{trace.services.length - SHOWN_SERVICES}</span>}
          </span>
        ),
      },
    ];
  }, [traces]);
}
