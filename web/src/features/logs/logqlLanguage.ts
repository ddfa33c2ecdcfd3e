// LogQL in the editor: its grammar with colours, and completion of labels, values, stages, fields and functions as the
// server has them.

import { insertCompletionText, startCompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { LanguageSupport, LRLanguage } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { parser } from "@grafana/lezer-logql";
import { styleTags, tags as t } from "@lezer/highlight";
import { literal } from "@/lib/logqlText";
import { placeOf, type Place } from "@/lib/logqlPlace";
import { AGGREGATIONS, FILTERS, RANGE_FUNCTIONS, RANGES, STAGES, VECTOR_FUNCTIONS, type Word } from "./logqlWords";

/** Where completion gets names and values from. Each answers nothing when the server does. */
export interface LogCompletionClient {
  labels: (selector: string | undefined) => Promise<string[]>;
  values: (label: string, selector: string | undefined) => Promise<string[]>;
  fields: (query: string) => Promise<{ name: string; about: string }[]>;
  fieldValues: (field: string, query: string) => Promise<string[]>;
  /** The selector so far without what it says of a label. */
  selectorWithout: (text: string, label: string) => string | undefined;
}

const language = LRLanguage.define({
  name: "logql",
  parser: parser.configure({
    props: [styleTags({
      LineComment: t.comment, "Identifier LabelName": t.labelName, String: t.string, "Number Duration Bytes": t.number,
      "RangeOp/... VectorOp/... LabelAggOp/... ConvOp/... LabelReplace Vector": t.function(t.variableName),
      "Json Logfmt Unpack Pattern Regexp Unwrap LabelFormat LineFormat Decolorize Drop Keep Ip ParserFlag": t.operatorKeyword,
      "By Without On Ignoring GroupLeft GroupRight Bool Offset": t.modifier, "And Or Unless": t.logicOperator,
      "PipeExact PipeMatch PipePattern Npa Pipe Eq Neq Re Nre Gtr Gte Lss Lte Eql": t.operator, "Add Sub Mul Div Mod Pow": t.arithmeticOperator,
    })],
  }),
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", '"', "`"] } },
});

export function logql(client: LogCompletionClient): Extension {
  return new LanguageSupport(language, [language.data.of({ autocomplete: (context: CompletionContext) => complete(context, client) })]);
}

const asOptions = (words: Word[], type: string, boost = 0): Completion[] =>
  words.map(({ label, detail, apply }) => ({ label, detail, type, boost, ...(apply === undefined ? {} : { apply: again(apply) }) }));

/** Inserts a text, puts the cursor where `§` stands, and goes on completing there. */
function again(text: string): (view: EditorView, completion: Completion, from: number, to: number) => void {
  return (view, _, from, to) => {
    const at = text.indexOf("§");
    const plain = text.replace("§", "");
    view.dispatch(insertCompletionText(view.state, plain, from, to));
    view.dispatch({ selection: { anchor: from + (at < 0 ? plain.length : at) } });
    startCompletion(view);
  };
}

async function complete(context: CompletionContext, client: LogCompletionClient): Promise<CompletionResult | null> {
  const text = context.state.sliceDoc(0, context.pos);
  const place = placeOf(text);
  const options = await optionsOf(place, context, client);
  if (context.aborted || options.length === 0) return null;
  const plain = /^[\w]*$/;
  return { from: place.from, options, ...(place.quote === undefined && place.kind !== "next" && place.kind !== "range" ? { validFor: plain } : {}) };
}

async function optionsOf(place: Place, context: CompletionContext, client: LogCompletionClient): Promise<Completion[]> {
  const written = context.pos > place.from;
  switch (place.kind) {
    case "label": {
      const all = context.state.doc.toString();
      const names = await client.labels(client.selectorWithout(all, ""));
      return names.map((name) => ({ label: name, type: "label", apply: again(`${name}="§"`) }));
    }
    case "value": {
      const name = place.name ?? "";
      const values = await client.values(name, client.selectorWithout(context.state.doc.toString(), name));
      return values.map((value) => valueOption(value, place, context));
    }
    case "fieldValue": {
      const values = await client.fieldValues(place.name ?? "", place.before);
      return values.map((value) => valueOption(value, place, context));
    }
    case "stage": {
      const fields = await client.fields(place.before);
      return [...fields.map(({ name, about }) => ({ label: name, detail: about, type: "field", boost: 2 })), ...asOptions(STAGES, "stage")];
    }
    case "field": return (await client.fields(place.before)).map(({ name, about }) => ({ label: name, detail: about, type: "field" }));
    case "grouping": {
      const all = context.state.doc.toString();
      const brace = all.indexOf("{");
      const [labels, fields] = await Promise.all([client.labels(undefined), brace < 0 ? [] : client.fields(logPart(all))]);
      const seen = new Set(labels);
      return [...labels.map((label): Completion => ({ label, type: "label" })), ...fields.filter(({ name }) => !seen.has(name)).map(({ name, about }): Completion => ({ label: name, detail: about, type: "field" }))];
    }
    case "next": return written || context.explicit || /[}"`]\s+$/.test(context.state.sliceDoc(0, context.pos)) ? asOptions(FILTERS, "filter") : [];
    case "range": return asOptions(RANGES, "range");
    case "function":
      if (!written && !context.explicit) return [];
      return [{ label: "{", detail: "select streams", type: "selector", apply: again("{§}"), boost: 3 }, ...asOptions(RANGE_FUNCTIONS, "function", 1), ...asOptions(AGGREGATIONS, "function"), ...asOptions(VECTOR_FUNCTIONS, "function")];
    default: return [];
  }
}

/** The first selector with its stages, roughly: enough to ask which fields there are. */
function logPart(query: string): string {
  const from = query.indexOf("{");
  const to = query.indexOf("[", from);
  return query.slice(from, to < 0 ? undefined : to).trim();
}

/** A value in the quotes that are there, or with its own. */
function valueOption(value: string, { quote }: Place, context: CompletionContext): Completion {
  const next = context.state.sliceDoc(context.pos, context.pos + 1);
  if (quote === undefined) return { label: literal(value), type: "value" };
  const body = quote === "`" ? value : literal(value).startsWith("`") ? JSON.stringify(value).slice(1, -1) : literal(value).slice(1, -1);
  // The quote that is open is part of what is replaced.
  return {
    label: quote + value, displayLabel: value, type: "value",
    apply: (view, _, from, to) => {
      view.dispatch(insertCompletionText(view.state, `${quote}${body}${quote}`, from, next === quote ? to + 1 : to));
    },
  };
}

