// One line of the waterfall: a span, or a fold of alike siblings.

import { IconAlertTriangle, IconChevronDown, IconChevronRight, IconDatabase, IconDatabaseSearch, IconLink, IconMessage, IconRobot, IconRoute, IconTool, IconVectorTriangle, IconWorld, type Icon } from "@tabler/icons-react";
import { memo, type CSSProperties } from "react";
import { exactDuration, formatCount, formatDuration, formatUsd, visible } from "@/lib/format";
import { drawnStretches, type Stretch } from "@/lib/criticalPath";
import { isError, ROLE_LABEL, tokenUse, type SpanRole } from "@/lib/spans";
import type { View } from "@/lib/timeView";
import type { TraceModel } from "@/lib/traceModel";
import type { Node, Row } from "@/lib/waterfall";
import classes from "./Waterfall.module.css";

interface Place {
  top: number;
  height: number;
}

const ICONS: Partial<Record<SpanRole, Icon>> = {
  llm: IconMessage, tool: IconTool, agent: IconRobot, retrieval: IconDatabaseSearch, embedding: IconVectorTriangle,
  chain: IconRoute, http: IconWorld, db: IconDatabase,
};

/** Deeper levels than this are not indented further: the names must stay legible. */
const DEEPEST = 16;

function indent(depth: number, narrow: boolean): number {
  return Math.min(depth, narrow ? 8 : DEEPEST) * (narrow ? 9 : 14);
}

export function RoleIcon({ role, size = 14 }: { role: SpanRole; size?: number }) {
  const IconOf = ICONS[role];
  return IconOf ? <span className={classes.role} data-role={role} title={ROLE_LABEL[role]}><IconOf size={size} stroke={1.75} aria-label={ROLE_LABEL[role]} /></span> : null;
}

function barStyle(start: number, end: number, view: View): CSSProperties | undefined {
  const width = view.to - view.from;
  if (end < view.from || start > view.to) return undefined;
  const left = Math.max(0, (start - view.from) / width);
  const right = Math.min(1, (end - view.from) / width);
  return { left: `${left * 100}%`, width: `${Math.max(0, right - left) * 100}%` };
}

/** The label goes right of the bar, left of it where there is no room, inside where the bar fills the line. */
function labelStyle(start: number, end: number, view: View): CSSProperties & { inside?: boolean } {
  const width = view.to - view.from;
  const left = (Math.max(start, view.from) - view.from) / width;
  const right = (Math.min(end, view.to) - view.from) / width;
  if (right < 0.82) return { left: `calc(${right * 100}% + 6px)` };
  if (left > 0.18) return { right: `calc(${(1 - left) * 100}% + 6px)` };
  return { right: 6, inside: true };
}

interface SpanRowProps {
  model: TraceModel;
  node: Node;
  depth: number;
  view: View;
  place: Place;
  narrow: boolean;
  collapsed: boolean;
  selected: boolean;
  dimmed: boolean;
  withTokens: boolean;
  /** Its parts of the critical path. */
  critical: readonly Stretch[] | undefined;
  onErrorPath: boolean;
  /** In USD. */
  cost: number | undefined;
  onSelect: (node: Node) => void;
  onToggle: (node: Node) => void;
}

export const SpanRow = memo(function SpanRow(props: SpanRowProps) {
  const { model, node, depth, view, place, collapsed, withTokens } = props;
  const { span } = node;
  const bar = barStyle(node.start, node.end, view);
  const { inside, ...label } = labelStyle(node.start, node.end, view);
  const failed = isError(span);
  const tokens = withTokens ? tokenUse(span.attributes) : undefined;
  return (
    <div
      role="treeitem" aria-level={depth + 1} aria-selected={props.selected} aria-expanded={node.children.length > 0 ? !collapsed : undefined}
      aria-label={`${model.service(node)} ${span.name}, ${formatDuration(span.duration_ns)}${failed ? ", error" : ""}`}
      className={classes.row} data-dimmed={props.dimmed} data-failed={failed} data-error-path={props.onErrorPath} data-span={span.span_id}
      style={{ transform: `translateY(${place.top}px)`, height: place.height, "--service": `var(${model.color(node)})` } as CSSProperties}
      onClick={() => props.onSelect(node)}
    >
      <div className={classes.name} style={{ paddingLeft: indent(depth, props.narrow) + 4 }}>
        {node.children.length > 0
          ? <Caret open={!collapsed} count={node.descendants} errors={collapsed ? node.errorsBelow : 0} onToggle={() => props.onToggle(node)} />
          : <span className={classes.leaf} />}
        <i className={classes.dot} />
        <RoleIcon role={model.role(node)} />
        {failed && <IconAlertTriangle size={14} className={classes.error} aria-label="error" />}
        {node.orphan && <span className={classes.orphan} title={`Its parent ${span.parent_span_id ?? ""} is not in this trace`}>no parent</span>}
        <span className={classes.label} title={`${model.service(node)} · ${span.name}`}>{visible(span.name) || <em className="dim">no name</em>}</span>
        {(node.parent === undefined || model.service(node.parent) !== model.service(node)) && <span className={classes.service}>{model.service(node)}</span>}
        {span.links.length > 0 && <IconLink size={13} className={classes.linkIcon} aria-label="has links" />}
      </div>
      <div className={classes.lane}>
        {bar && (
          <>
            <div className={classes.bar} data-failed={failed} style={bar} />
            {props.critical && <Critical stretches={props.critical} view={view} />}
            {span.events.length > 0 && <Events node={node} view={view} />}
            <span className={classes.time} data-inside={inside} style={label} title={exactDuration(span.duration_ns)}>{formatDuration(span.duration_ns)}</span>
          </>
        )}
      </div>
      {withTokens && <div className={classes.tokens}>
        <span title={tokens && `${tokens.input} tokens in, ${tokens.output} out`}>{tokens && <>{formatCount(tokens.input)} → {formatCount(tokens.output)}</>}</span>
        <span title={props.cost === undefined ? undefined : `$${props.cost.toFixed(8)}`}>{props.cost !== undefined && props.cost > 0 && formatUsd(props.cost)}</span>
      </div>}
    </div>
  );
});

function Critical({ stretches, view }: { stretches: readonly Stretch[]; view: View }) {
  return drawnStretches(stretches, view).map((one) => <div key={one.from} className={classes.critical} style={barStyle(one.from, one.to, view)} />);
}

/** Events of a span that are drawn at most. */
const MOST_EVENTS = 40;

function Events({ node, view }: { node: Node; view: View }) {
  const { span } = node;
  const started = BigInt(span.start_time_unix_nano);
  return span.events.slice(0, MOST_EVENTS).map((event, i) => {
    const at = node.start + Number(BigInt(event.time_unix_nano) - started);
    const left = (at - view.from) / (view.to - view.from);
    if (left < 0 || left > 1) return null;
    return <i key={i} className={classes.event} data-failed={event.name === "exception"} style={{ left: `${left * 100}%` }} title={`${visible(event.name)} at ${formatDuration(at)}`} />;
  });
}

interface CaretProps {
  open: boolean;
  count: number;
  errors: number;
  onToggle: () => void;
}

function Caret({ open, count, errors, onToggle }: CaretProps) {
  const IconOf = open ? IconChevronDown : IconChevronRight;
  return (
    <button
      type="button" className={classes.caret} data-errors={errors > 0} tabIndex={-1}
      aria-label={open ? "Collapse" : `Expand ${count} spans${errors > 0 ? `, ${errors} with errors` : ""}`}
      onClick={(event) => { event.stopPropagation(); onToggle(); }}
    >
      <IconOf size={13} aria-hidden />{!open && <span>{formatCount(count)}</span>}
    </button>
  );
}

interface GroupRowProps {
  model: TraceModel;
  row: Extract<Row, { type: "group" }>;
  critical: ReadonlyMap<string, readonly Stretch[]> | undefined;
  view: View;
  place: Place;
  narrow: boolean;
  selected: boolean;
  dimmed: boolean;
  onToggle: (id: string) => void;
  onSelect: (node: Node) => void;
}

export function GroupRow({ model, row, critical, view, place, narrow, selected, dimmed, onToggle, onSelect }: GroupRowProps) {
  const [first] = row.nodes;
  if (!first) return null;
  const failed = row.nodes.filter((node) => isError(node.span)).length;
  const sum = row.nodes.reduce((total, node) => total + node.span.duration_ns, 0);
  const end = row.nodes.reduce((most, node) => Math.max(most, node.end), first.end);
  const { inside, ...label } = labelStyle(first.start, end, view);
  return (
    <div
      role="treeitem" aria-level={row.depth + 1} aria-expanded={row.open} aria-selected={selected}
      aria-label={`${row.nodes.length} times ${first.span.name}, ${formatDuration(sum)} together`}
      className={classes.row} data-dimmed={dimmed}
      style={{ transform: `translateY(${place.top}px)`, height: place.height, "--service": `var(${model.color(first)})` } as CSSProperties}
      onClick={() => (row.open ? onToggle(row.id) : onSelect(first))}
    >
      <div className={classes.name} style={{ paddingLeft: indent(row.depth, narrow) + 4 }}>
        <Caret open={row.open} count={row.nodes.length} errors={failed} onToggle={() => onToggle(row.id)} />
        <i className={classes.dot} />
        <RoleIcon role={model.role(first)} />
        {failed > 0 && <IconAlertTriangle size={14} className={classes.error} aria-label={`${failed} with errors`} />}
        <span className={classes.label}>{visible(first.span.name)}</span>
        <span className={classes.times}>×{row.nodes.length}</span>
      </div>
      <div className={classes.lane}>
        <Slices nodes={row.nodes} view={view} />
        {critical && <Critical stretches={row.nodes.flatMap((node) => critical.get(node.span.span_id) ?? []).sort((a, b) => a.from - b.from)} view={view} />}
        <span className={classes.time} data-inside={inside} style={label}>{formatDuration(sum)} in all</span>
      </div>
    </div>
  );
}

const MOST_SLICES = 200;

function Slices({ nodes, view }: { nodes: Node[]; view: View }) {
  const every = Math.ceil(nodes.length / MOST_SLICES);
  return nodes.filter((node, i) => i % every === 0 || isError(node.span)).slice(0, 2 * MOST_SLICES).map((node) => {
    const bar = barStyle(node.start, node.end, view);
    return bar && <div key={node.index} className={classes.bar} data-failed={isError(node.span)} style={bar} />;
  });
}
