// What may be spent and what is left: a card a budget, who spends most of it, and what was announced.

import { ActionIcon, Button, Menu } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { IconDots, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { budgets as api } from "@/api/agents";
import type { Budget, BudgetStatus, Standing } from "@/api/agentTypes";
import { Block, Blocks, FactTable } from "@/components/Blocks";
import { Failure, Notice } from "@/components/Notice";
import { Fill, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { StatusBadge, type Tone } from "@/components/StatusBadge";
import { capital, formatAgo, formatCount, formatDateTime, formatPercent, formatUsd, named, nsToMs, plural, visible } from "@/lib/format";
import { BudgetForm } from "./BudgetForm";
import classes from "./BudgetsPage.module.css";

const route = getRouteApi("/money/budgets");

export const amountOf = (value: number, unit: Budget["unit"]): string => (unit === "usd" ? formatUsd(value) : `${formatCount(value)} tokens`);

const HOURS: Record<string, number> = { m: 1 / 60, h: 1, d: 24, w: 168 };

/** `1h` as `hour`, `1d` as `24 hours`, `1w` as `7 days`: the server writes spans in their largest unit. */
export function spanWords(text: string): string {
  const [, amount = "", unit = ""] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  const hours = Number(amount) * (HOURS[unit] ?? 0);
  if (hours === 0) return text;
  if (hours === 1) return "hour";
  if (hours < 1) return plural(Math.round(hours * 60), "minute");
  return hours % 24 === 0 && hours > 24 ? plural(hours / 24, "day") : plural(hours, "hour");
}

export function windowOf(budget: Budget): string {
  if ("rolling" in budget.window) return `in any ${spanWords(budget.window.rolling)}`;
  const zone = budget.window.time_zone;
  return `each ${budget.window.calendar}${zone === undefined || zone === "UTC" ? "" : ` in ${zone}`}`;
}

function scopeOf(budget: Budget): string {
  const where = Object.entries(budget.scope.where ?? {}).map(([name, value]) => `${name} ${value}`).join(", ");
  const each = budget.scope.each == null ? "" : `every ${budget.scope.each}`;
  return [each, where].filter((text) => text !== "").join(" of ") || "everything";
}

export function BudgetsPage() {
  const { budget: chosen } = route.useSearch();
  const navigate = useNavigate();
  const [editing, setEditing] = useState<Budget | "new" | undefined>(undefined);
  const query = useQuery({ queryKey: ["budgets"], queryFn: ({ signal }) => api.list(signal), refetchInterval: 10_000 });
  const choose = (id: string | undefined): void => void navigate({ to: ".", replace: true, search: (old) => ({ ...old, budget: id }) });
  return (
    <>
      <PageHead title="Budgets" facts={query.data && query.data.length > 0 ? plural(query.data.length, "budget") : undefined}>
        <Button leftSection={<IconPlus size={14} aria-hidden />} onClick={() => setEditing("new")}>New budget</Button>
      </PageHead>
      {query.error && <Failure what="Budgets could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending && <SkeletonRows rows={4} height={90} />}
      {query.data?.length === 0 && <Fill><Notice title="No budget yet" text="A budget says what may be spent, by all, by one agent or by every user, each day or in any 24 hours. It warns at 80 % and 100 %, and a hard one tells agents that ask to stop." action={<Button onClick={() => setEditing("new")}>New budget</Button>} /></Fill>}
      {query.data && query.data.length > 0 && (
        <Blocks>
          <Block title="How they stand" wide>
            <ul className={classes.budgets}>{query.data.map((one) => <Card key={one.id} budget={one} chosen={one.id === chosen} onChoose={() => choose(one.id === chosen ? undefined : one.id)} onEdit={() => setEditing(one)} />)}</ul>
          </Block>
          {chosen !== undefined && query.data.some((one) => one.id === chosen) && <Standings id={chosen} />}
          <Announced />
        </Blocks>
      )}
      {editing !== undefined && <BudgetForm budget={editing === "new" ? undefined : editing} onClose={() => setEditing(undefined)} />}
    </>
  );
}

const TONES: Record<Standing["level"], [Tone, string]> = { ok: ["ok", "within"], info: ["plain", "noted"], warning: ["warn", "nearly used up"], critical: ["error", "used up"] };

function Card({ budget, chosen, onChoose, onEdit }: { budget: Budget; chosen: boolean; onChoose: () => void; onEdit: () => void }) {
  const queries = useQueryClient();
  const remove = useMutation({ mutationFn: () => api.remove(budget.id), onSuccess: () => queries.invalidateQueries({ queryKey: ["budgets"] }) });
  const [sure, setSure] = useState(false);
  const now = budget.current;
  return (
    <li className={classes.budget} data-chosen={chosen}>
      <div className={classes.budgetHead}>
        <button type="button" className={classes.name} aria-expanded={chosen} onClick={onChoose}>{named(budget.name)}</button>
        {!budget.enabled && <span className="dim">off</span>}
        {budget.mode === "hard" && <span className={classes.mark} title="Agents that ask are told to stop">hard</span>}
        {now && <StatusBadge tone={TONES[now.level][0]}>{TONES[now.level][1]}</StatusBadge>}
        {budget.source === "config"
          ? <span className={classes.mark} title="It stands in the configuration and is changed there">config</span>
          : (
            <Menu position="bottom-end" transitionProps={{ duration: 0 }} onClose={() => setSure(false)}>
              <Menu.Target><ActionIcon variant="subtle" color="gray" aria-label={`More of ${budget.name}`}><IconDots size={16} /></ActionIcon></Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={onEdit}>Change</Menu.Item>
                <Menu.Item color="red" closeMenuOnClick={sure} onClick={() => { if (sure) remove.mutate(); else setSure(true); }}>{sure ? "Delete it for good" : "Delete"}</Menu.Item>
              </Menu.Dropdown>
            </Menu>
          )}
      </div>
      {remove.error && <Failure what="The budget could not be deleted" error={remove.error} onRetry={() => remove.mutate()} />}
      <Progress standing={now ?? undefined} budget={budget} />
      <p className="dim">{amountOf(budget.amount, budget.unit)} {windowOf(budget)} for {scopeOf(budget)}{now && now.scope_value !== "" ? `; most by ${named(now.scope_value)}` : ""}</p>
    </li>
  );
}

function Progress({ standing, budget }: { standing: Standing | undefined; budget: Budget }) {
  const share = standing ? standing.percentage / 100 : 0;
  const reserved = standing && standing.budget > 0 ? standing.reserved / standing.budget : 0;
  return (
    <div className={classes.progress}>
      <div className={classes.track} role="meter" aria-label={`${budget.name}: spent`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, Math.round(share * 100))}>
        <i data-level={standing?.level ?? "ok"} style={{ width: `${Math.min(1, share) * 100}%` }} />
        {reserved > 0 && <i data-level="reserved" style={{ width: `${Math.min(1 - Math.min(1, share), reserved) * 100}%` }} />}
        {budget.thresholds.filter((one) => one.percent < 100).map((one) => <b key={one.percent} style={{ left: `${one.percent}%` }} title={`${one.severity} at ${one.percent} %`} />)}
      </div>
      <span>{amountOf(standing?.spent ?? 0, budget.unit)} of {amountOf(standing?.budget ?? budget.amount, budget.unit)}</span>
      <span className="dim">{formatPercent(share)}</span>
    </div>
  );
}

function Standings({ id }: { id: string }) {
  const query = useQuery({ queryKey: ["budgets", id], queryFn: ({ signal }) => api.status(id, signal), placeholderData: undefined, refetchInterval: 10_000 });
  return (
    <Block title={query.data ? named(query.data.budget.name) : "Budget"} wide aside={query.data && periodOf(query.data)}>
      {query.error && <Failure what="How the budget stands could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
      {query.data && !query.data.known && <p className={classes.unknown}>What was spent is still being put together after a start.</p>}
      {query.data && (query.data.standings.length === 0 ? <p className="dim">Nothing was spent in this period.</p> : <Table status={query.data} />)}
    </Block>
  );
}

function periodOf({ standings: [first] }: BudgetStatus): string | undefined {
  return first && `${formatDateTime(nsToMs(first.period_start_unix_nano))} to ${formatDateTime(nsToMs(first.period_end_unix_nano))}`;
}

function Table({ status: { budget, standings, values } }: { status: BudgetStatus }) {
  const { unit } = budget;
  return (
    <>
      <FactTable label="Standings" rows={standings} rowKey={(one) => one.scope_value} share={(one) => one.percentage / 100} columns={[
        { label: capital(budget.scope.each ?? "For"), render: (one) => one.scope_value === "" ? "all" : named(one.scope_value) }, { label: "Spent", render: (one) => amountOf(one.spent, unit) }, { label: "Reserved", render: (one) => (one.reserved > 0 ? amountOf(one.reserved, unit) : "–") },
        { label: "Budget", render: (one) => amountOf(one.budget, unit) }, { label: "Left", render: (one) => amountOf(one.remaining, unit) }, { label: "Used", render: (one) => formatPercent(one.percentage / 100) },
        { label: "At the end", render: (one) => (one.projection === null ? "–" : amountOf(one.projection, unit)) }, { label: "", text: true, render: (one) => <StatusBadge tone={TONES[one.level][0]}>{TONES[one.level][1]}</StatusBadge> },
      ]} />
      {values > standings.length && <p className="dim">The first {standings.length} of {plural(values, "value")}.</p>}
    </>
  );
}

function Announced() {
  const query = useQuery({ queryKey: ["budgets", "events"], queryFn: ({ signal }) => api.events({}, signal), refetchInterval: 30_000 });
  if (query.error) return <Block title="Announced" wide><Failure what="What was announced could not be loaded" error={query.error} onRetry={() => void query.refetch()} /></Block>;
  return (
    <Block title="Announced" wide>
      {query.isPending && <SkeletonRows rows={3} height={32} />}
      {query.data && (query.data.events.length === 0 ? <p className="dim">No budget has reached a threshold in the last 30 days.</p> : (
        <FactTable label="Announced" sentences rows={query.data.events} rowKey={(one) => one.id} columns={[
          { label: "What", render: (one) => visible(one.title) }, { label: "", text: true, render: (one) => <StatusBadge tone={one.severity === "critical" ? "error" : one.severity === "warning" ? "warn" : "plain"}>{one.severity}</StatusBadge> },
          { label: "Spent", render: (one) => amountOf(one.spent, one.unit) }, { label: "When", render: (one) => <span title={formatDateTime(nsToMs(one.time_unix_nano))}>{formatAgo(nsToMs(one.time_unix_nano))}</span> },
        ]} />
      ))}
    </Block>
  );
}
