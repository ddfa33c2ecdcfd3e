// Trace layout: trees from whole, broken and hostile spans; folding by hand, by level and to errors; ten thousand spans in time.
import { describe, expect, it } from "vitest";
import type { Span } from "@/api/types";
import { buildTree, foldAll, foldLevel, leadsToError, reveal, rowOf, ticks, visibleRows, type Folding, type Row, type Tree } from "./waterfall";

const T0 = 1_763_840_000_000_000_000n;

function span(id: string, parent: string | null, start: number, duration: number, extra: Partial<Span> = {}): Span {
  return {
    span_id: id, parent_span_id: parent, name: id, kind: "internal", start_time_unix_nano: String(T0 + BigInt(start)),
    duration_ns: duration, status: { code: "unset", message: "" }, resource: 0, scope: 0, attributes: {}, events: [],
    links: [], trace_state: "", flags: 1, dropped_attributes_count: 0, dropped_events_count: 0, dropped_links_count: 0,
    ...extra,
  };
}

const OPEN: Folding = { collapsed: new Set(), opened: new Set() };
const alone = (): string => String(Math.random());
const byName = (node: { span: Span }): string => node.span.name;

function draw(rows: Row[]): string {
  return rows
    .map((row) => "  ".repeat(row.depth) + (row.type === "span" ? row.node.span.span_id : `x${row.nodes.length}`))
    .join("\n");
}

const names = (tree: Tree): string[] => tree.nodes.map((node) => node.span.span_id);

/** A small generator with a fixed seed, so that a failure repeats. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("buildTree", () => {
  it("orders children by start under their parent", () => {
    const tree = buildTree([span("c", "a", 20, 5), span("a", null, 0, 100), span("b", "a", 10, 5), span("d", "b", 11, 2)]);
    expect(draw(visibleRows(tree, OPEN, alone))).toBe("a\n  b\n    d\n  c");
    expect(tree.durationNs).toBe(100);
    expect(tree.roots[0]?.descendants).toBe(3);
  });

  it("keeps spans whose parent is missing as marked roots", () => {
    const tree = buildTree([span("a", null, 0, 10), span("lost", "nowhere", 5, 10), span("below", "lost", 6, 1)]);
    expect(draw(visibleRows(tree, OPEN, alone))).toBe("a\nlost\n  below");
    expect(tree.orphans).toBe(1);
    expect(tree.nodes.filter((node) => node.orphan).map((node) => node.span.span_id)).toEqual(["lost"]);
  });

  it("shows several roots in order of their start", () => {
    expect(names(buildTree([span("b", null, 9, 1), span("a", null, 3, 1)]))).toEqual(["a", "b"]);
  });

  it("cuts cycles and self-parents without losing a span", () => {
    const tree = buildTree([span("a", "b", 0, 1), span("b", "c", 1, 1), span("c", "a", 2, 1), span("s", "s", 3, 1), span("k", "a", 4, 1)]);
    expect(names(tree).sort()).toEqual(["a", "b", "c", "k", "s"]);
    expect(tree.orphans).toBe(2);
  });

  it("gives doubled span ids a row each", () => {
    expect(names(buildTree([span("a", null, 0, 9), span("b", "a", 1, 1), span("b", "a", 2, 1)]))).toEqual(["a", "b", "b"]);
  });

  it("takes no spans, and one span without duration", () => {
    expect(buildTree([]).nodes).toEqual([]);
    const one = buildTree([span("a", null, 0, 0)]);
    expect(one.durationNs).toBe(0);
    expect(draw(visibleRows(one, OPEN, alone))).toBe("a");
  });

  it("measures from the earliest span, also when a skewed child starts before its parent", () => {
    const tree = buildTree([span("a", null, 0, 10), span("b", "a", -500, 10)]);
    expect(tree.nodes.map((node) => node.start)).toEqual([500, 0]);
    expect(tree.durationNs).toBe(510);
  });

  it("counts errors below each span", () => {
    const bad = { status: { code: "error" as const, message: "" } };
    const tree = buildTree([span("a", null, 0, 9, bad), span("b", "a", 1, 1, bad), span("c", "b", 1, 1, bad)]);
    expect(tree.nodes.map((node) => node.errorsBelow)).toEqual([2, 1, 0]);
  });
});

describe("levels and errors", () => {
  const deep = (): Tree => buildTree([span("a", null, 0, 100), span("b", "a", 1, 50), span("c", "b", 2, 20), span("d", "c", 3, 5, { status: { code: "error", message: "" } }), span("e", "a", 60, 5)]);
  const none: Folding = { collapsed: new Set(), opened: new Set() };
  const shown = (tree: Tree, folding: Folding, keep?: (node: Tree["nodes"][number]) => boolean): string => visibleRows(tree, folding, (node) => node.span.name, keep).map((row) => (row.type === "span" ? row.node.span.span_id : "group")).join(" ");

  it("fold from the deepest on and unfold from the highest on", () => {
    const tree = deep();
    const once = foldLevel(tree, none, -1);
    expect(shown(tree, once)).toBe("a b c e");
    const twice = foldLevel(tree, once, -1);
    expect(shown(tree, twice)).toBe("a b e");
    expect(shown(tree, foldLevel(tree, twice, 1))).toBe("a b c e");
    expect(shown(tree, foldLevel(tree, foldAll(tree, true), 1))).toBe("a b e");
    expect(shown(tree, foldAll(tree, true))).toBe("a");
    expect(shown(tree, foldAll(tree, false))).toBe("a b c d e");
    expect(foldLevel(tree, none, 1)).toBe(none);
  });

  it("keeps the way to errors", () => {
    expect(shown(deep(), none, leadsToError)).toBe("a b c d");
  });
});

describe("folding", () => {
  const family = (): Span[] => [
    span("root", null, 0, 100),
    ...Array.from({ length: 8 }, (_, i) => span(`poll${i}`, "root", i, 1, { name: "poll" })),
    span("work", "root", 50, 10),
    span("leaf", "work", 51, 1),
  ];

  it("hides what is below a collapsed span", () => {
    const tree = buildTree(family());
    const work = tree.nodes.find((node) => node.span.span_id === "work")!;
    expect(draw(visibleRows(tree, { collapsed: new Set([work.index]), opened: new Set() }, byName))).toBe("root\n  x8\n  work");
  });

  it("folds long runs of alike leaves into one row that opens", () => {
    const tree = buildTree(family());
    expect(draw(visibleRows(tree, OPEN, byName))).toBe("root\n  x8\n  work\n    leaf");
    const target = tree.nodes.find((node) => node.span.span_id === "poll3")!;
    const rows = visibleRows(tree, reveal(tree, target, OPEN, byName), byName);
    expect(rows.some((row) => row.type === "span" && row.node === target)).toBe(true);
    expect(rows.length).toBe(12);
  });

  it("reveals a span below collapsed ancestors", () => {
    const tree = buildTree(family());
    const leaf = tree.nodes.find((node) => node.span.span_id === "leaf")!;
    const folding = reveal(tree, leaf, { collapsed: new Set(tree.nodes.map((node) => node.index)), opened: new Set() }, byName);
    expect(draw(visibleRows(tree, folding, byName))).toContain("leaf");
  });
});

describe("on arbitrary spans", () => {
  it("every span has exactly one row, parents come first, depths follow parents", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const next = random(seed);
      const count = Math.floor(next() * 60);
      const id = (): string => `s${Math.floor(next() * count * 1.2)}`;
      const spans = Array.from({ length: count }, () =>
        span(id(), next() < 0.15 ? null : id(), Math.floor(next() * 1000), Math.floor(next() * 100), { name: next() < 0.5 ? "same" : "other" }));
      const tree = buildTree(spans);
      expect(tree.nodes.map((node) => node.index).sort((a, b) => a - b), `seed ${seed}`).toEqual(spans.map((_, i) => i));
      const seen = new Set<number>();
      for (const node of tree.nodes) {
        expect(node.parent === undefined || seen.has(node.parent.index), `seed ${seed}`).toBe(true);
        expect(node.depth).toBe(node.parent ? node.parent.depth + 1 : 0);
        seen.add(node.index);
      }
      const shown = visibleRows(tree, OPEN, byName).reduce((sum, row) => sum + (row.type === "span" ? 1 : row.nodes.length), 0);
      expect(shown, `seed ${seed}`).toBe(count);
    }
  });

  it("revealing any span of any tree gives it a row", () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const next = random(seed);
      const spans = Array.from({ length: 40 }, (_, i) =>
        span(`s${i}`, i === 0 || next() < 0.2 ? null : `s${Math.floor(next() * i)}`, i, 1, { name: next() < 0.8 ? "same" : "other" }));
      const tree = buildTree(spans);
      const shut: Folding = { collapsed: new Set(spans.map((_, i) => i)), opened: new Set() };
      for (const node of tree.nodes) {
        const rows = visibleRows(tree, reveal(tree, node, shut, byName), byName);
        expect(rowOf(rows, node), `seed ${seed}`).toBeGreaterThanOrEqual(0);
      }
    }
  });
});

describe("size", () => {
  const shapes: Record<string, (i: number) => string | null> = {
    "a wide tree": (i) => (i === 0 ? null : "s0"),
    "a chain": (i) => (i === 0 ? null : `s${i - 1}`),
    "a bushy tree": (i) => (i === 0 ? null : `s${Math.floor((i - 1) / 4)}`),
    "orphans only": (i) => `missing${i}`,
    "one cycle": (i) => `s${(i + 1) % 10_000}`,
  };
  for (const [name, parent] of Object.entries(shapes)) {
    it(`lays out 10,000 spans as ${name}`, () => {
      const spans = Array.from({ length: 10_000 }, (_, i) => span(`s${i}`, parent(i), i, 20_000 - i));
      const tree = buildTree(spans);
      const rows = visibleRows(tree, OPEN, (node) => node.span.span_id);
      expect(tree.nodes.length).toBe(10_000);
      expect(rows.length).toBe(10_000);
    });
  }
});

describe("ticks", () => {
  it("are round and inside the window", () => {
    expect(ticks(0, 1000, 5)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(ticks(130, 390, 3)).toEqual([200, 300]);
    expect(ticks(5, 5, 4)).toEqual([]);
    expect(ticks(0, 617e9, 5)).toEqual([0, 180e9, 360e9, 540e9]);
  });
});
