// What a page shows when its list is empty, and why: nothing matches, nothing in this time range, or nothing ever.

import { Button } from "@mantine/core";
import { useStatus } from "@/api/queries";
import type { StoreStatus } from "@/api/types";
import { Notice } from "@/components/Notice";
import { formatAgo, nsToMs } from "@/lib/format";
import { rangeLabel } from "@/lib/range";
import { useRange } from "@/lib/useRange";
import { FirstData } from "./FirstData";
import type { Signal } from "./snippets";

const WORDS: Record<Signal, { many: string; one: string }> = {
  spans: { many: "traces", one: "span" },
  logs: { many: "log lines", one: "log line" },
  metrics: { many: "metrics", one: "sample" },
};

interface NoDataProps {
  signal: Signal;
  /** What is missing, where it is made of the signal: "runs of agents". */
  noun?: string;
  filtered: boolean;
  onClear?: () => void;
  stale: boolean;
}

/** Room beside the newest data, so that it does not stick to the edge. */
const EDGE_MS = 60_000;

export function NoData({ signal, noun, filtered, onClear, stale }: NoDataProps) {
  const status = useStatus();
  const { range, bounds, setRange } = useRange();
  const { many: plain, one } = WORDS[signal];
  const many = noun ?? plain;
  if (stale || status.isPending) return <Notice title={`No ${many} here`} text="Looking …" />;
  const stores = status.data?.stores;
  if (!filtered && status.data && stores && isEmpty(stores[signal])) {
    const others = !(isEmpty(stores.spans) && isEmpty(stores.logs) && isEmpty(stores.metrics));
    return <FirstData signal={signal} others={others} listeners={status.data.listeners} />;
  }
  const newest = stores?.[signal].newest_unix_nano;
  const newestMs = newest == null ? undefined : nsToMs(newest);
  // The signal is there, what is to be made of it is not.
  const unread = noun !== undefined && !filtered && newestMs !== undefined && newestMs >= bounds.start;
  if (unread) {
    return (
      <Notice
        title={`No ${many} in this time range`}
        text={<>Traces arrive (the newest span is from {formatAgo(newestMs)}), but none in this range tells of an agent or of a model in a dialect that is understood, such as the attributes <code>gen_ai.*</code> of OpenTelemetry.</>}
        action={<Button variant="default" onClick={() => setRange({ kind: "relative", ms: 7 * 86_400_000 })}>Last 7 days</Button>}
      />
    );
  }
  const width = range.kind === "relative" ? range.ms : range.to - range.from;
  return (
    <Notice
      title={filtered ? `No ${many} match these filters` : `No ${many} in this time range`}
      text={<>The range is {rangeLabel(range).toLowerCase()}.{newestMs !== undefined && <> The newest {one} of all is from {formatAgo(newestMs)}.</>}</>}
      action={
        <>
          {filtered && onClear && <Button onClick={onClear}>Clear filters</Button>}
          {newestMs !== undefined && <Button variant="default" onClick={() => setRange({ kind: "absolute", from: newestMs + EDGE_MS - width, to: newestMs + EDGE_MS })}>Go to the newest</Button>}
          <Button variant="default" onClick={() => setRange({ kind: "relative", ms: 7 * 86_400_000 })}>Last 7 days</Button>
        </>
      }
    />
  );
}

function isEmpty(store: StoreStatus): boolean {
  return store.rows_in_memory === 0 && store.rows_on_disk === 0;
}
