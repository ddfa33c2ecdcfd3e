// Colours by meaning. Names of CSS variables for the page, resolved colours for canvases.

import type { Level } from "@/api/types";

const SERIES = 10;

export function seriesVar(index: number): string {
  return `--wk-series-${index % SERIES}`;
}

export function levelVar(level: Level): string {
  return `--wk-level-${level}`;
}

/** A CSS variable's present colour: canvases cannot use variables. */
export function resolveColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
}

function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}

/**
 * A colour for each service: by its name, so that it is the same on every page, moved to the next free one
 * where two services of the same set would share it.
 */
export function serviceColors(names: readonly string[]): Map<string, string> {
  const out = new Map<string, string>();
  const taken = new Set<number>();
  for (const name of [...new Set(names)].sort()) {
    let at = hash(name) % SERIES;
    for (let tries = 0; taken.has(at) && tries < SERIES; tries += 1) at = (at + 1) % SERIES;
    taken.add(at);
    out.set(name, seriesVar(at));
  }
  return out;
}
