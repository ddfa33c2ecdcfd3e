// The spans of a trace that a query matched, with the attributes that it asked for.

import { Link } from "@tanstack/react-router";
import { valueText, type FoundSet, type FoundSpan, type FoundTrace } from "@/lib/foundTraces";
import { exactDuration, formatDuration, plural, visible } from "@/lib/format";
import classes from "./Matched.module.css";

const LINE = 26;
const PADDING = 8;

/** Whether a set needs a line of its own: it has attributes, is one of several, or is not shown whole. */
function hasHead(trace: FoundTrace, set: FoundSet): boolean {
  return trace.sets.length > 1 || set.attributes.length > 0 || set.matched > set.spans.length;
}

/** How high the list of a trace is, in pixels: the table of traces needs to know. */
export function matchedHeight(trace: FoundTrace): number {
  return PADDING * 2 + trace.sets.reduce((sum, set) => sum + set.spans.length + (hasHead(trace, set) ? 1 : 0), 0) * LINE;
}

export function Matched({ trace }: { trace: FoundTrace }) {
  return (
    <div className={classes.matched} style={{ padding: `${PADDING}px 16px` }} role="list" aria-label="Matched spans">
      {trace.sets.map((set, i) => (
        <div key={i}>
          {hasHead(trace, set) && (
            <div className={classes.head} style={{ height: LINE }}>
              <b>{plural(set.matched, "span")}</b>
              {set.attributes.map(([name, value]) => <Attribute key={name} name={name} value={value} />)}
              {set.matched > set.spans.length && <Link to="/explore/traces/$traceId" params={{ traceId: trace.id }} preload={false}>the first {set.spans.length} are shown, open the trace for all</Link>}
            </div>
          )}
          {set.spans.map((span) => <SpanLine key={span.id} trace={trace} span={span} />)}
        </div>
      ))}
    </div>
  );
}

function SpanLine({ trace, span }: { trace: FoundTrace; span: FoundSpan }) {
  const offset = Number(BigInt(span.startNs) - BigInt(trace.startNs));
  return (
    <div className={classes.line} style={{ height: LINE }} role="listitem">
      <Link to="/explore/traces/$traceId" params={{ traceId: trace.id }} search={{ span: span.id }} className={`${classes.name ?? ""} clip`} preload={false}>{visible(span.name) || span.id}</Link>
      <span className={classes.number} title="After the start of the trace">{offset > 0 ? `+${formatDuration(offset)}` : ""}</span>
      <span className={classes.number} title={exactDuration(span.durationNs)}>{formatDuration(span.durationNs)}</span>
      <span className={classes.attributes}>{span.attributes.map(([name, value]) => <Attribute key={name} name={name} value={value} />)}</span>
    </div>
  );
}

function Attribute({ name, value }: { name: string; value: unknown }) {
  const text = valueText(value);
  return <span className={classes.attribute} title={`${name} = ${text.slice(0, 500)}`}><i>{name}</i>{text.slice(0, 120)}</span>;
}
