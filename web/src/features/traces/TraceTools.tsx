// The tools of the trace page: views, search inside, what is shown of the tree, the keys.

import { ActionIcon, Button, Popover, SegmentedControl, Switch, TextInput, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconArrowDown, IconArrowUp, IconFold, IconFoldDown, IconKeyboard, IconSearch } from "@tabler/icons-react";
import type { ReactNode, RefObject } from "react";
import { plural } from "@/lib/format";
import type { TraceModel } from "@/lib/traceModel";
import { foldLevel, type Folding, type Node } from "@/lib/waterfall";
import { neighbour } from "./matching";
import type { TraceSearch } from "./search";
import classes from "./TracePage.module.css";
import { KEYS } from "./useTraceKeys";

interface TraceToolsProps {
  findRef: RefObject<HTMLInputElement | null>;
  search: TraceSearch;
  set: (next: TraceSearch, replace?: boolean) => void;
  model: TraceModel;
  folding: Folding;
  onFolding: (folding: Folding) => void;
  matches: ReadonlySet<Node>;
  selected: Node | undefined;
  onSelect: (node: Node) => void;
  failed: number;
  /** Whether it tells of agents. */
  hasSteps: boolean;
  analysed: boolean;
  analysisError: Error | null;
  onRetry: () => void;
}

export function TraceTools(props: TraceToolsProps) {
  const { search, set, model, folding, onFolding, failed } = props;
  const waterfall = search.tab === undefined;
  return (
    <div className={classes.tools}>
      <SegmentedControl
        size="xs" aria-label="View" value={search.tab ?? "waterfall"}
        onChange={(tab) => set({ tab: tab === "logs" || tab === "services" || tab === "graph" ? tab : undefined }, false)}
        data={[{ value: "waterfall", label: "Waterfall" }, ...(props.hasSteps ? [{ value: "graph", label: "Graph" }] : []), { value: "services", label: "Services" }, { value: "logs", label: "Logs" }]}
      />
      {waterfall && (
        <>
          <Find {...props} />
          <Tool label="Fold a level ( [ )" onClick={() => onFolding(foldLevel(model.tree, folding, -1))}><IconFold size={15} /></Tool>
          <Tool label="Unfold a level ( ] )" disabled={folding.collapsed.size === 0} onClick={() => onFolding(foldLevel(model.tree, folding, 1))}><IconFoldDown size={15} /></Tool>
          {failed > 0 && <Switch label="Errors only" checked={search.only === "errors"} onChange={(event) => set({ only: event.currentTarget.checked ? "errors" : undefined })} />}
          {props.analysisError
            ? <span className={classes.notAnalysed}><IconAlertTriangle size={14} aria-hidden />no critical path<Button variant="subtle" size="compact-xs" onClick={props.onRetry}>Retry</Button></span>
            : <Switch label="Critical path" disabled={!props.analysed} checked={search.path !== "off"} onChange={(event) => set({ path: event.currentTarget.checked ? undefined : "off" })} />}
          <Popover position="bottom-end" withinPortal transitionProps={{ duration: 0 }}>
            <Popover.Target><ActionIcon variant="subtle" color="gray" size={30} className={classes.keys} aria-label="Keys"><IconKeyboard size={16} /></ActionIcon></Popover.Target>
            <Popover.Dropdown><dl className={classes.keyList}>{KEYS.map(([key, about]) => <div key={key}><dt>{key}</dt><dd>{about}</dd></div>)}</dl></Popover.Dropdown>
          </Popover>
        </>
      )}
    </div>
  );
}

function Find({ findRef, search, set, model, matches, selected, onSelect }: TraceToolsProps) {
  const go = (by: 1 | -1): void => {
    const next = neighbour(model, matches, selected, by);
    if (next) onSelect(next);
  };
  const at = selected ? [...matches].indexOf(selected) : -1;
  return (
    <span className={classes.find}>
      <TextInput
        ref={findRef} aria-label="Search in this trace" placeholder="Search spans ( / )" leftSection={<IconSearch size={14} aria-hidden />} w={210}
        value={search.find ?? ""} onChange={(event) => set({ find: event.currentTarget.value || undefined })}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
          if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
        }}
      />
      {search.find && (
        <>
          <span className={classes.matches} role="status">{at >= 0 ? `${at + 1} of ${plural(matches.size, "match", "matches")}` : plural(matches.size, "match", "matches")}</span>
          <Tool label="Previous match ( N )" disabled={matches.size === 0} onClick={() => go(-1)}><IconArrowUp size={15} /></Tool>
          <Tool label="Next match ( n )" disabled={matches.size === 0} onClick={() => go(1)}><IconArrowDown size={15} /></Tool>
        </>
      )}
    </span>
  );
}

function Tool({ label, disabled = false, onClick, children }: { label: string; disabled?: boolean; onClick: () => void; children: ReactNode }) {
  return <Tooltip label={label}><ActionIcon variant="default" size={30} aria-label={label.replace(/ \(.*$/, "")} disabled={disabled} onClick={onClick}>{children}</ActionIcon></Tooltip>;
}
