"""Anthropic's client, which emits spans by OpenTelemetry's conventions without any instrumentation, below spans of
an application that keeps to them too."""

import calls
import tracing
from with_opentelemetry import run_agent, summed

SCENARIOS = {
    **{
        name: tracing.within_request(tracing.new_provider, run)
        for name, run in calls.SCENARIOS.items()
        if name.startswith("anthropic")
    },
    "anthropic_agent": lambda: run_agent(summed(calls.claude_with_tools), tracing.new_provider),
    "anthropic_agents_nested": lambda: run_agent(summed(calls.claude_with_tools), tracing.new_provider, delegates=True),
}
