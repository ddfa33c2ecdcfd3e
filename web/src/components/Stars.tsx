// A rating from 1 to 5 as stars; the number is said too.

import { significant } from "@/lib/format";
import classes from "./Stars.module.css";

export function Stars({ rating }: { rating: number }) {
  const full = Math.max(0, Math.min(5, Math.round(rating)));
  return <span className={classes.stars} role="img" aria-label={`${significant(rating, 2)} of 5`} title={`${significant(rating, 2)} of 5`}>{"★".repeat(full)}<i>{"★".repeat(5 - full)}</i></span>;
}
