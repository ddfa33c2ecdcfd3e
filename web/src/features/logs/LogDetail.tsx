// What is known of one line: its fields by where they come from, its trace, the lines around it.

import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconCircleMinus, IconCirclePlus, IconColumnRemove, IconColumns3 } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { Fragment, useMemo, useState } from "react";
import type { Labels } from "@/api/types";
import { CodeBlock, CopyIcon } from "@/components/CodeBlock";
import { prettyJson, visible } from "@/lib/format";
import type { FieldFilter, FieldKind } from "@/lib/logql";
import { lineFields, traceOf, type LogEntry } from "@/lib/logEntries";
import { traceQuery } from "@/lib/logqlText";
import { LogContext } from "./LogContext";
import classes from "./LogDetail.module.css";

export interface LineActions {
  onFilter: (filter: FieldFilter) => void;
  onColumn: (name: string) => void;
  /** The labels of streams, to tell them from other fields where the answer does not. */
  streamLabels: ReadonlySet<string>;
}

interface LogDetailProps {
  entry: LogEntry;
  columns: string[];
  actions: LineActions;
}

interface Group {
  title: string;
  kind: FieldKind;
  parser?: "json" | "logfmt";
  fields: [name: string, value: string][];
}

export function LogDetail({ entry, columns, actions }: LogDetailProps) {
  const [context, setContext] = useState(false);
  const inLine = useMemo(() => lineFields(entry.line), [entry.line]);
  const trace = traceOf(entry, inLine?.fields);
  const pretty = prettyJson(entry.line);
  const groups = useMemo(() => groupsOf(entry, actions.streamLabels, inLine), [entry, actions.streamLabels, inLine]);
  return (
    <div className={classes.detail}>
      <div className={classes.head}>
        {trace && (
          <>
            <Link to="/explore/traces/$traceId" params={{ traceId: trace.traceId }} search={trace.spanId === undefined ? {} : { span: trace.spanId }} preload={false}>Open trace</Link>
            <Link to="/explore/logs" search={{ query: traceQuery(trace.traceId) }} preload={false}>Logs of this trace</Link>
          </>
        )}
        <Button variant="default" size="compact-xs" aria-pressed={context} onClick={() => setContext(!context)}>{context ? "Hide lines around" : "Lines around"}</Button>
        <CopyIcon text={entry.line} what="line" />
      </div>
      {context && <LogContext entry={entry} streamLabels={actions.streamLabels} />}
      {pretty !== undefined && <CodeBlock code={visible(pretty)} what="line" maxHeight={280} wrap />}
      {groups.map((group) => (
        <section key={group.title} aria-label={group.title}>
          <h3 className={classes.title}>{group.title}</h3>
          <dl className={classes.fields}>
            {group.fields.map(([name, value]) => <Field key={name} name={name} value={value} group={group} isColumn={columns.includes(name)} actions={actions} />)}
          </dl>
        </section>
      ))}
    </div>
  );
}

function groupsOf(entry: LogEntry, streamLabels: ReadonlySet<string>, inLine: ReturnType<typeof lineFields>): Group[] {
  const sorted = (set: Labels): [string, string][] => Object.entries(set).sort(([a], [b]) => a.localeCompare(b));
  // The live tail gives all in one set.
  const mixed = Object.keys(entry.metadata).length === 0 && Object.keys(entry.parsed).length === 0 && streamLabels.size > 0;
  const labels = sorted(entry.labels).filter(([name]) => !mixed || streamLabels.has(name));
  const metadata = [...(mixed ? sorted(entry.labels).filter(([name]) => !streamLabels.has(name)) : []), ...sorted(entry.metadata)];
  const known = new Set([...Object.keys(entry.labels), ...Object.keys(entry.metadata)]);
  // A field of the line whose name is taken gets another one from the parser.
  const unread = Object.keys(entry.parsed).length > 0 ? [] : sorted(inLine?.fields ?? {}).map(([name, value]): [string, string] => [known.has(name) ? `${name}_extracted` : name, value]);
  const groups: Group[] = [
    { title: "Labels", kind: "label", fields: labels },
    { title: "Metadata", kind: "metadata", fields: metadata },
    { title: "Parsed", kind: "parsed", fields: sorted(entry.parsed) },
    { title: `In the line, read by ${inLine?.parser ?? ""}`, kind: "parsed", ...(inLine ? { parser: inLine.parser } : {}), fields: unread },
  ];
  return groups.filter((group) => group.fields.length > 0);
}

const LONG = 400;

function Field({ name, value, group, isColumn, actions }: { name: string; value: string; group: Group; isColumn: boolean; actions: LineActions }) {
  const [all, setAll] = useState(false);
  const shown = visible(value);
  const filter = (keep: boolean): void => actions.onFilter({ kind: group.kind, name, value, keep, parser: group.parser });
  return (
    <div className={classes.field}>
      <div className={classes.tools}>
        <Tool label={`Keep lines with ${name}=${value}`} hint="Keep lines with this value" onClick={() => filter(true)}><IconCirclePlus size={14} /></Tool>
        <Tool label={`Leave out lines with ${name}=${value}`} hint="Leave out lines with this value" onClick={() => filter(false)}><IconCircleMinus size={14} /></Tool>
        <Tool label={isColumn ? `Remove column ${name}` : `Add column ${name}`} hint={isColumn ? "Remove the column" : "Show as a column"} onClick={() => actions.onColumn(name)}>{isColumn ? <IconColumnRemove size={14} /> : <IconColumns3 size={14} />}</Tool>
        <CopyIcon text={value} what="value" />
      </div>
      <dt className={classes.key}>{name.split(/(?<=[._/:-])/).map((part, i) => <Fragment key={i}>{i > 0 && <wbr />}{part}</Fragment>)}</dt>
      <dd className={classes.value}>
        {shown === "" ? <em className="dim">empty</em> : all || shown.length <= LONG ? shown : `${shown.slice(0, LONG)}…`}
        {shown.length > LONG && <> <button type="button" className={classes.more} onClick={() => setAll(!all)}>{all ? "Show less" : `Show all ${shown.length.toLocaleString("en-US")} characters`}</button></>}
      </dd>
    </div>
  );
}

export function Tool({ label, hint, onClick, children }: { label: string; hint: string; onClick: () => void; children: React.ReactNode }) {
  return (
    <Tooltip label={hint}>
      <ActionIcon size="sm" variant="subtle" color="gray" aria-label={label.slice(0, 200)} onClick={onClick}>{children}</ActionIcon>
    </Tooltip>
  );
}
