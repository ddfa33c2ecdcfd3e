// The frame inside a page: a title line with facts and actions, filters below, content that fills the rest.

import type { ReactNode } from "react";
import { Guard } from "./Guard";
import classes from "./Page.module.css";

export function PageHead({ title, facts, children }: { title: ReactNode; facts?: ReactNode; children?: ReactNode }) {
  return (
    <div className={classes.head}>
      <h1 className={classes.title}>{title}</h1>
      {facts !== undefined && <div className={classes.facts}>{facts}</div>}
      <div className={classes.actions}>{children}</div>
    </div>
  );
}

export function FilterBar({ children, label }: { children: ReactNode; label: string }) {
  return <div className={classes.filters} role="search" aria-label={label}>{children}</div>;
}

export function Fill({ children }: { children: ReactNode }) {
  return <div className={classes.fill}><Guard what="The list">{children}</Guard></div>;
}
