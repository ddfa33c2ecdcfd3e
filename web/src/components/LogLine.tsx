// One log record on a line: time, level, service, body. Colour repeats what the level's word says.

import { memo } from "react";
import type { LogRecord } from "@/api/types";
import { levelVar } from "@/lib/colors";
import { formatDateTime, formatInstant, inline, nsToMs, visible } from "@/lib/format";
import { LEVEL_SHORT } from "@/lib/level";
import classes from "./LogLine.module.css";

interface LogLineProps {
  log: LogRecord;
  wrap: boolean;
  open?: boolean;
  hideService?: boolean;
  onSpan?: (spanId: string) => void;
}

/** Text of a record: its body, or the event's name when there is none. Control characters are shown, not obeyed. */
export function logText(log: LogRecord): string {
  const text = inline(log.body);
  return visible(text === "" ? log.event_name : text);
}

export const LogLine = memo(function LogLine({ log, wrap, open = false, hideService = false, onSpan }: LogLineProps) {
  const at = nsToMs(log.time_unix_nano);
  const text = logText(log);
  const spanId = log.span_id;
  return (
    <div className={classes.line} data-wrap={wrap || open} data-level={log.level} style={{ "--level": `var(${levelVar(log.level)})` } as React.CSSProperties}>
      <time className={classes.time} title={formatDateTime(at)}>{formatInstant(at)}</time>
      <span className={classes.level} title={log.severity_text || log.level}>{LEVEL_SHORT[log.level]}</span>
      {!hideService && <span className={classes.service} title={log.service}>{log.service || "unknown"}</span>}
      <span className={classes.body}>{text === "" ? <em className="dim">empty body</em> : wrap || open ? text.slice(0, 8000) : text.slice(0, 600)}</span>
      {onSpan && spanId && <button type="button" className={classes.span} onClick={() => onSpan(spanId)}>Span</button>}
    </div>
  );
});
