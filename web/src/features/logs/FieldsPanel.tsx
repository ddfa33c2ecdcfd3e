// The fields of the lines that the query finds: how many values each has, the values on a click, and filters by them.

import { ActionIcon } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconChevronDown, IconChevronRight, IconCircleMinus, IconCirclePlus, IconColumnRemove, IconColumns3, IconX } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { loki } from "@/api/loki";
import type { DetectedField } from "@/api/types";
import { TextFilter } from "@/components/filters";
import { Failure } from "@/components/Notice";
import { Skeleton, SkeletonRows } from "@/components/Skeleton";
import { exactCount, formatCount, visible } from "@/lib/format";
import { selectorOf, type FieldKind } from "@/lib/logql";
import { useRange } from "@/lib/useRange";
import { Tool, type LineActions } from "./LogDetail";
import classes from "./FieldsPanel.module.css";

interface FieldsPanelProps {
  query: string;
  columns: string[];
  actions: LineActions;
  onClose: () => void;
}

const FIELDS_MAX = 500;
const VALUES_MAX = 50;
const VALUES_SHOWN = 10;

export function FieldsPanel({ query, columns, actions, onClose }: FieldsPanelProps) {
  const { window } = useRange();
  const [find, setFind] = useState<string | undefined>();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const fields = useQuery({ queryKey: ["loki", "fields", query, window], queryFn: ({ signal }) => loki.fields(query, FIELDS_MAX, window, signal) });
  const shown = useMemo(
    () => [...labelsOf(actions.streamLabels, fields.data ?? []), ...(fields.data ?? [])].filter((field) => find === undefined || field.label.toLowerCase().includes(find.toLowerCase())).sort((a, b) => Number(b.type === LABEL) - Number(a.type === LABEL) || a.label.localeCompare(b.label)),
    [fields.data, find, actions.streamLabels],
  );
  const flip = (name: string): void => {
    const next = new Set(open);
    if (!next.delete(name)) next.add(name);
    setOpen(next);
  };
  return (
    <aside className={classes.panel} aria-label="Fields">
      <div className={classes.head}>
        <TextFilter aria-label="Search fields" placeholder="Search fields" value={find} onApply={setFind} className={classes.find} />
        <ActionIcon variant="subtle" color="gray" aria-label="Close fields" onClick={onClose}><IconX size={15} /></ActionIcon>
      </div>
      <div className={classes.list} data-stale={fields.isPlaceholderData} tabIndex={-1}>
        {fields.error && <Failure what="Fields could not be loaded" error={fields.error} onRetry={() => void fields.refetch()} />}
        {fields.isPending && <SkeletonRows rows={12} height={28} />}
        {fields.isSuccess && shown.length === 0 && <p className={classes.none}>{find === undefined ? "These lines have no fields: no metadata, and neither JSON nor key=value text." : `No field contains “${find}”.`}</p>}
        {shown.map((field) => (
          <div key={field.label} className={classes.field}>
            <button type="button" className={classes.name} aria-expanded={open.has(field.label)} title={field.type === LABEL ? `${field.label}: a label of streams` : `${field.label}: ${field.type}, ${exactCount(field.cardinality)} values`} onClick={() => flip(field.label)}>
              {open.has(field.label) ? <IconChevronDown size={13} aria-hidden /> : <IconChevronRight size={13} aria-hidden />}
              <span className="clip mono">{field.label}</span>
              <span className={classes.type}>{SHORT[field.type] ?? field.type}</span>
              <span className={classes.count}>{field.type === LABEL ? "" : formatCount(field.cardinality)}</span>
            </button>
            {open.has(field.label) && <Values field={field} query={query} isColumn={columns.includes(field.label)} actions={actions} />}
          </div>
        ))}
      </div>
    </aside>
  );
}

/** The type of what is no field of the line, but a label of its stream. */
const LABEL = "label";

/** Labels of streams, which the server does not count among the fields. */
function labelsOf(names: ReadonlySet<string>, fields: DetectedField[]): DetectedField[] {
  const told = new Set(fields.map((field) => field.label));
  return [...names].filter((name) => !told.has(name)).map((name) => ({ label: name, type: LABEL, cardinality: 0 }));
}

const SHORT: Record<string, string> = { string: "text", int: "int", float: "number", boolean: "yes/no", duration: "time", bytes: "bytes" };

/** What a filter by the field needs: where it is, and the parser that reads it. */
export function sourceOf(field: DetectedField, streamLabels: ReadonlySet<string>): { kind: FieldKind; parser: string | undefined } {
  const [parser] = field.parsers ?? [];
  if (parser !== undefined) return { kind: "parsed", parser };
  return { kind: streamLabels.has(field.label) ? "label" : "metadata", parser: undefined };
}

function Values({ field, query, isColumn, actions }: { field: DetectedField; query: string; isColumn: boolean; actions: LineActions }) {
  const { window } = useRange();
  const [all, setAll] = useState(false);
  const name = field.label;
  const values = useQuery({ queryKey: ["loki", "field-values", name, query, window], queryFn: ({ signal }) => (field.type === LABEL ? loki.labelValues(name, selectorOf(query), window, signal) : loki.fieldValues(name, query, VALUES_MAX, window, signal)) });
  if (values.error) return <Failure what="Values could not be loaded" error={values.error} onRetry={() => void values.refetch()} />;
  if (values.isPending) return <div className={classes.values}><Skeleton width="70%" /></div>;
  const filter = (value: string, keep: boolean): void => actions.onFilter({ ...sourceOf(field, actions.streamLabels), name, value, keep });
  const shown = all ? values.data : values.data.slice(0, VALUES_SHOWN);
  return (
    <ul className={classes.values} aria-label={`Values of ${name}`}>
      {shown.map((value) => (
        <li key={value}>
          <button type="button" className={classes.value} title={`Keep lines with ${name}=${value}`} onClick={() => filter(value, true)}>{value === "" ? <em className="dim">empty</em> : visible(value.slice(0, 200))}</button>
          <Tool label={`Keep lines with ${name}=${value}`} hint="Keep lines with this value" onClick={() => filter(value, true)}><IconCirclePlus size={14} /></Tool>
          <Tool label={`Leave out lines with ${name}=${value}`} hint="Leave out lines with this value" onClick={() => filter(value, false)}><IconCircleMinus size={14} /></Tool>
        </li>
      ))}
      {shown.length === 0 && <li className={classes.none}>No values in this time range.</li>}
      <li className={classes.more}>
        <button type="button" className={classes.link} onClick={() => actions.onColumn(name)}>{isColumn ? <IconColumnRemove size={13} aria-hidden /> : <IconColumns3 size={13} aria-hidden />} {isColumn ? "Remove the column" : "Show as a column"}</button>
        {values.data.length > VALUES_SHOWN && <button type="button" className={classes.link} onClick={() => setAll(!all)}>{all ? "Fewer" : `${values.data.length - VALUES_SHOWN} more`}</button>}
      </li>
    </ul>
  );
}
