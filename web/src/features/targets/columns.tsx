// The columns of the list of targets, and a target on a narrow screen.

import { IconCircleCheck, IconCircleMinus, IconCircleX, IconHelpCircle } from "@tabler/icons-react";
import type { Labels } from "@/api/types";
import type { Column } from "@/components/DataTable";
import { exactDuration, formatAgo, formatDateTime, formatDuration } from "@/lib/format";
import type { TargetRow } from "./rows";
import type { State } from "./search";
import classes from "./TargetsPage.module.css";

const ICONS = { up: IconCircleCheck, down: IconCircleX, unknown: IconHelpCircle, dropped: IconCircleMinus };

/** A state by its mark and its word; the colour only repeats them. */
export function Health({ state, text = state }: { state: State; text?: string }) {
  const IconOf = ICONS[state];
  return <span className={classes.health} data-state={state}><IconOf size={14} aria-hidden />{text}</span>;
}

export function targetColumns(dropped: boolean): Column<TargetRow>[] {
  const state: Column<TargetRow> = { id: "state", label: "State", width: "86px", value: (row) => row.state, render: (row) => <Health state={row.state} /> };
  const pool: Column<TargetRow> = { id: "pool", label: "Pool", width: "minmax(80px, 150px)", value: (row) => row.pool, render: (row) => <span title={row.pool}>{row.pool}</span> };
  const url: Column<TargetRow> = { id: "url", label: dropped ? "Address" : "Endpoint", width: "minmax(150px, 1.2fr)", value: (row) => row.url, render: (row) => <span className="mono" title={row.url}>{row.url}</span> };
  if (dropped) return [state, pool, url, { id: "labels", label: "Discovered labels", width: "minmax(0, 3fr)", render: (row) => <LabelList labels={row.discovered} but={["__address__", "job"]} /> }];
  return [
    state, pool, url,
    { id: "labels", label: "Labels", width: "minmax(0, 1fr)", render: (row) => <LabelList labels={row.labels} but={["job", ...(row.url.includes(row.labels["instance"] ?? "?") ? ["instance"] : [])]} /> },
    { id: "scraped", label: "Last scrape", width: "92px", align: "end", value: (row) => row.scraped ?? 0, render: (row) => (row.scraped === undefined ? <span className="dim">not yet</span> : <time title={formatDateTime(row.scraped)}>{formatAgo(row.scraped)}</time>) },
    { id: "took", label: "Took", width: "76px", align: "end", value: (row) => row.took ?? -1, render: (row) => (row.took === undefined ? "–" : <span title={exactDuration(Math.round(row.took * 1e9))}>{formatDuration(row.took * 1e9)}</span>) },
    { id: "error", label: "Error", width: "minmax(0, 1.3fr)", value: (row) => row.error, render: (row) => row.error && <span className={classes.error} title={row.error}>{row.error}</span> },
  ];
}

function LabelList({ labels, but }: { labels: Labels; but: string[] }) {
  // What every target has (address, path, interval) comes last: what discovery told is what one looks for.
  const usual = (name: string): number => Number(/^__(?!meta_)/.test(name));
  const text = Object.entries(labels).filter(([name]) => !but.includes(name)).sort(([a], [b]) => usual(a) - usual(b)).map(([name, value]) => `${name}=${value}`).join(" ");
  return <span className="mono" title={text}>{text}</span>;
}

export function narrowRow(row: TargetRow) {
  return (
    <>
      <span className={classes.narrowLine}><Health state={row.state} /><span className="mono clip">{row.url}</span></span>
      <span className={classes.narrowLine}>
        <span className="dim nowrap">{row.pool}{row.scraped !== undefined && `, ${formatAgo(row.scraped)}`}</span>
        {row.error && <span className={`${classes.error ?? ""} clip`}>{row.error}</span>}
      </span>
    </>
  );
}
