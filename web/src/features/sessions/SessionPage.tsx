// A conversation as its user saw it: a question and an answer a turn, with what the agent did in between, what that cost
// and how long it took.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { IconAlertTriangle, IconRepeat, IconTool } from "@tabler/icons-react";
import { agents as api } from "@/api/agents";
import type { SessionDetail, Turn } from "@/api/agentTypes";
import { ApiError } from "@/api/client";
import { Chat } from "@/components/Chat";
import { CodeBlock } from "@/components/CodeBlock";
import { Failure, Notice } from "@/components/Notice";
import { PageHead } from "@/components/Page";
import { SkeletonRows } from "@/components/Skeleton";
import { Stat, Stats } from "@/components/Stat";
import { exactCount, exactDuration, formatCount, formatDateTime, formatDuration, formatUsd, named, nsToMs, plural, prettyJson, significant, visible } from "@/lib/format";
import { messagesOf } from "@/lib/told";
import classes from "./Sessions.module.css";

const route = getRouteApi("/sessions/$session");

export function SessionPage() {
  const { session } = route.useParams();
  const query = useQuery({ queryKey: ["session", session], queryFn: ({ signal }) => api.session(session, {}, signal), placeholderData: undefined });
  const gone = query.error instanceof ApiError && query.error.kind === "not_found";
  return (
    <div className={classes.page}>
      <PageHead title={<>Session <code>{named(session)}</code></>} facts={query.isSuccess ? plural(query.data.session.turns, "turn") : undefined} />
      {gone && <Notice title="No such session" text={<>No run of the last 30 days is of session <b>{named(session)}</b>. It may not have arrived yet, or retention has removed it.</>} action={<Link to="/sessions">All sessions</Link>} />}
      {query.error && !gone && <Failure what="The session could not be loaded" error={query.error} onRetry={() => void query.refetch()} compact={false} />}
      {query.isPending && <SkeletonRows rows={6} height={90} />}
      {query.isSuccess && <Conversation detail={query.data} />}
    </div>
  );
}

function Conversation({ detail: { session, turns, truncated } }: { detail: SessionDetail }) {
  return (
    <>
      <Stats>
        <Stat label="User" value={session.users.map(visible).join(", ") || "–"} />
        <Stat label="Agents" value={session.agents.map((agent) => <Link key={agent} to="/agents/$agent" params={{ agent }} className={classes.agentLink} preload={false}>{named(agent)}</Link>)} />
        <Stat label="Failed turns" value={exactCount(session.errors)} tone={session.errors > 0 ? "error" : undefined} />
        <Stat label="Tokens" value={formatCount(session.tokens.total)} title={`${exactCount(session.tokens.input)} read, ${exactCount(session.tokens.output)} written`} />
        <Stat label="Cost" value={formatUsd(session.cost_usd)} title={`$${session.cost_usd.toFixed(6)}`} />
        <Stat label="Answering" value={formatDuration(session.active_ns)} title={exactDuration(session.active_ns)} />
        <Stat label="Rating" value={session.rating ? `${significant(session.rating.average, 2)} of 5` : "–"} />
      </Stats>
      {truncated && <Notice compact title="Only the latest turns" text="The conversation has more turns than are shown at once." />}
      <ol className={classes.turns} aria-label="Turns">{turns.map((turn, index) => <TurnView key={turn.run.trace_id + turn.run.span_id} turn={turn} number={index + 1} />)}</ol>
    </>
  );
}

function TurnView({ turn, number }: { turn: Turn; number: number }) {
  const { run } = turn;
  return (
    <li className={classes.turn} data-failed={run.status === "error"}>
      <div className={classes.turnHead}>
        <b>Turn {number}</b>
        <span className="dim">{formatDateTime(nsToMs(run.start_unix_nano))}</span>
        <span title={exactDuration(run.duration_ns)}>{formatDuration(run.duration_ns)}</span>
        {run.first_token_ns !== null && <span className="dim" title="To the first token">first token {formatDuration(run.first_token_ns)}</span>}
        <span title={`$${run.cost_usd.toFixed(6)}`}>{formatUsd(run.cost_usd)}</span>
        <span className="dim" title={`${exactCount(run.tokens.input)} read, ${exactCount(run.tokens.output)} written`}>{formatCount(run.tokens.total)} tokens</span>
        {run.error !== "" && <span className={classes.failed}><IconAlertTriangle size={13} aria-hidden /> {visible(run.error)}</span>}
        {run.loops.length > 0 && <span className={classes.loop}><IconRepeat size={13} aria-hidden /> loop</span>}
        <Link to="/explore/traces/$traceId" params={{ traceId: run.trace_id }} className={classes.runLink} preload={false}>Open the run</Link>
      </div>
      {turn.content_missing !== "" && <p className="dim">{turn.content_missing}</p>}
      {turn.input.length > 0 && <Chat messages={messagesOf(turn.input, false)} />}
      {turn.tool_calls.length > 0 && <ToolCalls turn={turn} />}
      {turn.output.length > 0 && <Chat messages={messagesOf(turn.output, true)} />}
      {turn.feedback.map((one) => (
        <p key={one.id} className={classes.feedback}>
          {one.rating !== null && <b>{"★".repeat(Math.round(one.rating))}<span className="dim">{"★".repeat(Math.max(0, 5 - Math.round(one.rating)))}</span></b>}
          {one.comment !== "" && <span>“{visible(one.comment)}”</span>}
          {one.rating === null && one.comment === "" && <span>{one.name}: {one.label || String(one.score ?? "")}</span>}
        </p>
      ))}
    </li>
  );
}

function ToolCalls({ turn }: { turn: Turn }) {
  return (
    <details className={classes.tools}>
      <summary><IconTool size={13} aria-hidden /> {plural(turn.tool_calls.length, "tool call")}: {[...new Set(turn.tool_calls.map((call) => named(call.name)))].join(", ")}{turn.tool_calls.some((call) => call.error !== "") && <span className={classes.failed}> · failed</span>}</summary>
      <ul>
        {turn.tool_calls.map((call) => (
          <li key={call.span_id}>
            <div className={classes.toolHead}><code>{named(call.name)}</code><span className="dim">{formatDuration(call.duration_ns)}</span>{call.error !== "" && <span className={classes.failed}>{visible(call.error)}</span>}
              <Link to="/explore/traces/$traceId" params={{ traceId: turn.run.trace_id }} search={{ span: call.span_id }} className={classes.runLink} preload={false}>step</Link></div>
            {call.arguments !== null && <CodeBlock code={prettyJson(call.arguments) ?? ""} what="arguments" maxHeight={180} wrap />}
            {call.result !== null && call.result !== "" && <CodeBlock code={prettyJson(call.result) ?? ""} what="result" maxHeight={180} wrap />}
          </li>
        ))}
      </ul>
    </details>
  );
}
