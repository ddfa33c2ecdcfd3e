// The query by hand: service, operation, status, duration, attributes. It reads from the query and edits it, so both always
// say the same.

import { Pill, PillsInput, SegmentedControl, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { tempo } from "@/api/tempo";
import { TextFilter } from "@/components/filters";
import { literal } from "@/lib/logqlText";
import { isDurationFilter } from "@/lib/range";
import { durationCondition, find, isLongest, isName, isService, isShortest, isStatus, others, readQuery, replace, textOf, type Lasting, type Wanted } from "@/lib/traceql";
import { attributeField, condition, SERVICE_FIELD, serviceCondition, spanset, typedLiteral } from "@/lib/traceqlText";
import { useRange } from "@/lib/useRange";
import classes from "./TracesPage.module.css";

interface BuilderProps {
  query: string;
  onQuery: (query: string) => void;
}

/** Values that a picker lists at most. */
const LISTED = 200;

export function Builder({ query, onQuery }: BuilderProps) {
  const readable = readQuery(query) !== undefined;
  const service = find(query, isService);
  const status = find(query, isStatus)?.value ?? "any";
  const set = (wanted: Wanted, next: string | undefined): void => onQuery(replace(query, wanted, next));
  if (!readable) return null;
  return (
    <div className={classes.builder} role="search" aria-label="Build the query">
      <ValuePicker label="Service" field={SERVICE_FIELD} rest={undefined} value={service?.value} onChange={(value) => set(isService, value === undefined ? undefined : serviceCondition(value))} />
      <ValuePicker
        label="Operation" field="name" rest={service ? spanset([service.text]) : undefined} value={find(query, isName)?.value}
        onChange={(value) => set(isName, value === undefined ? undefined : condition("name", "=", literal(value)))}
      />
      <SegmentedControl
        size="xs" aria-label="Status" value={status} onChange={(value) => set(isStatus, value === "any" ? undefined : condition("status", "=", value))}
        data={[{ value: "any", label: "Any" }, { value: "error", label: "Error" }, { value: "ok", label: "OK" }, { value: "unset", label: "Unset" }]}
      />
      <Durations query={query} onQuery={onQuery} />
      <Conditions query={query} onQuery={onQuery} />
    </div>
  );
}

interface ValuePickerProps {
  label: string;
  field: string;
  /** The spans whose values are offered. */
  rest: string | undefined;
  /** The literal in the query. */
  value: string | undefined;
  onChange: (value: string | undefined) => void;
}

function ValuePicker({ label, field, rest, value, onChange }: ValuePickerProps) {
  const { bounds, range } = useRange();
  const [opened, setOpened] = useState(false);
  // What it offers is a help: when it fails, the query can still be written by hand.
  const values = useQuery({ queryKey: ["tempo", "values", field, rest ?? "", range], queryFn: ({ signal }) => tempo.tagValues(field, rest, bounds, signal), enabled: opened, retry: false, placeholderData: undefined });
  const chosen = value === undefined ? null : textOf(value);
  const known = [...new Set((values.data ?? []).map((one) => one.value))].filter((one) => one !== "").sort((a, b) => a.localeCompare(b));
  return (
    <Select
      aria-label={label} placeholder={`Any ${label.toLowerCase()}`} value={chosen} data={chosen === null || known.includes(chosen) ? known : [chosen, ...known]}
      onChange={(next) => onChange(next ?? undefined)} onDropdownOpen={() => setOpened(true)}
      nothingFoundMessage={values.error ? "Values could not be loaded" : values.isPending ? "Loading …" : "No value in this time range"}
      clearable searchable limit={LISTED} maxDropdownHeight={360} className={classes.picker} w={172}
    />
  );
}

function Durations({ query, onQuery }: BuilderProps) {
  const written: Lasting | undefined = find(query, isShortest("trace")) ?? find(query, isLongest("trace")) ? "trace" : find(query, isShortest("span")) ?? find(query, isLongest("span")) ? "span" : undefined;
  const [chosen, setChosen] = useState<Lasting>("trace");
  const of = written ?? chosen;
  const bound = (wanted: Wanted): string | undefined => find(query, wanted)?.value;
  const change = (next: Lasting): void => {
    setChosen(next);
    const [least, most] = [bound(isShortest(of)), bound(isLongest(of))];
    const bare = replace(replace(query, isShortest(of), undefined), isLongest(of), undefined);
    const longer = least === undefined ? bare : replace(bare, isShortest(next), durationCondition(next, ">=", least));
    onQuery(most === undefined ? longer : replace(longer, isLongest(next), durationCondition(next, "<=", most)));
  };
  const apply = (wanted: Wanted, op: ">=" | "<=") => (text: string | undefined): void => onQuery(replace(query, wanted, text === undefined ? undefined : durationCondition(of, op, text)));
  return (
    <span className={classes.durations} role="group" aria-label="Duration">
      <Select aria-label="Duration of" value={of} onChange={(next) => change(next === "span" ? "span" : "trace")} data={[{ value: "trace", label: "Trace took" }, { value: "span", label: "Span took" }]} allowDeselect={false} w={112} />
      <TextFilter aria-label="Shortest duration" placeholder="Min 250ms" value={bound(isShortest(of))} valid={isDurationFilter} hint="Like 250ms, 1.5s, 2m" onApply={apply(isShortest(of), ">=")} w={92} />
      <TextFilter aria-label="Longest duration" placeholder="Max 10s" value={bound(isLongest(of))} valid={isDurationFilter} hint="Like 250ms, 1.5s, 2m" onApply={apply(isLongest(of), "<=")} w={92} />
    </span>
  );
}

/** The other conditions as chips: type `key=value` or a condition of TraceQL and press Enter. */
function Conditions({ query, onQuery }: BuilderProps) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const list = others(query);
  const add = (): void => {
    const item = text.trim();
    if (item === "") return;
    const written = conditionOf(item);
    if (written === undefined) {
      setWrong(true);
      return;
    }
    setText("");
    onQuery(replace(query, (one) => one.text === written, written));
  };
  return (
    <PillsInput size="xs" error={wrong ? "Write key=value" : undefined} className={classes.conditions}>
      <Pill.Group>
        {list.map((one) => (
          <Pill key={one.from} withRemoveButton removeButtonProps={{ "aria-label": `Remove ${one.text}`, "aria-hidden": false, tabIndex: 0 }} onRemove={() => onQuery(replace(query, (other) => other.from === one.from, undefined))} title={one.text}>
            {one.text}
          </Pill>
        ))}
        <PillsInput.Field
          aria-label="Add a condition" style={{ minWidth: 60 }} placeholder={list.length === 0 ? "Attribute, as user.id=42" : ""} value={text}
          onChange={(event) => { setText(event.currentTarget.value); setWrong(false); }}
          onBlur={add}
          onKeyDown={(event) => {
            const last = list.at(-1);
            if (event.key === "Enter") add();
            if (event.key === "Backspace" && text === "" && last) onQuery(replace(query, (other) => other.from === last.from, undefined));
          }}
        />
      </Pill.Group>
    </PillsInput>
  );
}

const INTRINSIC = /^(name|status|statusMessage|duration|kind|traceDuration|rootName|rootServiceName|nestedSetParent|(span|trace|event|link|instrumentation):\w+)$/;

/** A condition out of `key=value`; a key without a scope is of the span or its resource. */
function conditionOf(text: string): string | undefined {
  const [, key = "", op, value = ""] = /^\s*([^\s=!<>~]+)\s*(=~|!~|!=|>=|<=|=|>|<)\s*([\s\S]*)$/.exec(text) ?? [];
  if (op === undefined || key === "" || value === "") return undefined;
  const intrinsic = INTRINSIC.test(key);
  const scoped = intrinsic || /^(span|resource|event|link|instrumentation|parent)?\./.test(key);
  const bare = intrinsic && !/^(name|statusMessage|rootName|rootServiceName|.*:.*)$/.test(key) ? value.trim() : op === "=~" || op === "!~" ? literal(value.trim().replace(/^(["`])([\s\S]*)\1$/, "$2")) : typedLiteral(value);
  return condition(scoped ? key : attributeField(key), op, bare);
}
