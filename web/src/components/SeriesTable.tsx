// The series of a chart by name with their figures. A click shows one alone, the eye hides one.

import { ActionIcon } from "@mantine/core";
import { IconEye, IconEyeOff } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { DataTable, useNarrow, type Column } from "./DataTable";
import type { Drawn, SeriesStats } from "@/lib/promSeries";
import classes from "./Result.module.css";

export interface Row extends Drawn {
  /** Name of a CSS variable. */
  color: string;
  format: (value: number) => string;
}

interface SeriesTableProps {
  rows: Row[];
  alone: string | undefined;
  hidden: ReadonlySet<string>;
  onAlone: (id: string | undefined) => void;
  onHidden: (hidden: ReadonlySet<string>) => void;
}

const FIGURES: [keyof SeriesStats, string][] = [["last", "Last"], ["min", "Min"], ["max", "Max"], ["avg", "Average"]];
/** Rows that are seen at once; further ones by scrolling. */
const ROWS_SEEN = 9.5;

export function SeriesTable({ rows, alone, hidden, onAlone, onHidden }: SeriesTableProps) {
  const narrow = useNarrow();
  const [sort, setSort] = useState<string | undefined>();
  const columns = useMemo((): Column<Row>[] => {
    const isOff = (row: Row): boolean => (alone === undefined ? hidden.has(row.id) : alone !== row.id);
    const hide = (row: Row): void => {
      const next = new Set(hidden);
      if (!next.delete(row.id)) next.add(row.id);
      onAlone(undefined);
      onHidden(next);
    };
    return [
      {
        id: "name", label: "Series", width: "minmax(0, 1fr)", value: (row) => row.name,
        render: (row) => (
          <span className={classes.seriesName} data-off={isOff(row)} title={row.name}>
            <i className={classes.swatch} style={{ background: `var(${row.color})` }} /><span className="clip">{row.name}</span>
          </span>
        ),
      },
      ...FIGURES.map(([key, label]): Column<Row> => ({
        id: key, label, width: "86px", align: "end", value: (row) => row.stats[key] ?? -Infinity,
        render: (row) => { const value = row.stats[key]; return <span title={value === null ? undefined : String(value)}>{value === null ? "–" : row.format(value)}</span>; },
      })),
      {
        id: "show", label: "", width: "28px",
        render: (row) => (
          <ActionIcon size="sm" variant="subtle" color="gray" aria-label={hidden.has(row.id) ? `Show ${row.name}` : `Hide ${row.name}`} onClick={() => hide(row)}>
            {hidden.has(row.id) ? <IconEyeOff size={14} /> : <IconEye size={14} />}
          </ActionIcon>
        ),
      },
    ];
  }, [alone, hidden, onAlone, onHidden]);
  const size = narrow ? 56 : 32;
  return (
    <div className={classes.series} style={{ height: Math.min(rows.length, narrow ? 6.5 : ROWS_SEEN) * size + (narrow ? 2 : 33) }}>
      <DataTable
        label="Series" columns={columns} rows={rows} rowKey={(row) => row.id} sort={sort} onSort={setSort} onOpen={(row) => onAlone(alone === row.id ? undefined : row.id)}
        renderNarrow={(row) => (
          <>
            {columns[0]?.render(row)}
            <span className={classes.figures}>{FIGURES.map(([key, label]) => <span key={key}>{label.toLowerCase()} <b>{row.stats[key] === null ? "–" : row.format(row.stats[key])}</b></span>)}</span>
          </>
        )}
      />
    </div>
  );
}
