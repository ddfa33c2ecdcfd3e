// One target: its error, its labels before and after relabelling, and what each relabelling rule did to it.

import { ActionIcon, Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { IconX } from "@tabler/icons-react";
import { useState } from "react";
import { prometheus } from "@/api/prometheus";
import type { Labels, RelabelStep } from "@/api/types";
import { CopyIcon } from "@/components/CodeBlock";
import { Fields } from "@/components/Fields";
import { Failure } from "@/components/Notice";
import { SkeletonRows } from "@/components/Skeleton";
import { formatAgo, formatDuration, inline } from "@/lib/format";
import { matcherText } from "@/lib/promql";
import { Health } from "./columns";
import type { TargetRow } from "./rows";
import classes from "./TargetsPage.module.css";

export function TargetDetail({ row, onClose }: { row: TargetRow; onClose: () => void }) {
  const dropped = row.state === "dropped";
  const [why, setWhy] = useState(dropped);
  const up = `up{${["job", "instance"].flatMap((name) => (row.labels[name] === undefined ? [] : [matcherText({ name, op: "=", value: row.labels[name] })])).join(", ")}}`;
  return (
    <section className={classes.detail} aria-label="Selected target">
      <header className={classes.detailHead}>
        <Health state={row.state} />
        <span className={classes.detailUrl}>{row.url}</span><CopyIcon text={row.url} what="address" />
        <ActionIcon className={classes.close} variant="subtle" color="gray" aria-label="Close" onClick={onClose}><IconX size={16} /></ActionIcon>
      </header>
      <p className={classes.facts}>
        {row.pool}
        {row.scraped !== undefined && <>, scraped {formatAgo(row.scraped)}{row.took !== undefined && ` in ${formatDuration(row.took * 1e9)}`}</>}
        {row.interval !== undefined && `, every ${row.interval}`}{row.timeout !== undefined && ` with a timeout of ${row.timeout}`}
        {!dropped && <>. <Link to="/explore/metrics" search={{ expr: [up] }}>Show up over time</Link></>}
      </p>
      {row.error !== "" && <p className={classes.errorText} role="status">{row.error}</p>}
      {!dropped && <Block title="Labels"><Fields attributes={row.labels} /></Block>}
      <Block title="Discovered labels"><Fields attributes={row.discovered} /></Block>
      <Block title={dropped ? "Why it was dropped" : "Relabelling"}>
        {why ? <Steps pool={row.pool} labels={row.discovered} /> : <Button variant="default" onClick={() => setWhy(true)}>Show what each rule did</Button>}
      </Block>
    </section>
  );
}

function Block({ title, children }: { title: string; children: React.ReactNode }) {
  return <div className={classes.block}><h3 className={classes.blockTitle}>{title}</h3>{children}</div>;
}

function Steps({ pool, labels }: { pool: string; labels: Labels }) {
  const query = useQuery({ queryKey: ["relabel-steps", pool, labels], queryFn: ({ signal }) => prometheus.relabelSteps(pool, labels, signal), placeholderData: undefined });
  if (query.error) return <Failure what="The relabelling rules could not be followed" error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <SkeletonRows rows={3} height={44} />;
  if (query.data.length === 0) return <p className="dim">The pool has no relabelling rules.</p>;
  return (
    <ol className={classes.steps}>
      {query.data.map((step, i) => <Step key={i} step={step} before={query.data[i - 1]?.output ?? labels} />)}
    </ol>
  );
}

function Step({ step, before }: { step: RelabelStep; before: Labels }) {
  const changes = step.keep ? changesOf(before, step.output) : [];
  return (
    <li data-keep={step.keep}>
      <code className={classes.rule}>{Object.entries(step.rule).filter(([, value]) => value !== "" && value !== null).map(([key, value]) => `${key}: ${inline(value)}`).join("  ")}</code>
      {!step.keep && <Health state="dropped" text="drops the target" />}
      {step.keep && changes.length === 0 && <span className="dim">changes nothing</span>}
      {changes.map((change) => <code key={change} className={classes.change}>{change}</code>)}
    </li>
  );
}

function changesOf(before: Labels, after: Labels): string[] {
  const set = Object.entries(after).filter(([name, value]) => before[name] !== value).map(([name, value]) => `${name} = ${value === "" ? '""' : value}`);
  const gone = Object.keys(before).filter((name) => !(name in after)).map((name) => `${name} removed`);
  return [...set, ...gone];
}
