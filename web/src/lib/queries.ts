// Queries that other pages lead to, as text alone: without the grammar that the explorer needs.

import { labelText, quote } from "./promql";

/** Ranks the series of a selection by how many there are under each value of some labels. */
export function countBy(labels: string[], selection: string, most = 20): string {
  return `topk(${most}, count by (${labels.map(labelText).join(", ")}) (${selection}))`;
}

/** `{__name__="x"}`: finds a metric whatever its name is made of. */
export function named(metric: string): string {
  return `{__name__=${quote(metric)}}`;
}
