// Two panes with a divider to drag (or arrow keys). On narrow screens the right pane covers the left one.

import { useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import classes from "./Split.module.css";

interface SplitProps {
  left: ReactNode;
  right: ReactNode;
  narrow: boolean;
  storageKey: string;
}

const LEAST = 24;
const MOST = 70;

export function Split({ left, right, narrow, storageKey }: SplitProps) {
  const frame = useRef<HTMLDivElement>(null);
  const key = `watchkeep-split-${storageKey}`;
  const [share, setShare] = useState(() => clamp(Number(localStorage.getItem(key) ?? 36)));
  const change = (next: number): void => {
    const value = clamp(next);
    setShare(value);
    localStorage.setItem(key, String(value));
  };
  if (narrow) return <div className={classes.narrow}>{left}{right && <div className={classes.cover}>{right}</div>}</div>;
  const onPointerMove = (event: PointerEvent): void => {
    const box = frame.current?.getBoundingClientRect();
    if (box && event.buttons === 1 && event.currentTarget.hasPointerCapture(event.pointerId)) change(((box.right - event.clientX) / box.width) * 100);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: 3, ArrowRight: -3 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    change(share + by);
  };
  return (
    <div ref={frame} className={classes.split} style={{ gridTemplateColumns: `minmax(0, 1fr) 7px ${share}%` }}>
      {left}
      <div
        role="separator"
        aria-orientation="vertical"
        aria-label="Width of the detail pane"
        aria-valuenow={Math.round(share)}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        tabIndex={0}
        className={classes.divider}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={onPointerMove}
        onKeyDown={onKeyDown}
      />
      <div className={classes.right}>{right}</div>
    </div>
  );
}

function clamp(share: number): number {
  return Number.isFinite(share) ? Math.max(LEAST, Math.min(MOST, share)) : 36;
}
