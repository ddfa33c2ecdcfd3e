// Two traces as one tree: what both did, what only one did, and how much longer or shorter each part took.

import { ActionIcon, Button, SegmentedControl, TextInput, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { IconAlertTriangle, IconArrowsLeftRight, IconX } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import { tempo } from "@/api/tempo";
import type { ComparedNode, ComparedTrace, NodeFigures, TraceComparison } from "@/api/types";
import { DataTable, type Column } from "@/components/DataTable";
import { Failure, Notice } from "@/components/Notice";
import { Fill } from "@/components/Page";
import { Skeleton, SkeletonRows } from "@/components/Skeleton";
import { serviceColors } from "@/lib/colors";
import { changed, deltaText, type Change as Amount } from "@/lib/comparison";
import { foundTrace, type FoundTrace } from "@/lib/foundTraces";
import { exactDuration, formatDateTime, formatDuration, formatInstant, nsToMs, plural, visible } from "@/lib/format";
import { literal } from "@/lib/logqlText";
import { condition, spanset } from "@/lib/traceqlText";
import { useRange } from "@/lib/useRange";
import { Errors, traceDuration } from "./columns";
import classes from "./ComparePage.module.css";
import type { CompareSearch } from "./search";

interface CompareProps {
  search: CompareSearch;
  set: (next: CompareSearch, replace?: boolean) => void;
}

type Shown = "all" | "changed";

export function CompareTraces({ search, set }: CompareProps) {
  const { left, right } = search;
  const query = useQuery({
    queryKey: ["compare-traces", left, right], queryFn: ({ signal }) => api.compareTraces({ left: left ?? "", right: right ?? "" }, signal), enabled: left !== undefined && right !== undefined,
    placeholderData: undefined, staleTime: 60_000,
  });
  const [shown, setShown] = useState<Shown>("all");
  const both = left !== undefined && right !== undefined;
  return (
    <>
      <div className={classes.sides}>
        <Side label="Left" id={left} found={query.data?.left} onClear={() => set({ left: undefined })} />
        <Tooltip label="Swap sides"><ActionIcon variant="default" size={30} aria-label="Swap sides" disabled={!both} onClick={() => set({ left: right, right: left }, true)}><IconArrowsLeftRight size={15} /></ActionIcon></Tooltip>
        <Side label="Right" id={right} found={query.data?.right} onClear={() => set({ right: undefined })} />
      </div>
      <Fill>
        {!both && <PickTrace other={left ?? right} onPick={(id) => set(left === undefined ? { left: id } : { right: id })} />}
        {both && query.error && <Failure what="The traces could not be compared" error={query.error} onRetry={() => void query.refetch()} />}
        {both && query.isPending && <SkeletonRows rows={16} height={32} />}
        {query.data && both && (
          <>
            <div className={classes.tools}>
              <SegmentedControl size="xs" aria-label="Rows" value={shown} onChange={(next) => setShown(next === "changed" ? "changed" : "all")} data={[{ value: "all", label: "Everything" }, { value: "changed", label: "Differences" }]} />
              <Summary comparison={query.data} />
            </div>
            <Tree comparison={query.data} shown={shown} />
          </>
        )}
      </Fill>
    </>
  );
}

function Side({ label, id, found, onClear }: { label: string; id: string | undefined; found: ComparedTrace | undefined; onClear: () => void }) {
  if (id === undefined) return <div className={classes.side} data-empty><span className="dim">{label}: pick a trace below</span></div>;
  return (
    <div className={classes.side}>
      <div className={classes.sideName}>
        <Link to="/explore/traces/$traceId" params={{ traceId: id }} preload={false} className="clip">{found ? <><span className="dim">{found.root_service || "unknown"}</span> {visible(found.root_name) || "no name"}</> : <span className="mono">{id.slice(0, 16)}…</span>}</Link>
        <ActionIcon size="sm" variant="subtle" color="gray" aria-label={`Choose another ${label.toLowerCase()} trace`} onClick={onClear}><IconX size={14} /></ActionIcon>
      </div>
      <div className={classes.sideFacts}>
        {found
          ? <><b title={exactDuration(found.duration_ns)}>{formatDuration(found.duration_ns)}</b><span>{plural(found.span_count, "span")}</span><span data-errors={found.error_count > 0}>{found.error_count > 0 ? plural(found.error_count, "error") : "no errors"}</span><time>{formatDateTime(nsToMs(found.start_time_unix_nano))}</time></>
          : <Skeleton width={180} />}
      </div>
    </div>
  );
}

/** The traces that the other one is best compared with: of the same operation, healthy ones first; or any id. */
function PickTrace({ other, onPick }: { other: string | undefined; onPick: (id: string) => void }) {
  const { bounds } = useRange();
  const [text, setText] = useState("");
  const trace = useQuery({ queryKey: ["trace", other], queryFn: ({ signal }) => api.trace(other ?? "", signal), enabled: other !== undefined, staleTime: 60_000, placeholderData: undefined });
  const root = trace.data?.spans.find((span) => !span.parent_span_id);
  const service = root && trace.data?.resources[root.resource]?.service;
  const q = other === undefined ? "{}" : root && service !== undefined ? spanset([condition("rootServiceName", "=", literal(service)), condition("rootName", "=", literal(root.name))]) : undefined;
  const found = useQuery({
    queryKey: ["tempo", "candidates", q, bounds.start, bounds.end], enabled: q !== undefined,
    queryFn: async ({ signal }) => ((await tempo.search({ q: q ?? "{}", limit: 100, spss: 1, ...bounds }, signal)).traces ?? []).map(foundTrace),
  });
  const rows = useMemo(() => (found.data ?? []).filter((one) => one.id !== other).sort((a, b) => Number((a.errors ?? 0) > 0) - Number((b.errors ?? 0) > 0)), [found.data, other]);
  const id = text.trim().replaceAll("-", "").toLowerCase();
  const valid = /^[0-9a-f]{1,32}$/.test(id);
  return (
    <>
      <div className={classes.tools}>
        <TextInput aria-label="Trace id" placeholder="Paste a trace id" value={text} error={text !== "" && !valid} w={300} onChange={(event) => setText(event.currentTarget.value)} onKeyDown={(event) => { if (event.key === "Enter" && valid) onPick(id.padStart(32, "0")); }} />
        <Button variant="default" disabled={!valid} onClick={() => onPick(id.padStart(32, "0"))}>Take this trace</Button>
        <span className="dim">{other === undefined ? "or one of the newest" : "or one of the same operation, those without errors first"}</span>
      </div>
      {found.error && <Failure what="Traces to compare with could not be loaded" error={found.error} onRetry={() => void found.refetch()} />}
      {found.isFetching && rows.length === 0 && <SkeletonRows rows={8} height={32} />}
      {found.isSuccess && rows.length === 0 && <Notice title={other === undefined ? "No traces in this time range" : "No other trace of this operation in this time range"} text="Widen the time range, or paste the id of any trace." />}
      {trace.isSuccess && q === undefined && <Notice title="This trace has no root span" text="Traces of the same operation cannot be looked for. Paste the id of any trace." />}
      {rows.length > 0 && <DataTable label="Traces to compare with" columns={CANDIDATES} rows={rows} rowKey={(one) => one.id} onOpen={(one) => onPick(one.id)} renderNarrow={(one) => <><span className="clip">{one.rootService} {visible(one.rootName)}</span><span className="dim">{traceDuration(one)}, {plural(one.spans ?? 0, "span")}, {plural(one.errors ?? 0, "error")}</span></>} />}
    </>
  );
}

const CANDIDATES: Column<FoundTrace>[] = [
  { id: "start", label: "Start", width: "180px", render: (one) => <time className="dim">{formatInstant(nsToMs(one.startNs))}</time> },
  { id: "root", label: "Root", width: "minmax(200px, 1fr)", render: (one) => <span className="clip"><span className="dim">{one.rootService || "unknown"}</span> {visible(one.rootName) || "no name"}</span> },
  { id: "duration", label: "Duration", width: "110px", align: "end", render: traceDuration },
  { id: "spans", label: "Spans", width: "80px", align: "end", render: (one) => one.spans ?? "–" },
  { id: "errors", label: "Errors", width: "80px", align: "end", render: (one) => <Errors count={one.errors} /> },
];

function Summary({ comparison: { left, right, nodes } }: { comparison: TraceComparison }) {
  const only = (side: "left" | "right"): number => nodes.filter((node) => node[side] && !node[side === "left" ? "right" : "left"]).length;
  const delta = right.duration_ns - left.duration_ns;
  return (
    <span className={classes.summary}>
      <span>The right one took <b>{delta === 0 ? "as long" : `${formatDuration(Math.abs(delta))} ${delta > 0 ? "longer" : "less"}`}</b></span>
      {only("left") > 0 && <span>{plural(only("left"), "place")} only left</span>}
      {only("right") > 0 && <span>{plural(only("right"), "place")} only right</span>}
    </span>
  );
}

function Tree({ comparison, shown }: { comparison: TraceComparison; shown: Shown }) {
  const nodes = useMemo(() => comparison.nodes.map((node, index) => ({ ...node, index })), [comparison]);
  const rows = useMemo(() => (shown === "all" ? nodes : nodes.filter(changed)), [nodes, shown]);
  const columns = useMemo(() => {
    const colors = serviceColors(nodes.map((node) => node.service));
    const most = nodes.reduce((max, node) => Math.max(max, Math.abs((node.right?.duration_ns ?? 0) - (node.left?.duration_ns ?? 0))), 1);
    return columnsOf((service) => colors.get(service) ?? "--wk-faint", most);
  }, [nodes]);
  if (rows.length === 0) return <Notice title="Both did the same" text="Each place of the tree has as many spans and errors on both sides, and took nearly as long." />;
  return (
    <DataTable
      label="Differences" columns={columns} rows={rows} rowKey={(node) => String(node.index)}
      renderNarrow={(node) => (
        <>
          <span className="clip" style={{ paddingLeft: Math.min(node.depth, 8) * 8 }}><i className={classes.dot} style={{ background: `var(${serviceColors(nodes.map((one) => one.service)).get(node.service) ?? "--wk-faint"})` }} /> {visible(node.name) || "no name"}</span>
          <span className="dim">{figuresText(node.left)} → {figuresText(node.right)}{node.left && node.right && <>, {deltaText(node.right.duration_ns - node.left.duration_ns)}</>}</span>
        </>
      )}
    />
  );
}

function figuresText(figures: NodeFigures | null): string {
  return figures === null ? "not there" : `${figures.spans > 1 ? `${figures.spans} × ` : ""}${formatDuration(figures.duration_ns)}`;
}

const INDENT = 14;
const DEEPEST = 16;

type Row = ComparedNode & { index: number };

function columnsOf(color: (service: string) => string, most: number): Column<Row>[] {
  const side = (id: "left" | "right", label: string): Column<Row> => ({
    id, label, width: "minmax(130px, 0.8fr)", align: "end",
    render: (node) => {
      const figures = node[id];
      if (!figures) return <span className={classes.absent}>not there</span>;
      return (
        <span title={`${plural(figures.spans, "span")}, ${exactDuration(figures.duration_ns)}, itself ${formatDuration(figures.self_time_ns)}, ${plural(figures.errors, "error")}`}>
          {figures.errors > 0 && <IconAlertTriangle size={13} className={classes.failed} aria-label={plural(figures.errors, "error")} />}
          {figures.spans > 1 && <span className="dim">{figures.spans} × </span>}{formatDuration(figures.duration_ns)}
        </span>
      );
    },
  });
  return [
    {
      id: "name", label: "Span", width: "minmax(260px, 2fr)",
      render: (node) => (
        <span className={classes.name} style={{ paddingLeft: Math.min(node.depth, DEEPEST) * INDENT }}>
          <i className={classes.dot} style={{ background: `var(${color(node.service)})` }} />
          <span className="clip" title={`${node.service} · ${node.name}`}>{visible(node.name) || "no name"}</span><span className={classes.serviceName}>{node.service}</span>
          {!node.left && <span className={classes.badge}>only right</span>}
          {!node.right && <span className={classes.badge}>only left</span>}
        </span>
      ),
    },
    side("left", "Left"), side("right", "Right"),
    { id: "delta", label: "Difference", width: "minmax(180px, 1fr)", align: "end", render: (node) => <Delta of={node} most={most} /> },
    { id: "self", label: "Itself", width: "110px", align: "end", render: (node) => (node.left && node.right ? <span className="dim">{deltaText(node.right.self_time_ns - node.left.self_time_ns)}</span> : null) },
  ];
}

/** A bar to the right for longer, to the left for shorter. */
function Delta({ of, most }: { of: Amount; most: number }) {
  const delta = (of.right?.duration_ns ?? 0) - (of.left?.duration_ns ?? 0);
  const share = (Math.abs(delta) / most) * 50;
  return (
    <span className={classes.delta} title={exactDuration(delta)}>
      <span className={classes.deltaTrack}><span data-longer={delta > 0} style={delta > 0 ? { left: "50%", width: `${share}%` } : { right: "50%", width: `${share}%` }} /></span>
      <span>{deltaText(delta)}</span>
    </span>
  );
}
