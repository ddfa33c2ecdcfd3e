// Everything that talks to uPlot: options, drawing of bars and marks, pointer handling. No React here.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { resolveColor } from "@/lib/colors";
import type { Bounds } from "@/lib/range";

export interface ChartSeries {
  label: string;
  /** Name of a CSS variable. */
  color: string;
  values: (number | null)[];
  /** Of its values, where they are in another unit than those of the axis. */
  format?: (value: number) => string;
}

export interface Mark {
  id: string;
  /** Unix milliseconds. */
  time: number;
  value: number;
  label: string;
  /** Name of a CSS variable. */
  color: string;
  shape: "dot" | "cross" | "diamond";
}

export interface Hover {
  index: number | null;
  mark: Mark | undefined;
  x: number;
  y: number;
  width: number;
}

export interface ChartCallbacks {
  onBrush?: ((from: number, to: number) => void) | undefined;
  onMark?: ((mark: Mark) => void) | undefined;
  onHover?: ((hover: Hover | null) => void) | undefined;
}

/** `stacked` draws bars that fill their bucket, `area` a stack of areas between instants. */
export type ChartKind = "line" | "stacked" | "area" | "points";

export interface ChartSpec {
  kind: ChartKind;
  times: number[];
  series: ChartSeries[];
  bounds: Bounds;
  height: number;
  formatY: (value: number) => string;
  /** Shorter text for the axis, where it differs. */
  formatAxis: ((value: number) => string) | undefined;
  logarithmic: boolean;
  /** Lines of the grid at powers of two: for bytes. */
  binary: boolean;
  /** The axis reaches at least so far: 100 for percentages. */
  reach: number | undefined;
  marks: Mark[] | undefined;
  scheme: string;
}

type Callbacks = { current: ChartCallbacks };

const REACH = 10;
const POWERS_OF_TWO = Array.from({ length: 60 }, (_, i) => 2 ** i);
const FONT = "11px 'Inter Variable', system-ui, sans-serif";

export function mount(element: HTMLElement, spec: ChartSpec, callbacks: Callbacks): uPlot {
  const plot: uPlot = new uPlot(options(element, spec, callbacks), data(spec), element);
  const marks = spec.marks ?? [];
  if (marks.length > 0) {
    plot.over.addEventListener("click", () => {
      const mark = nearest(plot, marks);
      if (mark) callbacks.current.onMark?.(mark);
    });
  }
  return plot;
}

/** Stacked series are drawn as running sums, the highest first, so that each covers the part above it. */
function data(spec: ChartSpec): uPlot.AlignedData {
  // uPlot scales nothing without data: an empty chart gets its bounds and no values.
  if (spec.times.length === 0 || spec.series.length === 0) {
    const bounds = [spec.bounds.start / 1000, spec.bounds.end / 1000];
    return [bounds, ...(spec.series.length === 0 ? [[null, null]] : spec.series.map(() => [null, null]))];
  }
  const times = spec.times.map((ms) => ms / 1000);
  if (!isStack(spec)) return [times, ...spec.series.map((one) => one.values)];
  const sums = new Array<number>(times.length).fill(0);
  // Where no series says anything, an area ends; a bar is not there anyway.
  const silent = times.map((_, i) => spec.kind === "area" && spec.series.every((one) => (one.values[i] ?? null) === null));
  const stacked = spec.series.map((one) => one.values.map((value, i) => {
    const sum = (sums[i] = (sums[i] ?? 0) + (value ?? 0));
    return silent[i] === true ? null : sum;
  }));
  return [times, ...stacked.reverse()];
}

function isStack(spec: ChartSpec): boolean {
  return spec.kind === "stacked" || spec.kind === "area";
}

function options(element: HTMLElement, spec: ChartSpec, callbacks: Callbacks): uPlot.Options {
  const line = resolveColor("--wk-line");
  const dim = resolveColor("--wk-dim");
  const drawn = isStack(spec) ? [...spec.series].reverse() : spec.series;
  const axis: uPlot.Axis = { stroke: dim, font: FONT, grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: spec.height,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "watchkeep" },
      y: false,
      points: { show: spec.kind === "line" },
      drag: { x: true, y: false, setScale: false, dist: 5 },
    },
    scales: {
      x: { time: true, range: () => [spec.bounds.start / 1000, spec.bounds.end / 1000] },
      y: { // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum exists in the types only
        distr: spec.logarithmic ? 3 : 1, range: (_, low, high) => yRange(spec, low, high) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, gap: 4, space: 80, values: (_, splits, __, ___, step) => splits.map((at) => timeLabel(at * 1000, step)) },
      { ...axis, size: 64, gap: 6, ...(spec.binary && !spec.logarithmic ? { incrs: POWERS_OF_TWO } : {}), space: spec.height > 200 ? 44 : 26, grid: { stroke: line, width: 1, filter: (_, splits) => splits.map((at) => (spec.logarithmic && !isPowerOfTen(at) ? null : at)) }, values: (_, splits) => axisLabels(splits, spec) },
    ],
    series: [{}, ...(drawn.length === 0 ? [{ show: true, points: { show: false } }] : drawn.map((one) => seriesOptions(one, spec)))],
    hooks: {
      draw: [(u) => drawMarks(u, spec.marks ?? [])],
      setCursor: [(u) => reportHover(u, spec, callbacks)],
      setSelect: [(u) => {
        const { left, width } = u.select;
        if (width < 5) return;
        const [from, to] = [u.posToVal(left, "x") * 1000, u.posToVal(left + width, "x") * 1000];
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        callbacks.current.onBrush?.(from, to);
      }],
    },
  };
}

function seriesOptions(one: ChartSeries, spec: ChartSpec): uPlot.Series {
  const color = resolveColor(one.color);
  if (spec.kind === "stacked") {
    // Bars start at their bucket's beginning and fill it.
    const paths = uPlot.paths.bars?.({ size: [0.9, 40], align: 1 });
    return { label: one.label, stroke: color, fill: color, width: 0, points: { show: false }, ...(paths ? { paths } : {}) };
  }
  if (spec.kind === "area") return { label: one.label, stroke: color, width: 1, fill: tint(color, resolveColor("--wk-surface")), spanGaps: false, points: { show: false } };
  if (spec.kind === "points") return { label: one.label, stroke: color, width: 0, paths: () => null, points: { show: true, size: 4, width: 0, fill: color } };
  return { label: one.label, stroke: color, width: 1.5, spanGaps: false, points: { show: one.values.filter((value) => value !== null).length < 3, size: 5 } };
}

/** The colour on the ground, opaque: areas cover each other. */
function tint(color: string, ground: string): string {
  const [a, b] = [channels(color), channels(ground)];
  if (!a || !b) return color;
  return `rgb(${a.map((value, i) => Math.round(value * 0.6 + (b[i] ?? 0) * 0.4)).join(" ")})`;
}

/** Red, green and blue of `#rrggbb` or `#rgb`. */
function channels(color: string): number[] | undefined {
  const long = color.replace(/^#([0-9a-f])([0-9a-f])([0-9a-f])$/i, "#$1$1$2$2$3$3");
  return /^#[0-9a-f]{6}$/i.test(long) ? [1, 3, 5].map((at) => parseInt(long.slice(at, at + 2), 16)) : undefined;
}

function yRange(spec: ChartSpec, low: number | null, high: number | null): [number, number] {
  const values = (spec.marks ?? []).map((mark) => mark.value);
  let min = low ?? Infinity;
  let max = high ?? -Infinity;
  for (const value of values) {
    if (spec.logarithmic && value <= 0) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (!(max >= min)) return spec.logarithmic ? [1, 10] : [0, spec.reach ?? 1];
  if (spec.logarithmic) return [10 ** Math.floor(Math.log10(Math.max(min, 1e-9))), 10 ** Math.ceil(Math.log10(max * 1.05))];
  if (spec.reach !== undefined && min >= 0 && max <= spec.reach) return [0, spec.reach];
  const room = (max - Math.min(0, min)) * 0.08 || Math.abs(max) || 1;
  if (min >= 0 && max === 0) return [0, 1];
  return [min < 0 ? min - room : 0, max + (max > 0 ? room : 0)];
}

/** On a logarithmic axis only powers of ten have labels, and only as many as there is room for. */
function axisLabels(splits: number[], spec: ChartSpec): string[] {
  const format = spec.formatAxis ?? spec.formatY;
  if (!spec.logarithmic) return splits.map(format);
  const every = Math.ceil(splits.filter(isPowerOfTen).length / Math.max(1, Math.floor((spec.height - 30) / 18)));
  return splits.map((at) => (isPowerOfTen(at) && Math.round(Math.log10(at)) % every === 0 ? format(at) : ""));
}

function isPowerOfTen(value: number): boolean {
  const power = Math.log10(value);
  return Math.abs(power - Math.round(power)) < 1e-9;
}

function timeLabel(ms: number, step: number): string {
  const at = new Date(ms);
  const pad = (n: number): string => String(n).padStart(2, "0");
  if (step >= 86_400 || (at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0)) {
    return at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  }
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  if (step < 1) return `${clock}:${pad(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return step < 60 ? `${clock}:${pad(at.getSeconds())}` : clock;
}

function drawMarks(u: uPlot, marks: Mark[]): void {
  const context = u.ctx;
  const ratio = devicePixelRatio;
  context.save();
  context.beginPath();
  context.rect(u.bbox.left - 4, u.bbox.top - 4, u.bbox.width + 8, u.bbox.height + 8);
  context.clip();
  const colors = new Map<string, string>();
  for (const mark of marks) {
    const color = colors.get(mark.color) ?? resolveColor(mark.color);
    colors.set(mark.color, color);
    const x = u.valToPos(mark.time / 1000, "x", true);
    const y = u.valToPos(mark.value, "y", true);
    context.beginPath();
    if (mark.shape === "cross") {
      const r = 3.2 * ratio;
      context.moveTo(x - r, y - r);
      context.lineTo(x + r, y + r);
      context.moveTo(x + r, y - r);
      context.lineTo(x - r, y + r);
      context.strokeStyle = color;
      context.lineWidth = 1.6 * ratio;
      context.stroke();
    } else if (mark.shape === "diamond") {
      const r = 4.2 * ratio;
      context.moveTo(x, y - r);
      context.lineTo(x + r, y);
      context.lineTo(x, y + r);
      context.lineTo(x - r, y);
      context.closePath();
      context.fillStyle = color;
      context.fill();
    } else {
      context.arc(x, y, 2.4 * ratio, 0, 7);
      context.globalAlpha = 0.65;
      context.fillStyle = color;
      context.fill();
      context.globalAlpha = 1;
    }
  }
  context.restore();
}

function nearest(u: uPlot, marks: Mark[]): Mark | undefined {
  const { left = -1, top = -1 } = u.cursor;
  if (left < 0) return undefined;
  let best: Mark | undefined;
  let distance = REACH;
  for (const mark of marks) {
    const dx = u.valToPos(mark.time / 1000, "x") - left;
    if (Math.abs(dx) >= distance) continue;
    const d = Math.hypot(dx, u.valToPos(mark.value, "y") - top);
    if (d < distance) [best, distance] = [mark, d];
  }
  return best;
}

function reportHover(u: uPlot, spec: ChartSpec, callbacks: Callbacks): void {
  const { left = -1, top = -1, idx } = u.cursor;
  // Charts that are only in step with the one under the pointer draw the crosshair, not the tooltip.
  if (left < 0 || !u.over.matches(":hover")) {
    callbacks.current.onHover?.(null);
    return;
  }
  const mark = spec.marks ? nearest(u, spec.marks) : undefined;
  const offset = u.bbox.left / devicePixelRatio;
  callbacks.current.onHover?.({ index: idx ?? null, mark, x: left + offset, y: top, width: u.width });
}
