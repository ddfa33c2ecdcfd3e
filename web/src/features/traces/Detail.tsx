// The selected step of a trace: what went in and out, attributes, events, links, where it ran, its log lines.

import { ActionIcon, Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { IconAlertTriangle, IconX } from "@tabler/icons-react";
import { useCallback, useMemo, type ReactNode } from "react";
import type { Step } from "@/api/agentTypes";
import type { Span, Trace, TraceAnalysis } from "@/api/types";
import { Chat } from "@/components/Chat";
import { CodeBlock, CopyIcon } from "@/components/CodeBlock";
import { Fields } from "@/components/Fields";
import { StatusBadge } from "@/components/StatusBadge";
import { RoleIcon } from "@/components/WaterfallRow";
import { criticalTime, type Stretch } from "@/lib/criticalPath";
import { exactDuration, formatCount, formatDuration, inline, nsToMs, formatInstant, plural, prettyJson, visible } from "@/lib/format";
import { conversationOf } from "@/lib/genai";
import { messagesOf } from "@/lib/told";
import { isPayload, ROLE_LABEL, tokenUse } from "@/lib/spans";
import { attributeField, condition, literalOf, spanset, type AttributeScope } from "@/lib/traceqlText";
import type { TraceModel } from "@/lib/traceModel";
import type { Node } from "@/lib/waterfall";
import classes from "./Detail.module.css";
import { hasMore, StepCost, StepFacts, StepMore } from "./StepPanel";
import { SpanLogs } from "./TraceLogs";

interface DetailProps {
  trace: Trace;
  model: TraceModel;
  node: Node;
  analysis: TraceAnalysis | undefined;
  /** What it is as a step of an agent. */
  step: Step | undefined;
  critical: ReadonlyMap<string, readonly Stretch[]> | undefined;
  onClose: (() => void) | undefined;
  onSpan: (id: string) => void;
}

const SEARCH = "Search traces with this value";

/** Leads from a value of an attribute to the traces that have it. */
function useSearchBy(scope: AttributeScope): (key: string, value: unknown) => void {
  const navigate = useNavigate();
  return useCallback((key, value) => {
    const literal = literalOf(value);
    if (literal !== undefined) void navigate({ to: "/explore/traces", search: { query: spanset([condition(attributeField(key, scope), "=", literal)]) } });
  }, [navigate, scope]);
}

export function Detail({ trace, model, node, analysis, step, critical, onClose, onSpan }: DetailProps) {
  const { span } = node;
  const [bySpan, byResource, byScope] = [useSearchBy("span"), useSearchBy("resource"), useSearchBy("instrumentation")];
  const resource = trace.resources[span.resource];
  const scope = trace.scopes[span.scope];
  const conversation = useMemo(() => conversationOf(span.attributes, span.events), [span]);
  const told = step ? [...messagesOf(step.content.input, false), ...messagesOf(step.content.output, true)] : [];
  const messages = told.length > 0 ? told : (conversation?.messages ?? []);
  const attributes = Object.entries(span.attributes).filter(([key]) => conversation?.keys.has(key) !== true);
  const payloads = attributes.filter(([key]) => isPayload(key));
  // What the step shows already is there again, as the sender wrote it.
  const shown = messages.length > 0 || (step !== undefined && (step.content.arguments !== null || step.content.result !== null));
  const rest = Object.fromEntries(attributes.filter(([key]) => !isPayload(key)));
  const dropped = span.dropped_attributes_count + span.dropped_events_count + span.dropped_links_count;
  return (
    <section className={classes.detail} aria-label="Selected span">
      <header className={classes.head}>
        <h2 className={classes.title}><RoleIcon role={model.role(node)} size={16} /><span>{visible(span.name) || <em>no name</em>}</span></h2>
        {onClose && <ActionIcon variant="subtle" color="gray" aria-label="Close" onClick={onClose}><IconX size={16} /></ActionIcon>}
      </header>
      <Facts model={model} node={node} selfNs={analysis?.self_time_ns[span.span_id]} criticalNs={critical && criticalTime(critical.get(span.span_id))} />
      {(span.status.code === "error" || span.status.message !== "") && (
        <p className={classes.status} data-error={span.status.code === "error"}>{span.status.message || "The span ended with an error and no message."}</p>
      )}
      {step && <Section title="Step"><StepFacts step={step} /></Section>}
      {step && step.tokens.total > 0 && <Section title="Tokens and cost"><StepCost step={step} /></Section>}
      {messages.length > 0 && <Section title={plural(messages.length, "message")}><Chat messages={messages} /></Section>}
      {step && hasMore(step) && <Section title="Content"><StepMore step={step} /></Section>}
      {payloads.length > 0 && (
        <Section title={shown ? "Input and output as they were sent" : "Input and output"} closed={shown}>
          {payloads.map(([key, value]) => <CodeBlock key={key} title={key} what={key} code={prettyJson(value) ?? inline(value)} maxHeight={300} wrap />)}
        </Section>
      )}
      {span.events.length > 0 && <Section title={plural(span.events.length, "event")}><Events span={span} traceStart={trace.start_time_unix_nano} /></Section>}
      <Section title="Attributes"><Fields attributes={rest} onFilter={bySpan} filterLabel={SEARCH} empty={attributes.length > 0 ? "None but what went in and out." : "This span has no attributes."} /></Section>
      {span.links.length > 0 && <Section title={plural(span.links.length, "link")}><Links span={span} trace={trace} onSpan={onSpan} /></Section>}
      <Section title="Logs of this span"><SpanLogs traceId={trace.trace_id} spanId={span.span_id} /></Section>
      {resource && <Section title="Resource"><Fields attributes={resource.attributes} onFilter={byResource} filterLabel={SEARCH} /></Section>}
      {scope && (
        <Section title="Scope">
          <p className={classes.scope}><span className="mono">{scope.name || "no name"}</span>{scope.version && <span className="dim"> {scope.version}</span>}</p>
          {Object.keys(scope.attributes).length > 0 && <Fields attributes={scope.attributes} onFilter={byScope} filterLabel={SEARCH} />}
        </Section>
      )}
      {dropped > 0 && <p className={classes.note}>The sender dropped {plural(span.dropped_attributes_count, "attribute")}, {plural(span.dropped_events_count, "event")} and {plural(span.dropped_links_count, "link")} of this span.</p>}
    </section>
  );
}

interface FactsProps {
  model: TraceModel;
  node: Node;
  selfNs: number | undefined;
  criticalNs: number | undefined;
}

function Facts({ model, node, selfNs, criticalNs }: FactsProps) {
  const { span } = node;
  const tokens = tokenUse(span.attributes);
  const status = span.status.code;
  return (
    <div className={classes.facts}>
      <StatusBadge tone={status === "error" ? "error" : status === "ok" ? "ok" : "plain"}>{status === "error" ? "Error" : status === "ok" ? "OK" : "Unset"}</StatusBadge>
      <span className={classes.service}><i style={{ background: `var(${model.color(node)})` }} />{model.service(node) || "unknown"}</span>
      <b title={exactDuration(span.duration_ns)}>{formatDuration(span.duration_ns)}</b>
      {selfNs !== undefined && node.children.length > 0 && <span title={`No child of it ran: ${exactDuration(selfNs)}`}>self {formatDuration(selfNs)}</span>}
      {criticalNs !== undefined && criticalNs > 0 && <span title={`The end of the trace waited for it: ${exactDuration(criticalNs)}`}>critical {formatDuration(criticalNs)}</span>}
      {node.start > 0 && <span title="After the start of the trace">at {formatDuration(node.start)}</span>}
      {model.role(node) !== "plain" && <span>{ROLE_LABEL[model.role(node)]}</span>}
      {span.kind !== "unspecified" && <span>{span.kind}</span>}
      {tokens && <span title={`${tokens.input} in, ${tokens.output} out`}>{formatCount(tokens.input)} → {formatCount(tokens.output)} tokens</span>}
      <span className={classes.id}><span className="mono">{span.span_id}</span><CopyIcon text={span.span_id} what="span id" /></span>
    </div>
  );
}

function Section({ title, children, closed = false }: { title: string; children: ReactNode; closed?: boolean }) {
  return (
    <details className={classes.section} open={!closed}>
      <summary>{title}</summary>
      <div className={classes.sectionBody}>{children}</div>
    </details>
  );
}

function Events({ span, traceStart }: { span: Span; traceStart: string }) {
  const byEvent = useSearchBy("event");
  return span.events.map((event, i) => {
    const { "exception.type": type, "exception.message": message, "exception.stacktrace": stack, ...others } = event.attributes;
    const exception = event.name === "exception" || type !== undefined;
    const offset = Number(BigInt(event.time_unix_nano) - BigInt(traceStart));
    return (
      <div key={i} className={classes.event} data-error={exception}>
        <p className={classes.eventHead}><b>{exception && <IconAlertTriangle size={13} aria-hidden />}{visible(event.name) || "no name"}</b><time title={formatInstant(nsToMs(event.time_unix_nano))}>at {formatDuration(offset)}</time></p>
        {exception && (type !== undefined || message !== undefined) && <p className={classes.exception}><b>{visible(inline(type))}</b>{type !== undefined && message !== undefined && ": "}{visible(inline(message))}</p>}
        {exception && typeof type === "string" && <Button variant="subtle" size="compact-xs" className={classes.sameError} onClick={() => byEvent("exception.type", type)}>Traces with this exception</Button>}
        {Object.keys(others).length > 0 && <Fields attributes={others} onFilter={byEvent} filterLabel={SEARCH} />}
        {typeof stack === "string" && <CodeBlock code={stack} what="stack trace" maxHeight={240} />}
      </div>
    );
  });
}

function Links({ span, trace, onSpan }: { span: Span; trace: Trace; onSpan: (id: string) => void }) {
  const byLink = useSearchBy("link");
  return span.links.map((link, i) => (
    <div key={i} className={classes.event}>
      <p className={classes.eventHead}>
        {link.trace_id === trace.trace_id
          ? <button type="button" className={classes.own} onClick={() => onSpan(link.span_id)}>span <span className="mono">{link.span_id}</span> of this trace</button>
          : <Link to="/explore/traces/$traceId" params={{ traceId: link.trace_id }} search={{ span: link.span_id }} className="mono" preload={false}>{link.trace_id.slice(0, 16)}… / {link.span_id}</Link>}
        <CopyIcon text={link.trace_id} what="trace id" />
      </p>
      {Object.keys(link.attributes).length > 0 && <Fields attributes={link.attributes} onFilter={byLink} filterLabel={SEARCH} />}
    </div>
  ));
}
