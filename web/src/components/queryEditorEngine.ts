// Everything that talks to CodeMirror but the languages themselves: completion, lint, keys, marks of errors. No React here.

import {
  acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, closeCompletion, completionKeymap, completionStatus, moveCompletionSelection,
  selectedCompletionIndex,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewline } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { linter, type Diagnostic } from "@codemirror/lint";
import { EditorState, Prec, StateEffect, StateField, type Extension } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import classes from "./QueryEditor.module.css";

export interface EditorCallbacks {
  onChange: (text: string) => void;
  onRun: () => void;
  onFocus: () => void;
  /** The query that ran before or after the present one, if any. */
  onHistory: (by: 1 | -1) => string | undefined;
}

export interface MarkedError {
  from: number;
  to: number;
  message: string;
}

const setError = StateEffect.define<MarkedError | undefined>();

/** What the server found wrong; gone as soon as the text changes. */
const errorField = StateField.define<MarkedError | undefined>({
  create: () => undefined,
  update: (value, transaction) => {
    for (const effect of transaction.effects) if (effect.is(setError)) return effect.value;
    return transaction.docChanged ? undefined : value;
  },
});

const serverErrors = linter((view): Diagnostic[] => {
  const error = view.state.field(errorField);
  if (!error || error.to > view.state.doc.length) return [];
  return [{ from: error.from, to: error.to, severity: "error", message: error.message }];
}, { delay: 50, needsRefresh: (update) => update.startState.field(errorField) !== update.state.field(errorField) });

const highlight = HighlightStyle.define([
  { tag: tags.labelName, class: classes.label ?? "" },
  { tag: tags.string, class: classes.string ?? "" },
  { tag: tags.number, class: classes.number ?? "" },
  { tag: tags.comment, class: classes.comment ?? "" },
  { tag: [tags.function(tags.variableName), tags.operatorKeyword, tags.modifier, tags.logicOperator], class: classes.keyword ?? "" },
  { tag: [tags.operator, tags.arithmeticOperator, tags.paren, tags.brace, tags.squareBracket], class: classes.operator ?? "" },
]);

type Held = { current: EditorCallbacks };

/** Tab takes the chosen completion, or the first; without a list it leaves the editor as everywhere. */
function complete(view: EditorView): boolean {
  if (completionStatus(view.state) !== "active") return false;
  if ((selectedCompletionIndex(view.state) ?? -1) < 0) moveCompletionSelection(true)(view);
  // Taken or not: the focus must not leap away while the list is open.
  acceptCompletion(view);
  return true;
}

function enter(view: EditorView, held: Held): boolean {
  if (completionStatus(view.state) === "active" && (selectedCompletionIndex(view.state) ?? -1) >= 0) return acceptCompletion(view);
  closeCompletion(view);
  held.current.onRun();
  return true;
}

function recall(view: EditorView, held: Held, by: 1 | -1): boolean {
  const text = held.current.onHistory(by);
  if (text === undefined) return false;
  setText(view, text);
  view.dispatch({ selection: { anchor: text.length } });
  return true;
}

export interface EditorText {
  text: string;
  label: string;
  placeholder: string;
}

export function mount(element: HTMLElement, { text, label, placeholder: hint }: EditorText, held: Held, language: Extension): EditorView {
  return new EditorView({
    parent: element,
    state: EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(keymap.of([
          { key: "Enter", run: (view) => enter(view, held), shift: insertNewline },
          { key: "Mod-Enter", run: (view) => { closeCompletion(view); held.current.onRun(); return true; } },
          { key: "Tab", run: complete },
          { key: "Alt-ArrowUp", run: (view) => recall(view, held, -1) },
          { key: "Alt-ArrowDown", run: (view) => recall(view, held, 1) },
        ])),
        history(), bracketMatching(), closeBrackets(),
        autocompletion({ selectOnOpen: false, interactionDelay: 0, icons: false, maxRenderedOptions: 80 }),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        syntaxHighlighting(highlight),
        EditorView.lineWrapping,
        placeholder(hint),
        EditorView.contentAttributes.of({ "aria-label": label, "aria-multiline": "true", spellcheck: "false", autocapitalize: "off" }),
        language,
        errorField, serverErrors,
        EditorView.updateListener.of((update) => {
          if (update.docChanged) held.current.onChange(update.state.doc.toString());
          if (update.focusChanged && update.view.hasFocus) held.current.onFocus();
        }),
      ],
    }),
  });
}

/** Replaces the text where it differs; the cursor goes to its end. */
export function setText(view: EditorView, text: string): void {
  if (view.state.doc.toString() === text) return;
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: text.length } });
}

export function markError(view: EditorView, error: MarkedError | undefined): void {
  const now = view.state.field(errorField);
  if (now?.message === error?.message && now?.from === error?.from) return;
  view.dispatch({ effects: setError.of(error) });
}
