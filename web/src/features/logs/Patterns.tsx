// The shapes that lines have, most frequent first, with how each went over time. A click keeps or leaves out its lines.

import { useQuery } from "@tanstack/react-query";
import { IconCircleMinus, IconCirclePlus } from "@tabler/icons-react";
import { useMemo, useState, type ReactNode } from "react";
import { loki } from "@/api/loki";
import { DataTable, type Column } from "@/components/DataTable";
import { Failure, Notice } from "@/components/Notice";
import { SkeletonRows } from "@/components/Skeleton";
import { Sparkline } from "@/components/Sparkline";
import { exactCount, formatCount, significant, visible } from "@/lib/format";
import { selectorOf } from "@/lib/logql";
import { patternRows, volumeStep, type PatternRow } from "@/lib/logVolume";
import { useRange } from "@/lib/useRange";
import { Tool } from "./LogDetail";
import classes from "./Patterns.module.css";

interface PatternsProps {
  query: string;
  onPattern: (op: "|>" | "!>", pattern: string) => void;
}

export function Patterns({ query, onPattern }: PatternsProps) {
  const { bounds } = useRange();
  const [sort, setSort] = useState<string | undefined>("-count");
  const selector = selectorOf(query) ?? query;
  // A third of the bars of the histogram suits a line of so few pixels; the server's own samples are 10 s apart.
  const step = Math.max(10_000, volumeStep(bounds) * 3);
  const patterns = useQuery({ queryKey: ["loki", "patterns", selector, bounds.start, bounds.end, step], queryFn: ({ signal }) => loki.patterns(selector, { ...bounds, step }, signal) });
  const rows = useMemo(() => patternRows(patterns.data ?? [], bounds, step), [patterns.data, bounds, step]);
  const columns = useMemo((): Column<PatternRow>[] => [
    { id: "count", label: "Lines", width: "80px", align: "end", value: (row) => row.count, render: (row) => <span title={exactCount(row.count)}>{formatCount(row.count)}</span> },
    { id: "share", label: "Share", width: "110px", value: (row) => row.share, render: (row) => <Share {...row} /> },
    { id: "time", label: "Over time", width: "130px", render: (row) => <Sparkline values={row.values} label={`Over time: ${row.pattern}`} /> },
    { id: "pattern", label: "Pattern", width: "minmax(0, 1fr)", value: (row) => row.pattern, render: (row) => <span className={classes.pattern} title={row.pattern}>{holes(row.pattern)}</span> },
    { id: "filter", label: "", width: "60px", align: "end", render: (row) => <Filters row={row} onPattern={onPattern} /> },
  ], [onPattern]);
  if (patterns.error) return <Failure what="Patterns could not be loaded" error={patterns.error} onRetry={() => void patterns.refetch()} />;
  if (patterns.isPending) return <SkeletonRows rows={12} height={32} />;
  if (rows.length === 0) return <Notice title="No patterns in this time range" text="Patterns are found as lines arrive: those that share their words and differ in numbers and names become one. Widen the time range, or wait for more lines." />;
  return (
    <DataTable
      label="Patterns" columns={columns} rows={rows} rowKey={(row) => row.pattern} sort={sort} onSort={setSort} stale={patterns.isPlaceholderData} onOpen={(row) => onPattern("|>", row.pattern)}
      footer={`Patterns of ${selector}, whatever the rest of the query keeps. A click on one keeps its lines.`}
      renderNarrow={(row) => (
        <>
          <span className={classes.pattern}>{holes(row.pattern)}</span>
          <span className={classes.narrow}><b>{formatCount(row.count)}</b> {percent(row.share)} <Sparkline values={row.values} label={`Over time: ${row.pattern}`} /><Filters row={row} onPattern={onPattern} /></span>
        </>
      )}
    />
  );
}

function Filters({ row, onPattern }: { row: PatternRow; onPattern: PatternsProps["onPattern"] }) {
  return (
    <span className={classes.filters}>
      <Tool label={`Keep lines like ${row.pattern}`} hint="Keep lines of this pattern" onClick={() => onPattern("|>", row.pattern)}><IconCirclePlus size={14} /></Tool>
      <Tool label={`Leave out lines like ${row.pattern}`} hint="Leave out lines of this pattern" onClick={() => onPattern("!>", row.pattern)}><IconCircleMinus size={14} /></Tool>
    </span>
  );
}

function Share({ share, part }: PatternRow) {
  return <span className={classes.share}><i style={{ width: `${Math.max(1, part * 44)}px` }} />{percent(share)}</span>;
}

function percent(share: number): string {
  return share < 0.001 ? "<0.1 %" : `${significant(share * 100, share < 0.1 ? 2 : 3)} %`;
}

/** The pattern with what differs from line to line made light. */
function holes(pattern: string): ReactNode[] {
  return visible(pattern).split(/(<_>)/).map((part, i) => (part === "<_>" ? <i key={i}>{part}</i> : part));
}
