// Copying with a moment of "copied" to show for it.

import { useCallback, useEffect, useState } from "react";
import { copyText } from "./clipboard";

const SHOWN_MS = 1500;

export function useCopy(): { copied: boolean; copy: (text: string) => void } {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = useCallback((text: string) => void copyText(text).then(setCopied), []);
  return { copied, copy };
}
