// The queries as they are being written. What the URL holds is what ran; a change of the URL replaces what was written.

import { useCallback, useState } from "react";
import { queryHistory } from "@/lib/queryHistory";

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

export const { remember, recall } = queryHistory();
