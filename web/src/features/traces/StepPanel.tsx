// What a step of an agent is in every dialect's terms: which model, what it used, what that cost and why.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Bucket, Cost, Step } from "@/api/agentTypes";
import { CodeBlock } from "@/components/CodeBlock";
import { exactCount, exactDuration, formatDuration, formatUsd, inline, named, plural, prettyJson, significant, visible } from "@/lib/format";
import classes from "./StepPanel.module.css";

const BUCKETS: Record<Bucket, string> = {
  input: "Input", input_cached: "Input from the cache", cache_write_5m: "Written to the cache", cache_write_1h: "Written to the cache, 1 h", input_audio: "Audio in", input_image: "Images in",
  output: "Output", reasoning: "Reasoning", output_audio: "Audio out", output_image: "Images out",
};

const MATCHED: Record<string, string> = { exact: "by its name", provider: "without the provider before it", date: "without the date behind it", pattern: "by a pattern" };

export function StepFacts({ step }: { step: Step }) {
  const rows: [string, ReactNode][] = [];
  const add = (label: string, value: ReactNode, known = true): void => { if (known) rows.push([label, value]); };
  add("Model", <>{named(step.model)}{step.request_model !== "" && step.request_model !== step.model && <span className="dim"> asked for {named(step.request_model)}</span>}</>, step.model !== "");
  add("Provider", named(step.provider), step.provider !== "");
  add("Agent", <Link to="/agents/$agent" params={{ agent: step.agent }} preload={false}>{named(step.agent)}</Link>, step.agent !== "");
  add("Tool", named(step.tool), step.tool !== "");
  add("Session", <Link to="/sessions/$session" params={{ session: step.session }} preload={false}>{named(step.session)}</Link>, step.session !== "");
  add("User", named(step.user), step.user !== "");
  add("Prompt", `${named(step.prompt)}${step.prompt_version === "" ? "" : ` · version ${visible(step.prompt_version)}`}`, step.prompt !== "");
  add("First token", <span title={exactDuration(step.first_token_ns ?? 0)}>{formatDuration(step.first_token_ns ?? 0)}</span>, step.first_token_ns !== null);
  add("Finished", step.finish_reasons.map(visible).join(", "), step.finish_reasons.length > 0);
  add("Error", visible(step.error), step.error !== "");
  add("Loop", visible(step.loop_kind), step.loop_kind !== "");
  add("Retry", "of a step before it that failed", step.retry);
  add("Dialect", step.dialect);
  return <dl className={classes.facts}>{rows.map(([label, value]) => <div key={label}><dt>{label}</dt><dd>{value}</dd></div>)}</dl>;
}

/** Tokens by bucket with their prices, the row that they come from, and whether they count. */
export function StepCost({ step }: { step: Step }) {
  const { cost, tokens } = step;
  const lines = cost.lines.length > 0 ? cost.lines : Object.entries(tokens.buckets).map(([bucket, count]) => ({ bucket: bucket as Bucket, tokens: count, usd_per_token: null, field: "", usd: 0 }));
  const most = lines.reduce((max, line) => Math.max(max, line.tokens), 1);
  return (
    <>
      <table className={classes.cost}>
        <thead><tr><th scope="col">Bucket</th><th scope="col">Tokens</th><th scope="col">$ a million</th><th scope="col">Cost</th></tr></thead>
        <tbody>
          {lines.map((line) => (
            <tr key={line.bucket}>
              <th scope="row"><span className={classes.bar} data-bucket={line.bucket} style={{ width: `${Math.max(2, (line.tokens / most) * 100)}%` }} /><span>{BUCKETS[line.bucket]}</span></th>
              <td>{exactCount(line.tokens)}</td>
              <td title={line.field}>{line.usd_per_token === null ? "no price" : significant(line.usd_per_token * 1e6)}</td>
              <td>{line.usd_per_token === null ? "–" : formatUsd(line.usd)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot><tr><th scope="row">Together</th><td>{exactCount(tokens.total)}</td><td /><td><b>{formatUsd(cost.usd)}</b></td></tr></tfoot>
      </table>
      <p className={classes.why} data-counted={step.counted}>{step.counted === "yes" ? "Counts" : "Does not count"}: {step.counted_reason}. {sourceOf(cost)}{cost.repriced && " It was counted at other prices than those of now, which are above."}</p>
    </>
  );
}

function sourceOf(cost: Cost): string {
  const { price } = cost;
  const row = price === null ? "" : `Price of “${price.key}” in ${price.table}${price.line === null ? "" : `, line ${price.line}`}, found ${MATCHED[price.matched] ?? price.matched}${price.tier === "" ? "" : `, tier ${price.tier}`}${price.service_tier === "" || price.service_tier === "default" ? "" : `, ${price.service_tier}`}${price.effective_from === "" ? "" : `, since ${price.effective_from}`}.`;
  const told = cost.reported_usd === null ? "" : ` The sender says ${formatUsd(cost.reported_usd)}.`;
  if (cost.source === "unpriced") return `No price is known for this model, so its cost is not known.${told}`;
  return cost.source === "reported" ? `As the sender says. ${row}` : row + told;
}

export function StepMore({ step }: { step: Step }) {
  const { content } = step;
  const parameters = Object.entries(content.parameters);
  return (
    <>
      {parameters.length > 0 && <dl className={classes.facts} aria-label="Parameters">{parameters.map(([name, value]) => <div key={name}><dt>{visible(name)}</dt><dd className="mono">{inline(value)}</dd></div>)}</dl>}
      {content.arguments !== null && <CodeBlock title="Arguments" code={prettyJson(content.arguments) ?? inline(content.arguments)} what="arguments" maxHeight={260} wrap />}
      {content.result !== null && content.result !== "" && <CodeBlock title="Result" code={prettyJson(content.result) ?? inline(content.result)} what="result" maxHeight={260} wrap />}
      {content.documents.length > 0 && (
        <ol className={classes.documents} aria-label={plural(content.documents.length, "document")}>
          {content.documents.map((one, i) => <li key={one.id + String(i)}><p><b>{visible(one.id) || `Document ${i + 1}`}</b>{one.score !== null && <span className="dim"> score {significant(one.score)}</span>}</p>{one.content !== "" && <p className={classes.excerpt}>{visible(one.content.slice(0, 600))}</p>}</li>)}
        </ol>
      )}
      {step.evaluations.length > 0 && <dl className={classes.facts} aria-label="Evaluations">{step.evaluations.map((one) => <div key={one.name}><dt>{named(one.name)}</dt><dd>{one.score !== null && significant(one.score)} {visible(one.label)} {one.explanation !== "" && <span className="dim">{visible(one.explanation)}</span>}</dd></div>)}</dl>}
      {content.tools.length > 0 && <CodeBlock title={plural(content.tools.length, "tool offered", "tools offered")} code={prettyJson(content.tools) ?? ""} what="tools" maxHeight={200} wrap />}
      {step.unread.length > 0 && <p className={classes.unread}>Not understood: {step.unread.map((key) => <code key={key}>{visible(key)}</code>)}</p>}
    </>
  );
}

/** Whether there is anything that {@link StepMore} shows. */
export function hasMore({ content, evaluations, unread }: Step): boolean {
  return Object.keys(content.parameters).length + content.documents.length + content.tools.length + evaluations.length + unread.length > 0 || content.arguments !== null || (content.result !== null && content.result !== "");
}
