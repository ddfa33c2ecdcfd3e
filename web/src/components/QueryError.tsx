// What the server said of a query that it did not answer.

import { IconAlertTriangle } from "@tabler/icons-react";
import { ApiError } from "@/api/client";
import { errorText } from "@/lib/promql";
import { Failure } from "./Notice";
import classes from "./QueryEditor.module.css";

/** Whether the query itself is wrong: asking again does not help. */
export function isOfQuery(error: Error): boolean {
  return error instanceof ApiError && (error.kind === "bad_data" || error.kind === "execution");
}

/** An error of the query itself is told in its own words; others with what to do about them. */
export function QueryError({ error, onRetry }: { error: Error; onRetry: (() => void) | undefined }) {
  if (isOfQuery(error)) {
    return <p className={classes.refused} role="alert"><IconAlertTriangle size={14} aria-hidden /><span>{errorText(error.message)}</span></p>;
  }
  return <Failure what="The query could not be answered" error={error} {...(onRetry ? { onRetry } : {})} />;
}
