// One line of the list: time, level, chosen fields, text with what was looked for marked.

import { memo, type ReactNode } from "react";
import { levelVar } from "@/lib/colors";
import { formatDateTime, formatInstant, visible } from "@/lib/format";
import { LEVEL_SHORT } from "@/lib/level";
import { valueOf, type LogEntry } from "@/lib/logEntries";
import classes from "./LogList.module.css";

interface LogRowProps {
  entry: LogEntry;
  columns: string[];
  marks: RegExp | undefined;
  wrap: boolean;
  open: boolean;
}

/** Characters of a line that are shown on one row, and on several. */
const CLIPPED = 600;
const WRAPPED = 8000;
/** Marked places of a line at most. */
const MARKS_MAX = 100;

export const LogRow = memo(function LogRow({ entry, columns, marks, wrap, open }: LogRowProps) {
  const long = wrap || open;
  const text = visible(entry.line.slice(0, long ? WRAPPED : CLIPPED));
  return (
    <div className={classes.line} data-wrap={long} data-open={open} data-level={entry.level} style={{ "--level": `var(${levelVar(entry.level)})` } as React.CSSProperties}>
      <time className={classes.time} title={`${formatDateTime(entry.ms)}.${entry.ns.slice(-9)}`}>{formatInstant(entry.ms)}</time>
      <span className={classes.level} title={entry.level}>{LEVEL_SHORT[entry.level]}</span>
      {columns.map((name) => {
        const value = valueOf(entry, name);
        return <span key={name} className={classes.column} data-none={value === undefined} title={`${name}=${value ?? ""}`}>{columns.length > 1 && <i>{name}=</i>}{value === undefined ? "–" : visible(value.slice(0, CLIPPED))}</span>;
      })}
      <span className={classes.body}>{text === "" ? <em className="dim">empty line</em> : marked(text, marks)}{long && entry.line.length > WRAPPED && <em className="dim"> … {(entry.line.length - WRAPPED).toLocaleString("en-US")} more characters; copy or download the line for all</em>}</span>
    </div>
  );
});

/** The text with its matches in `<mark>`. */
export function marked(text: string, marks: RegExp | undefined): ReactNode {
  if (!marks) return text;
  const out: ReactNode[] = [];
  let at = 0;
  for (const found of text.matchAll(marks)) {
    if (found[0] === "" || out.length > 2 * MARKS_MAX) continue;
    out.push(text.slice(at, found.index), <mark key={found.index}>{found[0]}</mark>);
    at = found.index + found[0].length;
  }
  return out.length === 0 ? text : [...out, text.slice(at)];
}
