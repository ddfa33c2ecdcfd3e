// A query as it is being written.

import { useCallback, useState } from "react";

/** The text that is being written; a change of the query that ran replaces it. */
export function useDraft(ran: string): [string, (text: string) => void] {
  const [draft, setState] = useState({ from: ran, text: ran });
  if (draft.from !== ran) setState({ from: ran, text: ran });
  return [draft.from === ran ? draft.text : ran, useCallback((text: string) => setState((old) => ({ ...old, text })), [])];
}
