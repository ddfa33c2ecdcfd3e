// Runs one scenario of Vercel's AI SDK with its telemetry on, against whatever OPENAI_BASE_URL and
// ANTHROPIC_BASE_URL name; the telemetry goes where OTEL_EXPORTER_OTLP_ENDPOINT says.
//
//     node emit.mjs                 # every scenario, as JSON
//     node emit.mjs SCENARIO

import { createRequire } from "node:module";

// The packages are wherever NODE_PATH says.
const load = createRequire(`${process.env.NODE_PATH ?? "."}/..`);
const { generateText, streamText, embed, embedMany, generateObject, tool, stepCountIs, ToolLoopAgent } = load("ai");
const { createOpenAI } = load("@ai-sdk/openai");
const { createAnthropic } = load("@ai-sdk/anthropic");
const { trace } = load("@opentelemetry/api");
const { BatchSpanProcessor, NodeTracerProvider } = load("@opentelemetry/sdk-trace-node");
const { OTLPTraceExporter } = load("@opentelemetry/exporter-trace-otlp-http");
const { resourceFromAttributes } = load("@opentelemetry/resources");
const { z } = load("zod");

const openai = createOpenAI({});
const anthropic = createAnthropic({ baseURL: `${process.env.ANTHROPIC_BASE_URL}/v1` });
const gpt = "gpt-5-mini";
const claude = "claude-sonnet-4-5";
const question = "Where is order 4711?";
const manual = "The manual says that orders have numbers. Where is order 4711?";

const told = {
  maxRetries: 0,
  system: "You are a careful support agent.",
  experimental_telemetry: {
    isEnabled: true,
    functionId: "support",
    metadata: { userId: "user-7", sessionId: "session-3", tags: ["shop"] },
  },
};

const tools = {
  look_up_order: tool({
    description: "Tells where an order is.",
    inputSchema: z.object({ order: z.number() }),
    execute: ({ order }) => ({ order, state: "shipped", city: "Bonn" }),
  }),
  weather: tool({
    description: "Tells how the weather is.",
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => {
      throw new Error(`the weather service has no data of ${city}`);
    },
  }),
};

async function streamed(options) {
  const { textStream } = streamText({ ...told, ...options });
  let text = "";
  for await (const part of textStream) text += part;
  return text;
}

async function refused(call) {
  try {
    await call();
  } catch {
    return;
  }
  throw new Error("the call was not refused");
}

const loop = { tools, stopWhen: stepCountIs(5), prompt: "Where is order 4711, and how is the weather there?" };

const scenarios = {
  openai_chat: () => generateText({ ...told, model: openai.chat(gpt), prompt: question }),
  openai_stream: () => streamed({ model: openai.chat(gpt), prompt: question }),
  openai_cached: () => generateText({ ...told, model: openai.chat(gpt), prompt: manual }),
  openai_reasoning: () => generateText({ ...told, model: openai.chat(gpt), prompt: "A puzzle: where is order 4711?" }),
  openai_overload: () =>
    refused(() => generateText({ ...told, model: openai.chat(gpt), prompt: "There is overload." })),
  openai_responses: () => generateText({ ...told, model: openai(gpt), prompt: `${manual} A puzzle.` }),
  openai_responses_stream: () => streamed({ model: openai(gpt), prompt: `${manual} A puzzle.` }),
  openai_agent: () => generateText({ ...told, ...loop, model: openai.chat(gpt) }),
  openai_agent_stream: () => streamed({ ...loop, model: openai.chat(gpt) }),
  openai_tool_loop_agent: () => {
    const { system, experimental_telemetry } = told;
    const made = { model: openai(gpt), instructions: system, tools, maxRetries: 0, experimental_telemetry };
    return new ToolLoopAgent(made).generate({ prompt: loop.prompt });
  },
  openai_embeddings: () =>
    embedMany({ ...told, model: openai.embedding("text-embedding-3-small"), values: ["Orders have numbers.", "Boxes have labels."] }),
  openai_embedding: () =>
    embed({ ...told, model: openai.embedding("text-embedding-3-small"), value: "Orders have numbers." }),
  anthropic_chat: () => generateText({ ...told, model: anthropic(claude), prompt: question }),
  anthropic_stream: () => streamed({ model: anthropic(claude), prompt: question }),
  anthropic_cached: () => generateText({ ...told, model: anthropic(claude), prompt: manual }),
  anthropic_cached_stream: () => streamed({ model: anthropic(claude), prompt: manual }),
  anthropic_agent: () => generateText({ ...told, ...loop, model: anthropic(claude) }),
  // The application has a span of its own around two calls.
  two_calls: () =>
    trace.getTracer("shop").startActiveSpan("POST /questions", async (span) => {
      await generateText({ ...told, model: openai.chat(gpt), prompt: manual });
      await generateText({ ...told, model: anthropic(claude), prompt: question });
      span.end();
    }),
};

async function main() {
  const [name] = process.argv.slice(2);
  if (name === undefined) {
    process.stdout.write(JSON.stringify(Object.keys(scenarios)));
    return;
  }
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  await scenarios[name]();
  await provider.shutdown();
}

await main();
