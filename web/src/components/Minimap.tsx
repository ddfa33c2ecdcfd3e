// The whole trace as a small picture, one line a span, with the part of its time that the waterfall shows. Drag outside of
// that part to choose another, drag it to move it, drag its edges to resize it; double-click shows all.

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState, type PointerEvent } from "react";
import { resolveColor } from "@/lib/colors";
import { isError } from "@/lib/spans";
import { between, isWhole, moved, whole, type View } from "@/lib/timeView";
import type { TraceModel } from "@/lib/traceModel";
import classes from "./Waterfall.module.css";

interface MinimapProps {
  model: TraceModel;
  view: View;
  total: number;
  onView: (view: View) => void;
}

const HEIGHT = 36;
/** How close to an edge, in pixels, the pointer takes it. */
const REACH = 6;
/** A drag of a smaller share of the width chooses nothing. */
const LEAST_DRAG = 0.004;

type Drag =
  | { kind: "choose"; from: number; to: number }
  | { kind: "move"; from: number; view: View }
  | { kind: "edge"; fixed: number };

export function Minimap({ model, view, total, onView }: MinimapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<Drag | undefined>();
  const scheme = useComputedColorScheme("light");
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => draw(element, model, total));
    observer.observe(element);
    return () => observer.disconnect();
  }, [model, total, scheme]);

  const zoomed = !isWhole(view, total);
  const at = (event: PointerEvent): { time: number; pixel: number } => {
    const box = event.currentTarget.getBoundingClientRect();
    return { time: Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * total, pixel: total / box.width };
  };
  const begin = (event: PointerEvent): void => {
    event.currentTarget.setPointerCapture(event.pointerId);
    const { time, pixel } = at(event);
    const near = (edge: number): boolean => zoomed && Math.abs(time - edge) < REACH * pixel;
    if (near(view.from)) setDrag({ kind: "edge", fixed: view.to });
    else if (near(view.to)) setDrag({ kind: "edge", fixed: view.from });
    else if (zoomed && time > view.from && time < view.to) setDrag({ kind: "move", from: time, view });
    else setDrag({ kind: "choose", from: time, to: time });
  };
  const go = (event: PointerEvent): void => {
    const { time } = at(event);
    if (drag?.kind === "choose") setDrag({ ...drag, to: time });
    else if (drag?.kind === "move") onView(moved(drag.view, time - drag.from, total));
    else if (drag?.kind === "edge") onView(between(drag.fixed, time, total));
  };
  // Where the pointer is let go decides: the last move may not have been drawn yet.
  const finish = (event: PointerEvent): void => {
    const { time } = at(event);
    setDrag(undefined);
    if (drag?.kind !== "choose") go(event);
    else if (Math.abs(time - drag.from) > total * LEAST_DRAG) onView(between(drag.from, time, total));
  };
  const shown = drag?.kind === "choose" ? between(drag.from, drag.to, total) : view;
  const [left, right] = [(shown.from / total) * 100, (shown.to / total) * 100];
  const framed = zoomed || drag?.kind === "choose";
  return (
    <div
      className={classes.minimap} style={{ height: HEIGHT }} title={zoomed ? "Drag to move or resize, double-click to see all" : "Drag to zoom in time"}
      onPointerDown={begin} onPointerMove={go} onPointerUp={finish} onPointerCancel={() => setDrag(undefined)} onDoubleClick={() => onView(whole(total))}
    >
      <canvas ref={canvas} className={classes.canvas} aria-hidden />
      {framed && (
        <>
          <div className={classes.shade} style={{ left: 0, width: `${left}%` }} />
          <div className={classes.shade} style={{ left: `${right}%`, right: 0 }} />
          <div className={classes.viewport} data-testid="viewport" data-moving={drag?.kind === "move"} style={{ left: `${left}%`, width: `${right - left}%` }} />
        </>
      )}
      {zoomed && drag === undefined && <button type="button" className={classes.reset} onPointerDown={(event) => event.stopPropagation()} onClick={() => onView(whole(total))}>Show all</button>}
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, model: TraceModel, total: number): void {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  const colors = new Map([...model.colors.values()].map((name) => [name, resolveColor(name)]));
  const failed = resolveColor("--wk-level-error");
  const { nodes } = model.tree;
  const line = Math.min(3 * ratio, Math.max(ratio, canvas.height / Math.max(1, nodes.length) - 1));
  const step = (canvas.height - line) / Math.max(1, nodes.length - 1);
  nodes.forEach((node, i) => {
    context.fillStyle = isError(node.span) ? failed : (colors.get(model.color(node)) ?? "#888");
    const x = (node.start / total) * canvas.width;
    context.fillRect(x, i * step, Math.max(ratio, ((node.end - node.start) / total) * canvas.width), line);
  });
}
