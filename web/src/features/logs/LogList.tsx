// The endless list of log lines. A line opens into its fields; each field can become a filter.

import { useHotkeys } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import type { LogRecord } from "@/api/types";
import { CopyIcon } from "@/components/CodeBlock";
import { useNarrow } from "@/components/DataTable";
import { Fields } from "@/components/Fields";
import { LogLine, TraceLink } from "@/components/LogLine";
import { inline, prettyJson } from "@/lib/format";
import { useHold } from "@/lib/useHold";
import { CodeBlock } from "@/components/CodeBlock";
import classes from "./LogsPage.module.css";
import type { LogItem } from "./useLogs";

interface LogListProps {
  logs: LogItem[];
  wrap: boolean;
  stale: boolean;
  onEnd: () => void;
  onFilter: (key: string, value: string) => void;
  footer: string;
}

export function LogList({ logs, wrap, stale, onEnd, onFilter, footer }: LogListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [cursor, setCursor] = useState(-1);
  const [hover, setHover] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  useHold(hover || scrolled || open.size > 0);
  const virtual = useVirtualizer({
    count: logs.length, getScrollElement: () => scroller.current, estimateSize: () => (narrow ? 46 : 25), overscan: 20,
    getItemKey: (index) => logs[index]?.key ?? index,
  });
  useEffect(() => virtual.measure(), [wrap, narrow, virtual]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= logs.length - 20) onEnd();
  }, [last, logs.length, onEnd]);
  const flip = (key: string | undefined): void => {
    if (key === undefined) return;
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  const move = (by: number): void => {
    const next = Math.max(0, Math.min(logs.length - 1, cursor + by));
    setCursor(next);
    virtual.scrollToIndex(next);
  };
  useHotkeys([["j", () => move(1)], ["k", () => move(-1)], ["Enter", () => { if (document.activeElement === document.body || document.activeElement === scroller.current) flip(logs[cursor]?.key); }, { preventDefault: false }]]);
  return (
    <div
      ref={scroller} className={classes.scroller} role="list" aria-label="Log lines" tabIndex={0} data-stale={stale}
      onPointerEnter={() => setHover(true)} onPointerLeave={() => setHover(false)} onScroll={(event) => setScrolled(event.currentTarget.scrollTop > 8)}
    >
      <div className={classes.list} style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const entry = logs[item.index];
          if (!entry) return null;
          const isOpen = open.has(entry.key);
          return (
            <div
              key={entry.key} ref={virtual.measureElement} data-index={item.index} role="listitem" className={classes.item} data-open={isOpen} data-cursor={item.index === cursor}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <div
                className={classes.head} role="button" aria-expanded={isOpen} tabIndex={-1}
                onClick={() => { if (window.getSelection()?.isCollapsed !== false) { setCursor(item.index); flip(entry.key); } }}
              >
                <LogLine log={entry.log} wrap={wrap} open={isOpen} />
              </div>
              {isOpen && <LogFields log={entry.log} onFilter={onFilter} />}
            </div>
          );
        })}
      </div>
      <div className={classes.footer}>{footer}</div>
    </div>
  );
}

function LogFields({ log, onFilter }: { log: LogRecord; onFilter: (key: string, value: string) => void }) {
  const body = prettyJson(log.body);
  const facts: Record<string, unknown> = {
    severity: `${log.severity_text || log.level} (${log.severity_number})`,
    ...(log.event_name ? { "event name": log.event_name } : {}),
    ...(log.trace_id ? { "trace id": log.trace_id } : {}),
    ...(log.span_id ? { "span id": log.span_id } : {}),
    ...(log.scope.name ? { scope: `${log.scope.name} ${log.scope.version}`.trim() } : {}),
  };
  return (
    <div className={classes.fields}>
      <div className={classes.fieldsHead}>
        <TraceLink log={log} />
        {log.trace_id && <Link to="/explore/logs" search={{ trace: log.trace_id }}>Logs of this trace</Link>}
        {log.service && <Link to="/explore/logs" search={(old) => ({ ...old, service: log.service })}>Only {log.service}</Link>}
        <CopyIcon text={inline(log.body)} what="body" />
      </div>
      {body !== undefined && <CodeBlock code={body} what="body" maxHeight={320} wrap />}
      <Fields attributes={facts} />
      <p className={classes.group}>Attributes</p>
      <Fields attributes={log.attributes} onFilter={onFilter} empty="This line has no attributes." />
      <p className={classes.group}>Resource</p>
      <Fields attributes={log.resource} onFilter={onFilter} />
    </div>
  );
}
