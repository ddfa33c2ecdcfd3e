// LogQL as text: the editor of the page.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, type ReactNode } from "react";
import { loki } from "@/api/loki";
import { QueryBar } from "@/components/QueryBar";
import type { EditorLanguage } from "@/components/QueryEditor";
import { logqlErrorPlace } from "@/lib/logqlText";
import { queryHistory } from "@/lib/queryHistory";
import { useRange } from "@/lib/useRange";
import { completionClient } from "./completion";

const history = queryHistory();
const format = (query: string): Promise<string> => loki.format(query);
export const QUERY_ID = "logs-query";

interface LogQueryBarProps {
  draft: string;
  ran: string;
  error: Error | null;
  onDraft: (text: string) => void;
  onRun: (text: string) => void;
  onRetry: () => void;
  children?: ReactNode;
}

export function LogQueryBar(props: LogQueryBarProps) {
  const queries = useQueryClient();
  const { window } = useRange();
  const now = useRef(window);
  useEffect(() => { now.current = window; }, [window]);
  const language = useMemo((): EditorLanguage => ({
    placeholder: 'LogQL, as {service_name="api"} |= "timeout"',
    load: async () => (await import("./logqlLanguage")).logql(completionClient(queries, () => now.current)),
  }), [queries]);
  return <QueryBar {...props} label="LogQL query" id={QUERY_ID} language={language} history={history} placeOf={logqlErrorPlace} format={format} />;
}
