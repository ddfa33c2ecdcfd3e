"""OpenTelemetry's own instrumentation of OpenAI as it was up to version 1.36 of the conventions, and an
application that keeps to the conventions with spans of its own."""

import json
import os

from opentelemetry import _logs, metrics
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider

import calls
import tracing

os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "true"


def provider(instrument=None) -> TracerProvider:
    """All three signals are sent; the agent's own spans as well as those of the instrumentation."""
    made, logs = tracing.new_provider(), LoggerProvider()
    logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter()))
    _logs.set_logger_provider(logs)
    meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
    metrics.set_meter_provider(meters)
    (instrument or instrument_openai)(tracer_provider=made, logger_provider=logs, meter_provider=meters)
    return made


def instrument_openai(**providers) -> None:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(**providers)


def run_agent(ask, make=provider, delegates: bool = False) -> None:
    """Spans of an agent and its tools as the conventions name them; the agent's has the sum of all tokens, as
    those of several frameworks do."""
    made = make()
    tracer = made.get_tracer("shop.agents")

    def traced(name: str, tool):
        def run(**arguments):
            told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
            told["gen_ai.tool.call.arguments"] = json.dumps(arguments)
            with tracer.start_as_current_span(f"execute_tool {name}", attributes=told) as span:
                result = tool(**arguments)
                span.set_attribute("gen_ai.tool.call.result", result)
                return result

        return run

    def agent(name: str, tools: dict) -> str:
        told = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "gen_ai.agent.id": f"agent-{name}",
            "gen_ai.conversation.id": "session-3",
            "user.id": "user-7",
        }
        with tracer.start_as_current_span(f"invoke_agent {name}", attributes=told) as span:
            answer, usage = ask(calls.QUESTIONS["tools"], {key: traced(key, tool) for key, tool in tools.items()})
            span.set_attributes(usage)
            return answer

    with tracing.request(made):
        if delegates:
            agent("desk", {"weather": lambda city: agent("clerk", {"look_up_order": calls.look_up_order})})
        else:
            agent("support", calls.TOOLS)


def summed(ask):
    """`ask`, and what its calls of the model used in all, as attributes of the agent's span."""

    def asking(question: str, tools: dict) -> tuple[str, dict[str, int]]:
        with calls.counted() as counts:
            answer = ask(question, tools)
        read, written = counts
        return answer, {"gen_ai.usage.input_tokens": read, "gen_ai.usage.output_tokens": written}

    return asking


SCENARIOS = {
    **{name: tracing.within_request(provider, run) for name, run in calls.SCENARIOS.items() if name.startswith("openai")},
    "openai_agent": lambda: run_agent(summed(calls.chat_with_tools)),
    "openai_agents_nested": lambda: run_agent(summed(calls.chat_with_tools), delegates=True),
}
