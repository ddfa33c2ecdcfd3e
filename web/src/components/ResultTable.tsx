// What the queries answer at the end of the range: a row a series, its labels as columns where they are few.

import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useMemo } from "react";
import type { Labels, PromResult } from "@/api/types";
import { DataTable, useNarrow, type Column } from "./DataTable";
import { Notice } from "./Notice";
import { SkeletonRows } from "./Skeleton";
import { csvText, saveText } from "@/lib/csv";
import { formatDateTime, formatValue, plural } from "@/lib/format";
import { histogramText, letter, numberOf, TABLE_MAX, type Answer, type Ran } from "@/lib/promSeries";
import classes from "./Result.module.css";

interface Row {
  id: string;
  query: number;
  labels: Labels;
  /** As the API wrote it. */
  text: string;
  shown: string;
  sort: number;
  /** Unix seconds. */
  at: number;
}

interface ResultTableProps {
  ran: Ran[];
  answers: Answer[];
  units: string[];
  sort: string | undefined;
  lettered: boolean;
  onSort: (sort: string | undefined) => void;
  onLabel: (query: number, label: string, value: string) => void;
}

/** Labels that get a column each at most; more stand in one. */
const COLUMNS_MAX = 7;

export function ResultTable({ ran, answers, units, sort, lettered, onSort, onLabel }: ResultTableProps) {
  const narrow = useNarrow();
  const results = answers.map((answer) => answer.data?.data);
  const rows = useMemo(
    () => ran.flatMap(({ index }, i) => { const result = results[i]; return result ? rowsOf(result, index, units[index] ?? "") : []; }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the lists are new each time, what is in them is not
    [...results, results.length, ran, units.join("\n")],
  );
  const names = useMemo(() => [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].sort((a, b) => Number(b === "__name__") - Number(a === "__name__") || a.localeCompare(b)), [rows]);
  // What all rows share is said once.
  const common = useMemo(() => (rows.length < 2 ? [] : names.filter((name) => rows.every((row) => row.labels[name] === rows[0]?.labels[name]))), [rows, names]);
  const columns = useMemo(() => columnsOf(names.filter((name) => !common.includes(name)), lettered, onLabel), [names, common, lettered, onLabel]);
  if (answers.every((answer) => answer.isPending)) return <SkeletonRows rows={8} height={32} />;
  if (rows.length === 0) {
    if (answers.some((answer) => answer.error)) return null;
    return <Notice title="No series at the end of this time range" text="The query is right, but nothing matches it at that instant. The graph shows whether there was something before." />;
  }
  const save = (): void => saveText("query.csv", "text/csv", csvText([
    [...(lettered ? ["query"] : []), ...names, "value", "time"],
    ...rows.map((row) => [...(lettered ? [letter(row.query)] : []), ...names.map((name) => row.labels[name] ?? ""), row.text, new Date(row.at * 1000).toISOString()]),
  ]));
  const size = narrow ? 56 : 32;
  return (
    <div className={classes.graph}>
      <div className={classes.tableHead}>
        <span className="dim">{plural(rows.length, "row")}{rows.length >= TABLE_MAX ? `, the first of more` : ""} at {formatDateTime((rows[0]?.at ?? 0) * 1000)}</span>
        <Button variant="default" leftSection={<IconDownload size={14} aria-hidden />} onClick={save}>CSV</Button>
      </div>
      {common.length > 0 && <p className={classes.common}>All with {common.map((name) => <code key={name}>{name === "__name__" ? "" : `${name}=`}{rows[0]?.labels[name]}</code>)}</p>}
      <div className={classes.series} style={{ height: `min(${rows.length * size + (narrow ? 2 : 33)}px, max(300px, 62vh))` }}>
        <DataTable
          label="Result" columns={columns} rows={rows} rowKey={(row) => row.id} sort={sort} onSort={onSort} stale={answers.some((answer) => answer.isPlaceholderData)}
          renderNarrow={(row) => (
            <>
              <span className="mono clip">{lettered && `${letter(row.query)} · `}{text(row.labels) || "no labels"}</span>
              <b className="clip" title={row.text}>{row.shown}</b>
            </>
          )}
        />
      </div>
    </div>
  );
}

function columnsOf(names: string[], lettered: boolean, onLabel: ResultTableProps["onLabel"]): Column<Row>[] {
  const label = (row: Row, name: string, shown: string): React.ReactNode => {
    const value = row.labels[name];
    if (value === undefined) return null;
    return <button key={name} type="button" className={shown === value ? classes.cellLabel : classes.label} title={`Filter by ${name}=${value}`} onClick={() => onLabel(row.query, name, value)}>{shown}</button>;
  };
  const labels: Column<Row>[] = names.length <= COLUMNS_MAX
    ? names.map((name) => ({ id: `label ${name}`, label: name === "__name__" ? "metric" : name, width: name === "__name__" ? "minmax(120px, 2fr)" : "minmax(70px, 1fr)", value: (row) => row.labels[name] ?? "", render: (row) => label(row, name, row.labels[name] ?? "") }))
    : [{ id: "labels", label: "Labels", width: "minmax(0, 1fr)", value: (row) => text(row.labels), render: (row) => names.map((name) => label(row, name, name === "__name__" ? (row.labels[name] ?? "") : `${name}=${row.labels[name] ?? ""}`)) }];
  return [
    ...(lettered ? [{ id: "query", label: "Query", width: "48px", value: (row: Row) => row.query, render: (row: Row) => letter(row.query) }] : []),
    ...labels,
    { id: "value", label: "Value", width: names.length === 0 ? "minmax(0, 1fr)" : "minmax(110px, 180px)", ...(names.length === 0 ? {} : { align: "end" as const }), value: (row) => row.sort, render: (row) => <span title={row.text}>{row.shown}</span> },
  ];
}

function text(labels: Labels): string {
  return Object.entries(labels).sort(([a], [b]) => Number(b === "__name__") - Number(a === "__name__")).map(([name, value]) => (name === "__name__" ? value : `${name}=${value}`)).join(" ");
}

function rowsOf(answer: PromResult, query: number, unit: string): Row[] {
  const row = (labels: Labels, at: number, value: string, shown = formatValue(numberOf(value), unit)): Row =>
    ({ id: `${query} ${JSON.stringify(labels)}`, query, labels, text: value, shown, sort: Number.isNaN(numberOf(value)) ? -Infinity : numberOf(value), at });
  switch (answer.resultType) {
    case "string": return [row({}, answer.result[0], answer.result[1], answer.result[1])];
    case "scalar": return [row({}, ...answer.result)];
    case "vector":
      return answer.result.flatMap(({ metric, value, histogram }) => (value ? [row(metric, ...value)] : histogram ? [row(metric, histogram[0], JSON.stringify(histogram[1]), histogramText(histogram[1]))] : []));
    case "matrix":
      return answer.result.flatMap(({ metric, values = [], histograms = [] }) => {
        const [last, lastHistogram] = [values.at(-1), histograms.at(-1)];
        const count = plural(values.length + histograms.length, "sample");
        if (last && last[0] >= (lastHistogram?.[0] ?? 0)) return [row(metric, last[0], values.map(([at, value]) => `${value} @${at}`).join(" "), `${formatValue(numberOf(last[1]), unit)} (${count})`)];
        return lastHistogram ? [row(metric, lastHistogram[0], JSON.stringify(lastHistogram[1]), `${histogramText(lastHistogram[1])} (${count})`)] : [];
      });
  }
}
