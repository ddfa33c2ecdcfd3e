// What tokens of each model cost, which table says so, and models that were called and have no price.

import { Button, NumberInput, Popover } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useCallback, useState, type SubmitEvent } from "react";
import { prices as api } from "@/api/agents";
import type { PriceRow, UnpricedModel } from "@/api/agentTypes";
import { FactTable } from "@/components/Blocks";
import { DataTable, type Column } from "@/components/DataTable";
import { TextFilter } from "@/components/filters";
import { Failure, Notice } from "@/components/Notice";
import { Fill, FilterBar, PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { exactCount, formatAgo, formatCount, named, nsToMs, plural, significant, visible } from "@/lib/format";
import classes from "./PricesPage.module.css";
import type { PricesSearch } from "./search";

const route = getRouteApi("/money/prices");

export function PricesPage() {
  const search = route.useSearch();
  const navigate = useNavigate();
  const query = useQuery({ queryKey: ["prices", search.q], queryFn: ({ signal }) => api.list({ q: search.q, limit: 2000 }, signal), staleTime: 30_000 });
  const set = useCallback((next: PricesSearch) => void navigate({ to: ".", replace: true, search: (old) => ({ ...old, ...next }) }), [navigate]);
  const problems = query.data?.tables.flatMap((table) => table.problems.map((one) => ({ ...one, table: table.name }))) ?? [];
  return (
    <>
      <PageHead title="Prices" facts={query.data ? `${plural(query.data.total, "row")}${query.data.tables.map((table) => ` · ${table.name}${table.as_of === "" ? "" : ` of ${table.as_of}`}`).join("")}` : undefined} />
      <FilterBar label="Filter prices">
        <TextFilter aria-label="Model" placeholder="Part of a model’s name" value={search.q} onApply={(q) => set({ q })} w={260} />
        <span className="dim">USD a million tokens</span>
      </FilterBar>
      <Unpriced />
      {problems.length > 0 && <Notice compact tone="error" title={`${plural(problems.length, "row")} of the price file could not be used`} text={problems.slice(0, 3).map((one) => `${one.table} line ${one.line}, ${one.key}: ${one.message}`).join("; ")} />}
      <Fill>
        {query.error && <Failure what="Prices could not be loaded" error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && <SkeletonRows rows={18} height={32} />}
        {query.isSuccess && query.data.rows.length === 0 && <Notice title="No model is named like this" text="A price can be set for any name, in the configuration, in a file in LiteLLM’s format, or here once the model was called." />}
        {query.data && query.data.rows.length > 0 && <DataTable label="Prices" columns={COLUMNS} rows={query.data.rows} rowKey={(one) => `${one.table} ${one.key} ${one.effective_from}`} sort={search.sort} onSort={(sort) => set({ sort })} stale={query.isPlaceholderData} renderNarrow={(one) => <Narrow one={one} />} />}
      </Fill>
    </>
  );
}

function Unpriced() {
  const query = useQuery({ queryKey: ["prices", "unpriced"], queryFn: ({ signal }) => api.unpriced(signal), refetchInterval: 30_000 });
  const models = query.data?.models ?? [];
  if (models.length === 0) return null;
  return (
    <section className={classes.unpriced} aria-label="Models without a price">
      <h2>{plural(models.length, "model")} without a price <span className="dim">what they cost is missing in all sums</span></h2>
      <FactTable label="Models without a price" rows={models.slice(0, 12)} rowKey={(one) => `${one.provider} ${one.model}`} columns={[
        { label: "Model", render: (one) => named(one.model) }, { label: "Provider", text: true, render: (one) => named(one.provider, "–") }, { label: "Services", text: true, render: (one) => one.services.map(visible).join(", ") }, { label: "Calls", render: (one) => exactCount(one.calls) },
        { label: "Tokens", render: (one) => formatCount(one.tokens) }, { label: "Last", render: (one) => formatAgo(nsToMs(one.last_seen)) }, { label: "Nearest", text: true, render: (one) => <span className="dim">{one.nearest.slice(0, 2).join(", ") || "–"}</span> }, { label: "", render: (one) => <SetPrice model={one} /> },
      ]} />
    </section>
  );
}

function SetPrice({ model }: { model: UnpricedModel }) {
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const [[input, output], setPrices] = useState<[number, number]>([1, 3]);
  const save = useMutation({
    mutationFn: () => api.override(model.provider === "" ? model.model : `${model.provider}/${model.model}`, { input_cost_per_token: input / 1e6, output_cost_per_token: output / 1e6 }),
    onSuccess: async () => {
      setOpen(false);
      await queries.invalidateQueries({ queryKey: ["prices"] });
    },
  });
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" withinPortal transitionProps={{ duration: 0 }} trapFocus>
      <Popover.Target><Button variant="default" size="compact-xs" onClick={() => setOpen(!open)}>Set a price</Button></Popover.Target>
      <Popover.Dropdown>
        <form className={classes.form} onSubmit={onSubmit}>
          <p>USD a million tokens of <b>{named(model.model)}</b></p>
          <div><NumberInput label="Read" min={0} decimalScale={6} value={input} onChange={(value) => setPrices([Number(value), output])} /><NumberInput label="Written" min={0} decimalScale={6} value={output} onChange={(value) => setPrices([input, Number(value)])} /></div>
          {save.error && <Failure what="The price could not be set" error={save.error} onRetry={() => save.mutate()} />}
          <Button type="submit" loading={save.isPending}>Set the price</Button>
          <p className="dim">From now on. What was counted before stays until it is priced again (<code>POST …/prices/reprice</code>).</p>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}

function million(row: PriceRow, name: string): number | undefined {
  const price = row.prices[name];
  return price === undefined ? undefined : price * 1e6;
}

/** With cents, or as many digits as it needs: `$5.00`, `$0.025`. */
function dollars(usd: number): string {
  const text = significant(usd, 4);
  return (text.split(".")[1] ?? "").length > 2 ? `$${text}` : `$${usd.toFixed(2)}`;
}

function told(row: PriceRow, name: string): string {
  const usd = million(row, name);
  return usd === undefined ? "–" : dollars(usd);
}

function price(id: string, label: string, name: string): Column<PriceRow> {
  return {
    id, label, width: "96px", align: "end", value: (one) => million(one, name) ?? -1,
    render: (one) => { const usd = million(one, name); return usd === undefined ? <span className="dim">–</span> : <span title={`${name}: ${one.prices[name]}`}>{dollars(usd)}</span>; },
  };
}

function Narrow({ one }: { one: PriceRow }) {
  return (
    <>
      <div className={classes.narrow}><b className="clip">{named(one.key)}</b></div>
      <div className={classes.narrow}><span className="dim">{one.provider}</span><span>in {told(one, "input_cost_per_token")}</span><span>out {told(one, "output_cost_per_token")}</span></div>
    </>
  );
}

const COLUMNS: Column<PriceRow>[] = [
  { id: "model", label: "Model", width: "minmax(220px, 2fr)", value: (one) => one.key, render: (one) => <span className="clip">{named(one.key)}{one.effective_from !== "" && <span className="dim"> since {one.effective_from}</span>}</span> },
  { id: "provider", label: "Provider", width: "minmax(110px, 1fr)", value: (one) => one.provider, render: (one) => <span className="clip dim">{named(one.provider, "–")}</span> },
  { id: "mode", label: "Kind", width: "96px", value: (one) => one.mode, render: (one) => <span className="dim">{one.mode || "–"}</span> },
  price("input", "Read", "input_cost_per_token"), price("cached", "From cache", "cache_read_input_token_cost"), price("write", "To cache", "cache_creation_input_token_cost"), price("output", "Written", "output_cost_per_token"),
  { id: "tiers", label: "Tiers", width: "76px", align: "end", value: (one) => tiers(one).length, render: (one) => { const found = tiers(one); return found.length === 0 ? <span className="dim">–</span> : <span title={found.join("\n")}>{found.length}</span>; } },
  { id: "table", label: "Table", width: "120px", value: (one) => one.table, render: (one) => <span className="clip dim">{one.table}{one.line === null ? "" : `:${one.line}`}</span> },
];

/** Prices beside the four that have a column: tiers, classes, audio and the like. */
function tiers(row: PriceRow): string[] {
  const shown = ["input_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost", "output_cost_per_token"];
  return Object.entries(row.prices).filter(([name]) => !shown.includes(name)).map(([name, usd]) => `${name}: ${usd}`);
}
