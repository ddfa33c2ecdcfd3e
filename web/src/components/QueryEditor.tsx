// An editor for queries with completion, errors marked in place and history. CodeMirror and the language are loaded when the
// first editor is shown; until then a plain text box of the same size takes the text.

import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { useEffect, useRef, useState } from "react";
import type { EditorCallbacks, MarkedError } from "./queryEditorEngine";
import classes from "./QueryEditor.module.css";

/** A query language for the editor. It must stay the same object while the editor is shown. */
export interface EditorLanguage {
  placeholder: string;
  /** Highlighting and completion, loaded with the editor. */
  load: () => Promise<Extension>;
}

interface QueryEditorProps extends EditorCallbacks {
  label: string;
  value: string;
  language: EditorLanguage;
  error: MarkedError | undefined;
}

interface Engine {
  code: typeof import("./queryEditorEngine");
  extension: Extension;
}

export function QueryEditor({ label, value, language, error, onChange, onRun, onFocus, onHistory }: QueryEditorProps) {
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
    Promise.all([import("./queryEditorEngine"), language.load()]).then(([code, extension]) => { if (!gone) setEngine({ code, extension }); }, () => undefined);
    return () => { gone = true; };
  }, [language]);
  useEffect(() => {
    const element = holder.current;
    if (!engine || !element) return undefined;
    const instance = engine.code.mount(element, { text: text.current, label, placeholder: language.placeholder }, held, engine.extension);
    view.current = instance;
    if (typing.current) instance.focus();
    return () => {
      instance.destroy();
      view.current = undefined;
    };
  }, [engine, label, language]);
  useEffect(() => {
    if (engine && view.current) engine.code.setText(view.current, value);
  }, [engine, value]);
  useEffect(() => {
    if (engine && view.current) engine.code.markError(view.current, error);
  }, [engine, error, value]);
  return (
    <div className={classes.editor}>
      <div ref={holder} hidden={!engine} />
      {!engine && (
        <textarea
          className={classes.plain} aria-label={label} value={value} placeholder={language.placeholder} rows={1} spellCheck={false}
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
