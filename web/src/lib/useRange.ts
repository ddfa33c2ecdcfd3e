// The one time range of all pages: what the URL says, resolved against a clock that only ticks when asked to
// (refresh, live updates, a new range). Between ticks every query sees the same bounds.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import type { Window } from "@/api/client";
import { msToNs } from "./format";
import { readRange, refreshMs, resolveRange, writeRange, type Bounds, type RangeSearch, type TimeRange } from "./range";

/** A page that was left alone longer than this starts from the present again. */
const FRESH_MS = 60_000;

let nowMs = Date.now();
let holders = 0;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function announce(): void {
  for (const listener of listeners) listener();
}

/** Moves "now" to the present: every relative range is read again. */
export function tick(): void {
  nowMs = Date.now();
  announce();
}

/** Holds live updates while something under the pointer must not move. Returns the release. */
export function hold(): () => void {
  holders += 1;
  announce();
  return () => {
    holders -= 1;
    announce();
  };
}

export interface RangeState {
  range: TimeRange;
  bounds: Bounds;
  /** The bounds as the API takes them. */
  window: Window;
  refresh: string | undefined;
  held: boolean;
  setRange: (range: TimeRange) => void;
  setRefresh: (refresh: string | undefined) => void;
}

export function useRange(): RangeState {
  const search: RangeSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const now = useSyncExternalStore(subscribe, () => nowMs);
  const held = useSyncExternalStore(subscribe, () => holders > 0);
  const { range: text, from, to, refresh } = search;

  const range = useMemo(() => readRange({ range: text, from, to }), [text, from, to]);
  const bounds = useMemo(() => resolveRange(range, now), [range, now]);
  const window = useMemo(() => ({ start: msToNs(bounds.start), end: msToNs(bounds.end) }), [bounds]);
  const setRange = useCallback((next: TimeRange) => {
    tick();
    void navigate({ to: ".", search: (old) => ({ ...old, ...writeRange(next), ...(next.kind === "absolute" ? { refresh: undefined } : {}) }) });
  }, [navigate]);
  const setRefresh = useCallback((next: string | undefined) => {
    void navigate({ to: ".", replace: true, search: (old) => ({ ...old, refresh: next }) });
  }, [navigate]);
  return { range, bounds, window, refresh, held, setRange, setRefresh };
}

/** Drives the clock; mounted once by the shell. */
export function useClock(path: string, refresh: string | undefined): void {
  useEffect(() => {
    if (Date.now() - nowMs > FRESH_MS) tick();
  }, [path]);
  useEffect(() => {
    const every = refreshMs(refresh);
    if (every === undefined) return undefined;
    const timer = setInterval(() => {
      if (holders === 0 && document.visibilityState === "visible") tick();
    }, every);
    return () => clearInterval(timer);
  }, [refresh]);
}
