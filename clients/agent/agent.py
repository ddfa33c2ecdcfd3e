"""A small agent on the real OpenAI client, traced by one of two instrumentations.

Its telemetry goes where OTEL_EXPORTER_OTLP_ENDPOINT says, its questions where OPENAI_BASE_URL says.
Prints what it did as JSON: its answer, and its spans as the API has to show them.

    python agent.py openinference|openllmetry
"""

import json
import sys

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from support import expected

MODEL, RETIRED_MODEL = "gpt-5-mini", "gpt-4-retired"
QUESTION = "Where is order 4711?"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look_up_order",
            "description": "Tells where an order is",
            "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]},
        },
    }
]


def look_up_order(order: int) -> str:
    return json.dumps({"order": order, "state": "shipped", "carrier": "DHL"})


def answer(client: openai.OpenAI, tracer: trace.Tracer, question: str) -> str:
    messages = [{"role": "system", "content": "You are a careful support agent."}, {"role": "user", "content": question}]
    try:
        client.chat.completions.create(model=RETIRED_MODEL, messages=messages)
    except openai.NotFoundError:
        pass  # The fallback is the model below.
    reply = client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS, temperature=0.2)
    message = reply.choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        with tracer.start_as_current_span(f"execute_tool {call.function.name}"):
            result = look_up_order(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    stream = client.chat.completions.create(
        model=MODEL, messages=messages, tools=TOOLS, stream=True, stream_options={"include_usage": True}
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def instrument(name: str, provider: TracerProvider) -> None:
    if name == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor
    else:
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=provider)


def main() -> None:
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    instrument(sys.argv[1], provider)
    tracer = provider.get_tracer("support-agent")
    with tracer.start_as_current_span("invoke_agent support-agent") as run:
        text = answer(openai.OpenAI(max_retries=0), tracer, QUESTION)
    provider.shutdown()
    spans = [expected.span(span) for span in kept.get_finished_spans()]
    json.dump({"trace_id": f"{run.get_span_context().trace_id:032x}", "answer": text, "spans": spans}, sys.stdout)


if __name__ == "__main__":
    main()
