// Log lines of a trace, and of one span.

import { Button } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api } from "@/api/client";
import { Failure, Notice } from "@/components/Notice";
import { LogLine } from "@/components/LogLine";
import { Skeleton } from "@/components/Skeleton";
import type { LogRecord } from "@/api/types";
import { nsToMs } from "@/lib/format";
import { traceQuery } from "@/lib/logqlText";
import { writeRange, type RangeSearch } from "@/lib/range";
import classes from "./TraceLogs.module.css";

/** Logs of a trace are asked for at any time: clocks differ and log shippers lag. */
const ALWAYS = { start: "0", end: "9223372036854775807" };

export function SpanLogs({ traceId, spanId }: { traceId: string; spanId: string }) {
  const query = useQuery({
    queryKey: ["span-logs", traceId, spanId],
    queryFn: ({ signal }) => api.logs({ ...ALWAYS, trace_id: traceId, span_id: spanId, direction: "forward", limit: 50 }, signal),
    placeholderData: undefined,
  });
  if (query.isPending) return <Skeleton width="60%" />;
  if (query.error) return <Failure what="Logs could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data.logs.length === 0) return <p className="dim" style={{ margin: 0 }}>No log line names this span.</p>;
  return (
    <div className={classes.list}>
      {query.data.logs.map((log) => <LogLine key={log.id} log={log} wrap hideService />)}
      {query.data.next_cursor != null && <Link to="/explore/logs" search={{ query: traceQuery(traceId, spanId) }}>All its logs</Link>}
    </div>
  );
}

/** Room beside the first and the last line. */
const EDGE_MS = 60_000;

/** The lines on the page of logs, in a time range that holds those at hand. */
function aroundOf(traceId: string, logs: LogRecord[]): { query: string } & RangeSearch {
  const times = logs.map((log) => nsToMs(log.time_unix_nano));
  return { query: traceQuery(traceId), ...writeRange({ kind: "absolute", from: Math.min(...times) - EDGE_MS, to: Math.max(...times) + EDGE_MS }) };
}

export function TraceLogs({ traceId, onSpan }: { traceId: string; onSpan: (spanId: string) => void }) {
  const query = useInfiniteQuery({
    queryKey: ["trace-logs", traceId],
    queryFn: ({ pageParam, signal }) => api.logs({ ...ALWAYS, trace_id: traceId, direction: "forward", limit: 500, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: undefined,
  });
  const logs = (query.data?.pages ?? []).flatMap((page) => page.logs);
  return (
    <div className={classes.page}>
      {query.error && <Failure what="Logs could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isSuccess && logs.length === 0 && (
        <Notice title="No logs for this trace" text="Log records belong to a trace when they carry its id: emit them inside the span, through an OpenTelemetry log handler." />
      )}
      {logs.length > 0 && <p className={classes.open}><Link to="/explore/logs" search={aroundOf(traceId, logs)} preload={false}>Open in logs</Link></p>}
      {logs.map((log) => <LogLine key={log.id} log={log} wrap onSpan={onSpan} />)}
      {query.hasNextPage && <Button variant="default" m="sm" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Load later lines</Button>}
    </div>
  );
}
