// The critical path as stretches on the bars of spans: what the server worked out, in the time of the trace.

import type { PathSegment } from "@/api/types";

/** Nanoseconds since the trace began. */
export interface Stretch {
  from: number;
  to: number;
}

/** Stretches by span, in order of time; those that touch are one. */
export function stretchesOf(path: readonly PathSegment[], originNs: bigint): Map<string, Stretch[]> {
  const out = new Map<string, Stretch[]>();
  const parts = path.map((one) => ({ id: one.span_id, from: Number(BigInt(one.start_time_unix_nano) - originNs), to: Number(BigInt(one.end_time_unix_nano) - originNs) }));
  for (const { id, from, to } of parts.sort((a, b) => a.from - b.from)) {
    if (to < from) continue;
    const own = out.get(id);
    const last = own?.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else if (own) own.push({ from, to });
    else out.set(id, [{ from, to }]);
  }
  return out;
}

/** Parts of a view closer than this are drawn as one: nobody could tell them apart. */
const GAP = 1 / 1500;

/** The stretches that a view shows, cut to it, close ones joined: never more than can be seen. */
export function drawnStretches(stretches: readonly Stretch[], view: Stretch): Stretch[] {
  const gap = (view.to - view.from) * GAP;
  const out: Stretch[] = [];
  for (const one of stretches) {
    const from = Math.max(one.from, view.from);
    const to = Math.min(one.to, view.to);
    if (to < from) continue;
    const last = out.at(-1);
    if (last && from - last.to < gap) last.to = Math.max(last.to, to);
    else out.push({ from, to });
  }
  return out;
}

/** How much of the path is a span's, in nanoseconds. */
export function criticalTime(stretches: readonly Stretch[] | undefined): number {
  return (stretches ?? []).reduce((sum, one) => sum + one.to - one.from, 0);
}
