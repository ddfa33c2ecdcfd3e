// The part of a trace's time that the waterfall shows: zoom, move, resize, always inside the trace.

export interface View {
  /** Nanoseconds since the trace began. */
  from: number;
  to: number;
}

/** A view is never narrower than this share of the trace. */
const LEAST = 1e-6;

export function whole(total: number): View {
  return { from: 0, to: total };
}

export function isWhole(view: View, total: number): boolean {
  return view.from <= 0 && view.to >= total;
}

/** A view from one edge to the other, in either order. */
export function between(a: number, b: number, total: number): View {
  const [low, high] = [Math.max(0, Math.min(a, b)), Math.min(total, Math.max(a, b))];
  const least = Math.max(1, total * LEAST);
  if (high - low >= least) return { from: low, to: high };
  const middle = Math.min(total - least / 2, Math.max(least / 2, (low + high) / 2));
  return { from: Math.max(0, middle - least / 2), to: Math.min(total, middle + least / 2) };
}

/** The view moved by some time, as far as the trace goes. */
export function moved(view: View, by: number, total: number): View {
  const width = view.to - view.from;
  const from = Math.max(0, Math.min(total - width, view.from + by));
  return { from, to: from + width };
}

/** The view narrowed (below 1) or widened around an instant, which stays where it is. */
export function zoomed(view: View, factor: number, around: number, total: number): View {
  const at = Math.max(view.from, Math.min(view.to, around));
  const from = at - (at - view.from) * factor;
  const to = at + (view.to - at) * factor;
  return to - from >= total ? whole(total) : between(Math.max(0, from), Math.min(total, to), total);
}
