"""An agent on the real OpenAI client is found again as each instrumentation describes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import expected
from support.model_stub import ANSWER, ANSWER_USAGE, RESPONSE_MODEL, TOOL_CALL, TOOL_USAGE, model_stub

CLIENTS = Path(__file__).parent.parent
QUESTION = "Where is order 4711?"


def run_agent(server, service: str, instrumentation: str) -> dict:
    """Runs the agent to its end; what it says that it did."""
    with model_stub() as model_url:
        environment = {
            **os.environ,
            "OPENAI_API_KEY": "none is asked for",
            "OPENAI_BASE_URL": model_url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{server.http}",
            "OTEL_SERVICE_NAME": service,
            "PYTHONPATH": str(CLIENTS / "tests"),
        }
        command = [sys.executable, CLIENTS / "agent" / "agent.py", instrumentation]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("instrumentation", ["openinference", "openllmetry"])
def test_an_agent_is_found_again_with_its_models_tokens_and_messages(server, api, service, instrumentation):
    told = run_agent(server, service, instrumentation)
    assert told["answer"] == ANSWER
    # Three calls of the model (one refused), a tool, and the run around them.
    trace = api.trace(told["trace_id"], 5)
    found = expected.found_spans(trace)
    expected.assert_same(found, {span["span_id"]: span for span in told["spans"]})

    [listed] = api.traces(1, service=service)
    assert (listed["root_name"], listed["span_count"], listed["error_count"]) == ("invoke_agent support-agent", 5, 1)
    [root] = [span for span in found.values() if span["parent_span_id"] is None]
    assert {span["parent_span_id"] for span in found.values()} == {None, root["span_id"]}
    calls = [span for span in trace["spans"] if span["name"] in ("ChatCompletion", "openai.chat")]
    refused, asking, answering = calls
    assert refused["status"]["code"] == "error" and "gpt-4-retired" in refused["status"]["message"]
    assert [event["name"] for event in refused["events"]] == ["exception"]
    check = expect_openinference if instrumentation == "openinference" else expect_openllmetry
    check(api, service, asking["attributes"], answering["attributes"])


def expect_openinference(api, service: str, asking: dict, answering: dict) -> None:
    for found, usage in [(asking, TOOL_USAGE), (answering, ANSWER_USAGE)]:
        assert found["openinference.span.kind"] == "LLM"
        assert found["llm.model_name"] == RESPONSE_MODEL
        assert found["llm.token_count.prompt"] == usage["prompt_tokens"]
        assert found["llm.token_count.completion"] == usage["completion_tokens"]
        assert found["llm.token_count.total"] == usage["total_tokens"]
        assert found["llm.input_messages.1.message.content"] == QUESTION
    assert asking["llm.token_count.prompt_details.cache_read"] == 32
    called = asking["llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments"]
    assert called == TOOL_CALL["function"]["arguments"]
    assert answering["llm.output_messages.0.message.content"] == ANSWER
    api.traces(1, service=service, attribute=["llm.model_name=" + RESPONSE_MODEL, "llm.token_count.total=104"])


def expect_openllmetry(api, service: str, asking: dict, answering: dict) -> None:
    for found, usage in [(asking, TOOL_USAGE), (answering, ANSWER_USAGE)]:
        assert found["gen_ai.request.model"] == "gpt-5-mini"
        assert found["gen_ai.response.model"] == RESPONSE_MODEL
        assert found["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
        assert found["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
        messages = json.loads(found["gen_ai.input.messages"])
        assert messages[1] == {"role": "user", "parts": [{"type": "text", "content": QUESTION}]}
    assert asking["gen_ai.request.temperature"] == 0.2
    [called] = json.loads(asking["gen_ai.output.messages"])[0]["parts"]
    assert (called["name"], called["arguments"]) == ("look_up_order", {"order": 4711})
    assert json.loads(answering["gen_ai.output.messages"])[0]["parts"] == [{"type": "text", "content": ANSWER}]
    api.traces(1, service=service, attribute=["gen_ai.response.model=" + RESPONSE_MODEL, "gen_ai.usage.total_tokens=104"])
