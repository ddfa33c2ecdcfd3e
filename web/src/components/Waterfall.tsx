// The waterfall of a trace: a virtualised tree beside a time axis, with a minimap to zoom in time.
// Bars are coloured by service, errors carry a mark, the critical path is a dark edge of the bars, events are marks on them.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef } from "react";
import type { Stretch } from "@/lib/criticalPath";
import { formatDuration } from "@/lib/format";
import { tokenUse } from "@/lib/spans";
import type { TraceModel } from "@/lib/traceModel";
import type { View } from "@/lib/timeView";
import { rowOf, ticks, type Folding, type Node, type Row } from "@/lib/waterfall";
import { useNarrow } from "./DataTable";
import { Minimap } from "./Minimap";
import classes from "./Waterfall.module.css";
import { GroupRow, SpanRow } from "./WaterfallRow";

interface WaterfallProps {
  model: TraceModel;
  rows: Row[];
  folding: Folding;
  onFolding: (folding: Folding) => void;
  selected: Node | undefined;
  onSelect: (node: Node) => void;
  /** Spans found by the search; the others are dimmed. */
  matches: ReadonlySet<Node> | undefined;
  /** The part of the trace's time that is drawn. */
  view: View;
  onView: (view: View) => void;
  /** The critical path by span id; undefined where it is not shown. */
  critical: ReadonlyMap<string, readonly Stretch[]> | undefined;
  /** Spans on the way of an error that is looked at. */
  errorPath: ReadonlySet<string> | undefined;
  /** What steps cost in USD, by span id. */
  costs: ReadonlyMap<string, number> | undefined;
}

const ROW = 26;
const NARROW_ROW = 32;

export function Waterfall({ model, rows, folding, onFolding, selected, onSelect, matches, view, onView, critical, errorPath, costs }: WaterfallProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useNarrow();
  const size = narrow ? NARROW_ROW : ROW;
  const total = Math.max(1, model.tree.durationNs);
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
        <Legend model={model} critical={critical !== undefined} />
        <div className={classes.axisArea}>
          <Minimap model={model} view={view} total={total} onView={onView} />
          <Axis view={view} narrow={narrow} />
        </div>
        {withTokens && <div className={classes.tokensHead}><span>Tokens</span><span>Cost</span></div>}
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
                  critical={critical?.get(row.node.span.span_id)} onErrorPath={errorPath?.has(row.node.span.span_id) === true} cost={costs?.get(row.node.span.span_id)}
                  onSelect={onSelect} onToggle={toggleNode}
                />
              )
              : (
                <GroupRow
                  key={row.id} model={model} row={row} view={view} place={place} narrow={narrow} critical={critical} selected={!row.open && row.nodes[0] === selected}
                  dimmed={matches !== undefined && !row.nodes.some((node) => matches.has(node))} onToggle={toggleGroup} onSelect={onSelect}
                />
              );
          })}
        </div>
      </div>
    </div>
  );
}

function Legend({ model, critical }: { model: TraceModel; critical: boolean }) {
  return (
    <ul className={classes.legend} aria-label="Services">
      {[...model.colors].map(([service, color]) => (
        <li key={service} title={service}><i style={{ background: `var(${color})` }} /><span className="clip">{service || "unknown"}</span></li>
      ))}
      {critical && <li title="What the end of the trace waited for"><i className={classes.criticalKey} />critical path</li>}
    </ul>
  );
}

/** From here on, as a share of the width, a label stands left of its tick: it would be cut off on the right. */
const TURN = 0.86;
const NARROW_TURN = 0.66;

function Axis({ view, narrow }: { view: View; narrow: boolean }) {
  const width = view.to - view.from;
  return (
    <div className={classes.axis} aria-hidden>
      {ticks(view.from, view.to, narrow ? 2 : 5).map((at) => {
        const share = (at - view.from) / width;
        return share > (narrow ? NARROW_TURN : TURN)
          ? <span key={at} data-end style={{ right: `${(1 - share) * 100}%` }}>{formatDuration(at)}</span>
          : <span key={at} style={{ left: `${share * 100}%` }}>{at === 0 ? "0" : formatDuration(at)}</span>;
      })}
    </div>
  );
}
