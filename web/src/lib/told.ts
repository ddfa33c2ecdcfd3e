// Messages as the server tells them, in the form that the chat shows.

import type { Message as Told, Part as ToldPart } from "@/api/agentTypes";
import type { Message, Part } from "./genai";

const plain = (value: unknown): string => (typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value, null, 2));

function partOf(part: ToldPart): Part {
  switch (part.type) {
    case "text": return { kind: "text", text: part.text };
    case "reasoning": return { kind: "reasoning", text: part.text };
    case "tool_call": return { kind: "call", name: part.name, arguments: plain(part.arguments) };
    case "tool_result": return { kind: "result", text: plain(part.result) };
    case "media": return { kind: "media", what: [part.modality, part.mime_type].filter((one) => one !== "").join(" ") };
    case "other": return { kind: "text", text: plain(part.value) };
  }
}

/** `answer` says that they came out of the model. */
export function messagesOf(told: readonly Told[], answer: boolean): Message[] {
  return told.map((one) => ({ role: one.name === "" ? one.role : `${one.role} ${one.name}`, parts: one.parts.map(partOf), answer, finish: one.finish_reason === "" ? undefined : one.finish_reason }));
}
