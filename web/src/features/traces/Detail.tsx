// The selected step of a trace: what went in and out, attributes, events, links, where it ran, its log lines.

import { ActionIcon } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { IconX } from "@tabler/icons-react";
import { useCallback, type ReactNode } from "react";
import type { Span, Trace } from "@/api/types";
import { CodeBlock, CopyIcon } from "@/components/CodeBlock";
import { Fields } from "@/components/Fields";
import { StatusBadge } from "@/components/StatusBadge";
import { RoleIcon } from "@/components/WaterfallRow";
import { exactDuration, formatCount, formatDuration, inline, nsToMs, formatInstant, plural, prettyJson, visible } from "@/lib/format";
import { isPayload, ROLE_LABEL, tokenUse } from "@/lib/spans";
import type { TraceModel } from "@/lib/traceModel";
import type { Node } from "@/lib/waterfall";
import classes from "./Detail.module.css";
import { SpanLogs } from "./TraceLogs";

interface DetailProps {
  trace: Trace;
  model: TraceModel;
  node: Node;
  onClose: (() => void) | undefined;
}

export function Detail({ trace, model, node, onClose }: DetailProps) {
  const { span } = node;
  const navigate = useNavigate();
  const filter = useCallback((key: string, value: string) => {
    void navigate({ to: "/explore/traces", search: { attr: [`${key}=${value}`] } });
  }, [navigate]);
  const resource = trace.resources[span.resource];
  const scope = trace.scopes[span.scope];
  const attributes = Object.entries(span.attributes);
  const payloads = attributes.filter(([key]) => isPayload(key));
  const rest = Object.fromEntries(attributes.filter(([key]) => !isPayload(key)));
  const dropped = span.dropped_attributes_count + span.dropped_events_count + span.dropped_links_count;
  return (
    <section className={classes.detail} aria-label="Selected span">
      <header className={classes.head}>
        <h2 className={classes.title}><RoleIcon role={model.role(node)} size={16} /><span>{visible(span.name) || <em>no name</em>}</span></h2>
        {onClose && <ActionIcon variant="subtle" color="gray" aria-label="Close" onClick={onClose}><IconX size={16} /></ActionIcon>}
      </header>
      <Facts model={model} node={node} />
      {(span.status.code === "error" || span.status.message !== "") && (
        <p className={classes.status} data-error={span.status.code === "error"}>{span.status.message || "The span ended with an error and no message."}</p>
      )}
      {payloads.length > 0 && (
        <Section title="Input and output">
          {payloads.map(([key, value]) => <CodeBlock key={key} title={key} what={key} code={prettyJson(value) ?? inline(value)} maxHeight={300} wrap />)}
        </Section>
      )}
      {span.events.length > 0 && <Section title={plural(span.events.length, "event")}><Events span={span} onFilter={filter} traceStart={trace.start_time_unix_nano} /></Section>}
      <Section title="Attributes"><Fields attributes={rest} onFilter={filter} empty="This span has no attributes." /></Section>
      {span.links.length > 0 && <Section title={plural(span.links.length, "link")}><Links span={span} /></Section>}
      <Section title="Logs of this span"><SpanLogs traceId={trace.trace_id} spanId={span.span_id} /></Section>
      {resource && <Section title="Resource"><Fields attributes={resource.attributes} onFilter={filter} /></Section>}
      {scope && (
        <Section title="Scope">
          <p className={classes.scope}><span className="mono">{scope.name || "no name"}</span>{scope.version && <span className="dim"> {scope.version}</span>}</p>
          {Object.keys(scope.attributes).length > 0 && <Fields attributes={scope.attributes} />}
        </Section>
      )}
      {dropped > 0 && <p className={classes.note}>The sender dropped {plural(span.dropped_attributes_count, "attribute")}, {plural(span.dropped_events_count, "event")} and {plural(span.dropped_links_count, "link")} of this span.</p>}
    </section>
  );
}

function Facts({ model, node }: { model: TraceModel; node: Node }) {
  const { span } = node;
  const tokens = tokenUse(span.attributes);
  const status = span.status.code;
  return (
    <div className={classes.facts}>
      <StatusBadge tone={status === "error" ? "error" : status === "ok" ? "ok" : "plain"}>{status === "error" ? "Error" : status === "ok" ? "OK" : "Unset"}</StatusBadge>
      <span className={classes.service}><i style={{ background: `var(${model.color(node)})` }} />{model.service(node) || "unknown"}</span>
      <b title={exactDuration(span.duration_ns)}>{formatDuration(span.duration_ns)}</b>
      {node.start > 0 && <span title="After the start of the trace">at {formatDuration(node.start)}</span>}
      {model.role(node) !== "plain" && <span>{ROLE_LABEL[model.role(node)]}</span>}
      {span.kind !== "unspecified" && <span>{span.kind}</span>}
      {tokens && <span title={`${tokens.input} in, ${tokens.output} out`}>{formatCount(tokens.input)} → {formatCount(tokens.output)} tokens</span>}
      <span className={classes.id}><span className="mono">{span.span_id}</span><CopyIcon text={span.span_id} what="span id" /></span>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <details className={classes.section} open>
      <summary>{title}</summary>
      <div className={classes.sectionBody}>{children}</div>
    </details>
  );
}

function Events({ span, onFilter, traceStart }: { span: Span; onFilter: (key: string, value: string) => void; traceStart: string }) {
  return span.events.map((event, i) => {
    const stack = event.attributes["exception.stacktrace"];
    const others = Object.fromEntries(Object.entries(event.attributes).filter(([key]) => key !== "exception.stacktrace"));
    const offset = Number(BigInt(event.time_unix_nano) - BigInt(traceStart));
    return (
      <div key={i} className={classes.event} data-error={event.name === "exception"}>
        <p className={classes.eventHead}><b>{event.name || "no name"}</b><time title={formatInstant(nsToMs(event.time_unix_nano))}>at {formatDuration(offset)}</time></p>
        {Object.keys(others).length > 0 && <Fields attributes={others} onFilter={onFilter} />}
        {typeof stack === "string" && <CodeBlock code={stack} what="stack trace" maxHeight={240} />}
      </div>
    );
  });
}

function Links({ span }: { span: Span }) {
  return span.links.map((link, i) => (
    <div key={i} className={classes.event}>
      <p className={classes.eventHead}>
        <Link to="/explore/traces/$traceId" params={{ traceId: link.trace_id }} search={{ span: link.span_id }} className="mono">{link.trace_id.slice(0, 16)}… / {link.span_id}</Link>
      </p>
      {Object.keys(link.attributes).length > 0 && <Fields attributes={link.attributes} />}
    </div>
  ));
}
