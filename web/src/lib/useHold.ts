// Live updates wait while this is active: the pointer rests on a list, or the list is scrolled away from its top.

import { useEffect } from "react";
import { hold } from "./useRange";

export function useHold(active: boolean): void {
  useEffect(() => (active ? hold() : undefined), [active]);
}
