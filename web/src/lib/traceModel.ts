// A trace made ready for drawing: its tree, and service, role and colour of each span.

import type { Trace } from "@/api/types";
import { serviceColors } from "./colors";
import { serviceOf, spanRole, type SpanRole } from "./spans";
import { buildTree, type Node, type Tree } from "./waterfall";

export interface TraceModel {
  tree: Tree;
  /** Service name to the name of a CSS variable. */
  colors: Map<string, string>;
  service: (node: Node) => string;
  color: (node: Node) => string;
  role: (node: Node) => SpanRole;
  /** What makes siblings alike enough to fold. */
  groupKey: (node: Node) => string;
}

export function modelOf(trace: Trace): TraceModel {
  const tree = buildTree(trace.spans);
  const services = trace.spans.map((span) => serviceOf(trace, span));
  const roles = trace.spans.map((span) => spanRole(span.attributes));
  const colors = serviceColors(services);
  const service = (node: Node): string => services[node.index] ?? "";
  return {
    tree,
    colors,
    service,
    color: (node) => colors.get(service(node)) ?? "--wk-faint",
    role: (node) => roles[node.index] ?? "plain",
    groupKey: (node) => `${service(node)}\n${node.span.name}`,
  };
}
