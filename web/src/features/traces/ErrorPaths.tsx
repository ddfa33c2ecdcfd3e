// Where the errors of a trace began: from the root down to the span that failed first, one way at a time.

import { ActionIcon, Button } from "@mantine/core";
import { IconAlertTriangle, IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { useMemo } from "react";
import type { ErrorPath } from "@/api/types";
import { visible } from "@/lib/format";
import type { TraceModel } from "@/lib/traceModel";
import classes from "./TracePage.module.css";

interface ErrorPathsProps {
  paths: readonly ErrorPath[];
  at: number;
  model: TraceModel;
  /** Looks at a path and goes to its origin. */
  onPath: (at: number) => void;
}

export function ErrorPaths({ paths, at, model, onPath }: ErrorPathsProps) {
  const path = paths[at];
  const services = useMemo(() => {
    const byId = new Map(model.tree.nodes.map((node) => [node.span.span_id, node]));
    const names = (path?.spans ?? []).map((id) => byId.get(id)).filter((node) => node !== undefined).map((node) => model.service(node) || "unknown");
    return names.filter((name, i) => name !== names[i - 1]);
  }, [path, model]);
  if (!path) return null;
  return (
    <div className={classes.errorPath} role="region" aria-label="Origin of the error">
      <IconAlertTriangle size={15} aria-hidden className={classes.errorIcon} />
      <span className={classes.errorText} title={path.message}>
        {services.length > 1 && <span className="dim">{services.slice(0, -1).join(" → ")} → </span>}
        <b>{path.service || "unknown"}</b> {visible(path.name)}{path.message !== "" && <>: {visible(path.message).slice(0, 300)}</>}
      </span>
      <Button variant="default" size="compact-xs" onClick={() => onPath(at)}>Go to the origin</Button>
      {paths.length > 1 && (
        <span className={classes.errorSteps}>
          <ActionIcon size="sm" variant="subtle" color="gray" aria-label="Previous error" onClick={() => onPath((at + paths.length - 1) % paths.length)}><IconChevronLeft size={14} /></ActionIcon>
          {at + 1} of {paths.length}
          <ActionIcon size="sm" variant="subtle" color="gray" aria-label="Next error" onClick={() => onPath((at + 1) % paths.length)}><IconChevronRight size={14} /></ActionIcon>
        </span>
      )}
    </div>
  );
}
