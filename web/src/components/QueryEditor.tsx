// An editor for PromQL with completion, errors marked in place and history. CodeMirror is loaded when the first editor is
// shown; until then a plain text box of the same size takes the text.

import type { EditorView } from "@codemirror/view";
import type { PrometheusClient } from "@prometheus-io/codemirror-promql";
import { useEffect, useRef, useState } from "react";
import type { EditorCallbacks, MarkedError } from "./queryEditorEngine";
import classes from "./QueryEditor.module.css";

/** Where completion gets names and values from. */
export type CompletionClient = PrometheusClient;

interface QueryEditorProps extends EditorCallbacks {
  label: string;
  value: string;
  client: CompletionClient;
  error: MarkedError | undefined;
}

type Engine = typeof import("./queryEditorEngine");

export function QueryEditor({ label, value, client, error, onChange, onRun, onFocus, onHistory }: QueryEditorProps) {
  const holder = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const [engine, setEngine] = useState<Engine | undefined>();
  const held = useRef<EditorCallbacks>({ onChange, onRun, onFocus, onHistory });
  const text = useRef(value);
  /** Whether the plain box has the focus: the editor takes it over. */
  const typing = useRef(false);
  useEffect(() => {
    held.current = { onChange, onRun, onFocus, onHistory };
    text.current = value;
  });
  useEffect(() => {
    let gone = false;
    // Without the engine (the server was updated, say) the plain box goes on working.
    import("./queryEditorEngine").then((loaded) => { if (!gone) setEngine(loaded); }, () => undefined);
    return () => { gone = true; };
  }, []);
  useEffect(() => {
    const element = holder.current;
    if (!engine || !element) return undefined;
    const instance = engine.mount(element, text.current, label, held, client);
    view.current = instance;
    if (typing.current) instance.focus();
    return () => {
      instance.destroy();
      view.current = undefined;
    };
  }, [engine, label, client]);
  useEffect(() => {
    if (engine && view.current) engine.setText(view.current, value);
  }, [engine, value]);
  useEffect(() => {
    if (engine && view.current) engine.markError(view.current, error);
  }, [engine, error, value]);
  return (
    <div className={classes.editor}>
      <div ref={holder} hidden={!engine} />
      {!engine && (
        <textarea
          className={classes.plain} aria-label={label} value={value} rows={1} spellCheck={false}
          onFocus={() => { typing.current = true; onFocus(); }} onBlur={() => { typing.current = false; }}
          onChange={(event) => onChange(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey) return;
            event.preventDefault();
            onRun();
          }}
        />
      )}
    </div>
  );
}
