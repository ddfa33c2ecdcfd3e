// The services of a trace: how much each did itself, and how much of the time was waited for it.

import { useMemo, useState } from "react";
import type { ServiceShare, TraceAnalysis } from "@/api/types";
import { DataTable, type Column } from "@/components/DataTable";
import { Failure } from "@/components/Notice";
import { SkeletonRows } from "@/components/Skeleton";
import { exactDuration, formatCount, formatDuration, formatPercent, plural } from "@/lib/format";
import type { TraceModel } from "@/lib/traceModel";
import { Errors } from "./columns";
import classes from "./TracePage.module.css";

interface TraceServicesProps {
  model: TraceModel;
  analysis: TraceAnalysis | undefined;
  error: Error | null;
  onRetry: () => void;
}

export function TraceServices({ model, analysis, error, onRetry }: TraceServicesProps) {
  const [sort, setSort] = useState<string | undefined>();
  const services = analysis?.services;
  const columns = useMemo((): Column<ServiceShare>[] => {
    const whole = (key: "self_time_ns" | "critical_ns"): number => Math.max(1, (services ?? []).reduce((sum, one) => sum + one[key], 0));
    const share = (id: "self_time_ns" | "critical_ns", label: string): Column<ServiceShare> => {
      const all = whole(id);
      return {
        id, label, width: "minmax(200px, 1fr)", align: "end", value: (one) => one[id],
        render: (one) => (
          <span className={classes.share} title={exactDuration(one[id])}>
            <span className={classes.shareTrack}><span style={{ width: `${(one[id] / all) * 100}%`, background: `var(${model.colors.get(one.name) ?? "--wk-faint"})` }} /></span>
            <span>{formatDuration(one[id])}</span><span className="dim">{formatPercent(one[id] / all)}</span>
          </span>
        ),
      };
    };
    return [
      { id: "name", label: "Service", width: "minmax(160px, 1.2fr)", value: (one) => one.name, render: (one) => <span className={classes.serviceName}><i style={{ background: `var(${model.colors.get(one.name) ?? "--wk-faint"})` }} /><span className="clip">{one.name || "unknown"}</span></span> },
      { id: "spans", label: "Spans", width: "72px", align: "end", value: (one) => one.spans, render: (one) => formatCount(one.spans) },
      { id: "errors", label: "Errors", width: "72px", align: "end", value: (one) => one.errors, render: (one) => <Errors count={one.errors} /> },
      share("self_time_ns", "Self time"), share("critical_ns", "On the critical path"),
    ];
  }, [services, model]);
  return (
    <div className={classes.tab}>
      {error && <Failure what="The services could not be worked out" error={error} onRetry={onRetry} />}
      {!services && !error && <SkeletonRows rows={6} height={32} />}
      {services && (
        <DataTable
          label="Services of this trace" columns={columns} rows={services} rowKey={(one) => one.name} sort={sort} onSort={setSort}
          renderNarrow={(one) => (
            <>
              {columns[0]?.render(one)}
              <span className={classes.narrowFigures}>{plural(one.spans, "span")}, itself {formatDuration(one.self_time_ns)}, critical {formatDuration(one.critical_ns)}</span>
            </>
          )}
        />
      )}
    </div>
  );
}
