// A trace on two lines, for narrow screens.

import type { TraceSummary } from "@/api/types";
import { formatDuration, formatInstant, nsToMs, plural } from "@/lib/format";
import { TraceName } from "./columns";
import classes from "./TracesPage.module.css";

export function TraceRowNarrow({ trace }: { trace: TraceSummary }) {
  return (
    <>
      <div className={classes.narrowTop}><TraceName trace={trace} /><span>{formatDuration(trace.duration_ns)}</span></div>
      <div className={classes.narrowRest}>
        <span className="clip">{trace.root_service || "unknown"} · {plural(trace.span_count, "span")}</span>
        {trace.error_count > 0 && <span className={classes.errors}>{plural(trace.error_count, "error")}</span>}
        <time>{formatInstant(nsToMs(trace.start_time_unix_nano))}</time>
      </div>
    </>
  );
}
