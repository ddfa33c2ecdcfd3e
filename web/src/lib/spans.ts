// What a span is about: LLM call, tool, agent, retrieval … recognised in every common instrumentation dialect.

import type { Attributes, Span, Trace } from "@/api/types";

export type SpanRole = "llm" | "tool" | "agent" | "retrieval" | "embedding" | "chain" | "http" | "db" | "plain";

const OPERATIONS: Record<string, SpanRole> = {
  chat: "llm", text_completion: "llm", generate_content: "llm", completion: "llm", responses: "llm",
  embeddings: "embedding", execute_tool: "tool", invoke_agent: "agent", create_agent: "agent",
  invoke_workflow: "agent", retrieval: "retrieval",
};

const OPENINFERENCE: Record<string, SpanRole> = {
  LLM: "llm", TOOL: "tool", AGENT: "agent", RETRIEVER: "retrieval", RERANKER: "retrieval",
  EMBEDDING: "embedding", CHAIN: "chain", GUARDRAIL: "chain", EVALUATOR: "chain",
};

const TRACELOOP: Record<string, SpanRole> = { workflow: "chain", task: "chain", agent: "agent", tool: "tool" };

export const ROLE_LABEL: Record<SpanRole, string> = {
  llm: "LLM call", tool: "Tool", agent: "Agent", retrieval: "Retrieval", embedding: "Embedding",
  chain: "Chain", http: "HTTP", db: "Database", plain: "Span",
};

export function spanRole(attributes: Attributes): SpanRole {
  const text = (key: string): string => {
    const value = attributes[key];
    return typeof value === "string" ? value : "";
  };
  const known =
    OPERATIONS[text("gen_ai.operation.name")] ??
    OPENINFERENCE[text("openinference.span.kind").toUpperCase()] ??
    TRACELOOP[text("traceloop.span.kind").toLowerCase()];
  if (known) return known;
  if ("llm.request.type" in attributes || "gen_ai.request.model" in attributes) return "llm";
  if ("db.system" in attributes || "db.system.name" in attributes) return "db";
  if ("http.request.method" in attributes || "http.method" in attributes) return "http";
  return "plain";
}

const PAYLOAD_KEYS =
  /^(gen_ai\.(input\.messages|output\.messages|system_instructions|prompt|completion|tool\.call\.(arguments|result)|tool\.definitions)|(input|output)\.value|llm\.(input|output)_messages|traceloop\.entity\.(input|output))/;

/** Whether an attribute carries what went into or came out of a step: prompts, completions, arguments, results. */
export function isPayload(key: string): boolean {
  return PAYLOAD_KEYS.test(key);
}

export interface TokenUse {
  input: number;
  output: number;
}

/** Tokens that a span itself reports; undefined when it reports none. */
export function tokenUse(attributes: Attributes): TokenUse | undefined {
  const count = (...keys: string[]): number | undefined => {
    for (const key of keys) {
      const value = attributes[key];
      if (typeof value === "number") return value;
    }
    return undefined;
  };
  const input = count("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens");
  const output = count("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion", "llm.usage.completion_tokens");
  if (input === undefined && output === undefined) return undefined;
  return { input: input ?? 0, output: output ?? 0 };
}

export function isError(span: Span): boolean {
  return span.status.code === "error";
}

/** The service of a span, by the trace's resource table. */
export function serviceOf(trace: Trace, span: Span): string {
  return trace.resources[span.resource]?.service ?? "";
}
