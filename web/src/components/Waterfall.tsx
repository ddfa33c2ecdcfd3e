// The waterfall of a trace: a virtualised tree beside a time axis, with a minimap to zoom in time.
// Bars are coloured by service, errors carry a mark, the critical path a line below the bar.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { formatDuration } from "@/lib/format";
import { tokenUse } from "@/lib/spans";
import type { TraceModel } from "@/lib/traceModel";
import { rowOf, ticks, type Folding, type Node, type Row } from "@/lib/waterfall";
import { useNarrow } from "./DataTable";
import { Minimap } from "./Minimap";
import classes from "./Waterfall.module.css";
import { GroupRow, SpanRow, type View } from "./WaterfallRow";

interface WaterfallProps {
  model: TraceModel;
  rows: Row[];
  folding: Folding;
  onFolding: (folding: Folding) => void;
  selected: Node | undefined;
  onSelect: (node: Node) => void;
  /** Spans found by the search; the others are dimmed. */
  matches: ReadonlySet<Node> | undefined;
}

const ROW = 26;
const NARROW_ROW = 32;

export function Waterfall({ model, rows, folding, onFolding, selected, onSelect, matches }: WaterfallProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const size = narrow ? NARROW_ROW : ROW;
  const total = Math.max(1, model.tree.durationNs);
  const [view, setView] = useState<View>({ from: 0, to: total });
  const withTokens = useMemo(() => !narrow && model.tree.nodes.some((node) => tokenUse(node.span.attributes) !== undefined), [model, narrow]);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => size, overscan: 16 });

  const index = useMemo(() => (selected ? rowOf(rows, selected) : -1), [rows, selected]);
  useEffect(() => {
    if (index >= 0) virtual.scrollToIndex(index, { align: "auto" });
  }, [index, virtual]);

  const toggleNode = useCallback((node: Node) => {
    const collapsed = new Set(folding.collapsed);
    if (!collapsed.delete(node.index)) collapsed.add(node.index);
    onFolding({ ...folding, collapsed });
  }, [folding, onFolding]);
  const toggleGroup = useCallback((id: string) => {
    const opened = new Set(folding.opened);
    if (!opened.delete(id)) opened.add(id);
    onFolding({ ...folding, opened });
  }, [folding, onFolding]);

  return (
    <div className={classes.waterfall} data-tokens={withTokens}>
      <div className={classes.top}>
        <Legend model={model} />
        <div className={classes.axisArea}>
          <Minimap model={model} view={view} total={total} onView={setView} />
          <Axis view={view} narrow={narrow} />
        </div>
        {withTokens && <div className={classes.tokensHead}>Tokens</div>}
      </div>
      <div ref={scroller} className={classes.scroller} role="tree" aria-label="Spans" tabIndex={0}>
        <div className={classes.rows} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const place = { top: item.start, height: size };
            return row.type === "span"
              ? (
                <SpanRow
                  key={row.node.index} model={model} node={row.node} depth={row.depth} view={view} place={place} narrow={narrow}
                  collapsed={folding.collapsed.has(row.node.index)} selected={row.node === selected}
                  dimmed={matches !== undefined && !matches.has(row.node)} withTokens={withTokens}
                  onSelect={onSelect} onToggle={toggleNode}
                />
              )
              : (
                <GroupRow
                  key={row.id} model={model} row={row} view={view} place={place} narrow={narrow} selected={!row.open && row.nodes[0] === selected}
                  dimmed={matches !== undefined && !row.nodes.some((node) => matches.has(node))} onToggle={toggleGroup} onSelect={onSelect}
                />
              );
          })}
        </div>
      </div>
    </div>
  );
}

function Legend({ model }: { model: TraceModel }) {
  return (
    <ul className={classes.legend} aria-label="Services">
      {[...model.colors].map(([service, color]) => (
        <li key={service} title={service}><i style={{ background: `var(${color})` }} /><span className="clip">{service || "unknown"}</span></li>
      ))}
      <li title="What the end of the trace waited for"><i className={classes.criticalKey} />critical path</li>
    </ul>
  );
}

function Axis({ view, narrow }: { view: View; narrow: boolean }) {
  const width = view.to - view.from;
  return (
    <div className={classes.axis} aria-hidden>
      {ticks(view.from, view.to, narrow ? 2 : 5).map((at) => {
        const left = ((at - view.from) / width) * 100;
        return left > (narrow ? 80 : 94) ? null : <span key={at} style={{ left: `${left}%` }}>{at === 0 ? "0" : formatDuration(at)}</span>;
      })}
    </div>
  );
}
