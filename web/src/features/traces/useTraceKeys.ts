// The keys of the trace page.

import { useHotkeys } from "@mantine/hooks";
import { isError } from "@/lib/spans";
import { whole, zoomed, type View } from "@/lib/timeView";
import type { TraceModel } from "@/lib/traceModel";
import { foldLevel, type Folding, type Node, type Row } from "@/lib/waterfall";
import { neighbour } from "./matching";

/** What each does, for those who ask. */
export const KEYS: [key: string, about: string][] = [
  ["j k", "next, previous span"], ["← →", "fold, unfold"], ["[ ]", "fold, unfold a level"], ["e", "next error"], ["o", "origin of the error"],
  ["/", "search"], ["n N", "next, previous match"], ["+ −", "zoom in, out"], ["0", "all of the time"], ["c", "copy link"],
];

interface KeysArgs {
  model: TraceModel;
  rows: Row[];
  selected: Node | undefined;
  matches: ReadonlySet<Node>;
  select: (node: Node) => void;
  folding: Folding;
  setFolding: (folding: Folding) => void;
  view: View;
  setView: (view: View) => void;
  total: number;
  find: () => void;
  origin: () => void;
  copyLink: () => void;
}

const ZOOM = 0.6;

export function useTraceKeys({ model, rows, selected, matches, select, folding, setFolding, view, setView, total, find, origin, copyLink }: KeysArgs): void {
  const go = (pool: ReadonlySet<Node> | readonly Node[], by: 1 | -1): void => {
    const next = neighbour(model, pool, selected, by);
    if (next) select(next);
  };
  const shown = (): Node[] => rows.map((row) => (row.type === "span" ? row.node : row.open ? undefined : row.nodes[0])).filter((node) => node !== undefined);
  const step = (by: 1 | -1): void => go(shown(), by);
  const fold = (shut: boolean): void => {
    if (!selected || selected.children.length === 0 || folding.collapsed.has(selected.index) === shut) return;
    const collapsed = new Set(folding.collapsed);
    if (shut) collapsed.add(selected.index);
    else collapsed.delete(selected.index);
    setFolding({ ...folding, collapsed });
  };
  const zoom = (factor: number): void => {
    const middle = (view.from + view.to) / 2;
    // Towards the selected span, where it is in sight.
    const around = selected && selected.end >= view.from && selected.start <= view.to ? (Math.max(selected.start, view.from) + Math.min(selected.end, view.to)) / 2 : middle;
    setView(zoomed(view, factor, around, total));
  };
  useHotkeys([
    ["j", () => step(1)], ["ArrowDown", () => step(1)], ["k", () => step(-1)], ["ArrowUp", () => step(-1)],
    ["ArrowLeft", () => fold(true)], ["ArrowRight", () => fold(false)], ["[", () => setFolding(foldLevel(model.tree, folding, -1))], ["]", () => setFolding(foldLevel(model.tree, folding, 1))],
    ["e", () => go(model.tree.nodes.filter((node) => isError(node.span)), 1)], ["o", origin], ["/", find],
    ["n", () => go(matches, 1)], ["shift+n", () => go(matches, -1)],
    ["=", () => zoom(ZOOM)], ["shift+=", () => zoom(ZOOM)], ["-", () => zoom(1 / ZOOM)], ["0", () => setView(whole(total))], ["c", copyLink],
  ]);
}
