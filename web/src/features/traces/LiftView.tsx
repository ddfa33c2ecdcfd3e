// What sets some spans apart: values of attributes that they have more often than others, by how much, with their counts.

import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { api } from "@/api/client";
import type { Lift, LiftValue } from "@/api/types";
import { DataTable, type Column } from "@/components/DataTable";
import { Notice } from "@/components/Notice";
import { Fill } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { conditionOfValue, liftText } from "@/lib/comparison";
import { valueText } from "@/lib/foundTraces";
import { exactCount, formatCount, formatPercent, plural } from "@/lib/format";
import { add } from "@/lib/traceql";
import { EVERYTHING } from "@/lib/traceqlText";
import { useDraft } from "@/lib/useDraft";
import { useRange } from "@/lib/useRange";
import classes from "./ComparePage.module.css";
import type { CompareSearch } from "./search";
import { TraceQueryBar } from "./TraceQueryBar";

interface LiftViewProps {
  search: CompareSearch;
  set: (next: CompareSearch, replace?: boolean) => void;
}

const LIMIT = 300;

export function LiftView({ search, set }: LiftViewProps) {
  const { window } = useRange();
  const q = search.q ?? EVERYTHING;
  const baseline = search.baseline ?? EVERYTHING;
  const [selectionDraft, setSelection] = useDraft(q);
  const [baselineDraft, setBaseline] = useDraft(baseline);
  const query = useQuery({ queryKey: ["lift", q, baseline, window], queryFn: ({ signal }) => api.lift({ q, baseline, limit: LIMIT, ...window }, signal) });
  const run = (): void => {
    if (selectionDraft === q && baselineDraft === baseline) void query.refetch();
    else set({ q: selectionDraft.trim() || EVERYTHING, baseline: baselineDraft.trim() || EVERYTHING });
  };
  // Which of the two is wrong, the server says by its parameter; its place in the text is of that one.
  const ofBaseline = query.error !== null && /baseline/.test(`${query.error.message} ${(query.error as { field?: string }).field ?? ""}`);
  const bar = { onRun: run, onRetry: () => void query.refetch() };
  return (
    <>
      <div className={classes.queries}>
        <div className={classes.query}><span className={classes.queryName} data-side="selection">These spans</span><TraceQueryBar {...bar} label="TraceQL of the selection" region="Selection" draft={selectionDraft} ran={q} error={ofBaseline ? null : query.error} onDraft={setSelection} /></div>
        <div className={classes.query}><span className={classes.queryName} data-side="baseline">against these</span><TraceQueryBar {...bar} label="TraceQL of the baseline" region="Baseline" draft={baselineDraft} ran={baseline} error={ofBaseline ? query.error : null} onDraft={setBaseline} /></div>
      </div>
      <Fill>
        {query.isPending && <SkeletonRows rows={16} height={32} />}
        {query.data && !query.error && <Values lift={query.data} q={q} sort={search.sort} onSort={(sort) => set({ sort })} stale={query.isPlaceholderData} />}
      </Fill>
    </>
  );
}

interface ValuesProps {
  lift: Lift;
  q: string;
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
  stale: boolean;
}

const idOf = (one: LiftValue): string => `${one.scope}\n${one.key}\n${JSON.stringify(one.value)}`;

function Values({ lift, q, sort, onSort, stale }: ValuesProps) {
  const navigate = useNavigate();
  const [find, setFind] = useState("");
  const columns = useMemo(() => columnsOf(lift, q), [lift, q]);
  const rows = useMemo(() => lift.values.filter((one) => `${one.key}=${valueText(one.value)}`.toLowerCase().includes(find.trim().toLowerCase())), [lift, find]);
  const open = useCallback((one: LiftValue) => {
    const text = conditionOfValue(one);
    if (text !== undefined) void navigate({ to: "/explore/traces", search: { query: add(q, text) } });
  }, [navigate, q]);
  if (lift.selection_spans === 0) return <Notice title="No span is in the selection" text="Change its query, or widen the time range." />;
  if (lift.baseline_spans === 0) return <Notice title="No span is left to compare with" text="The baseline holds the spans of its query that are not in the selection. Change its query, or widen the time range." />;
  if (lift.values.length === 0) return <Notice title="Nothing sets these spans apart" text={`${plural(lift.selection_spans, "span")} have no value more often than ${plural(lift.baseline_spans, "other")}.`} />;
  return (
    <>
      <div className={classes.tools}>
        <TextInput aria-label="Search values" placeholder="Search values" w={220} value={find} onChange={(event) => setFind(event.currentTarget.value)} />
        <span className={classes.summary}><span><i className={classes.swatch} data-side="selection" /> {plural(lift.selection_spans, "span")} selected</span><span><i className={classes.swatch} data-side="baseline" /> {plural(lift.baseline_spans, "other span")}</span></span>
        {find !== "" && <Button variant="subtle" onClick={() => setFind("")}>Clear</Button>}
      </div>
      {rows.length === 0
        ? <Notice title="No value has this in it" />
        : (
          <DataTable
            label="Values" columns={columns} rows={rows} rowKey={idOf} sort={sort} onSort={onSort} onOpen={open} stale={stale}
            renderNarrow={(one) => (
              <>
                <span className="clip"><span className="dim">{one.key}</span> <b>{valueText(one.value).slice(0, 200)}</b></span>
                <span className="dim">{liftText(one.lift)}, {formatPercent(one.selection / lift.selection_spans)} of these, {formatPercent(one.baseline / lift.baseline_spans)} of the others</span>
              </>
            )}
          />
        )}
    </>
  );
}

function columnsOf({ selection_spans: selected, baseline_spans: others }: Lift, q: string): Column<LiftValue>[] {
  const share = (id: "selection" | "baseline", label: string, whole: number): Column<LiftValue> => ({
    id, label, width: "minmax(170px, 1fr)", align: "end", value: (one) => one[id] / whole,
    render: (one) => (
      <span className={classes.share} title={`${exactCount(one[id])} of ${exactCount(whole)} spans`}>
        <span className={classes.shareTrack}><span data-side={id} style={{ width: `${(one[id] / whole) * 100}%` }} /></span><span>{formatPercent(one[id] / whole)}</span><span className="dim">{formatCount(one[id])}</span>
      </span>
    ),
  });
  return [
    { id: "lift", label: "Times as often", width: "108px", align: "end", value: (one) => one.lift ?? Infinity, render: (one) => <b>{liftText(one.lift)}</b> },
    { id: "key", label: "Attribute", width: "minmax(160px, 1fr)", value: (one) => one.key, render: (one) => <span className="mono clip" title={`${one.scope}: ${one.key}`}>{one.key}</span> },
    {
      id: "value", label: "Value", width: "minmax(180px, 1.6fr)", value: (one) => valueText(one.value),
      render: (one) => {
        const text = valueText(one.value).slice(0, 300);
        const found = conditionOfValue(one);
        return found === undefined ? <span className="clip">{text}</span> : <Link to="/explore/traces" search={{ query: add(q, found) }} preload={false} className={`${classes.value ?? ""} clip`} title={text}>{text || <em className="dim">empty</em>}</Link>;
      },
    },
    share("selection", "Of these spans", selected), share("baseline", "Of the others", others),
  ];
}
