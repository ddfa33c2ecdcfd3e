// A state as a word with a mark: colour never speaks alone.

import { IconAlertTriangle, IconCircleCheck, IconCircleX } from "@tabler/icons-react";
import classes from "./StatusBadge.module.css";

export type Tone = "ok" | "warn" | "error" | "plain";

const ICONS = { ok: IconCircleCheck, warn: IconAlertTriangle, error: IconCircleX, plain: undefined };

export function StatusBadge({ tone, children }: { tone: Tone; children: string }) {
  const IconOf = ICONS[tone];
  return <span className={classes.badge} data-tone={tone}>{IconOf && <IconOf size={13} aria-hidden />}{children}</span>;
}
