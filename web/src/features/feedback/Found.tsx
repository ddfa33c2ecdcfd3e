// Pieces of feedback and themes of them, each with the way to the run that it is about.

import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Feedback, FeedbackThemes } from "@/api/agentTypes";
import { Stars } from "@/components/Stars";
import { formatAgo, formatDateTime, formatPercent, named, nsToMs, plural, significant, visible } from "@/lib/format";
import classes from "./FeedbackPage.module.css";

export function Themes({ found }: { found: FeedbackThemes }) {
  if (found.themes.length === 0) return <p className="dim">{found.comments === 0 ? "No low rating has a comment." : "The comments have nothing in common."}</p>;
  return (
    <>
      {found.fallback !== null && <p className={classes.fallback}>The model was not asked: {found.fallback}.</p>}
      {found.analysis === "llm" && <ol className={classes.issues}>{found.issues.map((issue) => <li key={issue}>{visible(issue)}</li>)}</ol>}
      <ul className={classes.themes}>
        {found.themes.map((theme) => (
          <li key={theme.title}>
            <p><b>{visible(theme.title)}</b> <span className="dim">{plural(theme.count, "comment")} · {formatPercent(theme.share)}{theme.average_rating !== null && ` · ${significant(theme.average_rating, 2)} ★`}</span></p>
            {theme.comments.slice(0, 2).map((one) => <p key={one.id} className={classes.quote}>“{visible(one.comment)}” <Run one={one} /></p>)}
          </li>
        ))}
      </ul>
    </>
  );
}

function Run({ one }: { one: Feedback }) {
  if (one.trace_id !== "" && one.bound) return <Link to="/explore/traces/$traceId" params={{ traceId: one.trace_id }} search={one.span_id === "" ? {} : { span: one.span_id }} className={classes.run} preload={false}>run</Link>;
  return one.session === "" ? null : <Link to="/sessions/$session" params={{ session: one.session }} className={classes.run} preload={false}>session</Link>;
}

function Verdict({ one }: { one: Feedback }) {
  if (one.rating !== null && one.kind !== "thumbs") return <Stars rating={one.rating} />;
  if (one.kind === "thumbs") return <span>{one.score === 0 ? "thumbs down" : "thumbs up"}</span>;
  if (one.category !== "") return <span>{visible(one.category)}</span>;
  return one.score === null ? <span className="dim">{one.kind}</span> : <span>{significant(one.score)}</span>;
}

export function FeedbackList({ rows, onMore }: { rows: Feedback[]; onMore: (() => void) | undefined }) {
  return (
    <>
      <ul className={classes.list}>
        {rows.map((one) => (
          <li key={one.id} data-low={one.rating !== null && one.rating <= 2}>
            <span className={classes.verdict}><Verdict one={one} />{one.name !== "rating" && <span className="dim">{named(one.name)}</span>}</span>
            <span className={classes.said}>
              {one.comment !== "" && <span>“{visible(one.comment)}”</span>}
              {one.correction !== "" && <span className={classes.correction}>should be: {visible(one.correction)}</span>}
              {one.comment === "" && one.correction === "" && <span className="dim">no comment</span>}
            </span>
            <span className={classes.about}>
              {[one.agent, one.user, one.source === "human" ? "" : one.source].filter((text) => text !== "").map((text) => <span key={text} className="clip">{visible(text)}</span>)}
              {!one.bound && <span title="The run that it is about has not arrived">no run yet</span>}
              <time title={formatDateTime(nsToMs(one.time))}>{formatAgo(nsToMs(one.time))}</time><Run one={one} />
            </span>
          </li>
        ))}
      </ul>
      {onMore && <Button variant="default" size="compact-sm" onClick={onMore}>Show more</Button>}
    </>
  );
}
