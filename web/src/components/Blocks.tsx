// A page made of sections with a title each, two beside each other where there is room.

import { Children, type ReactNode } from "react";
import classes from "./Blocks.module.css";
import { Guard } from "./Guard";

export function Blocks({ children, stale = false }: { children: ReactNode; stale?: boolean }) {
  return <div className={classes.page} data-stale={stale}><div className={classes.grid}>{Children.map(children, (child) => <Guard what="This part">{child}</Guard>)}</div></div>;
}

export function Block({ title, aside, wide = false, children }: { title: string; aside?: ReactNode; wide?: boolean; children: ReactNode }) {
  return (
    <section className={classes.block} data-wide={wide} aria-label={title}>
      <div className={classes.head}><h2 className={classes.title}>{title}</h2>{aside !== undefined && <div className={classes.aside}>{aside}</div>}</div>
      <Guard what={title}>{children}</Guard>
    </section>
  );
}

export interface FactColumn<Row> {
  label: string;
  /** Numbers stand at the end. */
  text?: boolean;
  render: (row: Row) => ReactNode;
}

interface FactTableProps<Row> {
  label: string;
  columns: FactColumn<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** Draws how much of the whole a row is. */
  share?: (row: Row) => number;
  /** The first column takes the room that the others leave: for sentences. */
  sentences?: boolean;
}

/** A short table inside a section. The first column names the row. */
export function FactTable<Row>({ label, columns, rows, rowKey, share, sentences = false }: FactTableProps<Row>) {
  return (
    <div className={classes.scroll}>
      <table className={classes.table} aria-label={label} data-sentences={sentences}>
        <thead><tr>{columns.map((column, i) => <th key={column.label} scope="col" data-text={i === 0 || column.text === true}>{column.label}</th>)}</tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column, i) => (i === 0
                ? <th key={column.label} scope="row">{column.render(row)}{share && <span className={classes.share} style={{ width: `${Math.min(1, Math.max(0, share(row))) * 100}%` }} />}</th>
                : <td key={column.label} data-text={column.text === true}>{column.render(row)}</td>))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
