// Follows the lines of a query over a WebSocket, and comes back when the connection is lost.

import { useCallback, useEffect, useState } from "react";
import { tailAddress } from "@/api/loki";
import type { TailFrame } from "@/api/types";
import { msToNs } from "@/lib/format";
import { compareNs, entriesOf, type LogEntry } from "@/lib/logEntries";
import { EMPTY_TAIL, paused, received, resumed, type TailBuffer } from "@/lib/tailBuffer";

/** `unreached`: it was never there; `lost`: it was. */
export type TailState = "connecting" | "open" | "unreached" | "lost";

export interface Tail {
  buffer: TailBuffer;
  state: TailState;
  /** Why the connection ended, where the server said so. */
  reason: string | undefined;
  pause: () => void;
  resume: () => void;
}

/** Lines that the server sends of what was there before. */
const BACKLOG = 100;
/** Lines that it sends of what came while the connection was lost. */
const MISSED = 5000;
/** How far back the first lines may be. */
const BACK_MS = 3_600_000;
/** What comes within such a time is shown together. */
const FLUSH_MS = 200;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 15_000;

export function useTail(query: string): Tail {
  const [buffer, setBuffer] = useState<TailBuffer>(EMPTY_TAIL);
  const [state, setState] = useState<TailState>("connecting");
  const [reason, setReason] = useState<string | undefined>();
  useEffect(() => {
    setBuffer(EMPTY_TAIL);
    setState("connecting");
    return follow(query, (entries, dropped) => setBuffer((old) => received(old, entries, dropped)), (next, why) => { setState(next); setReason(why); });
  }, [query]);
  return { buffer, state, reason, pause: useCallback(() => setBuffer(paused), []), resume: useCallback(() => setBuffer(resumed), []) };
}

/** Connects and connects again. Returns how to stop. */
function follow(query: string, onLines: (entries: LogEntry[], dropped: number) => void, onState: (state: TailState, reason: string | undefined) => void): () => void {
  let socket: WebSocket | undefined;
  let gone = false;
  let tries = 0;
  let connected = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let pending: LogEntry[] = [];
  let dropped = 0;
  // Where to go on after a break: just behind the newest line.
  let newest = msToNs(Date.now() - BACK_MS);
  const flush = setInterval(() => {
    if (pending.length === 0 && dropped === 0) return;
    onLines(pending.sort((a, b) => compareNs(b.ns, a.ns)), dropped);
    [pending, dropped] = [[], 0];
  }, FLUSH_MS);
  const connect = (): void => {
    socket = new WebSocket(tailAddress(query, newest, connected ? MISSED : BACKLOG));
    socket.onopen = () => { [tries, connected] = [0, true]; onState("open", undefined); };
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      const frame = readFrame(data);
      const entries = entriesOf(frame.streams ?? [], "backward");
      pending.push(...entries);
      dropped += frame.dropped_entries?.length ?? 0;
      const [first] = entries;
      if (first && compareNs(first.ns, newest) >= 0) newest = String(BigInt(first.ns) + 1n);
    };
    socket.onclose = ({ reason }) => {
      if (gone) return;
      onState(connected ? "lost" : "unreached", reason === "" ? undefined : reason);
      retry = setTimeout(connect, Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** tries));
      tries += 1;
    };
  };
  connect();
  return () => {
    gone = true;
    clearInterval(flush);
    clearTimeout(retry);
    socket?.close();
  };
}

function readFrame(data: unknown): TailFrame {
  if (typeof data !== "string") return {};
  try {
    return JSON.parse(data) as TailFrame;
  } catch {
    return {};
  }
}
