// The whole trace as a small picture: one line a span. Drag to zoom the waterfall in time, double-click to see all.

import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState, type PointerEvent } from "react";
import { resolveColor } from "@/lib/colors";
import { isError } from "@/lib/spans";
import type { TraceModel } from "@/lib/traceModel";
import classes from "./Waterfall.module.css";
import type { View } from "./WaterfallRow";

interface MinimapProps {
  model: TraceModel;
  view: View;
  total: number;
  onView: (view: View) => void;
}

const HEIGHT = 36;

export function Minimap({ model, view, total, onView }: MinimapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drag, setDrag] = useState<[from: number, to: number] | undefined>();
  const scheme = useComputedColorScheme("light");
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const paint = (): void => draw(element, model, total);
    const observer = new ResizeObserver(paint);
    observer.observe(element);
    return () => observer.disconnect();
  }, [model, total, scheme]);

  const share = (event: PointerEvent): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  const finish = (): void => {
    if (!drag) return;
    const [from, to] = [Math.min(...drag), Math.max(...drag)];
    setDrag(undefined);
    if (to - from > 0.004) onView({ from: from * total, to: to * total });
  };
  const zoomed = view.from > 0 || view.to < total;
  const shade = drag ? [Math.min(...drag), Math.max(...drag)] : [view.from / total, view.to / total];
  const [left = 0, right = 1] = shade;
  return (
    <div
      className={classes.minimap}
      style={{ height: HEIGHT }}
      title="Drag to zoom in time, double-click to see all"
      onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); const at = share(event); setDrag([at, at]); }}
      onPointerMove={(event) => { if (drag) setDrag([drag[0], share(event)]); }}
      onPointerUp={finish}
      onPointerCancel={() => setDrag(undefined)}
      onDoubleClick={() => onView({ from: 0, to: total })}
    >
      <canvas ref={canvas} className={classes.canvas} aria-hidden />
      <div className={classes.shade} style={{ left: 0, width: `${left * 100}%` }} />
      <div className={classes.shade} style={{ left: `${right * 100}%`, right: 0 }} />
      {zoomed && !drag && <button type="button" className={classes.reset} onPointerDown={(event) => event.stopPropagation()} onClick={() => onView({ from: 0, to: total })}>Show all</button>}
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
