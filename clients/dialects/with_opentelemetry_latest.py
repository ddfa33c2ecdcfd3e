"""OpenTelemetry's own instrumentations of OpenAI and Anthropic by the newest conventions."""

import os

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"

import calls
import tracing
import with_opentelemetry
from with_opentelemetry import run_agent, summed

os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_AND_EVENT"


def instrument(**providers) -> None:
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(**providers)
    AnthropicInstrumentor().instrument(**providers)


def provider():
    return with_opentelemetry.provider(instrument)


SCENARIOS = {
    **{name: tracing.within_request(provider, run) for name, run in calls.SCENARIOS.items()},
    "openai_agent": lambda: run_agent(summed(calls.chat_with_tools), provider),
    "openai_agents_nested": lambda: run_agent(summed(calls.chat_with_tools), provider, delegates=True),
    "anthropic_agent": lambda: run_agent(summed(calls.claude_with_tools), provider),
}
