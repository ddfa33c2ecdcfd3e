// The lines of the same stream before and after one line.

import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { loki } from "@/api/loki";
import type { LogStream } from "@/api/types";
import { Failure } from "@/components/Notice";
import { Skeleton } from "@/components/Skeleton";
import { entriesOf, type LogEntry } from "@/lib/logEntries";
import { matcherText } from "@/lib/promql";
import { LogRow } from "./LogRow";
import classes from "./LogDetail.module.css";

/** Lines to each side at first, and by how many more. */
const SIDE = 5;
const MORE = 15;
const SIDE_MAX = 200;
/** How far from the line they may be. */
const REACH_NS = 6n * 3_600_000_000_000n;
const NO_COLUMNS: string[] = [];

export function LogContext({ entry, streamLabels }: { entry: LogEntry; streamLabels: ReadonlySet<string> }) {
  const [side, setSide] = useState({ before: SIDE, after: SIDE });
  const labels = Object.entries(entry.labels).filter(([name]) => streamLabels.size === 0 || streamLabels.has(name));
  const query = `{${labels.map(([name, value]) => matcherText({ name, op: "=", value })).join(", ")}}`;
  const at = BigInt(entry.ns);
  const before = useQuery({
    queryKey: ["loki", "before", query, entry.ns, side.before],
    queryFn: ({ signal }) => loki.lines({ query, limit: side.before, direction: "backward", start: String(at - REACH_NS), end: entry.ns }, signal),
  });
  const after = useQuery({
    queryKey: ["loki", "after", query, entry.ns, side.after],
    queryFn: ({ signal }) => loki.lines({ query, limit: side.after + 1, direction: "forward", start: entry.ns, end: String(at + REACH_NS) }, signal),
  });
  const error = before.error ?? after.error;
  if (error) return <Failure what="The lines around could not be loaded" error={error} onRetry={() => { void before.refetch(); void after.refetch(); }} />;
  if (before.isPending || after.isPending) return <div className={classes.context}><Skeleton width="60%" /></div>;
  const read = (streams: LogStream[] | undefined): LogEntry[] => entriesOf(streams ?? [], "forward");
  const earlier = read(before.data);
  // What begins at the line's own instant holds the line itself.
  const later = read(after.data);
  const own = later.findIndex((one) => one.ns === entry.ns && one.line === entry.line);
  if (own >= 0) later.splice(own, 1);
  const more = (key: "before" | "after", count: number): React.ReactNode =>
    count >= side[key] && side[key] < SIDE_MAX && <Button variant="subtle" size="compact-xs" onClick={() => setSide((old) => ({ ...old, [key]: Math.min(SIDE_MAX, old[key] + MORE) }))}>{key === "before" ? "Earlier lines" : "Later lines"}</Button>;
  const row = (one: LogEntry, i: number): React.ReactNode => <LogRow key={`${one.ns} ${i}`} entry={one} columns={NO_COLUMNS} marks={undefined} wrap={false} open={false} />;
  return (
    <section className={classes.context} aria-label="Lines around">
      <p className={classes.contextOf}>Lines of <code>{query}</code></p>
      {more("before", earlier.length)}
      {earlier.length === 0 && <p className={classes.none}>No earlier line of this stream in six hours.</p>}
      {earlier.map(row)}
      <div className={classes.here} aria-current="true">{row(entry, -1)}</div>
      {later.slice(0, side.after).map(row)}
      {later.length === 0 && <p className={classes.none}>No later line of this stream in six hours.</p>}
      {more("after", later.length)}
    </section>
  );
}
