// The columns of the traces table.

import { ActionIcon, Checkbox } from "@mantine/core";
import { IconAlertTriangle, IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useMemo } from "react";
import type { Column } from "@/components/DataTable";
import { serviceColors } from "@/lib/colors";
import type { FoundTrace } from "@/lib/foundTraces";
import { exactDuration, formatCount, formatDateTime, formatDuration, formatInstant, nsToMs, plural, visible } from "@/lib/format";
import classes from "./TracesPage.module.css";

const SHOWN_SERVICES = 2;

export function TraceName({ trace }: { trace: FoundTrace }) {
  return (
    <Link to="/explore/traces/$traceId" params={{ traceId: trace.id }} className={`${classes.link ?? ""} clip`} preload={false}>
      {visible(trace.rootName) || <span className={classes.unnamed}>{trace.rootMissing ? "root span missing" : "no name"}</span>}
    </Link>
  );
}

export function Errors({ count }: { count: number | undefined }) {
  if (count === undefined) return <span className={classes.zero}>–</span>;
  if (count === 0) return <span className={classes.zero}>0</span>;
  return <span className={classes.errors}><IconAlertTriangle size={13} aria-hidden />{formatCount(count)}</span>;
}

/** Search tells durations of traces in whole milliseconds. */
export function traceDuration(trace: FoundTrace): string {
  return trace.durationNs === 0 ? "< 1\u00a0ms" : formatDuration(trace.durationNs);
}

interface TraceColumns {
  traces: FoundTrace[];
  unfolded: ReadonlySet<string>;
  picked: readonly string[];
  onUnfold: (trace: FoundTrace, open: boolean) => void;
  onPick: (id: string) => void;
}

export function useTraceColumns({ traces, unfolded, picked, onUnfold, onPick }: TraceColumns): Column<FoundTrace>[] {
  const { full, colors } = useMemo(() => {
    // One trace of an hour must not shrink all others to dots: bars are full from the 95th percentile on.
    const sizes = traces.map((trace) => trace.durationNs).sort((a, b) => a - b);
    return { full: Math.max(1, sizes[Math.ceil(sizes.length * 0.95) - 1] ?? 1), colors: serviceColors(traces.flatMap((trace) => [trace.rootService, ...trace.services.map((one) => one.name)])) };
  }, [traces]);
  return useMemo(() => {
    const color = (service: string): string => `var(${colors.get(service) ?? "--wk-faint"})`;
    return [
      {
        id: "tools", label: "", width: "44px",
        render: (trace) => {
          const open = unfolded.has(trace.id);
          const about = `${trace.rootService} ${trace.rootName}`;
          return (
            <span className={classes.rowTools}>
              <ActionIcon size="sm" variant="subtle" color="gray" aria-label={`${open ? "Hide" : "Show"} matched spans of ${about}`} aria-expanded={open} disabled={trace.sets.length === 0} onClick={() => onUnfold(trace, !open)}>
                {open ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
              </ActionIcon>
              <span className={classes.pick} onClick={(event) => event.stopPropagation()}><Checkbox size="xs" aria-label={`Pick ${about} to compare`} checked={picked.includes(trace.id)} onChange={() => onPick(trace.id)} /></span>
            </span>
          );
        },
      },
      {
        id: "start", label: "Start", width: "108px", value: (trace) => trace.startNs.padStart(20, "0"),
        render: (trace) => {
          const at = nsToMs(trace.startNs);
          return <time title={formatDateTime(at)} className="dim">{formatInstant(at)}</time>;
        },
      },
      {
        id: "name", label: "Root", width: "minmax(220px, 2.2fr)", value: (trace) => `${trace.rootService} ${trace.rootName}`,
        render: (trace) => (
          <span className={classes.name}>
            <span className={classes.service}><i className={classes.dot} style={{ background: color(trace.rootService) }} /><span className="clip">{trace.rootService || "unknown"}</span></span>
            <TraceName trace={trace} />
          </span>
        ),
      },
      {
        id: "duration", label: "Duration", width: "minmax(130px, 1.2fr)", align: "end", value: (trace) => trace.durationNs,
        render: (trace) => (
          <span className={classes.duration} title={exactDuration(trace.durationNs)}>
            <span className={classes.track}><div className={classes.bar} data-error={(trace.errors ?? 0) > 0} style={{ width: `${Math.min(1, trace.durationNs / full) * 100}%` }} /></span>
            <span>{traceDuration(trace)}</span>
          </span>
        ),
      },
      { id: "spans", label: "Spans", width: "56px", align: "end", value: (trace) => trace.spans ?? -1, render: (trace) => (trace.spans === undefined ? "–" : formatCount(trace.spans)) },
      { id: "errors", label: "Errors", width: "56px", align: "end", value: (trace) => trace.errors ?? -1, render: (trace) => <Errors count={trace.errors} /> },
      { id: "matched", label: "Matched", width: "64px", align: "end", value: (trace) => trace.matched, render: (trace) => <span title={`${plural(trace.matched, "span")} matched`}>{formatCount(trace.matched)}</span> },
      {
        id: "services", label: "Services", width: "minmax(180px, 1.6fr)",
        render: (trace) => (
          <span className={classes.services} title={trace.services.map((one) => `${one.name || "unknown"}: ${plural(one.span_count, "span")}, ${plural(one.error_count, "error")}`).join("\n")}>
            {trace.services.slice(0, SHOWN_SERVICES).map((one) => <span key={one.name} className={classes.one}><i className={classes.dot} style={{ background: color(one.name) }} /><span className="clip">{one.name || "unknown"}</span></span>)}
            {trace.services.length > SHOWN_SERVICES && <span className="dim">+{trace.services.length - SHOWN_SERVICES}</span>}
          </span>
        ),
      },
    ];
  }, [full, colors, unfolded, picked, onUnfold, onPick]);
}
