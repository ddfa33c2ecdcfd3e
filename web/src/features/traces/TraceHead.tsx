// The head of the trace page: which trace, when, how long, how much of it, and what can be done with it.

import { ActionIcon, Button, Menu, Tooltip } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { IconAlertTriangle, IconArrowLeft, IconArrowsDiff, IconCheck, IconDots, IconDownload, IconLink, IconRepeat, IconSearch } from "@tabler/icons-react";
import { useMemo } from "react";
import type { TraceSteps } from "@/api/agentTypes";
import type { Trace } from "@/api/types";
import { CopyIcon } from "@/components/CodeBlock";
import { useNarrow } from "@/components/DataTable";
import { Stars } from "@/components/Stars";
import { saveText } from "@/lib/csv";
import { exactCount, exactDuration, formatCount, formatDateTime, formatDuration, formatPercent, formatUsd, named, nsToMs, plural, visible } from "@/lib/format";
import { operationQuery } from "@/lib/traceqlText";
import { runFacts } from "@/lib/runFacts";
import type { SpanRole } from "@/lib/spans";
import type { TraceModel } from "@/lib/traceModel";
import classes from "./TracePage.module.css";

interface TraceHeadProps {
  trace: Trace;
  model: TraceModel;
  steps: TraceSteps | undefined;
  copied: boolean;
  onCopy: () => void;
}

/** Steps of agents: where there are some, there is a run to tell of. */
const AGENTIC = new Set<SpanRole>(["llm", "agent", "tool", "retrieval", "embedding"]);

export function TraceHead({ trace, model, steps, copied, onCopy }: TraceHeadProps) {
  const root = model.tree.roots.find((node) => !node.orphan) ?? model.tree.roots[0];
  const start = nsToMs(trace.start_time_unix_nano);
  const agentic = useMemo(() => model.tree.nodes.some((node) => AGENTIC.has(model.role(node))), [model]);
  return (
    <div className={classes.head}>
      <Tooltip label="All traces"><ActionIcon component={Link} to="/explore/traces" variant="subtle" color="gray" aria-label="Back to all traces"><IconArrowLeft size={16} /></ActionIcon></Tooltip>
      <h1 className={classes.title} title={root?.span.name}>
        <span className={classes.service}>{root ? model.service(root) : ""}</span> {visible(root?.span.name ?? "")}
      </h1>
      <span className={classes.id}>
        <span className="mono" title={trace.trace_id}>{trace.trace_id.slice(0, 8)}…{trace.trace_id.slice(-4)}</span><CopyIcon text={trace.trace_id} what="trace id" />
        <Tooltip label="Copy link (c)"><ActionIcon size="sm" variant="subtle" color="gray" onClick={onCopy} aria-label="Copy link">{copied ? <IconCheck size={14} /> : <IconLink size={14} />}</ActionIcon></Tooltip>
        <span role="status">{copied && "Link copied"}</span>
      </span>
      <div className={classes.facts}>
        <time title={start.toFixed(3)}>{formatDateTime(start)}</time>
        <b title={exactDuration(trace.duration_ns)}>{formatDuration(trace.duration_ns)}</b>
        <span>{plural(trace.span_count, "span")}</span>
        <span>{plural(model.colors.size, "service")}</span>
        {trace.error_count > 0 ? <span className={classes.errors}><IconAlertTriangle size={14} aria-hidden />{plural(trace.error_count, "error")}</span> : <span>no errors</span>}
        {steps !== undefined && steps.totals.tokens.total > 0 && (
          <>
            <b title={`$${steps.totals.cost_usd.toFixed(6)}${steps.totals.unpriced_tokens > 0 ? ", without tokens that have no price" : ""}`}>{formatUsd(steps.totals.cost_usd)}{steps.totals.unpriced_tokens > 0 ? " +" : ""}</b>
            <span title={`${exactCount(steps.totals.tokens.buckets.input_cached ?? 0)} of what was read came from the cache`}>{formatCount(steps.totals.tokens.input)} → {formatCount(steps.totals.tokens.output)} tokens</span>
          </>
        )}
        {model.tree.orphans > 0 && <span className={classes.warn} title="Their parents are not in this trace: not sent, sampled away, or not here yet">{plural(model.tree.orphans, "span")} without {model.tree.orphans === 1 ? "its" : "their"} parent</span>}
      </div>
      <Actions trace={trace} root={root && { service: model.service(root), name: root.span.name }} />
      {agentic && <Run steps={steps} />}
    </div>
  );
}

/** Whose run it is and how it went as one. Its line is there before it is known, so that nothing moves. */
function Run({ steps }: { steps: TraceSteps | undefined }) {
  const run = useMemo(() => runFacts(steps?.steps ?? []), [steps]);
  return (
    <div className={classes.run}>
      {run.agent !== "" && <span>agent <Link to="/agents/$agent" params={{ agent: run.agent }} preload={false}>{named(run.agent)}</Link></span>}
      {run.session !== "" && <span>session <Link to="/sessions/$session" params={{ session: run.session }} preload={false}>{named(run.session)}</Link></span>}
      {run.user !== "" && <span>user <Link to="/runs" search={{ user: run.user }} preload={false}>{named(run.user)}</Link></span>}
      {steps && <span data-minor>{plural(steps.totals.llm_calls, "call")} of models, {plural(steps.totals.tool_calls, "tool call")}</span>}
      {run.cached !== undefined && run.cached > 0 && <span data-minor>{formatPercent(run.cached)} from the cache</span>}
      {run.retries > 0 && <span>{plural(run.retries, "retry", "retries")}</span>}
      {run.loops.length > 0 && <span className={classes.warn}><IconRepeat size={14} aria-hidden /> loop: {run.loops.map((kind) => kind.replaceAll("_", " ")).join(", ")}</span>}
      {steps && <Rated steps={steps} />}
    </div>
  );
}

function Rated({ steps: { feedback } }: { steps: TraceSteps }) {
  const ratings = feedback.flatMap((one) => (one.rating === null ? [] : [one.rating]));
  if (ratings.length === 0) return null;
  const said = feedback.map((one) => one.comment).filter((text) => text !== "").join("\n");
  return <span title={said}><Stars rating={ratings.reduce((sum, one) => sum + one, 0) / ratings.length} /></span>;
}

function Actions({ trace, root }: { trace: Trace; root: { service: string; name: string } | undefined }) {
  const navigate = useNavigate();
  const narrow = useNarrow();
  const save = (): void => saveText(`trace-${trace.trace_id}.json`, "application/json", JSON.stringify(trace, null, 2));
  const compare = (): void => void navigate({ to: "/explore/traces/compare", search: { left: trace.trace_id } });
  return (
    <div className={classes.actions}>
      {!narrow && <Button variant="default" leftSection={<IconArrowsDiff size={14} aria-hidden />} onClick={compare}>Compare</Button>}
      <Menu position="bottom-end" transitionProps={{ duration: 0 }}>
        <Menu.Target><ActionIcon variant="default" size={30} aria-label="More of this trace"><IconDots size={16} /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          {root && <Menu.Item leftSection={<IconSearch size={14} aria-hidden />} onClick={() => void navigate({ to: "/explore/traces", search: { query: operationQuery(root.service, root.name) } })}>Traces of this operation</Menu.Item>}
          {narrow && <Menu.Item leftSection={<IconArrowsDiff size={14} aria-hidden />} onClick={compare}>Compare with another</Menu.Item>}
          <Menu.Item leftSection={<IconDownload size={14} aria-hidden />} onClick={save}>Download JSON</Menu.Item>
          <Menu.Item leftSection={<IconLink size={14} aria-hidden />} component="a" href={`/tempo/api/v2/traces/${trace.trace_id}`} target="_blank" rel="noreferrer">As OpenTelemetry’s JSON</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}
