// Chooses which fields have a column.

import { ActionIcon, Button, Checkbox, Popover } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconColumns3 } from "@tabler/icons-react";
import { useState } from "react";
import { loki } from "@/api/loki";
import { useNarrow } from "@/components/DataTable";
import { TextFilter } from "@/components/filters";
import { Skeleton } from "@/components/Skeleton";
import type { LogEntry } from "@/lib/logEntries";
import { useRange } from "@/lib/useRange";
import classes from "./LogsPage.module.css";

interface ColumnsProps {
  query: string;
  columns: string[];
  entries: LogEntry[];
  onColumn: (name: string) => void;
}

const FIELDS_MAX = 200;
/** Lines whose fields are offered. */
const LOOKED_AT = 300;

export function Columns({ query, columns, entries, onColumn }: ColumnsProps) {
  const [open, setOpen] = useState(false);
  const narrow = useNarrow();
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus returnFocus>
      <Popover.Target>
        {narrow
          ? <ActionIcon variant="default" size={30} aria-label="Columns" aria-expanded={open} onClick={() => setOpen(!open)}><IconColumns3 size={15} /></ActionIcon>
          : <Button variant="default" leftSection={<IconColumns3 size={14} aria-hidden />} aria-expanded={open} onClick={() => setOpen(!open)}>Columns</Button>}
      </Popover.Target>
      <Popover.Dropdown p={0}>{open && <Chooser query={query} columns={columns} entries={entries} onColumn={onColumn} />}</Popover.Dropdown>
    </Popover>
  );
}

function Chooser({ query, columns, entries, onColumn }: ColumnsProps) {
  const { window } = useRange();
  const [find, setFind] = useState<string | undefined>();
  // What the lines at hand have is known at once; the server knows of fields in others.
  const fields = useQuery({ queryKey: ["loki", "fields", query, window, FIELDS_MAX], queryFn: ({ signal }) => loki.fields(query, FIELDS_MAX, window, signal), retry: false });
  const seen = entries.slice(0, LOOKED_AT).flatMap((entry) => [...Object.keys(entry.labels), ...Object.keys(entry.metadata), ...Object.keys(entry.parsed)]);
  // A field that is read out of the line is there only when the query reads it.
  const told = (fields.data ?? []).filter((field) => (field.parsers ?? []).length === 0).map((field) => field.label);
  const names = [...new Set([...columns, ...seen, ...told])].sort((a, b) => Number(columns.includes(b)) - Number(columns.includes(a)) || a.localeCompare(b));
  const shown = names.filter((name) => find === undefined || name.toLowerCase().includes(find.toLowerCase()));
  return (
    <div className={classes.chooser}>
      <TextFilter aria-label="Search columns" placeholder="Search fields" value={find} onApply={setFind} data-autofocus />
      <div className={classes.choices} role="group" aria-label="Columns">
        {shown.map((name) => <Checkbox key={name} label={name} checked={columns.includes(name)} onChange={() => onColumn(name)} />)}
        {fields.isPending && <Skeleton width="60%" />}
        {shown.length === 0 && !fields.isPending && <p className="dim">No such field. Fields inside of lines appear once the query has <code>| json</code> or <code>| logfmt</code>.</p>}
      </div>
    </div>
  );
}
