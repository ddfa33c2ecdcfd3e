// Lines of a live tail, newest first, at most so many; while it is paused new ones wait aside.

import { keyed, type LogEntry } from "./logEntries";

/** Lines that a tail keeps at most, shown or waiting. */
export const TAIL_MAX = 5000;

export interface TailBuffer {
  shown: LogEntry[];
  waiting: LogEntry[];
  paused: boolean;
  /** Lines that came in all. */
  seen: number;
  /** Lines that the buffer had no room for while paused, and those that the server left out. */
  dropped: number;
  /** Counts the lines for their keys. */
  serial: number;
}

export const EMPTY_TAIL: TailBuffer = { shown: [], waiting: [], paused: false, seen: 0, dropped: 0, serial: 0 };

/** New lines, newest first, and how many the server dropped. */
export function received(buffer: TailBuffer, entries: LogEntry[], dropped: number): TailBuffer {
  const fresh = keyed(entries).map((entry, i) => ({ ...entry, key: `tail ${buffer.serial + entries.length - i}` }));
  const next = { ...buffer, seen: buffer.seen + entries.length, serial: buffer.serial + entries.length };
  if (!buffer.paused) return { ...next, shown: [...fresh, ...buffer.shown].slice(0, TAIL_MAX), dropped: buffer.dropped + dropped };
  const waiting = [...fresh, ...buffer.waiting];
  return { ...next, waiting: waiting.slice(0, TAIL_MAX), dropped: buffer.dropped + dropped + Math.max(0, waiting.length - TAIL_MAX) };
}

export function paused(buffer: TailBuffer): TailBuffer {
  return buffer.paused ? buffer : { ...buffer, paused: true };
}

/** Shows what waited. */
export function resumed(buffer: TailBuffer): TailBuffer {
  return { ...buffer, paused: false, shown: [...buffer.waiting, ...buffer.shown].slice(0, TAIL_MAX), waiting: [] };
}
