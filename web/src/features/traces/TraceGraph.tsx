// Who used what in a run: agents, models and tools as boxes, with how often, how long and for how much.

import { useElementSize, useMergedRef } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, type KeyboardEvent } from "react";
import { agents as api } from "@/api/agents";
import type { AgentGraph } from "@/api/agentTypes";
import { useNarrow } from "@/components/DataTable";
import { Failure, Notice } from "@/components/Notice";
import { SkeletonRows } from "@/components/Skeleton";
import { exactCount, exactDuration, formatCount, formatDuration, formatUsd, named, plural } from "@/lib/format";
import { curve, layoutDown, layoutGraph } from "@/lib/graphLayout";
import classes from "./TraceGraph.module.css";

const SIZES = { width: 204, height: 58, layerGap: 84, rowGap: 26 };
const NARROW_SIZES = { width: 140, height: 58, layerGap: 60, rowGap: 16 };
const MARGIN = 20;

/** A box's colour, as steps of that kind have it in the waterfall. */
const COLORS: Record<string, string> = { agent: "--wk-series-6", llm: "--wk-series-0", embedding: "--wk-series-4", tool: "--wk-series-1", retriever: "--wk-series-2", reranker: "--wk-series-2", mcp: "--wk-series-7" };

export function TraceGraph({ traceId, onSpan }: { traceId: string; onSpan: (id: string) => void }) {
  const query = useQuery({ queryKey: ["trace-graph", traceId], queryFn: ({ signal }) => api.graph(traceId, signal), placeholderData: undefined, staleTime: 60_000 });
  if (query.error) return <Failure what="The graph could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <SkeletonRows rows={6} height={60} />;
  if (query.data.nodes.length === 0) return <Notice title="No step of an agent" text="No span of this trace tells of an agent, a model or a tool in a dialect that is understood." />;
  return <Picture graph={query.data} onSpan={onSpan} />;
}

function Picture({ graph, onSpan }: { graph: AgentGraph; onSpan: (id: string) => void }) {
  const { ref, width } = useElementSize();
  const down = useNarrow();
  const sizes = down ? NARROW_SIZES : SIZES;
  const layout = useMemo(() => (down ? layoutDown : layoutGraph)(graph.nodes.map((one) => one.id), graph.edges, sizes), [graph, down, sizes]);
  const nodes = new Map(graph.nodes.map((one) => [one.id, one]));
  const edges = new Map(graph.edges.map((one) => [`${one.from}\n${one.to}`, one]));
  const most = graph.edges.reduce((max, edge) => Math.max(max, edge.count), 1);
  const [full, high] = [layout.width + MARGIN * 2, layout.height + MARGIN * 2];
  const scale = width > 0 ? Math.max(0.7, Math.min(1, width / full)) : 1;
  // Where the picture is wider than the screen, it begins with what began the run.
  const first = layout.nodes.find((one) => !graph.edges.some((edge) => edge.to === one.id && edge.from !== edge.to)) ?? layout.nodes[0];
  const middle = first && width > 0 ? (first.x + sizes.width / 2 + MARGIN) * scale - width / 2 : 0;
  const scroller = useRef<HTMLDivElement>(null);
  useEffect(() => {
    scroller.current?.scrollTo({ left: middle });
  }, [middle]);
  return (
    <div className={classes.picture} ref={useMergedRef(ref, scroller)}>
      <svg width={full * scale} height={high * scale} viewBox={`${-MARGIN} ${-MARGIN} ${full} ${high}`} role="group" aria-label={`Graph of ${plural(graph.nodes.length, "agent, model or tool", "agents, models and tools")}`}>
        <defs><marker id="step-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0,0.5 L7.5,4 L0,7.5 Z" className={classes.arrow} /></marker></defs>
        {layout.edges.map((edge) => {
          const told = edges.get(`${edge.from}\n${edge.to}`);
          if (!told) return null;
          const [[x1, y1] = [0, 0], [x2, y2] = [0, 0]] = edge.points;
          return (
            <g key={`${edge.from}\n${edge.to}`}>
              <title>{`${plural(told.count, "time")}, ${exactDuration(told.duration_ns)}, ${formatUsd(told.cost_usd)}`}</title>
              <path d={curve(edge.points, down)} className={classes.line} data-failed={told.errors > 0} strokeWidth={1 + 3 * Math.sqrt(told.count / most)} strokeDasharray={edge.back ? "5 4" : undefined} markerEnd="url(#step-arrow)" />
              <text x={(x1 + x2) / 2} y={(y1 + y2) / 2 - 6} className={classes.count}>×{exactCount(told.count)}</text>
            </g>
          );
        })}
        {layout.nodes.map((placed) => {
          const node = nodes.get(placed.id);
          return node && <Box key={placed.id} node={node} x={placed.x} y={placed.y} width={sizes.width} height={sizes.height} onSpan={onSpan} />;
        })}
      </svg>
    </div>
  );
}

interface BoxProps {
  node: AgentGraph["nodes"][number];
  x: number;
  y: number;
  width: number;
  height: number;
  onSpan: (id: string) => void;
}

const clipped = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function Box({ node, x, y, width, height, onSpan }: BoxProps) {
  const open = (): void => { if (node.span_ids[0] !== undefined) onSpan(node.span_ids[0]); };
  const most = Math.floor((width - 24) / 7.2);
  const about = `${node.kind} ${node.name}: ${plural(node.count, "step")}, ${plural(node.errors, "error")}, ${exactDuration(node.duration_ns)}, ${formatUsd(node.cost_usd)}`;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open();
  };
  return (
    <g className={classes.node} data-failed={node.errors > 0} transform={`translate(${x} ${y})`} role="button" tabIndex={0} aria-label={about} onClick={open} onKeyDown={onKeyDown}>
      <title>{about}</title>
      <rect width={width} height={height} rx={5} className={classes.box} />
      <rect width={4} height={height} rx={2} style={{ fill: `var(${COLORS[node.kind] ?? "--wk-series-8"})` }} />
      <text x={14} y={17} className={classes.kind}>{node.kind}{node.count > 1 ? ` ×${node.count}` : ""}{node.errors > 0 ? ` · ${plural(node.errors, "error")}` : ""}</text>
      <text x={14} y={34} className={classes.name}>{clipped(named(node.name), most)}</text>
      <text x={14} y={50} className={classes.rest}>{clipped([formatDuration(node.duration_ns), node.tokens > 0 ? `${formatCount(node.tokens)} tokens` : "", node.cost_usd > 0 ? formatUsd(node.cost_usd) : ""].filter((one) => one !== "").join(" · "), Math.floor((width - 18) / 5.4))}</text>
    </g>
  );
}
