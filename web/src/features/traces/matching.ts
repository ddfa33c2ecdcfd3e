// Which spans of a trace a text is in: in the name, the service, an id, an attribute.

import { inline } from "@/lib/format";
import type { TraceModel } from "@/lib/traceModel";
import type { Node } from "@/lib/waterfall";

/** Of prompts and other long values the beginning is searched. */
const VALUE_MAX = 20_000;

/** What is searched of each span, made when a trace is searched for the first time. */
const texts = new WeakMap<TraceModel, string[]>();

function textsOf(model: TraceModel): string[] {
  const known = texts.get(model);
  if (known) return known;
  const made = model.tree.nodes.map((node) => {
    const { span } = node;
    const attributes = Object.entries(span.attributes).map(([key, value]) => `${key}=${inline(value).slice(0, VALUE_MAX)}`);
    return [span.name, model.service(node), span.span_id, span.status.message, ...span.events.map((event) => event.name), ...attributes].join("\n").toLowerCase();
  });
  texts.set(model, made);
  return made;
}

/** The spans in their order; none for an empty text. */
export function matching(model: TraceModel, find: string | undefined): Set<Node> {
  const text = find?.trim().toLowerCase();
  if (!text) return new Set();
  const all = textsOf(model);
  return new Set(model.tree.nodes.filter((_, i) => all[i]?.includes(text)));
}

/** The next (or previous) of some nodes after the selected one, in the order of the waterfall, wrapping around. */
export function neighbour(model: TraceModel, pool: ReadonlySet<Node> | readonly Node[], selected: Node | undefined, step: 1 | -1): Node | undefined {
  const list = [...pool];
  if (list.length === 0) return undefined;
  const at = selected ? list.indexOf(selected) : -1;
  if (at >= 0 || !selected) return list[(at + step + list.length) % list.length];
  // The selected one is not among them: the first behind it, or the last before it.
  const order = new Map(model.tree.nodes.map((node, i) => [node, i]));
  const from = order.get(selected) ?? 0;
  const place = (node: Node): number => order.get(node) ?? 0;
  return step > 0 ? (list.find((node) => place(node) > from) ?? list[0]) : (list.findLast((node) => place(node) < from) ?? list.at(-1));
}
