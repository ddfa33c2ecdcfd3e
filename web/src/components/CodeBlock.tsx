// Text to copy: code, JSON, ids. One button copies it and says so.

import { ActionIcon, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useCopy } from "@/lib/useCopy";
import classes from "./CodeBlock.module.css";

export function CopyIcon({ text, what }: { text: string; what: string }) {
  const { copied, copy } = useCopy();
  return (
    <Tooltip label={copied ? "Copied" : `Copy ${what}`}>
      <ActionIcon size="sm" variant="subtle" color="gray" onClick={() => copy(text)} aria-label={copied ? "Copied" : `Copy ${what}`}>
        {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
      </ActionIcon>
    </Tooltip>
  );
}

interface CodeBlockProps {
  code: string;
  what: string;
  title?: string;
  maxHeight?: number;
  wrap?: boolean;
}

export function CodeBlock({ code, what, title, maxHeight, wrap = false }: CodeBlockProps) {
  return (
    <figure className={classes.figure}>
      {title !== undefined && <figcaption className={classes.title}>{title}</figcaption>}
      <div className={classes.copy}><CopyIcon text={code} what={what} /></div>
      <pre className={classes.pre} style={{ maxHeight }} data-wrap={wrap} tabIndex={0} aria-label={title ?? what}><code>{code}</code></pre>
    </figure>
  );
}
