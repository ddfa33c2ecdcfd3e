// Lays out a directed graph in layers, callers before what they call: the map of services. Cycles are broken where a walk
// meets itself; nodes of a layer stand in the order that crosses few edges. Pure and without recursion.
// A library would be eight times as large as the page that shows the map: @dagrejs/dagre is 17 kB compressed.

export interface GraphEdge {
  from: string;
  to: string;
}

export interface PlacedNode {
  id: string;
  layer: number;
  /** From 0 in its layer. */
  row: number;
  x: number;
  y: number;
}

export interface PlacedEdge extends GraphEdge {
  /** Goes against the layers: part of a cycle. */
  back: boolean;
  /** Where it passes, from node to node, layer by layer. */
  points: [x: number, y: number][];
}

export interface GraphLayout {
  nodes: PlacedNode[];
  edges: PlacedEdge[];
  width: number;
  height: number;
}

export interface Sizes {
  /** Of a node. */
  width: number;
  height: number;
  /** Between layers, and between nodes of a layer. */
  layerGap: number;
  rowGap: number;
}

/** Sweeps that look for a better order; more do not help. */
const SWEEPS = 8;

export function layoutGraph(ids: readonly string[], edges: readonly GraphEdge[], sizes: Sizes): GraphLayout {
  const known = new Set(ids);
  const own = edges.filter((edge) => known.has(edge.from) && known.has(edge.to) && edge.from !== edge.to);
  const forward = withoutCycles(ids, own);
  const layers = layersOf(ids, forward.map(({ edge, back }) => (back ? { from: edge.to, to: edge.from } : edge)));
  const columns = ordered(ids, forward, layers);
  return place(columns, forward, layers, sizes);
}

interface Directed {
  edge: GraphEdge;
  back: boolean;
}

/** Walks the graph from its sources; an edge to a node that the walk is still inside of closes a cycle. */
function withoutCycles(ids: readonly string[], edges: readonly GraphEdge[]): Directed[] {
  const out = new Map<string, GraphEdge[]>();
  const incoming = new Set(edges.map((edge) => edge.to));
  for (const edge of edges) out.set(edge.from, [...(out.get(edge.from) ?? []), edge]);
  const state = new Map<string, "open" | "done">();
  const back = new Set<GraphEdge>();
  const starts = [...ids].sort((a, b) => Number(incoming.has(a)) - Number(incoming.has(b)));
  for (const start of starts) {
    if (state.has(start)) continue;
    const stack = [{ id: start, next: 0 }];
    state.set(start, "open");
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const edge = (out.get(top.id) ?? [])[top.next];
      top.next += 1;
      if (!edge) {
        state.set(top.id, "done");
        stack.pop();
      } else if (state.get(edge.to) === "open") back.add(edge);
      else if (!state.has(edge.to)) {
        state.set(edge.to, "open");
        stack.push({ id: edge.to, next: 0 });
      }
    }
  }
  return edges.map((edge) => ({ edge, back: back.has(edge) }));
}

/** The longest way to each node from a node that nothing calls. */
function layersOf(ids: readonly string[], edges: readonly GraphEdge[]): Map<string, number> {
  const waiting = new Map(ids.map((id) => [id, 0]));
  for (const edge of edges) waiting.set(edge.to, (waiting.get(edge.to) ?? 0) + 1);
  const out = new Map<string, string[]>();
  for (const edge of edges) out.set(edge.from, [...(out.get(edge.from) ?? []), edge.to]);
  const layers = new Map(ids.map((id) => [id, 0]));
  const ready = ids.filter((id) => waiting.get(id) === 0);
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    for (const to of out.get(id) ?? []) {
      layers.set(to, Math.max(layers.get(to) ?? 0, (layers.get(id) ?? 0) + 1));
      const left = (waiting.get(to) ?? 1) - 1;
      waiting.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  return layers;
}

/** A place in a layer: a node, or where a long edge passes. */
interface Slot {
  key: string;
  id: string | undefined;
}

const passKey = (edge: GraphEdge, layer: number): string => `${edge.from}\n${edge.to}\n${layer}`;

/** Nodes and passages by layer, moved towards the middle of their neighbours, forth and back. */
function ordered(ids: readonly string[], edges: readonly Directed[], layers: Map<string, number>): Slot[][] {
  const count = Math.max(0, ...layers.values()) + 1;
  const columns: Slot[][] = Array.from({ length: ids.length === 0 ? 0 : count }, () => []);
  for (const id of ids) columns[layers.get(id) ?? 0]?.push({ key: id, id });
  const neighbours = new Map<string, { before: string[]; after: string[] }>();
  const join = (a: string, b: string): void => {
    const left = neighbours.get(a) ?? { before: [], after: [] };
    const right = neighbours.get(b) ?? { before: [], after: [] };
    left.after.push(b);
    right.before.push(a);
    neighbours.set(a, left).set(b, right);
  };
  for (const { edge } of edges) {
    const [low, high] = span(edge, layers);
    let last = low.id;
    for (let layer = low.layer + 1; layer < high.layer; layer += 1) {
      const key = passKey(edge, layer);
      columns[layer]?.push({ key, id: undefined });
      join(last, key);
      last = key;
    }
    if (high.layer > low.layer) join(last, high.id);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    for (let i = 1; i < columns.length; i += 1) {
      const at = down ? i : columns.length - 1 - i;
      const fixed = columns[down ? at - 1 : at + 1] ?? [];
      const rank = new Map(fixed.map((slot, row) => [slot.key, (row + 0.5) / fixed.length]));
      const column = columns[at] ?? [];
      const middle = (slot: Slot, row: number): number => {
        const beside = (down ? neighbours.get(slot.key)?.before : neighbours.get(slot.key)?.after) ?? [];
        const ranks = beside.map((key) => rank.get(key)).filter((one) => one !== undefined);
        return ranks.length === 0 ? (row + 0.5) / column.length : ranks.reduce((sum, one) => sum + one, 0) / ranks.length;
      };
      columns[at] = column.map((slot, row) => ({ slot, by: middle(slot, row) })).sort((a, b) => a.by - b.by).map(({ slot }) => slot);
    }
  }
  return columns;
}

function span(edge: GraphEdge, layers: Map<string, number>): [{ id: string; layer: number }, { id: string; layer: number }] {
  const ends = [edge.from, edge.to].map((id) => ({ id, layer: layers.get(id) ?? 0 }));
  const [a, b] = ends as [{ id: string; layer: number }, { id: string; layer: number }];
  return a.layer <= b.layer ? [a, b] : [b, a];
}

function place(columns: Slot[][], edges: readonly Directed[], layers: Map<string, number>, sizes: Sizes): GraphLayout {
  const step = sizes.height + sizes.rowGap;
  // Where an edge passes needs less room than a node.
  const room = (slot: Slot): number => (slot.id === undefined ? step / 2 : step);
  const heights = columns.map((column) => column.reduce((sum, slot) => sum + room(slot), 0));
  const height = Math.max(0, ...heights);
  const at = new Map<string, { x: number; y: number; layer: number; row: number }>();
  for (const [layer, column] of columns.entries()) {
    let y = (height - (heights[layer] ?? 0)) / 2;
    for (const [row, slot] of column.entries()) {
      at.set(slot.key, { x: layer * (sizes.width + sizes.layerGap), y: y + (room(slot) - sizes.height) / 2, layer, row });
      y += room(slot);
    }
  }
  const middle = (key: string): number => (at.get(key)?.y ?? 0) + sizes.height / 2;
  const left = (key: string): number => at.get(key)?.x ?? 0;
  const routes = edges.map(({ edge, back }) => {
    const [low, high] = span(edge, layers);
    const passed: [number, number][] = [];
    for (let layer = low.layer + 1; layer < high.layer; layer += 1) {
      const key = passKey(edge, layer);
      passed.push([left(key), middle(key)], [left(key) + sizes.width, middle(key)]);
    }
    return { edge, back, low: low.id, high: high.id, passed };
  });
  // Edges of a node leave and arrive apart from each other, in the order of where they come from or go.
  const leaving = ports(routes, (one) => one.low, (one) => one.passed[0]?.[1] ?? middle(one.high));
  const arriving = ports(routes, (one) => one.high, (one) => one.passed.at(-1)?.[1] ?? middle(one.low));
  const port = (id: string, share: number): number => (at.get(id)?.y ?? 0) + sizes.height * share;
  const placed = routes.map((one): PlacedEdge => {
    const points: [number, number][] = [
      [left(one.low) + sizes.width, port(one.low, leaving.get(one) ?? 0.5)], ...one.passed, [left(one.high), port(one.high, arriving.get(one) ?? 0.5)],
    ];
    return { ...one.edge, back: one.back, points: one.low === one.edge.from ? points : points.reverse() };
  });
  const nodes = columns.flatMap((column) => column.flatMap((slot): PlacedNode[] => {
    const found = at.get(slot.key);
    return slot.id === undefined || !found ? [] : [{ id: slot.id, layer: found.layer, row: found.row, x: found.x, y: found.y }];
  }));
  return { nodes, edges: placed, width: Math.max(0, columns.length * (sizes.width + sizes.layerGap) - sizes.layerGap), height: Math.max(0, height) };
}

/** The layout with its layers from the top down: for what is narrow. `sizes` are of the nodes as they are seen. */
export function layoutDown(ids: readonly string[], edges: readonly GraphEdge[], sizes: Sizes): GraphLayout {
  const across = layoutGraph(ids, edges, { ...sizes, width: sizes.height, height: sizes.width });
  return {
    nodes: across.nodes.map((node) => ({ ...node, x: node.y, y: node.x })),
    edges: across.edges.map((edge) => ({ ...edge, points: edge.points.map(([x, y]) => [y, x]) })),
    width: across.height, height: across.width,
  };
}

/** Where on the side of its node each edge is, as a share of the height. */
function ports<Route>(routes: readonly Route[], nodeOf: (one: Route) => string, otherEnd: (one: Route) => number): Map<Route, number> {
  const byNode = new Map<string, Route[]>();
  for (const one of routes) byNode.set(nodeOf(one), [...(byNode.get(nodeOf(one)) ?? []), one]);
  const out = new Map<Route, number>();
  for (const list of byNode.values()) {
    const sorted = [...list].sort((a, b) => otherEnd(a) - otherEnd(b));
    for (const [i, one] of sorted.entries()) out.set(one, (i + 1) / (sorted.length + 1));
  }
  return out;
}

/** A line through points that leaves and arrives along the layers. */
export function curve(points: readonly [number, number][], down = false): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${first[0]},${first[1]}`;
  let [x, y] = first;
  for (const [toX, toY] of rest) {
    const [bendX, bendY] = down ? [0, (toY - y) / 2] : [(toX - x) / 2, 0];
    path += ` C${x + bendX},${y + bendY} ${toX - bendX},${toY - bendY} ${toX},${toY}`;
    [x, y] = [toX, toY];
  }
  return path;
}
