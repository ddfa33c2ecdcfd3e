// The endless list of lines, driven by keyboard. A line opens into its fields; each field can become a filter or a column.

import { useHotkeys } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { IconTimeline } from "@tabler/icons-react";
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useNarrow } from "@/components/DataTable";
import { traceOf, type LogEntry } from "@/lib/logEntries";
import { useHold } from "@/lib/useHold";
import { LogDetail, type LineActions } from "./LogDetail";
import { LogRow } from "./LogRow";
import classes from "./LogList.module.css";

interface LogListProps {
  entries: LogEntry[];
  columns: string[];
  marks: RegExp | undefined;
  wrap: boolean;
  stale: boolean;
  actions: LineActions;
  onEnd?: (() => void) | undefined;
  /** Whether the reader has left the top of the list, or opened a line. */
  onAway?: ((away: boolean) => void) | undefined;
  /** Changes when the list is to go back to its top. */
  top?: number;
  onRemoveColumn: (name: string) => void;
  footer: ReactNode;
}

const ROW = 25;
const NARROW_ROW = 46;
/** A key that moves by a page moves by so many lines. */
const PAGE_ROWS = 20;
/** Lines before the end of the list at which more are asked for. */
const AHEAD = 30;

export function LogList({ entries, columns, marks, wrap, stale, actions, onEnd, onAway, top = 0, onRemoveColumn, footer }: LogListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState<string | undefined>();
  const [hover, setHover] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  const away = scrolled || open.size > 0;
  useHold(hover || away);
  useEffect(() => onAway?.(away), [away, onAway]);
  const virtual = useVirtualizer({
    count: entries.length, getScrollElement: () => scroller.current, estimateSize: () => (narrow ? NARROW_ROW : ROW), overscan: 20, getItemKey: (index) => entries[index]?.key ?? index,
  });
  useEffect(() => virtual.measure(), [wrap, narrow, virtual]);
  useEffect(() => {
    if (top === 0) return;
    setOpen(new Set());
    virtual.scrollToOffset(0);
  }, [top, virtual]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= entries.length - AHEAD && entries.length > 0) onEnd?.();
  }, [last, entries.length, onEnd]);

  const flip = (key: string | undefined): void => {
    if (key === undefined) return;
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  const at = cursor === undefined ? -1 : entries.findIndex((entry) => entry.key === cursor);
  const move = (to: number): void => {
    const next = Math.max(0, Math.min(entries.length - 1, to));
    setCursor(entries[next]?.key);
    virtual.scrollToIndex(next);
  };
  useHotkeys([
    ["j", () => move(at + 1)], ["k", () => move(at - 1)],
    ["Enter", () => { if (document.activeElement === document.body || document.activeElement?.id === "page") flip(cursor); }, { preventDefault: false }],
  ]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1, PageDown: at + PAGE_ROWS, PageUp: at - PAGE_ROWS }[event.key];
    if (event.key === "Enter") flip(cursor);
    else if (to !== undefined) move(to);
    else return;
    event.preventDefault();
  };
  return (
    <div className={classes.frame} style={{ "--columns": columns.length } as React.CSSProperties}>
      {columns.length > 0 && !narrow && <Head columns={columns} onRemove={onRemoveColumn} />}
      <div
        ref={scroller} className={classes.scroller} role="list" aria-label="Log lines" tabIndex={0} data-stale={stale} onKeyDown={onKeyDown}
        onPointerEnter={() => setHover(true)} onPointerLeave={() => setHover(false)} onScroll={(event) => setScrolled(event.currentTarget.scrollTop > 8)}
      >
        <div className={classes.list} style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const entry = entries[item.index];
            if (!entry) return null;
            const isOpen = open.has(entry.key);
            return (
              <div
                key={entry.key} ref={virtual.measureElement} data-index={item.index} role="listitem" className={classes.item} data-open={isOpen} data-cursor={entry.key === cursor}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <div
                  className={classes.row} role="button" aria-expanded={isOpen} tabIndex={-1}
                  onClick={() => { if (window.getSelection()?.isCollapsed !== false) { setCursor(entry.key); flip(entry.key); } }}
                >
                  <LogRow entry={entry} columns={columns} marks={marks} wrap={wrap} open={isOpen} />
                </div>
                <TraceMark entry={entry} />
                {isOpen && <LogDetail entry={entry} columns={columns} actions={actions} />}
              </div>
            );
          })}
        </div>
        <div className={classes.footer}>{footer}</div>
      </div>
    </div>
  );
}

/** Leads to the trace of a line that names it, without opening the line. */
function TraceMark({ entry }: { entry: LogEntry }) {
  const trace = traceOf(entry);
  if (!trace) return null;
  return (
    <Link
      to="/explore/traces/$traceId" params={{ traceId: trace.traceId }} search={trace.spanId === undefined ? {} : { span: trace.spanId }} preload={false} tabIndex={-1}
      className={classes.trace} aria-label={`Open trace ${trace.traceId}`} title={`Open trace ${trace.traceId}`}
    >
      <IconTimeline size={14} />
    </Link>
  );
}

function Head({ columns, onRemove }: { columns: string[]; onRemove: (name: string) => void }) {
  return (
    <div className={classes.head}>
      <span className={classes.time}>Time</span>
      <span className={classes.level}>Level</span>
      {columns.map((name) => (
        <span key={name} className={classes.column} title={name}>
          <span className="clip">{name}</span>
          <button type="button" className={classes.removeColumn} aria-label={`Remove column ${name}`} onClick={() => onRemove(name)}>×</button>
        </span>
      ))}
      <span className={classes.body}>Line</span>
    </div>
  );
}
