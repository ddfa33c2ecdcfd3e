// One query: its editor, whether it is shown, and what the server said of it.

import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconAlignLeft, IconEye, IconEyeOff, IconInfoCircle, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import { prometheus } from "@/api/prometheus";
import { isOfQuery, QueryError } from "@/components/QueryError";
import { QueryEditor, type EditorLanguage } from "@/components/QueryEditor";
import { letter } from "@/lib/promSeries";
import { errorPlace, errorText } from "@/lib/promql";
import type { Answer } from "@/lib/promSeries";
import { recall } from "./useDrafts";
import classes from "./MetricsPage.module.css";

interface QueryRowProps {
  index: number;
  alone: boolean;
  text: string;
  /** The text that the answer is of. */
  ran: string | undefined;
  answer: Answer | undefined;
  off: boolean;
  language: EditorLanguage;
  onChange: (text: string) => void;
  onRun: () => void;
  onFocus: () => void;
  onOff: () => void;
  onRemove: () => void;
}

export function QueryRow(props: QueryRowProps) {
  const { index, alone, text, ran, answer, off, language, onChange } = props;
  const [refused, setRefused] = useState<{ of: string; error: Error } | undefined>();
  const name = letter(index);
  // What was wrong with the query that ran says nothing of the text that replaces it.
  const failed = answer?.error && !(text !== ran && isOfQuery(answer.error)) ? answer.error : null;
  const error = failed ?? (refused?.of === text ? refused.error : null);
  const place = error && (text === ran || refused?.of === text) ? errorPlace(text, error.message) : undefined;
  const format = (): void => {
    prometheus.format(text).then((formatted) => { setRefused(undefined); onChange(formatted); }, (failure: unknown) => setRefused({ of: text, error: failure as Error }));
  };
  return (
    <div className={classes.query} data-off={off}>
      <div className={classes.queryLine}>
        {!alone && <span className={classes.letter} aria-hidden>{name}</span>}
        <QueryEditor
          label={`Query ${name}`} value={text} language={language} onChange={onChange} onRun={props.onRun} onFocus={props.onFocus}
          onHistory={(by) => recall(text, by)} error={place && error ? { ...place, message: errorText(error.message) } : undefined}
        />
        <div className={classes.queryTools}>
          <Tool label="Format this query" onClick={format} disabled={text.trim() === ""}><IconAlignLeft size={15} /></Tool>
          {!alone && <Tool label={off ? `Show query ${name}` : `Hide query ${name}`} onClick={props.onOff}>{off ? <IconEyeOff size={15} /> : <IconEye size={15} />}</Tool>}
          {!alone && <Tool label={`Remove query ${name}`} onClick={props.onRemove}><IconTrash size={15} /></Tool>}
        </div>
      </div>
      {error && <QueryError error={error} onRetry={answer?.error ? () => void answer.refetch() : undefined} />}
      {answer?.data && !answer.isPlaceholderData && <Notes warnings={answer.data.warnings} infos={answer.data.infos} />}
    </div>
  );
}

function Tool({ label, onClick, disabled = false, children }: { label: string; onClick: () => void; disabled?: boolean; children: React.ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size={30} aria-label={label} onClick={onClick} disabled={disabled} className={classes.tool}>{children}</ActionIcon>
    </Tooltip>
  );
}

const NOTES_SHOWN = 3;

function Notes({ warnings, infos }: { warnings: string[]; infos: string[] }) {
  const [all, setAll] = useState(false);
  const notes = [...warnings.map((text) => ({ text, tone: "warn" })), ...infos.map((text) => ({ text, tone: "info" }))];
  if (notes.length === 0) return null;
  return (
    <ul className={classes.notes} aria-label="Notes of the server">
      {(all ? notes : notes.slice(0, NOTES_SHOWN)).map(({ text, tone }) => (
        <li key={text} data-tone={tone}>
          {tone === "warn" ? <IconAlertTriangle size={14} aria-label="Warning" /> : <IconInfoCircle size={14} aria-label="Info" />}<span>{text}</span>
        </li>
      ))}
      {notes.length > NOTES_SHOWN && <li><Button variant="subtle" size="compact-xs" onClick={() => setAll(!all)}>{all ? "Fewer" : `${notes.length - NOTES_SHOWN} more`}</Button></li>}
    </ul>
  );
}
