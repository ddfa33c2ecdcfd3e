// The head of the trace page: which trace, when, how long, how much of it, and what can be done with it.

import { ActionIcon, Button, Menu, Tooltip } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { IconAlertTriangle, IconArrowLeft, IconArrowsDiff, IconCheck, IconDots, IconDownload, IconLink, IconSearch } from "@tabler/icons-react";
import type { TraceSteps } from "@/api/agentTypes";
import type { Trace } from "@/api/types";
import { CopyIcon } from "@/components/CodeBlock";
import { useNarrow } from "@/components/DataTable";
import { saveText } from "@/lib/csv";
import { exactCount, exactDuration, formatCount, formatDateTime, formatDuration, formatUsd, nsToMs, plural, visible } from "@/lib/format";
import { operationQuery } from "@/lib/traceqlText";
import type { TraceModel } from "@/lib/traceModel";
import classes from "./TracePage.module.css";

interface TraceHeadProps {
  trace: Trace;
  model: TraceModel;
  steps: TraceSteps | undefined;
  copied: boolean;
  onCopy: () => void;
}

export function TraceHead({ trace, model, steps, copied, onCopy }: TraceHeadProps) {
  const root = model.tree.roots.find((node) => !node.orphan) ?? model.tree.roots[0];
  const start = nsToMs(trace.start_time_unix_nano);
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
    </div>
  );
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
