// How the lines are shown: as lines or patterns, in which order, wrapped, with fields and columns.

import { ActionIcon, Button, SegmentedControl, Switch } from "@mantine/core";
import { IconListDetails, IconTextWrap } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useNarrow } from "@/components/DataTable";
import type { Change, LogsSearch } from "./search";
import classes from "./LogsPage.module.css";

export type LogMode = "lines" | "tail" | "patterns";

export function Tools({ mode, search, set, children }: { mode: LogMode; search: LogsSearch; set: Change; children: ReactNode }) {
  const narrow = useNarrow();
  const [wrap, fields] = [search.wrap === "1", search.fields === "1"];
  const setWrap = (): void => set({ wrap: wrap ? undefined : "1" }, true);
  const setFields = (): void => set({ fields: fields ? undefined : "1" });
  return (
    <div className={classes.tools}>
      <SegmentedControl size="xs" aria-label="View" value={mode === "patterns" ? "patterns" : "lines"} onChange={(view) => set({ view: view === "patterns" ? "patterns" : undefined, tail: undefined })} data={[{ value: "lines", label: "Lines" }, { value: "patterns", label: "Patterns" }]} />
      {mode === "lines" && (
        <SegmentedControl
          size="xs" aria-label="Order" value={search.dir ?? "backward"} onChange={(dir) => set({ dir: dir === "forward" ? "forward" : undefined })}
          data={[{ value: "backward", label: narrow ? "Newest" : "Newest first" }, { value: "forward", label: narrow ? "Oldest" : "Oldest first" }]}
        />
      )}
      {mode !== "patterns" && (
        <span className={classes.toolsEnd}>
          {narrow ? (
            <>
              <ActionIcon variant={wrap ? "light" : "default"} size={30} aria-label="Wrap lines" aria-pressed={wrap} onClick={setWrap}><IconTextWrap size={15} /></ActionIcon>
              <ActionIcon variant={fields ? "light" : "default"} size={30} aria-label="Fields" aria-pressed={fields} onClick={setFields}><IconListDetails size={15} /></ActionIcon>
            </>
          ) : (
            <>
              <Switch label="Wrap lines" checked={wrap} onChange={setWrap} />
              <Button variant={fields ? "light" : "default"} aria-pressed={fields} leftSection={<IconListDetails size={14} aria-hidden />} onClick={setFields}>Fields</Button>
            </>
          )}
          {children}
        </span>
      )}
    </div>
  );
}
