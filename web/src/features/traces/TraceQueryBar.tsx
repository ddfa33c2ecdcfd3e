// TraceQL as text: the editor of the page and of the comparison.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, type ReactNode } from "react";
import { QueryBar } from "@/components/QueryBar";
import type { EditorLanguage } from "@/components/QueryEditor";
import { linePlace } from "@/lib/errorPlace";
import { queryHistory } from "@/lib/queryHistory";
import { useRange } from "@/lib/useRange";
import { completionClient } from "./completion";

const history = queryHistory();

interface TraceQueryBarProps {
  label: string;
  region?: string;
  id?: string;
  draft: string;
  ran: string;
  error: Error | null;
  onDraft: (text: string) => void;
  onRun: (text: string) => void;
  onRetry: () => void;
  children?: ReactNode;
}

export function TraceQueryBar(props: TraceQueryBarProps) {
  const queries = useQueryClient();
  const { bounds } = useRange();
  const now = useRef(bounds);
  useEffect(() => { now.current = bounds; }, [bounds]);
  const language = useMemo((): EditorLanguage => ({
    placeholder: 'TraceQL, as { resource.service.name = "api" && status = error }',
    load: async () => (await import("./traceqlLanguage")).traceql(completionClient(queries, () => now.current)),
  }), [queries]);
  return <QueryBar {...props} language={language} history={history} placeOf={linePlace} />;
}
