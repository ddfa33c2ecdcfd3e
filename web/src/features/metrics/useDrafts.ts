// The queries as they are being written. What the URL holds is what ran; a change of the URL replaces what was written.

import { useCallback, useState } from "react";

interface State {
  from: string;
  list: string[];
}

export interface Drafts {
  list: string[];
  set: (index: number, text: string) => void;
  add: () => void;
  remove: (index: number) => void;
}

export function useDrafts(ran: string[]): Drafts {
  const from = JSON.stringify(ran);
  const fresh = (): State => ({ from, list: ran.length > 0 ? ran : [""] });
  const [state, setState] = useState(fresh);
  if (state.from !== from) setState(fresh);
  const change = useCallback((by: (list: string[]) => string[]) => setState((old) => ({ ...old, list: by(old.list) })), []);
  return {
    list: state.list,
    set: useCallback((index, text) => change((list) => list.map((one, i) => (i === index ? text : one))), [change]),
    add: useCallback(() => change((list) => [...list, ""]), [change]),
    remove: useCallback((index) => change((list) => (list.length > 1 ? list.filter((_, i) => i !== index) : [""])), [change]),
  };
}

/** Queries that ran since the page was loaded, oldest first. */
const past: string[] = [];
const PAST_MAX = 100;

export function remember(query: string): void {
  const at = past.indexOf(query);
  if (at >= 0) past.splice(at, 1);
  past.push(query);
  if (past.length > PAST_MAX) past.shift();
}

/** The query that ran before or after this one. */
export function recall(query: string, by: 1 | -1): string | undefined {
  const at = past.indexOf(query);
  return past[at < 0 ? (by < 0 ? past.length - 1 : past.length) : at + by];
}
