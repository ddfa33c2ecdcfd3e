// A trace on two lines, for narrow screens.

import type { FoundTrace } from "@/lib/foundTraces";
import { formatInstant, nsToMs, plural } from "@/lib/format";
import { traceDuration, TraceName } from "./columns";
import classes from "./TracesPage.module.css";

export function TraceRowNarrow({ trace }: { trace: FoundTrace }) {
  return (
    <>
      <div className={classes.narrowTop}><TraceName trace={trace} /><span>{traceDuration(trace)}</span></div>
      <div className={classes.narrowRest}>
        <span className="clip">{trace.rootService || "unknown"} · {plural(trace.matched, "match", "matches")}{trace.spans !== undefined && ` of ${plural(trace.spans, "span")}`}</span>
        {(trace.errors ?? 0) > 0 && <span className={classes.errors}>{plural(trace.errors ?? 0, "error")}</span>}
        <time>{formatInstant(nsToMs(trace.startNs))}</time>
      </div>
    </>
  );
}
