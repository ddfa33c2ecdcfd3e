// The live tail: lines as they arrive, newest first. It pauses while the reader is elsewhere than at its top.

import { Button } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useCallback, useEffect, useState } from "react";
import { Notice } from "@/components/Notice";
import { formatCount, plural } from "@/lib/format";
import type { LogEntry } from "@/lib/logEntries";
import { TAIL_MAX } from "@/lib/tailBuffer";
import type { LineActions } from "./LogDetail";
import { LogList } from "./LogList";
import { useTail, type Tail } from "./useTail";
import classes from "./LogsPage.module.css";

interface TailViewProps {
  query: string;
  columns: string[];
  marks: RegExp | undefined;
  wrap: boolean;
  actions: LineActions;
  onStop: () => void;
  /** What is shown, for the download. */
  onShown: (entries: LogEntry[]) => void;
}

export function TailView({ query, columns, marks, wrap, actions, onStop, onShown }: TailViewProps) {
  const tail = useTail(query);
  const { buffer, pause, resume } = tail;
  const [top, setTop] = useState(0);
  useEffect(() => onShown(buffer.shown), [buffer.shown, onShown]);
  const onAway = useCallback((away: boolean) => { if (away) pause(); }, [pause]);
  const toTop = (): void => {
    setTop((old) => old + 1);
    resume();
  };
  return (
    <>
      <Strip tail={tail} onPause={pause} onResume={toTop} onStop={onStop} />
      {buffer.shown.length === 0
        ? <Notice title={tail.state === "open" ? "Waiting for lines" : "Connecting"} text={tail.state === "open" ? "New lines that the query keeps appear here as they arrive." : "The live tail begins as soon as the server answers. It comes over a WebSocket, which a proxy in between must let through."} />
        : <LogList entries={buffer.shown} columns={columns} marks={marks} wrap={wrap} stale={false} actions={actions} onAway={onAway} top={top} onRemoveColumn={actions.onColumn} footer={buffer.shown.length >= TAIL_MAX ? `The tail keeps the newest ${formatCount(TAIL_MAX)} lines` : ""} />}
    </>
  );
}

function Strip({ tail, onPause, onResume, onStop }: { tail: Tail; onPause: () => void; onResume: () => void; onStop: () => void }) {
  const { buffer, state, reason } = tail;
  return (
    <div className={classes.strip} data-state={state} data-paused={buffer.paused} role="status" aria-label="Live tail">
      <i className={classes.pulse} aria-hidden />
      <span>
        {state === "connecting" && "Connecting …"}
        {state === "unreached" && <>The live tail cannot be reached{reason !== undefined && `: ${reason}`}. Trying again …</>}
        {state === "lost" && <>Connection lost{reason !== undefined && `: ${reason}`}. Trying again …</>}
        {state === "open" && (buffer.paused ? `Paused, ${plural(buffer.waiting.length, "new line")} waiting` : `Live, ${plural(buffer.seen, "line")} so far`)}
      </span>
      {buffer.dropped > 0 && <span className={classes.dropped}>{plural(buffer.dropped, "line")} dropped: they came faster than they can be kept</span>}
      <span className={classes.stripEnd}>
        {buffer.paused
          ? <Button size="compact-xs" leftSection={<IconPlayerPlay size={13} aria-hidden />} onClick={onResume}>Resume</Button>
          : <Button size="compact-xs" variant="default" leftSection={<IconPlayerPause size={13} aria-hidden />} onClick={onPause}>Pause</Button>}
        <Button size="compact-xs" variant="default" onClick={onStop}>Stop</Button>
      </span>
    </div>
  );
}
