// Why nothing is told of health: a server of an older version does not know of it, others say what failed.

import { ApiError } from "@/api/client";
import { Failure } from "./Notice";

/** Whether the server has no such endpoint. */
export function isUntold(error: Error | null): boolean {
  return error instanceof ApiError && error.status === 404;
}

export function HealthFailure({ what, error, onRetry }: { what: "hosts" | "dependencies" | "health"; error: Error; onRetry: () => void }) {
  if (!isUntold(error)) return <Failure what={WHAT[what]} error={error} onRetry={onRetry} />;
  return <p className="dim">{UNTOLD[what]}: it is of an older version than this page, or was told not to.</p>;
}

const WHAT = { hosts: "The figures of this host could not be loaded", dependencies: "The checks could not be loaded", health: "The health of everything together could not be loaded" };
const UNTOLD = { hosts: "This server tells nothing of its host", dependencies: "This server checks nothing that agents depend on", health: "This server does not judge everything together" };
