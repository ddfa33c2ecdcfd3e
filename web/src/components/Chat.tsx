// What went into a model and came out of it, as messages: roles, calls of tools and their results, what the model thought.

import { Fragment, useState } from "react";
import { visible, prettyJson } from "@/lib/format";
import type { Message, Part } from "@/lib/genai";
import classes from "./Chat.module.css";
import { CodeBlock, CopyIcon } from "./CodeBlock";

/** Messages that are shown at once; those in the middle on demand. */
const FIRST = 2;
const LAST = 6;
/** A text longer than this is folded. */
const LONG = 1600;

export function Chat({ messages }: { messages: readonly Message[] }) {
  const [all, setAll] = useState(false);
  const hidden = all ? 0 : Math.max(0, messages.length - FIRST - LAST);
  return (
    <ol className={classes.chat} aria-label="Messages">
      {messages.map((message, i) => {
        if (hidden > 0 && i >= FIRST && i < FIRST + hidden) {
          return i === FIRST ? <li key={i} className={classes.more}><button type="button" onClick={() => setAll(true)}>Show {hidden} more messages</button></li> : null;
        }
        return (
          <li key={i} className={classes.message} data-role={message.role} data-answer={message.answer}>
            <div className={classes.head}>
              <b>{message.role}</b>
              {message.answer && <span>answer</span>}
              {message.finish !== undefined && <span>finished: {message.finish}</span>}
              <span className={classes.copy}><CopyIcon text={message.parts.map(plainText).join("\n\n")} what="message" /></span>
            </div>
            {message.parts.map((part, at) => <Fragment key={at}><PartView part={part} /></Fragment>)}
          </li>
        );
      })}
    </ol>
  );
}

function plainText(part: Part): string {
  switch (part.kind) {
    case "call": return `${part.name}(${part.arguments})`;
    case "media": return `[${part.what}]`;
    default: return part.text;
  }
}

function PartView({ part }: { part: Part }) {
  switch (part.kind) {
    case "text": return <Text text={part.text} />;
    case "reasoning": return <details className={classes.reasoning}><summary>Reasoning</summary><Text text={part.text} /></details>;
    case "media": return <p className={classes.media}>{part.what}</p>;
    case "call": return (
      <div className={classes.call}>
        <p className={classes.callName}>calls <code>{visible(part.name) || "a tool"}</code></p>
        {part.arguments !== "" && <CodeBlock code={prettyJson(part.arguments) ?? part.arguments} what="arguments" maxHeight={220} wrap />}
      </div>
    );
    case "result": return <CodeBlock code={prettyJson(part.text) ?? part.text} what="result" maxHeight={220} wrap />;
  }
}

function Text({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  const shown = visible(open || text.length <= LONG ? text : `${text.slice(0, LONG)}…`);
  return (
    <p className={classes.text}>
      {shown}
      {text.length > LONG && <button type="button" onClick={() => setOpen(!open)}>{open ? "Show less" : `Show all ${text.length.toLocaleString("en-US")} characters`}</button>}
    </p>
  );
}
