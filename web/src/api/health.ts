// Calls about health: of everything together, of the host, of what is depended on.

import { get, send, type Window } from "./client";
import type { Check, HealthReport, Host } from "./healthTypes";

const BASE = "/api/watchkeep/v1/health";

export const health = {
  report: (window: Window, signal?: AbortSignal) => get<HealthReport>(BASE, { ...window }, signal),
  host: (window: Window, signal?: AbortSignal) => get<Host>(`${BASE}/host`, { ...window }, signal),
  checks: async (window: Window, signal?: AbortSignal): Promise<Check[]> => (await get<{ checks: Check[] }>(`${BASE}/checks`, { ...window }, signal)).checks,
  /** Runs a check now and waits for its result. */
  run: (name: string) => send<unknown>("POST", `${BASE}/checks/${encodeURIComponent(name)}/run`),
};
