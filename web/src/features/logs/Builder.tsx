// The query by hand: labels of streams, a text, levels. It reads from the query and edits it, so both always say the same.

import { ActionIcon, Button, Select, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { IconLetterCase } from "@tabler/icons-react";
import { useState } from "react";
import { loki } from "@/api/loki";
import type { Level } from "@/api/types";
import { TextFilter } from "@/components/filters";
import { levelVar } from "@/lib/colors";
import { exactCount, formatCount, plural } from "@/lib/format";
import { LEVELS } from "@/lib/level";
import { levelsOf, readQuery, selectorWithout, setLevels, setMatcher, setText, textOf, type LogQuery } from "@/lib/logql";
import { SERVICE_LABEL } from "@/lib/logqlText";
import { useRange } from "@/lib/useRange";
import type { Volume } from "@/lib/logVolume";
import classes from "./LogsPage.module.css";

interface BuilderProps {
  query: string;
  labels: string[];
  volume: Volume | undefined;
  /** Whether counts by level are asked for: their room is kept until they come. */
  counted: boolean;
  /** Levels alone: on narrow screens the rest comes on demand. */
  brief: boolean;
  onQuery: (query: string) => void;
}

/** Labels offered at once; the others on demand. */
const SHOWN = 3;
/** Values that a picker lists at most. */
const LISTED = 200;

export function Builder({ query, labels, volume, counted, brief, onQuery }: BuilderProps) {
  const [all, setAll] = useState(false);
  const read = readQuery(query);
  const text = textOf(query);
  const [matchCase, setMatchCase] = useState(false);
  const levels = levelsOf(query);
  const isCase = text?.matchCase ?? matchCase;
  const ordered = inOrder(labels, read);
  const shown = all ? ordered : ordered.slice(0, Math.max(SHOWN, ordered.filter((name) => read?.matchers.some((one) => one.name === name)).length));
  return (
    <div className={classes.builder} role="search" aria-label="Build the query">
      {!brief && (
        <>
          {shown.map((name) => <LabelPicker key={name} name={name} query={query} read={read} onQuery={onQuery} />)}
          {ordered.length > shown.length || all ? <Button variant="subtle" onClick={() => setAll(!all)}>{all ? "Fewer labels" : plural(ordered.length - shown.length, "more label", "more labels")}</Button> : null}
          <TextFilter
            aria-label="Text in the line" placeholder="Text in the line" className={classes.text} value={text?.text} onApply={(next) => onQuery(setText(query, next === undefined ? undefined : { text: next, matchCase: isCase }))}
            rightSection={
              <Tooltip label={isCase ? "Upper and lower case differ" : "Upper and lower case are the same"}>
                <ActionIcon
                  size="sm" variant={isCase ? "light" : "subtle"} color={isCase ? undefined : "gray"} aria-label="Match case" aria-pressed={isCase}
                  onClick={() => { setMatchCase(!isCase); if (text) onQuery(setText(query, { text: text.text, matchCase: !isCase })); }}
                >
                  <IconLetterCase size={15} />
                </ActionIcon>
              </Tooltip>
            }
          />
        </>
      )}
      <Levels levels={levels} volume={volume} counted={counted} onLevels={(next) => onQuery(setLevels(query, next))} />
    </div>
  );
}

/** The labels that the query names, then the service, then the others. */
function inOrder(labels: string[], read: LogQuery | undefined): string[] {
  const used = new Set(read?.matchers.map((one) => one.name));
  const rank = (name: string): number => (name === SERVICE_LABEL ? 0 : used.has(name) ? 1 : name.startsWith("__") ? 3 : 2);
  return [...new Set([...labels, ...used])].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function LabelPicker({ name, query, read, onQuery }: { name: string; query: string; read: LogQuery | undefined; onQuery: (query: string) => void }) {
  const { window, range } = useRange();
  const [opened, setOpened] = useState(false);
  const selector = selectorWithout(query, name);
  // What it offers is a help: when it fails, the query can still be written by hand.
  const values = useQuery({ queryKey: ["loki", "values", name, selector ?? "", range], queryFn: ({ signal }) => loki.labelValues(name, selector, window, signal), enabled: opened, retry: false, placeholderData: undefined });
  const own = read?.matchers.filter((one) => one.name === name) ?? [];
  const value = own.find((one) => one.op === "=")?.value ?? null;
  const other = own.find((one) => one.op !== "=" && !(one.op === "=~" && one.value === ".+"));
  const data = values.data ?? [];
  return (
    <Select
      aria-label={`Label ${name}`} placeholder={other ? `${name} ${other.op} ${other.value}` : `Any ${name}`} title={name} value={value} data={value === null || data.includes(value) ? data : [value, ...data]}
      onChange={(next) => onQuery(setMatcher(query, name, next))}
      onDropdownOpen={() => setOpened(true)} nothingFoundMessage={values.error ? "Values could not be loaded" : values.isPending ? "Loading …" : "No value in this time range"}
      clearable searchable limit={LISTED} className={classes.picker} w={Math.max(140, Math.min(172, 80 + name.length * 7))}
    />
  );
}

/** Levels as switches with their counts: the legend of the histogram. */
function Levels({ levels, volume, counted, onLevels }: { levels: Level[]; volume: Volume | undefined; counted: boolean; onLevels: (levels: Level[]) => void }) {
  const count = (level: Level): number | undefined => volume?.levels.find((one) => one.level === level)?.total;
  return (
    <div className={classes.levels} role="group" aria-label="Levels">
      {LEVELS.filter((level) => level !== "unknown" || levels.includes(level) || (count(level) ?? 0) > 0).map((level) => {
        const on = levels.includes(level);
        const lines = count(level);
        return (
          <button
            key={level} type="button" className={classes.level} aria-pressed={on} aria-label={level} title={lines === undefined ? level : `${level}: about ${exactCount(lines)} lines`}
            onClick={() => onLevels(on ? levels.filter((one) => one !== level) : [...levels, level])}
          >
            <i style={{ background: `var(${levelVar(level)})` }} />{level}{counted && <b>{lines === undefined ? "" : formatCount(lines)}</b>}
          </button>
        );
      })}
    </div>
  );
}
