// TraceQL in the editor: its grammar with colours, and completion of fields and values as the server has them, and of the
// language's own words.

import { insertCompletionText, startCompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { LanguageSupport, LRLanguage } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { parser } from "@grafana/lezer-traceql";
import { styleTags, tags as t } from "@lezer/highlight";
import type { TagScope, TagValue } from "@/api/tempo";
import { literal } from "@/lib/logqlText";
import { attributeField, type AttributeScope } from "@/lib/traceqlText";
import { placeOf, restOf, type TracePlace } from "@/lib/traceqlPlace";
import { HINTS, INTRINSICS, JOINS, METRICS, NEXT, OPERATORS, SCOPES, STAGES, START, VALUES, type Word } from "./traceqlWords";

/** Where completion gets names and values from. Each answers nothing when the server does. */
export interface TraceCompletionClient {
  tags: (query: string | undefined) => Promise<TagScope[]>;
  values: (field: string, query: string | undefined) => Promise<TagValue[]>;
}

const language = LRLanguage.define({
  name: "traceql",
  parser: parser.configure({
    props: [styleTags({
      "LineComment BlockComment": t.comment, "AttributeField IntrinsicField": t.labelName, "AttributeField/...": t.labelName, String: t.string, "Integer Float Duration": t.number,
      "Static": t.modifier, "Aggregate MetricsOperationBasicType MetricsOverTimeType MetricsAggregatorFunctionType SelectOperation MetricsOperationCompare CoalesceOperation": t.function(t.variableName),
      "GroupOperation With HintIdentifier": t.modifier, "Pipe And Or Gt Lt Desc Anc ExperimentalOp UnionStructuralOp FieldOp ComparisonOp ScalarOp": t.operator,
    })],
  }),
  languageData: { commentTokens: { line: "//" }, closeBrackets: { brackets: ["(", "{", '"', "`"] } },
});

export function traceql(client: TraceCompletionClient): Extension {
  return new LanguageSupport(language, [language.data.of({ autocomplete: (context: CompletionContext) => complete(context, client) })]);
}

const asOptions = (words: Word[], type: string, boost = 0): Completion[] =>
  words.map(({ label, detail, apply }) => ({ label, type, boost, ...(detail === "" ? {} : { detail }), ...(apply === undefined ? {} : { apply: again(apply) }) }));

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

/** Parts of fields: names, scopes, what stands in quotes. */
const FIELD_TEXT = /^[\w.:"\- /]*$/;

async function complete(context: CompletionContext, client: TraceCompletionClient): Promise<CompletionResult | null> {
  const place = placeOf(context.state.sliceDoc(0, context.pos));
  const options = await optionsOf(place, context, client);
  if (context.aborted || options.length === 0) return null;
  return { from: place.from, options, ...(place.kind === "field" ? { validFor: FIELD_TEXT } : {}) };
}

async function optionsOf(place: TracePlace, context: CompletionContext, client: TraceCompletionClient): Promise<Completion[]> {
  const all = context.state.doc.toString();
  const written = context.pos > place.from;
  switch (place.kind) {
    case "start": return written || context.explicit || all.trim() === "" ? asOptions(START, "selector") : [];
    case "field": return fieldOptions(await client.tags(restOf(all, context.pos)));
    case "operator": return asOptions(OPERATORS, "operator");
    case "join": return asOptions(JOINS, "operator");
    case "next": return written || context.explicit || /[})]\s+$/.test(context.state.sliceDoc(0, context.pos)) ? asOptions(NEXT, "operator") : [];
    case "stage": return [...asOptions(METRICS, "function", 1), ...asOptions(STAGES, "function")];
    case "hint": return asOptions(HINTS, "modifier");
    case "value": {
      const field = place.field ?? "";
      const fixed = VALUES[field];
      if (fixed && place.quote === undefined) return asOptions(fixed, "value");
      return (await client.values(field, restOf(all, context.pos))).map((value) => valueOption(value, place, context));
    }
    default: return [];
  }
}

const SCOPED = new Set(["span", "resource", "event", "link", "instrumentation"]);
/** Where a condition looks most often comes first. */
const RANK: Record<string, number> = { resource: 3, span: 2, event: 1 };

function fieldOptions(scopes: TagScope[]): Completion[] {
  const attributes = scopes.filter((scope) => SCOPED.has(scope.name)).flatMap((scope) => scope.tags.map((tag): Completion => {
    const field = attributeField(tag, scope.name as AttributeScope);
    return { label: field, type: "field", detail: scope.name, boost: RANK[scope.name] ?? 0, apply: again(`${field} §`) };
  }));
  const intrinsics = asOptions(INTRINSICS.map((one) => ({ ...one, apply: `${one.label} §` })), "property", 4);
  return [...intrinsics, ...attributes, ...asOptions(SCOPES, "keyword", -1)];
}

/** A value in the quotes that are there, or as a literal. */
function valueOption({ type, value }: TagValue, { quote }: TracePlace, context: CompletionContext): Completion {
  const plain = type !== "string";
  if (quote === undefined) return { label: plain ? value : literal(value), displayLabel: value, type: "value", detail: type };
  const next = context.state.sliceDoc(context.pos, context.pos + 1);
  const text = plain ? value : literal(value);
  // The quote that is open is part of what is replaced.
  return {
    label: quote + value, displayLabel: value, type: "value", detail: type,
    apply: (view, _, from, to) => view.dispatch(insertCompletionText(view.state, text, from, next === quote ? to + 1 : to)),
  };
}
