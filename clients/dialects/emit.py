"""Runs one scenario under one instrumentation, against whatever OPENAI_BASE_URL and ANTHROPIC_BASE_URL
name; the telemetry goes where OTEL_EXPORTER_OTLP_ENDPOINT says.

    python emit.py list                  # every instrumentation and scenario, as JSON
    python emit.py INSTRUMENTATION SCENARIO
"""

import importlib
import json
import sys

# Each has a module with `SCENARIOS` (by name: a function without arguments), which sends all that it
# made before the function returns.
INSTRUMENTATIONS = {
    "openinference": "with_openinference",
    "openllmetry": "with_openllmetry",
    "opentelemetry": "with_opentelemetry",
    "opentelemetry_latest": "with_opentelemetry_latest",
    "anthropic": "with_anthropic",
    "langfuse": "with_langfuse",
    "pydantic_ai": "with_pydantic_ai",
    "openlit": "with_openlit",
    "claude_code": "like_claude_code",
}


def main() -> None:
    instrumentation, *scenario = sys.argv[1:]
    scenarios = importlib.import_module(INSTRUMENTATIONS[instrumentation]).SCENARIOS
    if not scenario:
        json.dump(list(scenarios), sys.stdout)
        return
    scenarios[scenario[0]]()


if __name__ == "__main__":
    main()
