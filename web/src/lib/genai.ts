// Reads what went into a model and what came out of it, from the attributes and events of every common instrumentation, as
// one list of messages.

import type { Attributes, SpanEvent } from "@/api/types";

export type Part =
  | { kind: "text"; text: string }
  | { kind: "reasoning"; text: string }
  | { kind: "call"; name: string; arguments: string }
  | { kind: "result"; text: string }
  /** An image, a file: what it is, not its bytes. */
  | { kind: "media"; what: string };

export interface Message {
  role: string;
  parts: Part[];
  /** Came out of the model. */
  answer: boolean;
  finish: string | undefined;
}

export interface Conversation {
  messages: Message[];
  /** Attributes that the messages were read from. */
  keys: ReadonlySet<string>;
}

/** Messages that are read at most. */
const MESSAGES_MAX = 500;

export function conversationOf(attributes: Attributes, events: readonly SpanEvent[]): Conversation | undefined {
  const keys = new Set<string>();
  const read = (key: string, answer: boolean, role?: string): Message[] => {
    const found = messagesOf(attributes[key], answer, role);
    if (found.length > 0) keys.add(key);
    return found;
  };
  const messages = [
    ...read("gen_ai.system_instructions", false, "system"), ...read("gen_ai.input.messages", false), ...numbered(attributes, /^llm\.input_messages\.(\d+)\.message\.(.+)$/, false, keys),
    ...numbered(attributes, /^gen_ai\.prompt\.(\d+)\.(.+)$/, false, keys), ...read("gen_ai.output.messages", true),
    ...numbered(attributes, /^llm\.output_messages\.(\d+)\.message\.(.+)$/, true, keys), ...numbered(attributes, /^gen_ai\.completion\.(\d+)\.(.+)$/, true, keys),
  ];
  const all = messages.length > 0 ? messages : fromEvents(events);
  return all.length === 0 ? undefined : { messages: all.slice(0, MESSAGES_MAX), keys };
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const textIn = (value: unknown): string => (typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value, null, 2));

function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}

/** A list of messages as JSON; of parts alone, or a plain text, where a role says whose. */
function messagesOf(value: unknown, answer: boolean, role?: string): Message[] {
  if (value === undefined || value === null) return [];
  const list = parsed(value);
  if (role !== undefined && (list === undefined || typeof list === "string" || (Array.isArray(list) && !list.some((one) => isFields(one) && "role" in one)))) {
    const parts = list === undefined ? [{ kind: "text" as const, text: textIn(value) }] : partsOf(list);
    return parts.length === 0 ? [] : [{ role, parts, answer, finish: undefined }];
  }
  return (Array.isArray(list) ? list : [list]).filter(isFields).map((one) => messageOf(one, answer)).filter((one) => one.parts.length > 0);
}

function messageOf(message: Fields, answer: boolean): Message {
  const role = textIn(message["role"]) || (answer ? "assistant" : "user");
  const calls = Array.isArray(message["tool_calls"]) ? message["tool_calls"].filter(isFields).map(callOf) : [];
  const own = partsOf(message["parts"] ?? message["content"]);
  const parts = role === "tool" ? own.map((part): Part => (part.kind === "text" ? { kind: "result", text: part.text } : part)) : own;
  return { role, parts: [...parts, ...calls], answer, finish: textIn(message["finish_reason"]) || undefined };
}

function callOf(call: Fields): Part {
  const inner = isFields(call["function"]) ? call["function"] : call;
  return { kind: "call", name: textIn(inner["name"]), arguments: textIn(inner["arguments"] ?? inner["input"]) };
}

function partsOf(content: unknown): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ kind: "text", text: content }];
  if (isFields(content)) return partOf(content);
  return Array.isArray(content) ? content.flatMap((one) => (isFields(one) ? partOf(one) : partsOf(one))) : [];
}

function partOf(part: Fields): Part[] {
  const type = textIn(part["type"]);
  if (/tool_call_response|tool_result|function_call_output/.test(type)) return [{ kind: "result", text: textIn(part["response"] ?? part["result"] ?? part["content"] ?? part["output"]) }];
  if (/tool_call|tool_use|function_call/.test(type)) return [callOf(part)];
  const text = part["content"] ?? part["text"] ?? part["thinking"] ?? part["reasoning"];
  if (/reason|think/.test(type)) return [{ kind: "reasoning", text: textIn(text) }];
  if (/image|audio|video|blob|file|uri/.test(type)) return [{ kind: "media", what: [type, textIn(part["mime_type"] ?? part["media_type"])].filter(Boolean).join(" ") }];
  return Array.isArray(text) ? partsOf(text) : text === undefined ? [] : [{ kind: "text", text: textIn(text) }];
}

/** Messages that are spread over attributes by number, as `gen_ai.prompt.0.content`. */
function numbered(attributes: Attributes, pattern: RegExp, answer: boolean, keys: Set<string>): Message[] {
  const found = new Map<number, Fields>();
  for (const [key, value] of Object.entries(attributes)) {
    const [, index, path] = pattern.exec(key) ?? [];
    if (index === undefined || path === undefined || Number(index) >= MESSAGES_MAX) continue;
    const fields = found.get(Number(index)) ?? {};
    found.set(Number(index), fields);
    fields[path] = value;
    keys.add(key);
  }
  return [...found].sort(([a], [b]) => a - b).map(([, fields]) => numberedMessage(fields, answer)).filter((one) => one.parts.length > 0);
}

function numberedMessage(fields: Fields, answer: boolean): Message {
  const inner = (pattern: RegExp): Fields[] => {
    const out = new Map<number, Fields>();
    for (const [path, value] of Object.entries(fields)) {
      const [, index, name] = pattern.exec(path) ?? [];
      if (index === undefined || name === undefined) continue;
      const one = out.get(Number(index)) ?? {};
      out.set(Number(index), one);
      one[name] = value;
    }
    return [...out].sort(([a], [b]) => a - b).map(([, one]) => one);
  };
  const calls = inner(/^tool_calls\.(\d+)\.(?:tool_call\.)?(?:function\.)?(name|arguments)$/);
  const contents = inner(/^contents\.(\d+)\.message_content\.(type|text)$/);
  // Some write the parts of a content as JSON into one text.
  const content = typeof fields["content"] === "string" && /^\s*\[\s*\{/.test(fields["content"]) ? (parsed(fields["content"]) ?? fields["content"]) : fields["content"];
  return messageOf({ role: fields["role"], finish_reason: fields["finish_reason"], content: contents.length > 0 ? contents : content, tool_calls: calls }, answer);
}

const EVENTS: Record<string, string> = {
  "gen_ai.system.message": "system", "gen_ai.user.message": "user", "gen_ai.assistant.message": "assistant", "gen_ai.tool.message": "tool", "gen_ai.choice": "assistant",
};

/** Messages that are events of the span. */
function fromEvents(events: readonly SpanEvent[]): Message[] {
  return events.flatMap((event) => {
    const role = EVENTS[event.name];
    if (role === undefined) return [];
    const inner = parsed(event.attributes["message"]);
    const fields: Fields = isFields(inner) ? inner : event.attributes;
    const calls = parsed(fields["tool_calls"]);
    const message = messageOf({ ...fields, role: fields["role"] ?? role, tool_calls: calls, finish_reason: event.attributes["finish_reason"] }, event.name === "gen_ai.choice");
    return message.parts.length > 0 ? [message] : [];
  });
}
