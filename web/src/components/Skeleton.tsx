// Grey bars in the final size of what is loading, so that nothing jumps when it arrives.

import classes from "./Skeleton.module.css";

export function Skeleton({ width = "100%", height = 12 }: { width?: number | string; height?: number }) {
  return <span className={classes.bar} style={{ width, height }} aria-hidden />;
}

export function SkeletonRows({ rows, height }: { rows: number; height: number }) {
  return (
    <div role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={classes.row} style={{ height }}><Skeleton width={`${35 + ((i * 37) % 50)}%`} /></div>
      ))}
    </div>
  );
}
