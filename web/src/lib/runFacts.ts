// What a run is as a whole, told from its steps: whose it is, whether it went in circles, what came from the cache.

import type { Step } from "@/api/agentTypes";

export interface RunFacts {
  agent: string;
  session: string;
  user: string;
  /** Kinds of loops in it. */
  loops: string[];
  retries: number;
  /** Of all that models read, which share came from the cache. */
  cached: number | undefined;
}

export function runFacts(steps: readonly Step[]): RunFacts {
  const first = (of: (step: Step) => string): string => steps.map(of).find((text) => text !== "") ?? "";
  const counted = steps.filter((step) => step.counted === "yes");
  const read = counted.reduce((sum, step) => sum + step.tokens.input, 0);
  return {
    // The agent that began the run, rather than one that worked for it.
    agent: (steps.find((step) => step.kind === "agent" && step.agent !== "")?.agent) ?? first((step) => step.agent),
    session: first((step) => step.session),
    user: first((step) => step.user),
    loops: [...new Set(steps.map((step) => step.loop_kind).filter((kind) => kind !== ""))],
    retries: steps.filter((step) => step.retry).length,
    cached: read === 0 ? undefined : counted.reduce((sum, step) => sum + (step.tokens.buckets.input_cached ?? 0), 0) / read,
  };
}
