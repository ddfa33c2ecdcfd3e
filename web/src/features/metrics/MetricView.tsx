// One metric: what it is, label filters, its series over time with exemplars, and their latest values.

import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api } from "@/api/client";
import type { Metric, MetricSeries, SeriesAnswer } from "@/api/types";
import { Chart, type ChartSeries, type Mark } from "@/components/Chart";
import { CopyIcon } from "@/components/CodeBlock";
import { useNarrow } from "@/components/DataTable";
import { Legend } from "@/components/Legend";
import { Failure, Notice } from "@/components/Notice";
import { Skeleton } from "@/components/Skeleton";
import { seriesVar } from "@/lib/colors";
import { formatValue } from "@/lib/format";
import { align, lastValue, nameSeries, pointsOf, rate, type SeriesNames } from "@/lib/series";
import { useRange } from "@/lib/useRange";
import { LabelFilters } from "./LabelFilters";
import { Latest } from "./Latest";
import { KIND_LABEL } from "./MetricList";
import classes from "./MetricsPage.module.css";
import type { MetricsSearch } from "./search";

interface MetricViewProps {
  name: string;
  /** Absent when the list does not hold it (filtered away, or gone). */
  metric: Metric | undefined;
  search: MetricsSearch;
  onChange: (next: MetricsSearch) => void;
}

const LIMIT = 60;

export function MetricView({ name, metric, search, onChange }: MetricViewProps) {
  const { window } = useRange();
  const query = useQuery({
    queryKey: ["series", name, search.label ?? [], window],
    queryFn: ({ signal }) => api.metricSeries({ name, label: search.label, ...window, limit: LIMIT }, signal),
  });
  const counts = metric?.kind === "counter" || metric?.kind === "histogram" || metric?.kind === "exponential_histogram" || metric?.kind === "summary";
  const cumulative = counts && !(query.data?.series.some((one) => one.points.length > 0 && metric.kind !== "counter") && !/_(count|sum|total|bucket)$/.test(name));
  const show = search.show ?? (cumulative ? "rate" : "value");
  const unit = unitOf(metric, name, show);
  return (
    <div className={classes.view}>
      <header className={classes.viewHead}>
        <h2 className={classes.viewName}>{name}<CopyIcon text={name} what="name" /></h2>
        {metric && <span className="dim">{KIND_LABEL[metric.kind]}{metric.unit && metric.unit !== "1" ? ` in ${metric.unit}` : ""}</span>}
        <SegmentedControl
          size="xs" aria-label="Show" value={show} onChange={(value) => onChange({ show: value === "rate" ? "rate" : "value" })}
          data={[{ value: "rate", label: "Rate per second" }, { value: "value", label: metric?.kind === "exponential_histogram" ? "Count" : "Value" }]}
        />
        {metric?.help && <p className={classes.help}>{metric.help}</p>}
      </header>
      <LabelFilters name={name} value={search.label ?? []} onChange={(label) => onChange({ label: label.length > 0 ? label : undefined })} />
      {query.error && <Failure what="The series could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <Skeleton height={320} />}
      {query.data && <SeriesChart answer={query.data} show={show} unit={unit} stale={query.isPlaceholderData} name={name} onChange={onChange} search={search} />}
    </div>
  );
}

function unitOf(metric: Metric | undefined, name: string, show: "rate" | "value"): string {
  const counted = metric?.kind === "exponential_histogram" || /_(count|bucket)$/.test(name);
  const unit = counted ? "" : (metric?.unit ?? (/_seconds$/.test(name) ? "s" : /_bytes$/.test(name) ? "By" : ""));
  if (show === "value") return unit;
  return unit === "By" ? "By/s" : unit === "USD" || unit === "usd" ? "USD" : "";
}

interface Shaped {
  times: number[];
  series: (ChartSeries & { id: string })[];
  names: SeriesNames;
  marks: Mark[];
}

function shape(answer: SeriesAnswer, show: "rate" | "value"): Shaped {
  const gap = answer.step_ms * 5;
  const points = answer.series.map((one) => (show === "rate" ? rate(pointsOf(one), gap) : pointsOf(one)));
  const { times, values } = align(points, gap);
  const names = nameSeries(answer.series.map((one) => one.labels));
  const series = answer.series.map((one, i) => ({ id: idOf(one), label: names.names[i] ?? "", color: seriesVar(i), values: values[i] ?? [] }));
  const marks = answer.series.flatMap((one, i) => one.exemplars.filter((exemplar) => exemplar.trace_id != null && show === "value").map((exemplar, k): Mark => ({
    id: `${i}/${k}/${exemplar.trace_id ?? ""}/${exemplar.span_id ?? ""}`, time: exemplar.time_ms, value: exemplar.value, label: `Exemplar of ${names.names[i] ?? ""}`, color: seriesVar(i), shape: "diamond",
  })));
  return { times, series, names, marks };
}

function idOf(series: MetricSeries): string {
  return JSON.stringify(series.labels);
}

interface SeriesChartProps {
  answer: SeriesAnswer;
  show: "rate" | "value";
  unit: string;
  stale: boolean;
  name: string;
  search: MetricsSearch;
  onChange: (next: MetricsSearch) => void;
}

function SeriesChart({ answer, show, unit, stale, name, search, onChange }: SeriesChartProps) {
  const { bounds, setRange } = useRange();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const [alone, setAlone] = useState<string | undefined>();
  const shaped = useMemo(() => shape(answer, show), [answer, show]);
  const shown = useMemo(() => shaped.series.filter((one) => alone === undefined || one.id === alone), [shaped, alone]);
  const format = useMemo(() => (value: number): string => formatValue(value, unit) + (show === "rate" && unit !== "By/s" ? "/s" : ""), [unit, show]);
  if (answer.series.length === 0) {
    return <Notice title="No series in this time range" text={search.label ? "Remove a label filter, or widen the time range." : "Nothing was sent for this metric in the time range. Widen it."} />;
  }
  const latest = shaped.series.map((one) => ({ id: one.id, value: lastValue(one.values) }));
  return (
    <>
      <Chart
        label={`${name} over time, ${answer.series.length} series`} kind="line" times={shaped.times} series={shown} bounds={bounds} height={narrow ? 220 : 320}
        formatY={format} marks={alone === undefined ? shaped.marks : undefined} stale={stale}
        onMark={(mark) => {
          const [, , traceId = "", span = ""] = mark.id.split("/");
          void navigate({ to: "/explore/traces/$traceId", params: { traceId }, search: span === "" ? {} : { span } });
        }}
        onBrush={(from, to) => setRange({ kind: "absolute", from, to })}
      />
      {answer.truncated || answer.series.length >= LIMIT ? <p className={classes.note}>The first {answer.series.length} series are shown. Filter by a label to see the others.</p> : null}
      {show === "rate" && answer.series.some((one) => one.exemplars.length > 0) && <p className={classes.note}>Exemplars are shown on values: switch from rate to value.</p>}
      <Legend
        alone={alone} onAlone={setAlone}
        items={shaped.series.map((one, i) => ({ id: one.id, label: one.label, color: one.color, value: latest[i]?.value == null ? "–" : format(latest[i].value) }))}
      />
      <Latest answer={answer} names={shaped.names} values={latest} format={format} show={show} onLabel={(label) => onChange({ label: [...new Set([...(search.label ?? []), label])] })} />
    </>
  );
}
