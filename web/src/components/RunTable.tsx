// Runs of agents as a list: how each ended, how long it took, what it cost.

import { Link, useNavigate } from "@tanstack/react-router";
import { IconRepeat } from "@tabler/icons-react";
import { useCallback } from "react";
import type { Run } from "@/api/agentTypes";
import { exactCount, exactDuration, formatAgo, formatCount, formatDateTime, formatDuration, formatUsd, named, nsToMs, plural, significant, visible } from "@/lib/format";
import { DataTable, type Column } from "./DataTable";
import classes from "./RunTable.module.css";
import { StatusBadge } from "./StatusBadge";

interface RunTableProps {
  rows: Run[];
  sort?: string | undefined;
  onSort?: (sort: string | undefined) => void;
  onEnd?: () => void;
  stale?: boolean;
}

export function RunTable({ rows, ...rest }: RunTableProps) {
  const navigate = useNavigate();
  const open = useCallback((run: Run) => void navigate({ to: "/explore/traces/$traceId", params: { traceId: run.trace_id } }), [navigate]);
  return <DataTable label="Runs" columns={COLUMNS} rows={rows} rowKey={(run) => run.trace_id + run.span_id} onOpen={open} renderNarrow={(run) => <Narrow run={run} />} {...rest} />;
}

function Name({ run }: { run: Run }) {
  return <Link to="/explore/traces/$traceId" params={{ traceId: run.trace_id }} className={`${classes.link ?? ""} clip`} preload={false}>{named(run.agent)}{run.agent_version !== "" && <span className="dim"> {visible(run.agent_version)}</span>}</Link>;
}

function Outcome({ run }: { run: Run }) {
  return <span title={run.error}><StatusBadge tone={run.status === "error" ? "error" : "ok"}>{run.status === "error" ? (visible(run.error) || "failed").slice(0, 18) : "ok"}</StatusBadge></span>;
}

function Narrow({ run }: { run: Run }) {
  return (
    <>
      <div className={classes.narrowTop}><Name run={run} /><Outcome run={run} /></div>
      <div className={classes.narrowRest}><span>{formatAgo(nsToMs(run.start_unix_nano))}</span><span>{formatDuration(run.duration_ns)}</span><span>{plural(run.steps, "step")}</span><span>{formatUsd(run.cost_usd)}</span></div>
    </>
  );
}

const COLUMNS: Column<Run>[] = [
  { id: "start", label: "When", width: "92px", value: (run) => run.start_unix_nano, render: (run) => <span className="dim" title={formatDateTime(nsToMs(run.start_unix_nano))}>{formatAgo(nsToMs(run.start_unix_nano))}</span> },
  { id: "agent", label: "Agent", width: "minmax(120px, 1.1fr)", value: (run) => run.agent, render: (run) => <Name run={run} /> },
  { id: "status", label: "Outcome", width: "minmax(96px, 1fr)", value: (run) => run.error, render: (run) => <span className={classes.outcome}><Outcome run={run} />{run.loops.length > 0 && <IconRepeat size={14} className={classes.loop} aria-label={`loop: ${run.loops.join(", ")}`} />}</span> },
  { id: "user", label: "User", width: "minmax(72px, 0.7fr)", value: (run) => run.user, render: (run) => <span className="clip dim">{named(run.user, "–")}</span> },
  { id: "session", label: "Session", width: "minmax(116px, 1.1fr)", value: (run) => run.session, render: (run) => (run.session === "" ? <span className="dim">–</span> : <Link to="/sessions/$session" params={{ session: run.session }} className={`${classes.plain ?? ""} clip`} preload={false}>{named(run.session)}</Link>) },
  { id: "models", label: "Models", width: "minmax(120px, 1.8fr)", value: (run) => run.models[0] ?? "", render: (run) => <span className="clip dim" title={run.models.join(", ")}>{run.models.map(visible).join(", ")}</span> },
  { id: "steps", label: "Steps", width: "64px", align: "end", value: (run) => run.steps, render: (run) => <span title={`${plural(run.llm_calls, "call")} of models, ${plural(run.tool_calls, "tool call")}, ${plural(run.tool_errors + run.llm_errors, "error")}`}>{exactCount(run.steps)}</span> },
  { id: "duration", label: "Duration", width: "84px", align: "end", value: (run) => run.duration_ns, render: (run) => <span title={exactDuration(run.duration_ns)}>{formatDuration(run.duration_ns)}</span> },
  { id: "tokens", label: "Tokens", width: "76px", align: "end", value: (run) => run.tokens.total, render: (run) => <span title={`${exactCount(run.tokens.input)} read, ${exactCount(run.tokens.output)} written`}>{formatCount(run.tokens.total)}</span> },
  { id: "cost", label: "Cost", width: "80px", align: "end", value: (run) => run.cost_usd, render: (run) => <span title={`$${run.cost_usd.toFixed(6)}`}>{formatUsd(run.cost_usd)}{run.unpriced_tokens > 0 ? " +" : ""}</span> },
  { id: "rating", label: "Rating", width: "70px", align: "end", value: (run) => run.rating?.average ?? -1, render: (run) => (run.rating ? `${significant(run.rating.average, 2)} ★` : <span className="dim">–</span>) },
];
