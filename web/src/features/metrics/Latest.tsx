// The latest value of each series, with its labels; a label becomes a filter by a click.

import type { NativeHistogram, SeriesAnswer } from "@/api/types";
import { formatCount, formatDateTime, significant } from "@/lib/format";
import type { SeriesNames } from "@/lib/series";
import { seriesVar } from "@/lib/colors";
import classes from "./MetricsPage.module.css";

interface LatestProps {
  answer: SeriesAnswer;
  names: SeriesNames;
  values: { id: string; value: number | null }[];
  format: (value: number) => string;
  show: "rate" | "value";
  onLabel: (label: string) => void;
}

export function Latest({ answer, names, values, format, show, onLabel }: LatestProps) {
  const common = new Set(names.common.map(([name]) => name));
  const rows = answer.series
    .map((series, i) => ({ series, i, value: values[i]?.value ?? null, at: series.points.at(-1)?.[0] ?? series.histograms.at(-1)?.[0] }))
    .sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  const native = answer.series.some((series) => series.histograms.length > 0);
  return (
    <section className={classes.latest}>
      <h3 className={classes.latestTitle}>Latest {show === "rate" ? "rates" : "values"}</h3>
      {names.common.length > 0 && <p className={classes.common}>All with {names.common.map(([name, value]) => <code key={name}>{name}={value}</code>)}</p>}
      <div className={classes.tableFrame}>
        <table className={classes.table}>
          <thead><tr><th scope="col">Series</th><th scope="col" data-align="end">{show === "rate" ? "Rate" : "Value"}</th>{native && <th scope="col">Last histogram</th>}<th scope="col" data-align="end">Last sample</th></tr></thead>
          <tbody>
            {rows.map(({ series, i, value, at }) => (
              <tr key={i}>
                <td>
                  <i className={classes.swatch} style={{ background: `var(${seriesVar(i)})` }} />
                  {Object.entries(series.labels).filter(([name]) => name !== "__name__" && !common.has(name)).map(([name, text]) => (
                    <button key={name} type="button" className={classes.label} title={`Filter by ${name}=${text}`} onClick={() => onLabel(`${name}=${text}`)}>{name}={text}</button>
                  ))}
                  {Object.keys(series.labels).every((name) => name === "__name__" || common.has(name)) && <span className="dim">no labels</span>}
                </td>
                <td data-align="end" title={value === null ? undefined : String(value)}>{value === null ? "–" : format(value)}</td>
                {native && <td>{describe(series.histograms.at(-1)?.[1])}</td>}
                <td data-align="end" className="dim">{at === undefined ? "–" : formatDateTime(at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function describe(histogram: NativeHistogram | undefined): string {
  if (!histogram) return "–";
  const mean = histogram.count > 0 ? `, mean ${significant(histogram.sum / histogram.count)}` : "";
  return `${formatCount(histogram.count)} observations in ${histogram.buckets.length} buckets${mean}`;
}
