// How something went over the range, as a strip of bars: failures are red, and reach above and below the others;
// where nothing ran there is only a dash.

import type { CheckBucket } from "@/api/healthTypes";
import { bucketState, bucketText, historyText } from "@/lib/health";
import classes from "./HistoryStrip.module.css";

const HEIGHT = 24;
const BAR = 10;
const INSET = 4;

export function HistoryStrip({ history, name }: { history: readonly CheckBucket[]; name: string }) {
  if (history.length === 0) return <span className="dim">nothing yet</span>;
  return (
    <svg className={classes.strip} viewBox={`0 0 ${history.length * BAR} ${HEIGHT}`} preserveAspectRatio="none" height={HEIGHT} role="img" aria-label={`${name}: ${historyText(history)}`}>
      {history.map((bucket, i) => <Bar key={bucket.time_unix_nano} bucket={bucket} x={i * BAR} />)}
    </svg>
  );
}

function Bar({ bucket, x }: { bucket: CheckBucket; x: number }) {
  const state = bucketState(bucket);
  const failed = state === "down" ? HEIGHT : Math.max(7, (HEIGHT - INSET) * (1 - (bucket.uptime ?? 0)));
  return (
    <g data-state={state}>
      <title>{bucketText(bucket)}</title>
      <rect x={x} y={0} width={BAR} height={HEIGHT} fill="transparent" />
      {state === "none" && <rect x={x + 1} y={HEIGHT / 2 - 1} width={BAR - 2} height={2} className={classes.none} />}
      {(state === "up" || state === "partly") && <rect x={x + 1} y={INSET} width={BAR - 2} height={HEIGHT - 2 * INSET} className={classes.up} />}
      {(state === "down" || state === "partly") && <rect x={x + 1} y={0} width={BAR - 2} height={failed} className={classes.down} />}
    </g>
  );
}
