// The map as a picture: a box a service with its rate and share of errors, a curve a connection, thicker where more calls
// are. A click chooses a service, or leads to the calls.

import { useElementSize } from "@mantine/hooks";
import { useMemo, type KeyboardEvent } from "react";
import type { MapCall, MapService, ServiceMap } from "@/api/types";
import { useNarrow } from "@/components/DataTable";
import { serviceColors } from "@/lib/colors";
import { exactCount, formatPercent, formatRate } from "@/lib/format";
import { curve, layoutDown, layoutGraph, type PlacedEdge, type PlacedNode, type Sizes } from "@/lib/graphLayout";
import classes from "./ServiceMapPage.module.css";

interface MapPictureProps {
  map: ServiceMap;
  seconds: number;
  chosen: string | undefined;
  onService: (name: string) => void;
  onCall: (call: MapCall) => void;
}

const SIZES = { width: 172, height: 52, layerGap: 124, rowGap: 56 };
const NARROW_SIZES = { width: 132, height: 52, layerGap: 64, rowGap: 18 };
const MARGIN = 20;
/** Smaller than this nothing can be read: the picture scrolls instead. */
const LEAST_SCALE = 0.85;
const NARROW_LEAST_SCALE = 0.7;

const pressed = (go: () => void) => (event: KeyboardEvent): void => {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  go();
};

export function MapPicture({ map, seconds, chosen, onService, onCall }: MapPictureProps) {
  const { ref, width } = useElementSize();
  const down = useNarrow();
  const sizes = down ? NARROW_SIZES : SIZES;
  const layout = useMemo(() => (down ? layoutDown : layoutGraph)(map.services.map((one) => one.name), map.calls.map((call) => ({ from: call.parent, to: call.child })), sizes), [map, down, sizes]);
  const colors = useMemo(() => serviceColors(map.services.map((one) => one.name)), [map]);
  const calls = useMemo(() => new Map(map.calls.map((call) => [`${call.parent}\n${call.child}`, call])), [map]);
  const most = map.calls.reduce((max, call) => Math.max(max, call.calls), 1);
  const [full, high] = [layout.width + MARGIN * 2, layout.height + MARGIN * 2];
  const scale = width > 0 ? Math.max(down ? NARROW_LEAST_SCALE : LEAST_SCALE, Math.min(1, width / full)) : 1;
  const apart = (edge: PlacedEdge): boolean => chosen !== undefined && edge.from !== chosen && edge.to !== chosen;
  const beside = new Set(chosen === undefined ? [] : [chosen, ...layout.edges.filter((edge) => !apart(edge)).flatMap((edge) => [edge.from, edge.to])]);
  const services = new Map(map.services.map((one) => [one.name, one]));
  return (
    <div className={classes.picture} ref={ref}>
      <svg width={full * scale} height={high * scale} viewBox={`${-MARGIN} ${-MARGIN} ${full} ${high}`} role="group" aria-label={`Map of ${map.services.length} services`}>
        <defs>
          {["plain", "failed"].map((tone) => (
            <marker key={tone} id={`arrow-${tone}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0,0.5 L7.5,4 L0,7.5 Z" className={classes.arrow} data-tone={tone} /></marker>
          ))}
        </defs>
        {layout.edges.map((edge) => {
          const call = calls.get(`${edge.from}\n${edge.to}`);
          return call && <Edge key={`${edge.from}\n${edge.to}`} edge={edge} call={call} down={down} share={call.calls / most} apart={apart(edge)} onCall={onCall} />;
        })}
        {layout.edges.map((edge) => {
          const call = calls.get(`${edge.from}\n${edge.to}`);
          return call && <EdgeText key={`${edge.from}\n${edge.to}`} edge={edge} call={call} seconds={seconds} apart={apart(edge)} />;
        })}
        {layout.nodes.map((node) => {
          const service = services.get(node.id);
          return service && (
            <Node key={node.id} node={node} sizes={sizes} service={service} seconds={seconds} color={colors.get(node.id) ?? "--wk-faint"} chosen={node.id === chosen} apart={chosen !== undefined && !beside.has(node.id)} onService={onService} />
          );
        })}
      </svg>
    </div>
  );
}

/** From this share of errors on a connection is drawn as failing. */
const FAILING = 0.01;

function isFailing(call: MapCall): boolean {
  return call.errors > 0 && call.errors >= call.calls * FAILING;
}

interface EdgeProps {
  edge: PlacedEdge;
  call: MapCall;
  down: boolean;
  /** Of the busiest connection. */
  share: number;
  apart: boolean;
  onCall: (call: MapCall) => void;
}

function Edge({ edge, call, down, share, apart, onCall }: EdgeProps) {
  const failing = isFailing(call);
  const path = curve(edge.points, down);
  const about = `${call.parent || "unknown"} calls ${call.child || "unknown"} ${exactCount(call.calls)} times, ${exactCount(call.errors)} with errors`;
  return (
    <g className={classes.edge} data-failed={failing} data-apart={apart} role="link" tabIndex={0} aria-label={about} onClick={() => onCall(call)} onKeyDown={pressed(() => onCall(call))}>
      <title>{about}</title>
      <path d={path} className={classes.reach} />
      <path d={path} className={classes.line} strokeWidth={1 + 3 * Math.sqrt(share)} strokeDasharray={edge.back ? "5 4" : undefined} markerEnd={`url(#arrow-${failing ? "failed" : "plain"})`} />
    </g>
  );
}

/** How often, and how often in vain: above all lines. */
function EdgeText({ edge, call, seconds, apart }: { edge: PlacedEdge; call: MapCall; seconds: number; apart: boolean }) {
  const [x, y] = middleOf(edge.points);
  return (
    <text x={x} y={y} dy={-9} className={classes.edgeText} data-apart={apart} aria-hidden>
      {formatRate(call.calls / seconds)}{call.errors > 0 && <tspan className={classes.edgeErrors}> · {formatPercent(call.errors / call.calls)}</tspan>}
    </text>
  );
}

/** The middle of the first gap between layers: labels of long edges stay clear of nodes. */
function middleOf(points: readonly [number, number][]): [number, number] {
  const [[x1, y1] = [0, 0], [x2, y2] = [0, 0]] = points;
  return [(x1 + x2) / 2, (y1 + y2) / 2 + 4];
}

interface NodeProps {
  node: PlacedNode;
  sizes: Sizes;
  service: MapService;
  seconds: number;
  color: string;
  chosen: boolean;
  apart: boolean;
  onService: (name: string) => void;
}

function Node({ node, sizes, service, seconds, color, chosen, apart, onService }: NodeProps) {
  const name = service.name || "unknown";
  const share = service.spans > 0 ? service.errors / service.spans : 0;
  const { width, height } = sizes;
  const most = Math.floor((width - 22) / 7);
  return (
    <g
      className={classes.node} data-chosen={chosen} data-apart={apart} transform={`translate(${node.x} ${node.y})`} role="button" tabIndex={0} aria-pressed={chosen}
      aria-label={`${name}, ${exactCount(service.spans)} spans, ${exactCount(service.errors)} with errors`} onClick={() => onService(service.name)} onKeyDown={pressed(() => onService(service.name))}
    >
      <title>{`${name}: ${exactCount(service.spans)} spans, ${exactCount(service.errors)} with errors`}</title>
      <rect width={width} height={height} rx={5} className={classes.box} />
      <rect width={4} height={height} rx={2} style={{ fill: `var(${color})` }} />
      <text x={14} y={20} className={classes.nodeName}>{name.length > most ? `${name.slice(0, most - 1)}…` : name}</text>
      <text x={14} y={37} className={classes.nodeRate}>{formatRate(service.spans / seconds)}</text>
      {service.errors > 0 && <text x={width - 10} y={37} className={classes.nodeErrors}>{formatPercent(share)}{width > NARROW_SIZES.width && " errors"}</text>}
      <rect x={4} y={height - 4} width={width - 4} height={4} className={classes.shareTrack} />
      {service.errors > 0 && <rect x={4} y={height - 4} width={Math.max(2, (width - 4) * share)} height={4} className={classes.shareBar} />}
    </g>
  );
}
