// The words of TraceQL that completion offers, each with what it is for. `§` is where the cursor goes.

export interface Word {
  label: string;
  detail: string;
  apply?: string;
}

export const INTRINSICS: Word[] = [
  { label: "name", detail: "name of the span" }, { label: "status", detail: "error, ok or unset" }, { label: "statusMessage", detail: "what the status says" },
  { label: "duration", detail: "of the span" }, { label: "kind", detail: "server, client, …" }, { label: "traceDuration", detail: "of the whole trace" },
  { label: "rootName", detail: "name of the root span" }, { label: "rootServiceName", detail: "service of the root span" },
  { label: "span:id", detail: "id of the span" }, { label: "span:parentID", detail: "id of its parent" }, { label: "span:childCount", detail: "how many children" },
  { label: "trace:id", detail: "id of the trace" }, { label: "trace:rootService", detail: "service of the root span" }, { label: "trace:rootName", detail: "name of the root span" }, { label: "trace:duration", detail: "of the whole trace" },
  { label: "event:name", detail: "name of an event" }, { label: "event:timeSinceStart", detail: "of an event, since its span began" },
  { label: "link:traceID", detail: "trace that is linked" }, { label: "link:spanID", detail: "span that is linked" },
  { label: "instrumentation:name", detail: "library that made the span" }, { label: "instrumentation:version", detail: "its version" },
  { label: "nestedSetParent", detail: "less than 0 for roots" },
];

export const SCOPES: Word[] = [
  { label: "resource.", detail: "of what sent the span" }, { label: "span.", detail: "of the span" }, { label: "event.", detail: "of its events" },
  { label: "link.", detail: "of its links" }, { label: "instrumentation.", detail: "of the library" }, { label: "parent.", detail: "of the parent span" },
];

export const OPERATORS: Word[] = [
  { label: "=", detail: "equal" }, { label: "!=", detail: "not equal" }, { label: "=~", detail: "matches an expression" }, { label: "!~", detail: "does not match" },
  { label: ">", detail: "greater" }, { label: ">=", detail: "greater or equal" }, { label: "<", detail: "less" }, { label: "<=", detail: "less or equal" },
].map((one) => ({ ...one, apply: `${one.label} §` }));

export const JOINS: Word[] = [{ label: "&&", detail: "and", apply: "&& §" }, { label: "||", detail: "or", apply: "|| §" }];

const related = (label: string, detail: string): Word => ({ label, detail, apply: `${label} { § }` });

export const NEXT: Word[] = [
  { label: "|", detail: "a stage or a function", apply: "| §" }, related(">>", "with descendants that are"), related(">", "with children that are"), related("~", "with siblings that are"),
  related("<<", "with ancestors that are"), related("<", "with parents that are"), related("&&", "in traces that also have"), related("||", "or spans that are"),
  related("!>>", "without being descendants"), related("!>", "without being children"), related("&>>", "both ends of descent"), related("&>", "both ends of parentage"),
  { label: "by", detail: "groups of the function's series", apply: "by (§)" }, { label: "with", detail: "hints", apply: "with (§)" },
];

export const HINTS: Word[] = [
  { label: "most_recent", detail: "the newest traces for certain", apply: "most_recent=true" }, { label: "exemplars", detail: "how many exemplars", apply: "exemplars=100" }, { label: "sample", detail: "a part of the spans", apply: "sample=0.1" },
];

const called = (label: string, detail: string): Word => ({ label, detail, apply: `${label}(§)` });
const ended = (label: string, detail: string): Word => ({ label, detail, apply: `${label}()§` });

export const STAGES: Word[] = [
  called("select", "show these attributes too"), called("by", "groups of spans"), ended("coalesce", "one group again"), { label: "count", detail: "spans of the trace", apply: "count() > §" },
  { label: "avg", detail: "mean over the spans", apply: "avg(§duration) > 1s" }, { label: "max", detail: "largest of the spans", apply: "max(§duration) > 1s" },
  { label: "min", detail: "smallest of the spans", apply: "min(§duration) > 1s" }, { label: "sum", detail: "sum over the spans", apply: "sum(§duration) > 1s" },
];

export const METRICS: Word[] = [
  ended("rate", "spans a second"), ended("count_over_time", "spans in a step"), { label: "quantile_over_time", detail: "quantiles of a field", apply: "quantile_over_time(duration, .5, .95, .99)§" },
  { label: "histogram_over_time", detail: "buckets of a field", apply: "histogram_over_time(duration)§" }, called("avg_over_time", "mean of a field"), called("min_over_time", "smallest of a field"),
  called("max_over_time", "largest of a field"), called("sum_over_time", "sum of a field"), { label: "compare", detail: "what tells these spans from the others", apply: "compare({ § })" },
  { label: "topk", detail: "the largest series", apply: "topk(10)" }, { label: "bottomk", detail: "the smallest series", apply: "bottomk(10)" },
];

export const START: Word[] = [{ label: "{ }", detail: "a set of spans", apply: "{ § }" }];

/** Values of fields that have few. */
export const VALUES: Record<string, Word[]> = {
  status: [{ label: "error", detail: "" }, { label: "ok", detail: "" }, { label: "unset", detail: "" }],
  kind: ["server", "client", "internal", "producer", "consumer", "unspecified"].map((label) => ({ label, detail: "" })),
  duration: ["100ms", "500ms", "1s", "5s", "30s"].map((label) => ({ label, detail: "" })),
};
VALUES["span:status"] = VALUES["status"] ?? [];
VALUES["span:kind"] = VALUES["kind"] ?? [];
for (const field of ["traceDuration", "trace:duration", "span:duration", "event:timeSinceStart"]) VALUES[field] = VALUES["duration"] ?? [];
