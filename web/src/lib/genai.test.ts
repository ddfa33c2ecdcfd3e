// Messages of models out of the attributes and events of several instrumentations, whole and broken.
import { describe, expect, it } from "vitest";
import type { SpanEvent } from "@/api/types";
import { conversationOf } from "./genai";

const read = (attributes: Record<string, unknown>, events: SpanEvent[] = []): unknown[] | undefined =>
  conversationOf(attributes, events)?.messages.map((one) => [one.role, one.answer, ...one.parts.map((part) => Object.values(part).join(": "))]);

describe("conversations", () => {
  it("come from the messages of the semantic conventions", () => {
    expect(read({
      "gen_ai.system_instructions": JSON.stringify([{ type: "text", content: "Be brief." }]),
      "gen_ai.input.messages": JSON.stringify([
        { role: "user", parts: [{ type: "text", content: "Where?" }, { type: "blob", mime_type: "image/png", content: "AAAA" }] },
        { role: "assistant", parts: [{ type: "tool_call", id: "1", name: "look", arguments: { id: 7 } }] }, { role: "tool", parts: [{ type: "tool_call_response", id: "1", response: "here" }] },
      ]),
      "gen_ai.output.messages": [{ role: "assistant", parts: [{ type: "reasoning", content: "hm" }, { type: "text", content: "There." }], finish_reason: "stop" }],
    })).toEqual([
      ["system", false, "text: Be brief."], ["user", false, "text: Where?", "media: blob image/png"], ["assistant", false, 'call: look: {\n  "id": 7\n}'], ["tool", false, "result: here"],
      ["assistant", true, "reasoning: hm", "text: There."],
    ]);
  });

  it("come from numbered attributes of OpenInference and OpenLLMetry, in their order", () => {
    expect(read({
      "llm.input_messages.1.message.content": "second", "llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "first", "llm.input_messages.10.message.content": "last",
      "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "search", "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{}",
    })).toEqual([["system", false, "text: first"], ["user", false, "text: second"], ["user", false, "text: last"], ["assistant", true, "call: search: {}"]]);
    expect(read({
      "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": '[{"type":"text","text":"Hi"}]', "gen_ai.completion.0.content": "Hello", "gen_ai.completion.0.finish_reason": "stop",
    })).toEqual([["user", false, "text: Hi"], ["assistant", true, "text: Hello"]]);
  });

  it("come from events", () => {
    const event = (name: string, attributes: Record<string, unknown>): SpanEvent => ({ time_unix_nano: "0", name, attributes, dropped_attributes_count: 0 });
    expect(read({}, [event("gen_ai.user.message", { content: "Hi" }), event("exception", {}), event("gen_ai.choice", { message: '{"content":"Hello"}', finish_reason: "stop" })])).toEqual([["user", false, "text: Hi"], ["assistant", true, "text: Hello"]]);
  });

  it("are none where nothing is readable", () => {
    for (const broken of [{}, { "gen_ai.input.messages": "[{not json" }, { "gen_ai.input.messages": "[1, null, []]" }, { "gen_ai.prompt.0.role": "user" }, { "gen_ai.output.messages": 5 }]) expect(read(broken)).toBeUndefined();
    expect(read({ "gen_ai.system_instructions": "plain text" })).toEqual([["system", false, "text: plain text"]]);
  });

  it("say which attributes they are of", () => {
    expect([...(conversationOf({ "gen_ai.prompt.0.content": "x", other: 1 }, [])?.keys ?? [])]).toEqual(["gen_ai.prompt.0.content"]);
  });
});
