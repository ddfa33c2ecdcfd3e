"""OpenLIT: its instrumentations of OpenAI and Anthropic."""

import os

import openlit
from opentelemetry import trace

import calls


def start() -> None:
    openlit.init(
        application_name=os.environ["OTEL_SERVICE_NAME"],
        service_name=os.environ["OTEL_SERVICE_NAME"],
        environment="test",
        otlp_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"],
        disable_batch=True,
        disable_metrics=True,
        pricing_json=os.path.join(os.path.dirname(__file__), "openlit_prices.json"),
    )


def finished(run):
    def scenario() -> None:
        start()
        run()
        trace.get_tracer_provider().shutdown()

    return scenario


def run_agent() -> None:
    with openlit.start_trace(name="support"):
        calls.chat_with_tools(calls.QUESTIONS["tools"], calls.TOOLS)


SCENARIOS = {**{name: finished(run) for name, run in calls.SCENARIOS.items()}, "openai_agent": finished(run_agent)}
