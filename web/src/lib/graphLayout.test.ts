// Layers of a graph: callers first, cycles broken, every node and edge placed, whatever the graph is like.
import { describe, expect, it } from "vitest";
import { curve, layoutDown, layoutGraph, type GraphEdge } from "./graphLayout";

const SIZES = { width: 100, height: 40, layerGap: 60, rowGap: 20 };
const edges = (...pairs: string[]): GraphEdge[] => pairs.map((pair) => ({ from: pair[0]!, to: pair[1]! }));
const layersOf = (ids: string, ...pairs: string[]): string => layoutGraph(ids.split(","), edges(...pairs), SIZES).nodes.sort((a, b) => a.id.localeCompare(b.id)).map((node) => `${node.id}${node.layer}`).join(" ");

describe("layers", () => {
  it("put callers before what they call, by the longest way", () => {
    expect(layersOf("a,b,c,d", "ab", "bc", "ac", "cd")).toBe("a0 b1 c2 d3");
    expect(layersOf("d,c,b,a", "ab", "ac", "bd", "cd")).toBe("a0 b1 c1 d2");
  });
  it("break cycles at one edge, that is marked", () => {
    const { nodes, edges: placed } = layoutGraph(["a", "b", "c"], edges("ab", "bc", "ca"), SIZES);
    expect(nodes.map((node) => node.layer).sort()).toEqual([0, 1, 2]);
    expect(placed.filter((edge) => edge.back)).toHaveLength(1);
  });
  it("leave out calls of a node to itself and to unknown ones", () => {
    expect(layoutGraph(["a"], edges("aa", "ab"), SIZES).edges).toEqual([]);
  });
  it("are none for nothing", () => {
    expect(layoutGraph([], [], SIZES)).toEqual({ nodes: [], edges: [], width: 0, height: 0 });
  });
});

describe("places", () => {
  it("do not overlap, and lie inside the picture", () => {
    const ids = Array.from({ length: 40 }, (_, i) => `s${i}`);
    const many = ids.flatMap((id, i) => [1, 3, 7].map((by) => ({ from: id, to: ids[(i * by + by) % ids.length]! })));
    const { nodes, width, height } = layoutGraph(ids, many, SIZES);
    expect(nodes).toHaveLength(40);
    for (const a of nodes) {
      expect(a.x).toBeGreaterThanOrEqual(0);
      expect(a.x + SIZES.width).toBeLessThanOrEqual(width);
      expect(a.y).toBeGreaterThanOrEqual(-0.001);
      expect(a.y + SIZES.height).toBeLessThanOrEqual(height + 0.001);
      for (const b of nodes) if (a !== b && a.layer === b.layer) expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(SIZES.height);
    }
  });
  it("cross no edges where that can be", () => {
    const { nodes } = layoutGraph(["a", "b", "x", "y"], edges("ay", "bx"), SIZES);
    const row = (id: string): number => nodes.find((node) => node.id === id)!.y;
    expect(Math.sign(row("a") - row("b"))).toBe(Math.sign(row("y") - row("x")));
  });
  it("let long edges pass between the nodes", () => {
    const { edges: placed, nodes } = layoutGraph(["a", "b", "c"], edges("ab", "bc", "ac"), SIZES);
    const long = placed.find((edge) => edge.from === "a" && edge.to === "c")!;
    expect(long.points).toHaveLength(4);
    const b = nodes.find((node) => node.id === "b")!;
    for (const [x, y] of long.points.slice(1, 3)) expect(x >= b.x && x <= b.x + SIZES.width && y > b.y && y < b.y + SIZES.height).toBe(false);
    expect(curve(long.points)).toMatch(/^M100,\S+( C\S+ \S+ \S+){3}$/);
  });
  it("go from the top down where that is asked for", () => {
    const { nodes, width, height, edges: placed } = layoutDown(["a", "b", "c"], edges("ab", "ac"), SIZES);
    const at = Object.fromEntries(nodes.map((node) => [node.id, node]));
    expect(at["a"]!.y).toBe(0);
    expect([at["b"]!.y, at["c"]!.y]).toEqual([SIZES.height + SIZES.layerGap, SIZES.height + SIZES.layerGap]);
    expect(Math.abs(at["b"]!.x - at["c"]!.x)).toBeGreaterThanOrEqual(SIZES.width);
    expect([width, height]).toEqual([2 * (SIZES.width + SIZES.rowGap), 2 * SIZES.height + SIZES.layerGap]);
    expect(placed[0]!.points[0]![1]).toBe(SIZES.height);
  });
  it("are found for a deep graph without recursion", () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => String(i));
    expect(layoutGraph(ids, ids.slice(1).map((id, i) => ({ from: ids[i]!, to: id })), SIZES).nodes).toHaveLength(20_000);
  });
});
