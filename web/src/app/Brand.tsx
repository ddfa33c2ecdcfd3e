// The name and its mark: a keep with a lit window.

import classes from "./Shell.module.css";

export function Brand() {
  return (
    <span className={classes.brandInner}>
      <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden>
        <path className={classes.keep} d="M3 22V5h4v4h3V5h4v4h3V5h4v17z" />
        <circle className={classes.light} cx="12" cy="15.5" r="2.6" />
      </svg>
      <span>Watchkeep</span>
    </span>
  );
}
