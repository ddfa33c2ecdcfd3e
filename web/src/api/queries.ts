// Queries that several pages share.

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useRange } from "@/lib/useRange";
import { api } from "./client";
import type { Status } from "./types";

/** Services seen in the time range. */
export function useServices(): UseQueryResult<string[]> {
  const { window, range } = useRange();
  // Ticks of a live range do not ask again: the list of services changes slowly.
  return useQuery({
    queryKey: ["services", range],
    queryFn: async ({ signal }) => (await api.services(window, signal)).services,
  });
}

export function useStatus(live = false): UseQueryResult<Status> {
  return useQuery({ queryKey: ["status"], queryFn: ({ signal }) => api.status(signal), refetchInterval: live ? 5000 : false, staleTime: live ? 0 : 10_000 });
}
