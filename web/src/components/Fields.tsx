// Attributes as a list of key and value. Each value can be copied and, where the page can, filtered by.

import { ActionIcon, Tooltip } from "@mantine/core";
import { IconFilter } from "@tabler/icons-react";
import { Fragment, useState } from "react";
import type { Attributes } from "@/api/types";
import { inline, prettyJson, visible } from "@/lib/format";
import { CodeBlock, CopyIcon } from "./CodeBlock";
import classes from "./Fields.module.css";

interface FieldsProps {
  attributes: Attributes;
  /** Looks for the value elsewhere; offered for plain values only. */
  onFilter?: ((key: string, value: unknown) => void) | undefined;
  filterLabel?: string;
  empty?: string;
}

export function Fields({ attributes, onFilter, filterLabel = "Filter by this", empty = "None" }: FieldsProps) {
  const entries = Object.entries(attributes).sort(([a], [b]) => a.localeCompare(b));
  if (entries.length === 0) return <p className={classes.empty}>{empty}</p>;
  return (
    <dl className={classes.list}>
      {entries.map(([key, value]) => <Field key={key} name={key} value={value} onFilter={onFilter} filterLabel={filterLabel} />)}
    </dl>
  );
}

const LONG = 400;

function Field({ name, value, onFilter, filterLabel }: { name: string; value: unknown; onFilter: FieldsProps["onFilter"]; filterLabel: string }) {
  const text = inline(value);
  const shown = visible(text);
  const pretty = prettyJson(value);
  const filterable = onFilter !== undefined && typeof value !== "object" && name !== "" && text.length <= 512;
  return (
    <div className={classes.field} data-block={pretty !== undefined && pretty.length > 60}>
      <dt className={classes.key}>{name === "" ? <em>empty key</em> : name.split(/(?<=[._/:-])/).map((part, i) => <Fragment key={i}>{i > 0 && <wbr />}{part}</Fragment>)}</dt>
      <dd className={classes.value}>
        {pretty !== undefined && pretty.length > 60
          ? <CodeBlock code={pretty} what={name} maxHeight={320} wrap />
          : <LongText text={shown} kind={typeof value} />}
      </dd>
      <div className={classes.tools}>
        {filterable && (
          <Tooltip label={filterLabel}>
            <ActionIcon size="sm" variant="subtle" color="gray" aria-label={`${filterLabel}: ${name}=${text}`} onClick={() => onFilter(name, value)}>
              <IconFilter size={14} />
            </ActionIcon>
          </Tooltip>
        )}
        {pretty === undefined && <CopyIcon text={text} what="value" />}
      </div>
    </div>
  );
}

function LongText({ text, kind }: { text: string; kind: string }) {
  const [open, setOpen] = useState(false);
  if (text === "") return <span className={classes.none}>empty</span>;
  if (text.length <= LONG) return <span data-kind={kind}>{text}</span>;
  return (
    <>
      <span>{open ? text : `${text.slice(0, LONG)}…`}</span>{" "}
      <button type="button" className={classes.more} onClick={() => setOpen(!open)}>
        {open ? "Show less" : `Show all ${text.length.toLocaleString("en-US")} characters`}
      </button>
    </>
  );
}
