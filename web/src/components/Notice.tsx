// A calm message in place of content: nothing here, nothing found, or something failed (with what to do about it).

import { Button } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/client";
import classes from "./Notice.module.css";

interface NoticeProps {
  title: string;
  text?: ReactNode;
  action?: ReactNode;
  tone?: "plain" | "error";
  compact?: boolean;
}

export function Notice({ title, text, action, tone = "plain", compact = false }: NoticeProps) {
  return (
    <div className={classes.notice} data-tone={tone} data-compact={compact} role={tone === "error" ? "alert" : undefined}>
      {tone === "error" && <IconAlertTriangle size={18} aria-hidden className={classes.icon} />}
      <div className={classes.body}>
        <p className={classes.title}>{title}</p>
        {text !== undefined && <p className={classes.text}>{text}</p>}
        {action !== undefined && <div className={classes.action}>{action}</div>}
      </div>
    </div>
  );
}

const ADVICE: Record<string, string> = {
  network: "Check that the server runs, then retry.",
  unavailable: "The server is not ready; it usually is within seconds.",
  overloaded: "The server sheds load; retry in a moment.",
};

interface FailureProps {
  /** What was being done: "Traces could not be loaded". */
  what: string;
  error: Error;
  onRetry?: () => void;
  compact?: boolean;
}

/** An error beside the thing that failed. */
export function Failure({ what, error, onRetry, compact = true }: FailureProps) {
  const kind = error instanceof ApiError ? error.kind : "internal";
  const message = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  return (
    <Notice
      tone="error"
      compact={compact}
      title={what}
      text={<>{message.replace(/\.?$/, ".")}{ADVICE[kind] !== undefined && <> {ADVICE[kind]}</>}</>}
      action={onRetry && <Button variant="default" onClick={onRetry}>Retry</Button>}
    />
  );
}
