// Lays out a trace: spans to tree to visible rows. Pure, without recursion, total on broken input:
// missing parents, several roots, cycles, doubled ids and skewed clocks all still give every span one row.

import type { Span } from "@/api/types";

export interface Node {
  /** Index of the span in the input. */
  index: number;
  span: Span;
  /** Nanoseconds since the start of the trace. */
  start: number;
  end: number;
  depth: number;
  parent: Node | undefined;
  children: Node[];
  /** The span names a parent that is not there (or that would close a cycle). */
  orphan: boolean;
  /** Spans below this one, and how many of them failed. */
  descendants: number;
  errorsBelow: number;
}

export interface Tree {
  roots: Node[];
  /** Every node, parents before children, in the order of a fully open waterfall. */
  nodes: Node[];
  originNs: bigint;
  durationNs: number;
  orphans: number;
}

export type Row =
  | { type: "span"; node: Node; depth: number }
  | { type: "group"; id: string; nodes: Node[]; depth: number; open: boolean };

/** From how many alike siblings in a row they fold into one "×n" line. */
export const GROUP_MIN = 6;

export function buildTree(spans: Span[]): Tree {
  const starts = spans.map((span) => BigInt(span.start_time_unix_nano));
  const originNs = starts.reduce((least, at) => (at < least ? at : least), starts[0] ?? 0n);
  const all = spans.map((span, index): Node => {
    const start = Number((starts[index] ?? originNs) - originNs);
    return {
      index, span, start, end: start + Math.max(0, span.duration_ns), depth: 0, parent: undefined,
      children: [], orphan: false, descendants: 0, errorsBelow: 0,
    };
  });
  const roots = link(all);
  const nodes = order(roots);
  for (let i = nodes.length - 1; i >= 0; i -= 1) {
    const node = nodes[i];
    if (!node?.parent) continue;
    node.parent.descendants += node.descendants + 1;
    node.parent.errorsBelow += node.errorsBelow + (node.span.status.code === "error" ? 1 : 0);
  }
  let durationNs = 0;
  let orphans = 0;
  for (const node of nodes) {
    durationNs = Math.max(durationNs, node.end);
    if (node.orphan) orphans += 1;
  }
  return { roots, nodes, originNs, durationNs, orphans };
}

/** Joins nodes to their parents; what cannot be joined is a root. */
function link(all: Node[]): Node[] {
  const byId = new Map<string, Node>();
  for (const node of all) if (!byId.has(node.span.span_id)) byId.set(node.span.span_id, node);
  for (const node of all) {
    const id = node.span.parent_span_id;
    if (!id) continue;
    node.parent = byId.get(id);
    node.orphan = node.parent === undefined;
  }
  breakCycles(all);
  const roots: Node[] = [];
  for (const node of all) (node.parent ? node.parent.children : roots).push(node);
  for (const node of all) node.children.sort(byStart);
  return roots.sort(byStart);
}

/** Walks up from each node; a walk that meets itself cuts the edge there. Each node is walked once. */
function breakCycles(all: Node[]): void {
  const walked = new Uint32Array(all.length);
  all.forEach((node, walk) => {
    let at: Node | undefined = node;
    while (at && walked[at.index] === 0) {
      walked[at.index] = walk + 1;
      const up: Node | undefined = at.parent;
      if (up && walked[up.index] === walk + 1) {
        at.parent = undefined;
        at.orphan = true;
      }
      at = at.parent;
    }
  });
}

function byStart(a: Node, b: Node): number {
  return a.start - b.start || b.end - a.end || a.index - b.index;
}

/** Parents before children; sets depths. */
function order(roots: Node[]): Node[] {
  const out: Node[] = [];
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node; node = stack.pop()) {
    node.depth = node.parent ? node.parent.depth + 1 : 0;
    out.push(node);
    for (let i = node.children.length - 1; i >= 0; i -= 1) {
      const child = node.children[i];
      if (child) stack.push(child);
    }
  }
  return out;
}

export interface Folding {
  /** Spans whose children are hidden, by index. */
  collapsed: ReadonlySet<number>;
  /** Groups of repeated siblings that are shown one by one, by id. */
  opened: ReadonlySet<string>;
}

/** Nodes that failed, or that have a failed one below them. */
export function leadsToError(node: Node): boolean {
  return node.errorsBelow > 0 || node.span.status.code === "error";
}

/** The visible rows of a tree; of those nodes alone that are kept, where that is given. */
export function visibleRows(tree: Tree, folding: Folding, groupKey: (node: Node) => string, keep?: (node: Node) => boolean): Row[] {
  const rows: Row[] = [];
  type Item = { nodes: Node[]; depth: number };
  const stack: Item[] = [];
  const pushChildren = (children: Node[], depth: number): void => {
    const runs = runsOf(keep ? children.filter(keep) : children, groupKey);
    for (let i = runs.length - 1; i >= 0; i -= 1) stack.push({ nodes: runs[i] ?? [], depth });
  };
  pushChildren(tree.roots, 0);
  for (let item = stack.pop(); item; item = stack.pop()) {
    const [first] = item.nodes;
    if (!first) continue;
    if (item.nodes.length === 1) {
      rows.push({ type: "span", node: first, depth: item.depth });
      if (!folding.collapsed.has(first.index)) pushChildren(first.children, item.depth + 1);
      continue;
    }
    const id = groupId(first);
    const open = folding.opened.has(id);
    rows.push({ type: "group", id, nodes: item.nodes, depth: item.depth, open });
    if (open) for (let i = item.nodes.length - 1; i >= 0; i -= 1) stack.push({ nodes: item.nodes.slice(i, i + 1), depth: item.depth + 1 });
  }
  return rows;
}

/** How deep the rows of a tree reach that are not folded away. */
function shownDepth(tree: Tree, folding: Folding): number {
  let deepest = 0;
  const hidden = new Set<Node>();
  for (const node of tree.nodes) {
    const { parent } = node;
    if (parent && (hidden.has(parent) || folding.collapsed.has(parent.index))) hidden.add(node);
    else deepest = Math.max(deepest, node.depth);
  }
  return deepest;
}

/** Folds the deepest level that is shown, or unfolds the highest that is folded. */
export function foldLevel(tree: Tree, folding: Folding, by: 1 | -1): Folding {
  if (by < 0) {
    const level = Math.max(0, shownDepth(tree, folding) - 1);
    const shut = tree.nodes.filter((node) => node.depth >= level && node.children.length > 0).map((node) => node.index);
    return { collapsed: new Set([...folding.collapsed, ...shut]), opened: folding.opened };
  }
  const level = Math.min(...tree.nodes.filter((node) => folding.collapsed.has(node.index)).map((node) => node.depth));
  if (!Number.isFinite(level)) return folding;
  const open = new Set(tree.nodes.filter((node) => node.depth <= level).map((node) => node.index));
  return { collapsed: new Set([...folding.collapsed].filter((index) => !open.has(index))), opened: folding.opened };
}

/** Everything below the roots folded away, or nothing. */
export function foldAll(tree: Tree, shut: boolean): Folding {
  return { collapsed: new Set(shut ? tree.nodes.filter((node) => node.children.length > 0).map((node) => node.index) : []), opened: new Set() };
}

export function groupId(first: Node): string {
  return `g${first.index}`;
}

/** Splits siblings into runs: long runs of alike leaves stay together, everything else stands alone. */
function runsOf(children: Node[], groupKey: (node: Node) => string): Node[][] {
  const runs: Node[][] = [];
  let i = 0;
  while (i < children.length) {
    const first = children[i];
    if (!first) break;
    let j = i + 1;
    if (first.children.length === 0) {
      const key = groupKey(first);
      for (let next = children[j]; next && next.children.length === 0 && groupKey(next) === key; next = children[j]) j += 1;
    }
    if (j - i >= GROUP_MIN) runs.push(children.slice(i, j));
    else for (let k = i; k < j; k += 1) runs.push(children.slice(k, k + 1));
    i = j;
  }
  return runs;
}

/** What must be unfolded so that a span has a row; the same folding when it has one. */
export function reveal(tree: Tree, node: Node, folding: Folding, groupKey: (node: Node) => string): Folding {
  const hidden: number[] = [];
  for (let up = node.parent; up; up = up.parent) if (folding.collapsed.has(up.index)) hidden.push(up.index);
  const siblings = node.parent?.children ?? tree.roots;
  const run = runsOf(siblings, groupKey).find((one) => one.includes(node));
  const group = run && run.length > 1 && run[0] ? groupId(run[0]) : undefined;
  // The first of a folded group is what its row stands for.
  const inGroup = group !== undefined && run?.[0] !== node && !folding.opened.has(group);
  if (hidden.length === 0 && !inGroup) return folding;
  const collapsed = new Set(folding.collapsed);
  for (const index of hidden) collapsed.delete(index);
  return { collapsed, opened: inGroup ? new Set([...folding.opened, group]) : folding.opened };
}

/** The row that shows a node: its own, or that of the folded group that it stands for. */
export function rowOf(rows: Row[], node: Node): number {
  return rows.findIndex((row) => (row.type === "span" ? row.node === node : !row.open && row.nodes[0] === node));
}

const CLOCK = [15, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map((seconds) => seconds * 1e9);

/** Rounded tick positions (nanoseconds) for an axis from `from` to `to`. */
export function ticks(from: number, to: number, about: number): number[] {
  const width = to - from;
  if (!(width > 0) || about < 1) return [];
  const rough = width / about;
  const base = 10 ** Math.floor(Math.log10(rough));
  const decimal = [1, 2, 5, 10].map((factor) => factor * base);
  // From minutes on, round means round on a clock.
  const step = (rough > 10e9 ? CLOCK : decimal).find((size) => size >= rough) ?? decimal.find((size) => size >= rough) ?? rough;
  const out: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to && out.length < 100; at += step) out.push(at);
  return out;
}
