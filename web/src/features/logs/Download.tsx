// Saves the lines that the query finds, all pages of them up to a limit, as JSON lines or CSV.

import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { loki } from "@/api/loki";
import { useNarrow } from "@/components/DataTable";
import { saveText } from "@/lib/csv";
import { exactCount, formatCount, plural } from "@/lib/format";
import { csvOf, jsonLines } from "@/lib/logExport";
import { pageOf, type Cursor, type Direction, type LogEntry } from "@/lib/logEntries";
import { useRange } from "@/lib/useRange";
import { windowOf } from "./useLogs";

/** Lines of a file at most. */
export const DOWNLOAD_MAX = 50_000;
/** Lines asked for at once: what the server gives at most unless told otherwise. */
const PAGE = 5000;

interface DownloadProps {
  query: string;
  direction: Direction;
  /** Of the live tail: what is shown is saved as it is. */
  shown: LogEntry[] | undefined;
}

type Progress = { kind: "none" } | { kind: "loading"; lines: number } | { kind: "done"; text: string } | { kind: "failed"; text: string };

export function Download({ query, direction, shown }: DownloadProps) {
  const { window } = useRange();
  const narrow = useNarrow();
  const [progress, setProgress] = useState<Progress>({ kind: "none" });
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const save = async (format: "json" | "csv"): Promise<void> => {
    const abort = new AbortController();
    running.current = abort;
    try {
      const { entries, cut } = shown ? { entries: shown, cut: false } : await collect(query, direction, window, abort.signal, (lines) => setProgress({ kind: "loading", lines }));
      if (format === "json") saveText("logs.jsonl", "application/x-ndjson", jsonLines(entries));
      else saveText("logs.csv", "text/csv", csvOf(entries));
      setProgress({ kind: "done", text: cut ? `Saved the first ${exactCount(entries.length)} lines: a file holds no more. Narrow the time range for the others.` : `Saved ${plural(entries.length, "line")}.` });
    } catch (error) {
      setProgress(abort.signal.aborted ? { kind: "none" } : { kind: "failed", text: `Not saved: ${error instanceof Error ? error.message : "unknown error"}` });
    }
  };
  if (progress.kind === "loading") {
    return <Button variant="default" onClick={() => running.current?.abort()}>{formatCount(progress.lines)} lines … Cancel</Button>;
  }
  return (
    <>
      {progress.kind !== "none" && <span role="status" className={progress.kind === "failed" ? undefined : "dim"}>{progress.text}</span>}
      <Menu position="bottom-end">
        <Menu.Target>
          {narrow ? <ActionIcon variant="default" size={30} aria-label="Download"><IconDownload size={15} /></ActionIcon> : <Button variant="default" leftSection={<IconDownload size={14} aria-hidden />}>Download</Button>}
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => void save("json")}>JSON lines</Menu.Item>
          <Menu.Item onClick={() => void save("csv")}>CSV</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

async function collect(query: string, direction: Direction, window: { start: string; end: string }, signal: AbortSignal, onLines: (lines: number) => void): Promise<{ entries: LogEntry[]; cut: boolean }> {
  const entries: LogEntry[] = [];
  let cursor: Cursor | undefined;
  onLines(0);
  for (;;) {
    const page = pageOf(await loki.lines({ query, limit: PAGE, direction, ...windowOf(window, direction, cursor) }, signal), direction, PAGE, cursor);
    entries.push(...page.entries);
    onLines(entries.length);
    if (page.next === undefined) return { entries, cut: entries.length > DOWNLOAD_MAX };
    if (entries.length >= DOWNLOAD_MAX) return { entries: entries.slice(0, DOWNLOAD_MAX), cut: true };
    cursor = page.next;
  }
}
