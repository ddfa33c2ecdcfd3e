// Makes a budget, or changes one. What the server says is wrong shows at its field.

import { Button, Modal, NumberInput, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { budgets as api } from "@/api/agents";
import type { Budget, BudgetDraft } from "@/api/agentTypes";
import { ApiError } from "@/api/client";
import { Failure } from "@/components/Notice";
import classes from "./BudgetsPage.module.css";

const EACH = [{ value: "", label: "All together" }, { value: "user", label: "Every user" }, { value: "agent", label: "Every agent" }, { value: "model", label: "Every model" }, { value: "service", label: "Every service" }, { value: "session", label: "Every session" }];
const WINDOWS = [{ value: "hour", label: "Each hour" }, { value: "day", label: "Each day" }, { value: "week", label: "Each week" }, { value: "month", label: "Each month" }, { value: "rolling:1h", label: "In any hour" }, { value: "rolling:24h", label: "In any 24 hours" }, { value: "rolling:7d", label: "In any 7 days" }, { value: "rolling:30d", label: "In any 30 days" }];
/** Spans as the server writes them, in the words of the choices. */
const ROLLING: Record<string, string> = { "1d": "24h", "1w": "7d" };
const WHERE = ["agent", "model", "service", "user", "environment", "provider"];
const EMPTY: BudgetDraft = {
  name: "", description: "", enabled: true, scope: {}, amount: 10, unit: "usd", window: { calendar: "day" }, thresholds: [{ percent: 80, severity: "warning" }, { percent: 100, severity: "critical" }], mode: "soft", on_unknown: "allow",
};

function draftOf(budget: Budget): BudgetDraft {
  const { id, name, description, enabled, scope, amount, unit, window, thresholds, mode, on_unknown } = budget;
  return { id, name, description, enabled, scope, amount, unit, window: "rolling" in window ? { rolling: ROLLING[window.rolling] ?? window.rolling } : window, thresholds, mode, on_unknown };
}

/** The scope with one member set, or without it. */
function scopeWith<Name extends keyof Budget["scope"]>(scope: Budget["scope"], name: Name, value: Budget["scope"][Name] | undefined): Budget["scope"] {
  const rest = Object.fromEntries(Object.entries(scope).filter(([key]) => key !== name)) as Budget["scope"];
  return value === undefined ? rest : { ...rest, [name]: value };
}

export function BudgetForm({ budget, onClose }: { budget: Budget | undefined; onClose: () => void }) {
  const queries = useQueryClient();
  const [draft, setDraft] = useState<BudgetDraft>(() => (budget ? draftOf(budget) : EMPTY));
  const save = useMutation({
    mutationFn: () => (budget ? api.replace(budget.id, draft) : api.create(draft)),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["budgets"] });
      onClose();
    },
  });
  const set = (next: Partial<BudgetDraft>): void => setDraft((old) => ({ ...old, ...next }));
  const error = save.error;
  const at = (field: string): string | undefined => (error instanceof ApiError && error.field?.startsWith(field) === true ? error.message : undefined);
  const placed = ["name", "amount", "window", "scope", "unit"].some((field) => at(field) !== undefined);
  const window = "rolling" in draft.window ? `rolling:${draft.window.rolling}` : draft.window.calendar;
  const windows = WINDOWS.some((one) => one.value === window) ? WINDOWS : [...WINDOWS, { value: window, label: window.startsWith("rolling:") ? `In any ${window.slice(8)}` : `Each ${window}` }];
  const [[where, value] = ["agent", ""], ...others] = Object.entries(draft.scope.where ?? {});
  // The form edits the first condition; what else must hold stays.
  const setWhere = (name: string, text: string): void => {
    const all = Object.fromEntries([...(text === "" ? [] : [[name, text] as const]), ...others]);
    set({ scope: scopeWith(draft.scope, "where", Object.keys(all).length === 0 ? undefined : all) });
  };
  const [whereName, setWhereName] = useState(where);
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Modal opened onClose={onClose} title={budget ? "Change the budget" : "New budget"} size={520} transitionProps={{ duration: 0 }}>
      <form className={classes.form} onSubmit={onSubmit}>
        <TextInput label="Name" required data-autofocus value={draft.name} error={at("name")} onChange={(event) => set({ name: event.currentTarget.value })} />
        <div className={classes.row}>
          <NumberInput label="Amount" required min={0} decimalScale={4} value={draft.amount} error={at("amount")} onChange={(amount) => set({ amount: Number(amount) })} />
          <Select label="In" allowDeselect={false} data={[{ value: "usd", label: "USD" }, { value: "tokens", label: "Tokens" }, { value: "input_tokens", label: "Tokens read" }, { value: "output_tokens", label: "Tokens written" }]} value={draft.unit} error={at("unit")} onChange={(unit) => { if (unit) set({ unit }); }} />
          <Select label="When" allowDeselect={false} data={windows} value={window} error={at("window")} onChange={(next) => { if (next) set({ window: next.startsWith("rolling:") ? { rolling: next.slice(8) } : { calendar: next as "day" } }); }} />
        </div>
        <Select
          label="For" allowDeselect={false} data={EACH} value={draft.scope.each ?? ""} error={at("scope.each")}
          onChange={(each) => set({ scope: scopeWith(draft.scope, "each", each || undefined) })}
        />
        <div className={classes.row}>
          <Select label="Only where" allowDeselect={false} data={WHERE} value={whereName} onChange={(name) => { if (name) { setWhereName(name); setWhere(name, value); } }} />
          <TextInput label="is" placeholder="anything" value={value} error={at("scope.where")} onChange={(event) => setWhere(whereName, event.currentTarget.value)} />
        </div>
        {others.length > 0 && <p className="dim">and {others.map(([name, text]) => `${name} is ${text}`).join(", ")}.</p>}
        <div>
          <p className={classes.label}>When it is used up</p>
          <SegmentedControl aria-label="When it is used up" value={draft.mode} data={[{ value: "soft", label: "Warn" }, { value: "hard", label: "Tell agents to stop" }]} onChange={(mode) => set({ mode })} />
        </div>
        <p className="dim">It is announced at {draft.thresholds.map((one) => `${one.percent} %`).join(" and ")}, once each period.</p>
        {error && !placed && <Failure what="The budget could not be saved" error={error} onRetry={() => save.mutate()} />}
        <div className={classes.buttons}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={save.isPending}>{budget ? "Save" : "Make the budget"}</Button></div>
      </form>
    </Modal>
  );
}
