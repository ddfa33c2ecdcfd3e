// The table of lists: virtualised rows on a grid, sortable, driven by keyboard (j/k, Enter), endless scroll. Rows may be
// unfolded to show more below them.

import { useHotkeys, useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import { Fragment, useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { useHold } from "@/lib/useHold";
import classes from "./DataTable.module.css";

export interface Column<Row> {
  id: string;
  label: string;
  /** A grid track: `120px`, `minmax(200px, 2fr)`. */
  width: string;
  align?: "end";
  render: (row: Row) => ReactNode;
  /** Makes the column sortable. */
  value?: (row: Row) => number | string;
}

interface DataTableProps<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  /** The row as two lines, for narrow screens. */
  renderNarrow: (row: Row) => ReactNode;
  onOpen?: (row: Row) => void;
  /** What stands below a row that is unfolded, and how high that is. */
  below?: (row: Row) => { height: number; content: ReactNode } | undefined;
  /** Unfolds or folds a row: the arrow keys right and left do. */
  onUnfold?: (row: Row, open: boolean) => void;
  /** `duration` ascending, `-duration` descending. */
  sort?: string | undefined;
  onSort?: (sort: string | undefined) => void;
  onEnd?: () => void;
  footer?: ReactNode;
  stale?: boolean;
}

const ROW = 32;
const NARROW_ROW = 56;

export function useNarrow(): boolean {
  return useMediaQuery("(max-width: 48em)", undefined, { getInitialValueInEffect: false });
}

export function DataTable<Row>(props: DataTableProps<Row>) {
  const { columns, rowKey, onOpen, onEnd, sort } = props;
  const narrow = useNarrow();
  const rows = useMemo(() => sorted(props.rows, columns, sort), [props.rows, columns, sort]);
  const scroller = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState(-1);
  const [hover, setHover] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  useHold((hover && rows.length > 0) || scrolled);

  const size = narrow ? NARROW_ROW : ROW;
  const { below } = props;
  const heights = useMemo(() => rows.map((row) => size + (below?.(row)?.height ?? 0)), [rows, size, below]);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: (index) => heights[index] ?? size, overscan: 12 });
  useEffect(() => virtual.measure(), [heights, virtual]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (last >= rows.length - 10 && rows.length > 0) onEnd?.();
  }, [last, rows.length, onEnd]);

  const move = (to: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    setCursor(next);
    virtual.scrollToIndex(next);
  };
  const open = (index: number): void => {
    const row = rows[index];
    if (row) onOpen?.(row);
  };
  useHotkeys([["j", () => move(cursor + 1)], ["k", () => move(cursor - 1)]]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== event.currentTarget) return;
    const to = { ArrowDown: cursor + 1, ArrowUp: cursor - 1, Home: 0, End: rows.length - 1, PageDown: cursor + 15, PageUp: cursor - 15 }[event.key];
    const row = rows[cursor];
    if (event.key === "Enter") open(cursor);
    else if (props.onUnfold && row && (event.key === "ArrowRight" || event.key === "ArrowLeft")) props.onUnfold(row, event.key === "ArrowRight");
    else if (to !== undefined) move(to);
    else return;
    event.preventDefault();
  };
  useOpenOnEnter(() => open(cursor));
  const template = columns.map((column) => column.width).join(" ");

  return (
    <div
      ref={scroller}
      className={classes.scroller}
      role="table"
      aria-label={props.label}
      aria-rowcount={rows.length}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onPointerEnter={() => setHover(true)}
      onPointerLeave={() => setHover(false)}
      onScroll={(event) => setScrolled(event.currentTarget.scrollTop > 8)}
      data-stale={props.stale}
    >
      {!narrow && <Head columns={columns} template={template} sort={sort} onSort={props.onSort} />}
      <div role="rowgroup" className={classes.body} style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const more = below?.(row);
          return (
            <Fragment key={rowKey(row)}>
              <div
                role="row"
                aria-rowindex={item.index + 1}
                aria-selected={item.index === cursor}
                className={classes.row}
                data-narrow={narrow}
                style={{ transform: `translateY(${item.start}px)`, height: size, gridTemplateColumns: narrow ? undefined : template }}
                onClick={(event) => { if (!(event.target as Element).closest("a, button")) open(item.index); }}
              >
                {narrow ? <div role="cell" className={classes.narrow}>{props.renderNarrow(row)}</div> : columns.map((column) => (
                  <div key={column.id} role="cell" className={classes.cell} data-align={column.align}>{column.render(row)}</div>
                ))}
              </div>
              {more && <div role="row" className={classes.below} style={{ transform: `translateY(${item.start + size}px)`, height: more.height }}><div role="cell">{more.content}</div></div>}
            </Fragment>
          );
        })}
      </div>
      {props.footer !== undefined && <div className={classes.footer}>{props.footer}</div>}
    </div>
  );
}

/** Enter opens the row under the cursor also when nothing is focused. */
function useOpenOnEnter(open: () => void): void {
  useHotkeys([["Enter", () => { if (document.activeElement === document.body || document.activeElement?.id === "page") open(); }, { preventDefault: false }]]);
}

function sorted<Row>(rows: Row[], columns: Column<Row>[], sort: string | undefined): Row[] {
  if (sort === undefined) return rows;
  const descending = sort.startsWith("-");
  const value = columns.find((column) => column.id === sort.replace(/^-/, ""))?.value;
  if (!value) return rows;
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    return x < y ? -sign : x > y ? sign : 0;
  });
}

interface HeadProps<Row> {
  columns: Column<Row>[];
  template: string;
  sort: string | undefined;
  onSort: ((sort: string | undefined) => void) | undefined;
}

function Head<Row>({ columns, template, sort, onSort }: HeadProps<Row>) {
  return (
    <div role="rowgroup" className={classes.head}>
      <div role="row" className={classes.headRow} style={{ gridTemplateColumns: template }}>
        {columns.map((column) => {
          const direction = sort === column.id ? "ascending" : sort === `-${column.id}` ? "descending" : undefined;
          // First click: largest first; then smallest first; then the order of the server.
          const next = direction === undefined ? `-${column.id}` : direction === "descending" ? column.id : undefined;
          return (
            <div key={column.id} role="columnheader" aria-sort={direction} className={classes.headCell} data-align={column.align}>
              {column.value && onSort ? (
                <button type="button" className={classes.sort} onClick={() => onSort(next)}>
                  {column.label}
                  {direction === "ascending" && <IconArrowUp size={13} aria-hidden />}
                  {direction === "descending" && <IconArrowDown size={13} aria-hidden />}
                </button>
              ) : column.label}
            </div>
          );
        })}
      </div>
    </div>
  );
}
