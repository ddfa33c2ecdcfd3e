"""Log events and metrics as Claude Code documents them, sent with OpenTelemetry's SDK. The program itself calls
no model here: the numbers are those that the stub of the providers serves, asked for with the plain client."""

import json
import os

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

import calls

# What every event and every data point has.
STANDARD = {
    "session.id": "session-3",
    "user.id": "0123456789abcdef",
    "user.account_uuid": "user-7",
    "organization.id": "organization-1",
    "app.version": "2.0.14",
    "terminal.type": "xterm",
}
RESOURCE = {"service.name": os.environ["OTEL_SERVICE_NAME"], "service.version": "2.0.14", "os.type": "linux", "host.arch": "amd64"}
PRICES = {"input": 3.0, "output": 15.0, "cacheRead": 0.3, "cacheCreation": 3.75}


class Terminal:
    """A session: events are numbered, tokens and dollars are also counted by metrics."""

    def __init__(self) -> None:
        resource = Resource.create(RESOURCE)
        self.logs = LoggerProvider(resource)
        self.logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter()))
        self.logger = self.logs.get_logger("com.anthropic.claude_code.events", "2.0.14")
        self.meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource)
        meter = self.meters.get_meter("com.anthropic.claude_code", "2.0.14")
        self.tokens = meter.create_counter("claude_code.token.usage", "tokens", "Number of tokens used")
        self.cost = meter.create_counter("claude_code.cost.usage", "USD", "Cost of the Claude Code session")
        self.sessions = meter.create_counter("claude_code.session.count", "", "Count of CLI sessions started")
        self.sessions.add(1, STANDARD)
        self.number = 0

    def event(self, name: str, **told) -> None:
        self.number += 1
        attributes = {"event.name": name, "event.sequence": self.number, "prompt.id": "prompt-1", **told}
        self.logger.emit(event_name=f"claude_code.{name}", body=f"claude_code.{name}", attributes={**STANDARD, **attributes})

    def api_request(self, reply) -> None:
        usage, usage_id = reply.usage, reply.id
        counts = {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "cacheRead": usage.cache_read_input_tokens,
            "cacheCreation": usage.cache_creation_input_tokens,
        }
        cost = sum(PRICES[kind] * count for kind, count in counts.items()) / 1e6
        self.event(
            "api_request",
            model="claude-sonnet-4-5-20250929",
            cost_usd=cost,
            duration_ms=1250,
            input_tokens=counts["input"],
            output_tokens=counts["output"],
            cache_read_tokens=counts["cacheRead"],
            cache_creation_tokens=counts["cacheCreation"],
            request_id=f"req_{usage_id}",
            speed="normal",
            query_source="main",
        )
        for kind, count in counts.items():
            if count:
                self.tokens.add(count, {**STANDARD, "type": kind, "model": "claude-sonnet-4-5-20250929"})
        self.cost.add(cost, {**STANDARD, "model": "claude-sonnet-4-5-20250929"})

    def end(self) -> None:
        self.logs.shutdown()
        self.meters.shutdown()


def ask(question: str) -> object:
    messages = [{"role": "user", "content": question}]
    return calls.anthropic_client().messages.create(model=calls.CLAUDE, max_tokens=500, messages=messages)


def session(metrics_only: bool = False) -> None:
    """A prompt, a call, a tool that fails and one that does not, and a call that answers."""
    terminal = Terminal()
    if metrics_only:
        terminal.event = lambda *_, **__: None
    terminal.event("user_prompt", prompt_length=20, prompt=calls.QUESTION)
    terminal.api_request(ask(calls.QUESTIONS["cached"]))
    terminal.event("tool_decision", tool_name="Bash", decision="accept", source="config")
    terminal.event(
        "tool_result",
        tool_name="Bash",
        tool_use_id="toolu_1",
        success="false",
        duration_ms=40,
        error="exit status 1",
        tool_parameters=json.dumps({"bash_command": "cat", "full_command": "cat orders.txt"}),
    )
    terminal.event("tool_result", tool_name="Read", tool_use_id="toolu_2", success="true", duration_ms=4, tool_result_size_bytes=40)
    terminal.api_request(ask(calls.QUESTION))
    terminal.end()


def failing() -> None:
    terminal = Terminal()
    terminal.event("user_prompt", prompt_length=20)
    calls.refused(lambda: ask(calls.QUESTIONS["overload"]))
    terminal.event("api_error", model="claude-sonnet-4-5-20250929", error="Overloaded", status_code="429", duration_ms=90, attempt=1)
    terminal.end()


SCENARIOS = {"session": session, "session_metrics_only": lambda: session(metrics_only=True), "failing": failing}
