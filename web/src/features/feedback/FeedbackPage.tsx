// What people think of answers: how they rate, over time and by agent, what they complain about, and the runs behind it.

import { Button, SegmentedControl, Switch } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { feedback as api } from "@/api/agents";
import type { FeedbackSummary } from "@/api/agentTypes";
import { Block, Blocks, FactTable } from "@/components/Blocks";
import { Chart } from "@/components/Chart";
import { CodeBlock } from "@/components/CodeBlock";
import { TextFilter } from "@/components/filters";
import { Failure, Notice } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Stat, Stats } from "@/components/Stat";
import { exactCount, formatCount, formatPercent, formatWhole, named, nsToMs, plural, significant } from "@/lib/format";
import { useRange } from "@/lib/useRange";
import classes from "./FeedbackPage.module.css";
import { FeedbackList, Themes } from "./Found";
import { BY, readFeedbackSearch, type FeedbackSearch } from "./search";

const route = getRouteApi("/quality/feedback");
const PAGE = 50;
const STARS = ["5_star", "4_star", "3_star", "2_star", "1_star"] as const;

export function FeedbackPage() {
  // Only what is of this page: the range is in the search too, and no filter of the server.
  const { by = "agent", ...filter } = readFeedbackSearch({ ...route.useSearch() });
  const navigate = useNavigate();
  const { window, setRange } = useRange();
  const set = useCallback((next: FeedbackSearch) => void navigate({ to: ".", search: (old) => ({ ...old, ...next }) }), [navigate]);
  const brush = useCallback((from: number, to: number) => setRange({ kind: "absolute", from, to }), [setRange]);
  const summary = useQuery({ queryKey: ["feedback-summary", by, filter, window], queryFn: ({ signal }) => api.summary({ ...filter, by, ...window }, signal) });
  const all = summary.data;
  const filtered = Object.values<string | undefined>(filter).some((value) => value !== undefined);
  return (
    <>
      <PageHead title="Feedback" facts={all && all.total_feedback > 0 ? plural(all.total_feedback, "piece of feedback", "pieces of feedback") : undefined} />
      <FilterBar label="Filter feedback">
        <TextFilter aria-label="Agent" placeholder="Agent" value={filter.agent} onApply={(agent) => set({ agent })} w={150} />
        <TextFilter aria-label="User" placeholder="User" value={filter.user} onApply={(user) => set({ user })} w={130} />
        <TextFilter aria-label="Model" placeholder="Model" value={filter.model} onApply={(model) => set({ model })} w={150} />
        <TextFilter aria-label="In comments" placeholder="In comments" value={filter.q} onApply={(q) => set({ q })} w={180} />
        <Switch label="Low ratings" checked={filter.rating_max !== undefined} onChange={(event) => set({ rating_max: event.currentTarget.checked ? "2" : undefined })} />
        <Switch label="With a comment" checked={filter.has_comment === "true"} onChange={(event) => set({ has_comment: event.currentTarget.checked ? "true" : undefined })} />
      </FilterBar>
      {summary.error && <Failure what="Feedback could not be loaded" error={summary.error} onRetry={() => void summary.refetch()} />}
      {summary.isPending && <SkeletonRows rows={10} height={52} />}
      {all?.total_feedback === 0 && <Fill><Nothing filtered={filtered} onClear={() => set({ agent: undefined, user: undefined, model: undefined, name: undefined, kind: undefined, rating_max: undefined, has_comment: undefined, q: undefined })} /></Fill>}
      {all && all.total_feedback > 0 && (
        <Blocks stale={summary.isPlaceholderData}>
          <Overall all={all} />
          <Block title="Ratings"><Distribution all={all} /></Block>
          <Block title="Over time"><Trend all={all} onBrush={brush} /></Block>
          <Block title={`By ${by}`} aside={<SegmentedControl size="xs" aria-label="Group by" value={by} data={[...BY]} onChange={(value) => set({ by: value })} />}><Groups all={all} /></Block>
          <ThemesOf filter={filter} />
          <ListOf filter={filter} />
        </Blocks>
      )}
    </>
  );
}

const EXAMPLE = `curl -X POST $WATCHKEEP/api/watchkeep/v1/feedback \\
  -H 'content-type: application/json' \\
  -d '{"interaction_id": "order-17", "rating": 2, "comment": "wrong price"}'`;

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (filtered) return <Notice title="No feedback is like this" text="None in this range passes the filters." action={<Button onClick={onClear}>Clear filters</Button>} />;
  return <Notice title="Nobody has said anything yet" text={<>Ratings, thumbs, scores and comments show here, with the runs that they are about. They come by the API, by OpenTelemetry’s <code>gen_ai.evaluation.result</code>, or from Langfuse’s SDKs.</>} action={<CodeBlock what="request" code={EXAMPLE} />} />;
}

function Overall({ all }: { all: FeedbackSummary }) {
  return (
    <Block title="In this range" wide>
      <Stats>
        <Stat label="Average" value={all.average_rating === null ? "–" : `${significant(all.average_rating, 2)} of 5`} title={plural(all.rated, "rating")} />
        <Stat label="Low ratings" value={exactCount(all.low_ratings)} title={`${significant(all.low_rating_max, 2)} or less`} tone={all.rated > 0 && all.low_ratings / all.rated > 0.2 ? "error" : undefined} />
        <Stat label="Thumbs" value={`${formatCount(all.thumbs_up)} up, ${formatCount(all.thumbs_down)} down`} />
        <Stat label="Comments" value={formatCount(all.comments)} />
        <Stat label="Corrections" value={formatCount(all.corrections)} />
        {all.scores.slice(0, 4).map((score) => <Stat key={score.name} label={named(score.name)} value={significant(score.average)} title={`${plural(score.count, "score")} from ${significant(score.min)} to ${significant(score.max)}`} />)}
      </Stats>
    </Block>
  );
}

function Distribution({ all }: { all: FeedbackSummary }) {
  const most = STARS.reduce((max, star) => Math.max(max, all.rating_distribution[star]), 1);
  return (
    <dl className={classes.distribution}>
      {STARS.map((star) => {
        const count = all.rating_distribution[star];
        return (
          <div key={star}>
            <dt>{star.slice(0, 1)} ★</dt>
            <dd><span className={classes.track}><i data-low={star === "1_star" || star === "2_star"} style={{ width: `${(count / most) * 100}%` }} /></span><span>{exactCount(count)}</span><span className="dim">{all.rated > 0 ? formatPercent(count / all.rated) : "–"}</span></dd>
          </div>
        );
      })}
    </dl>
  );
}

function Trend({ all, onBrush }: { all: FeedbackSummary; onBrush: (from: number, to: number) => void }) {
  const { times, series } = useMemo(() => ({
    times: all.trend.map((one) => nsToMs(one.time)),
    series: [
      { label: "rated low", color: "--wk-level-error", values: all.trend.map((one) => one.low_ratings) },
      { label: "other", color: "--wk-series-0", values: all.trend.map((one) => one.total_feedback - one.low_ratings) },
    ],
  }), [all]);
  const bounds = useMemo(() => ({ start: nsToMs(all.start), end: nsToMs(all.end) }), [all]);
  return <Chart label="Feedback over time" kind="stacked" times={times} series={series} bounds={bounds} height={150} formatY={formatCount} formatAxis={formatWhole} onBrush={onBrush} />;
}

function Groups({ all }: { all: FeedbackSummary }) {
  return (
    <FactTable label="Groups" rows={all.groups.slice(0, 15)} rowKey={(one) => one.key} share={(one) => (one.average_rating === null ? 0 : (one.average_rating - 1) / 4)} columns={[
      { label: "", render: (one) => (named(one.key, "") || <span className="dim">not told</span>) }, { label: "Average", render: (one) => (one.average_rating === null ? "–" : `${significant(one.average_rating, 2)} ★`) },
      { label: "Ratings", render: (one) => exactCount(one.rated) }, { label: "Low", render: (one) => exactCount(one.low_ratings) }, { label: "Comments", render: (one) => exactCount(one.comments) },
    ]} />
  );
}

function ThemesOf({ filter }: { filter: FeedbackSearch }) {
  const { window } = useRange();
  const query = useQuery({ queryKey: ["feedback-themes", filter, window], queryFn: ({ signal }) => api.themes({ ...filter, ...window }, signal) });
  return (
    <Block title="What people complain about" aside={query.data && query.data.comments > 0 ? `${plural(query.data.comments, "comment")}, ${query.data.analysis === "llm" ? `read by ${query.data.llm?.model ?? "a model"}` : "grouped by their words"}` : undefined}>
      {query.error && <Failure what="Themes could not be worked out" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={4} height={40} />}
      {query.data && <Themes found={query.data} />}
    </Block>
  );
}

function ListOf({ filter }: { filter: FeedbackSearch }) {
  const { window } = useRange();
  const query = useInfiniteQuery({
    queryKey: ["feedback", filter, window], initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => api.list({ ...filter, limit: PAGE, cursor: pageParam, ...window }, signal),
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });
  const rows = query.data?.pages.flatMap((page) => page.feedback) ?? [];
  return (
    <Block title="Latest" wide>
      {query.error && <Failure what="Feedback could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      <FeedbackList rows={rows} onMore={query.hasNextPage ? () => void query.fetchNextPage() : undefined} />
    </Block>
  );
}
