// How an agent or a dependency is, as a word with a mark; the reasons show on hover.

import type { HealthStatus } from "@/api/agentTypes";
import { StatusBadge, type Tone } from "./StatusBadge";

const TONES: Record<HealthStatus, Tone> = { healthy: "ok", degraded: "warn", unhealthy: "error", unknown: "plain" };

export function HealthBadge({ health }: { health: { status: HealthStatus; issues?: readonly { message: string }[] } }) {
  const reasons = (health.issues ?? []).map((issue) => issue.message).join("\n");
  return <span title={reasons === "" ? undefined : reasons}><StatusBadge tone={TONES[health.status]}>{health.status}</StatusBadge></span>;
}
