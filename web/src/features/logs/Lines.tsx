// The lines that the query finds, their counts over time above, their fields beside on demand.

import type { UseQueryResult } from "@tanstack/react-query";
import { lazy, Suspense, useCallback } from "react";
import { SkeletonRows } from "@/components/Skeleton";
import { NoData } from "@/features/onboarding/NoData";
import { plural } from "@/lib/format";
import type { LogEntry } from "@/lib/logEntries";
import type { LineActions } from "./LogDetail";
import { LogList } from "./LogList";
import type { Volume } from "@/lib/logVolume";
import type { useLines } from "./useLogs";
import classes from "./LogsPage.module.css";

const Histogram = lazy(() => import("./Histogram").then((module) => ({ default: module.Histogram })));

interface LinesProps {
  lines: ReturnType<typeof useLines>["lines"];
  entries: LogEntry[];
  volume: UseQueryResult<Volume>;
  columns: string[];
  marks: RegExp | undefined;
  wrap: boolean;
  older: boolean;
  actions: LineActions;
  /** Whether the query leaves out lines. */
  filtered: boolean;
  onClear: () => void;
}

/** The bars over the list; they take the whole width, the fields stand below them. */
export function Bars({ volume, hidden }: { volume: UseQueryResult<Volume>; hidden: boolean }) {
  return hidden ? null : <div className={classes.chart}><Suspense><Histogram query={volume} /></Suspense></div>;
}

export function Lines({ lines, entries, columns, marks, wrap, older, actions, filtered, onClear }: LinesProps) {
  const { fetchNextPage, hasNextPage, isFetchingNextPage, isFetchNextPageError } = lines;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  if (lines.isPending) return <SkeletonRows rows={22} height={24} />;
  if (lines.isSuccess && entries.length === 0) return <NoData signal="logs" filtered={filtered} onClear={onClear} stale={lines.isPlaceholderData} />;
  if (entries.length === 0) return null;
  const footer = isFetchingNextPage ? `Loading ${older ? "older" : "newer"} lines …`
    : isFetchNextPageError ? <>{older ? "Older" : "Newer"} lines could not be loaded. <button type="button" className={classes.link} onClick={() => void fetchNextPage()}>Retry</button></>
    : hasNextPage ? "" : `${plural(entries.length, "line")}, that is all in this time range`;
  return <LogList entries={entries} columns={columns} marks={marks} wrap={wrap} stale={lines.isPlaceholderData} actions={actions} onEnd={more} onRemoveColumn={actions.onColumn} footer={footer} />;
}
