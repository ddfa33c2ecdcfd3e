// One number with its name; and a meter for a part of a whole.

import type { ReactNode } from "react";
import classes from "./Stat.module.css";

export function Stat({ label, value, title, tone }: { label: string; value: ReactNode; title?: string | undefined; tone?: "error" | undefined }) {
  return (
    <div className={classes.stat} title={title}>
      <dt className={classes.label}>{label}</dt>
      <dd className={classes.value} data-tone={tone}>{value}</dd>
    </div>
  );
}

export function Stats({ children }: { children: ReactNode }) {
  return <dl className={classes.stats}>{children}</dl>;
}

export function Meter({ label, part, whole, text }: { label: string; part: number; whole: number; text: string }) {
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  return (
    <div className={classes.meter}>
      <div className={classes.meterText}><span>{label}</span><span>{text}</span></div>
      <div className={classes.track} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
        <div className={classes.part} data-tone={share > 0.95 ? "error" : share > 0.85 ? "warn" : undefined} style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}
