// The query as text: its editor, run, order, and what the server said of it.

import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { IconAlignLeft, IconPlayerPlay } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { loki } from "@/api/loki";
import { isOfQuery, QueryError } from "@/components/QueryError";
import { QueryEditor, type EditorLanguage } from "@/components/QueryEditor";
import { logqlErrorPlace } from "@/lib/logqlText";
import { queryHistory } from "@/lib/queryHistory";
import { useRange } from "@/lib/useRange";
import { completionClient } from "./completion";
import classes from "./LogsPage.module.css";

const KEYS = "Enter runs, Shift Enter makes a new line, Tab completes, Alt ↑ brings earlier queries, / comes here";
const { remember, recall } = queryHistory();

interface QueryBarProps {
  draft: string;
  /** The query that the page shows. */
  ran: string;
  error: Error | null;
  onDraft: (text: string) => void;
  onRun: (text: string) => void;
  onRetry: () => void;
  /** Further tools beside the query. */
  children?: ReactNode;
}

const nothing = (): void => undefined;

export function QueryBar({ draft, ran, error, onDraft, onRun, onRetry, children }: QueryBarProps) {
  const queries = useQueryClient();
  const { window } = useRange();
  const now = useRef(window);
  useEffect(() => { now.current = window; }, [window]);
  const language = useMemo((): EditorLanguage => ({
    placeholder: 'LogQL, as {service_name="api"} |= "timeout"',
    load: async () => (await import("./logqlLanguage")).logql(completionClient(queries, () => now.current)),
  }), [queries]);
  const [refused, setRefused] = useState<{ of: string; error: Error } | undefined>();
  // What was wrong with the query that ran says nothing of the text that replaces it.
  const failed = error && !(draft !== ran && isOfQuery(error)) ? error : null;
  const shown = failed ?? (refused?.of === draft ? refused.error : null);
  const place = shown && (draft === ran || refused?.of === draft) ? logqlErrorPlace(draft, shown.message) : undefined;
  const run = (): void => {
    remember(draft);
    onRun(draft);
  };
  const format = (): void => {
    loki.format(draft).then((formatted) => { setRefused(undefined); onDraft(formatted); }, (failure: unknown) => setRefused({ of: draft, error: failure as Error }));
  };
  return (
    <section aria-label="Query" className={classes.query} id="logs-query">
      <div className={classes.queryLine}>
        <QueryEditor
          label="LogQL query" value={draft} language={language} onChange={onDraft} onRun={run} onFocus={nothing} onHistory={(by) => recall(draft, by)}
          error={place && shown ? { ...place, message: shown.message } : undefined}
        />
        <Tooltip label="Format this query"><ActionIcon variant="subtle" color="gray" size={32} aria-label="Format this query" disabled={draft.trim() === ""} className={classes.format} onClick={format}><IconAlignLeft size={15} /></ActionIcon></Tooltip>
        {children}
        <Tooltip label={KEYS}><Button h={32} leftSection={<IconPlayerPlay size={14} aria-hidden />} variant={draft.trim() === ran ? "default" : "filled"} onClick={run}>Run</Button></Tooltip>
      </div>
      {shown && <QueryError error={shown} onRetry={onRetry} />}
    </section>
  );
}

/** Puts the cursor into the query. */
export function focusQuery(): void {
  document.querySelector<HTMLElement>("#logs-query .cm-content, #logs-query textarea")?.focus();
}
