// One trace: what ran, in what order, for how long, and what failed. Waterfall left, the selected step right.

import { ActionIcon, SegmentedControl, TextInput, Tooltip } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { IconAlertTriangle, IconArrowLeft, IconCheck, IconLink, IconSearch } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api, ApiError } from "@/api/client";
import type { Trace } from "@/api/types";
import { CopyIcon } from "@/components/CodeBlock";
import { useNarrow } from "@/components/DataTable";
import { Failure, Notice } from "@/components/Notice";
import { SkeletonRows } from "@/components/Skeleton";
import { exactDuration, formatDateTime, formatDuration, nsToMs, plural, visible } from "@/lib/format";
import { isError } from "@/lib/spans";
import { useCopy } from "@/lib/useCopy";
import { reveal, visibleRows, type Folding, type Node, type Row } from "@/lib/waterfall";
import { Waterfall } from "@/components/Waterfall";
import { Detail } from "./Detail";
import { modelOf, type TraceModel } from "@/lib/traceModel";
import type { TraceSearch } from "./search";
import { Split } from "@/components/Split";
import { TraceLogs } from "./TraceLogs";
import classes from "./TracePage.module.css";

const route = getRouteApi("/explore/traces/$traceId");

export function TracePage() {
  const { traceId } = route.useParams();
  const query = useQuery({
    queryKey: ["trace", traceId],
    queryFn: ({ signal }) => api.trace(traceId, signal),
    placeholderData: undefined,
    staleTime: 60_000,
  });
  if (query.data) return <Loaded key={query.data.trace_id} trace={query.data} />;
  if (query.error) {
    const gone = query.error instanceof ApiError && query.error.kind === "not_found";
    return gone
      ? <Notice title="No such trace" text={<>There is no trace <span className="mono">{traceId}</span>. It may not have arrived yet, or retention has removed it.</>} action={<Link to="/explore/traces">All traces</Link>} />
      : <Failure what="The trace could not be loaded" error={query.error} onRetry={() => void query.refetch()} />;
  }
  return <div className={classes.loading}><SkeletonRows rows={24} height={28} /></div>;
}

function Loaded({ trace }: { trace: Trace }) {
  const search = route.useSearch();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const model = useMemo(() => modelOf(trace), [trace]);
  const [folding, setFolding] = useState<Folding>({ collapsed: new Set(), opened: new Set() });
  const rows = useMemo(() => visibleRows(model.tree, folding, model.groupKey), [model, folding]);
  const selected = useMemo(
    () => model.tree.nodes.find((node) => node.span.span_id === search.span) ?? (narrow ? undefined : model.tree.nodes[0]),
    [model, search.span, narrow],
  );
  const set = useCallback((next: TraceSearch, replace = true) => {
    void navigate({ to: ".", replace, search: (old) => ({ ...old, ...next }) });
  }, [navigate]);
  const select = useCallback((node: Node) => {
    setFolding((old) => reveal(model.tree, node, old, model.groupKey));
    set({ span: node.span.span_id });
  }, [model, set]);
  // A link to a span inside something folded opens it.
  useEffect(() => {
    if (selected) setFolding((old) => reveal(model.tree, selected, old, model.groupKey));
  }, [model, selected]);

  const findRef = useRef<HTMLInputElement>(null);
  const matches = useMemo(() => matching(model, search.find), [model, search.find]);
  const { copied, copy } = useCopy();
  const copyLink = (): void => copy(window.location.href);
  const fold = (shut: boolean): void => {
    if (!selected || selected.children.length === 0 || folding.collapsed.has(selected.index) === shut) return;
    const collapsed = new Set(folding.collapsed);
    if (shut) collapsed.add(selected.index);
    else collapsed.delete(selected.index);
    setFolding({ ...folding, collapsed });
  };
  useKeys({ model, rows, selected, matches, select, fold, copyLink, find: () => findRef.current?.focus() });
  const waterfall = (
    <Waterfall model={model} rows={rows} folding={folding} onFolding={setFolding} selected={selected} onSelect={select} matches={search.find ? matches : undefined} />
  );
  const detail = selected && <Detail key={selected.index} trace={trace} model={model} node={selected} onClose={narrow ? () => set({ span: undefined }) : undefined} />;
  return (
    <>
      <Head trace={trace} model={model} copied={copied} onCopy={copyLink} />
      <div className={classes.tools}>
        <SegmentedControl
          size="xs" aria-label="View" value={search.tab ?? "waterfall"}
          onChange={(tab) => set({ tab: tab === "logs" ? "logs" : undefined }, false)}
          data={[{ value: "waterfall", label: "Waterfall" }, { value: "logs", label: "Logs" }]}
        />
        <TextInput
          ref={findRef} aria-label="Search in this trace" placeholder="Search spans ( / )" leftSection={<IconSearch size={14} aria-hidden />} w={210}
          value={search.find ?? ""} onChange={(event) => set({ find: event.currentTarget.value || undefined })}
          onKeyDown={(event) => {
            if (event.key === "Escape") event.currentTarget.blur();
            const next = event.key === "Enter" ? neighbour([...matches], selected, 1) : undefined;
            if (next) select(next);
          }}
        />
        {search.find && <span className="dim" role="status">{plural(matches.size, "match", "matches")}</span>}
        <span className={classes.keys}>j k step · e next error · / search · c copy link</span>
      </div>
      {search.tab === "logs"
        ? <TraceLogs traceId={trace.trace_id} onSpan={(id) => set({ span: id, tab: undefined }, false)} />
        : <Split storageKey="trace" narrow={narrow} left={waterfall} right={detail} />}
    </>
  );
}

interface HeadProps {
  trace: Trace;
  model: TraceModel;
  copied: boolean;
  onCopy: () => void;
}

function Head({ trace, model, copied, onCopy }: HeadProps) {
  const root = model.tree.roots.find((node) => !node.orphan) ?? model.tree.roots[0];
  const start = nsToMs(trace.start_time_unix_nano);
  return (
    <div className={classes.head}>
      <Tooltip label="All traces"><ActionIcon component={Link} to="/explore/traces" variant="subtle" color="gray" aria-label="Back to all traces"><IconArrowLeft size={16} /></ActionIcon></Tooltip>
      <h1 className={classes.title} title={root?.span.name}>
        <span className={classes.service}>{root ? model.service(root) : ""}</span> {visible(root?.span.name ?? "")}
      </h1>
      <span className={classes.id}>
        <span className="mono" title={trace.trace_id}>{trace.trace_id.slice(0, 8)}…{trace.trace_id.slice(-4)}</span><CopyIcon text={trace.trace_id} what="trace id" />
        <Tooltip label="Copy link (c)"><ActionIcon size="sm" variant="subtle" color="gray" onClick={onCopy} aria-label="Copy link">{copied ? <IconCheck size={14} /> : <IconLink size={14} />}</ActionIcon></Tooltip>
        <span role="status">{copied && "Link copied"}</span>
      </span>
      <div className={classes.facts}>
        <time title={start.toFixed(3)}>{formatDateTime(start)}</time>
        <b title={exactDuration(trace.duration_ns)}>{formatDuration(trace.duration_ns)}</b>
        <span>{plural(trace.span_count, "span")}</span>
        <span>{plural(model.colors.size, "service")}</span>
        {trace.error_count > 0 ? <span className={classes.errors}><IconAlertTriangle size={14} aria-hidden />{plural(trace.error_count, "error")}</span> : <span>no errors</span>}
        {model.tree.orphans > 0 && <span className={classes.warn} title="Their parents are not in this trace: not sent, sampled away, or not here yet">{plural(model.tree.orphans, "span")} without {model.tree.orphans === 1 ? "its" : "their"} parent</span>}
      </div>
    </div>
  );
}

function matching(model: TraceModel, find: string | undefined): Set<Node> {
  const text = find?.trim().toLowerCase();
  if (!text) return new Set();
  const hit = (node: Node): boolean =>
    node.span.name.toLowerCase().includes(text) || node.span.span_id.startsWith(text) || model.service(node).toLowerCase().includes(text)
    || Object.entries(node.span.attributes).some(([key, value]) => (typeof value === "string" || typeof value === "number") && `${key}=${value}`.toLowerCase().includes(text));
  return new Set(model.tree.nodes.filter(hit));
}

/** The next (or previous) of some nodes after the selected one, in waterfall order, wrapping around. */
function neighbour(nodes: Node[], selected: Node | undefined, step: 1 | -1): Node | undefined {
  if (nodes.length === 0) return undefined;
  const at = selected ? nodes.indexOf(selected) : -1;
  return nodes[(at + step + nodes.length) % nodes.length];
}

interface KeysArgs {
  model: TraceModel;
  rows: Row[];
  selected: Node | undefined;
  matches: Set<Node>;
  select: (node: Node) => void;
  find: () => void;
  fold: (shut: boolean) => void;
  copyLink: () => void;
}

function useKeys({ model, rows, selected, matches, select, find, fold, copyLink }: KeysArgs): void {
  const step = (by: 1 | -1): void => {
    const pool = matches.size > 0 ? [...matches] : rows.map((row) => (row.type === "span" ? row.node : row.open ? undefined : row.nodes[0])).filter((node) => node !== undefined);
    const next = neighbour(pool, selected, by);
    if (next) select(next);
  };
  const nextError = (): void => {
    const order = model.tree.nodes;
    const from = selected ? order.indexOf(selected) : -1;
    for (let i = 1; i <= order.length; i += 1) {
      const node = order[(from + i) % order.length];
      if (node && isError(node.span)) {
        select(node);
        return;
      }
    }
  };
  useHotkeys([
    ["j", () => step(1)], ["ArrowDown", () => step(1)], ["k", () => step(-1)], ["ArrowUp", () => step(-1)],
    ["ArrowLeft", () => fold(true)], ["ArrowRight", () => fold(false)], ["e", nextError], ["/", find], ["c", copyLink],
  ]);
}
