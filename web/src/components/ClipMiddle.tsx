// A name that does not fit loses its middle: what tells metrics apart is often at their end.

import classes from "./ClipMiddle.module.css";

const END = 14;
/** Shorter names are left whole; they fit, or lose their end. */
const LONG = 2 * END;

export function ClipMiddle({ text }: { text: string }) {
  if (text.length <= LONG) return <span className={classes.whole}>{text}</span>;
  return <span className={classes.line}><span className={classes.start}>{text.slice(0, -END)}</span><span className={classes.end}>{text.slice(-END)}</span></span>;
}
