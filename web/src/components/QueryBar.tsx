// A query as text: its editor, run, order, and what the server said of it.

import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconAlignLeft, IconPlayerPlay } from "@tabler/icons-react";
import { useState, type ReactNode } from "react";
import type { ErrorPlace } from "@/lib/errorPlace";
import type { QueryHistory } from "@/lib/queryHistory";
import classes from "./QueryBar.module.css";
import { QueryEditor, type EditorLanguage } from "./QueryEditor";
import { isOfQuery, QueryError } from "./QueryError";

const KEYS = "Enter runs, Shift Enter makes a new line, Tab completes, Alt ↑ brings earlier queries";

interface QueryBarProps {
  /** The editor's name: `LogQL query`. */
  label: string;
  /** Of the part of the page, where there are several. */
  region?: string;
  /** Of the element, for `focusQuery`; the key `/` leads there then. */
  id?: string;
  language: EditorLanguage;
  history: QueryHistory;
  draft: string;
  /** The query that the page shows. */
  ran: string;
  error: Error | null;
  placeOf: (query: string, message: string) => ErrorPlace | undefined;
  onDraft: (text: string) => void;
  onRun: (text: string) => void;
  onRetry: () => void;
  /** Writes a query in good order; without it there is no button for that. */
  format?: (query: string) => Promise<string>;
  /** Further tools beside the query. */
  children?: ReactNode;
}

const nothing = (): void => undefined;

export function QueryBar({ label, region = "Query", id, language, history, draft, ran, error, placeOf, onDraft, onRun, onRetry, format, children }: QueryBarProps) {
  const [refused, setRefused] = useState<{ of: string; error: Error } | undefined>();
  // What was wrong with the query that ran says nothing of the text that replaces it.
  const failed = error && !(draft !== ran && isOfQuery(error)) ? error : null;
  const shown = failed ?? (refused?.of === draft ? refused.error : null);
  const place = shown && (draft === ran || refused?.of === draft) ? placeOf(draft, shown.message) : undefined;
  const run = (): void => {
    history.remember(draft);
    onRun(draft);
  };
  const order = (): void => {
    format?.(draft).then((formatted) => { setRefused(undefined); onDraft(formatted); }, (failure: unknown) => setRefused({ of: draft, error: failure as Error }));
  };
  return (
    <section aria-label={region} className={classes.query} id={id}>
      <div className={classes.queryLine}>
        <QueryEditor
          label={label} value={draft} language={language} onChange={onDraft} onRun={run} onFocus={nothing} onHistory={(by) => history.recall(draft, by)}
          error={place && shown ? { ...place, message: shown.message } : undefined}
        />
        {format && <Tooltip label="Format this query"><ActionIcon variant="subtle" color="gray" size={32} aria-label="Format this query" disabled={draft.trim() === ""} className={classes.format} onClick={order}><IconAlignLeft size={15} /></ActionIcon></Tooltip>}
        {children}
        <Tooltip label={id === undefined ? KEYS : `${KEYS}, / comes here`}><Button h={32} leftSection={<IconPlayerPlay size={14} aria-hidden />} variant={draft.trim() === ran ? "default" : "filled"} onClick={run}>Run</Button></Tooltip>
      </div>
      {shown && <QueryError error={shown} onRetry={onRetry} />}
    </section>
  );
}

/** Puts the cursor into the query of a bar. */
export function focusQuery(id: string): void {
  document.querySelector<HTMLElement>(`#${id} .cm-content, #${id} textarea`)?.focus();
}
