"""What real instrumentations emit becomes the steps that were made: every token that the stub of the providers served
is counted once, and what was asked, answered and called is there, whichever instrumentation told of it."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from support.api import Api, eventually
from support.provider_stub import provider_stub
from support.server import Server
from support.steps import wrong_records, wrong_steps

DIALECTS = Path(__file__).parent.parent / "dialects"
sys.path.insert(0, str(DIALECTS))

from expect import cost, expected, spans_of
from receiver import receiver

SETTINGS = {"WATCHKEEP__AGENTS__SETTLE": "1s", "WATCHKEEP__AGENTS__METRICS_INTERVAL": "1s"}
TODAY, EARLIER = "WATCHKEEP_DIALECTS_PYTHON", "WATCHKEEP_EARLIER_PYTHON"
PROGRAMS = {
    "openinference": TODAY,
    "openllmetry": TODAY,
    "anthropic": TODAY,
    "langfuse": TODAY,
    "pydantic_ai": TODAY,
    "claude_code": TODAY,
    "openlit": EARLIER,
    "opentelemetry": EARLIER,
    "opentelemetry_latest": EARLIER,
}
SCENARIOS = """
    openinference/openai_cached openinference/openai_stream openinference/openai_agent openinference/openai_agents
    openinference/anthropic_agent openinference/langchain openinference/langchain_twice
    openllmetry/openai_workflow openllmetry/openai_agent openllmetry/openai_agents openllmetry/langchain
    openllmetry/anthropic_agent openllmetry/anthropic_cached
    anthropic/anthropic_cached_stream anthropic/anthropic_agents_nested
    langfuse/openai_cached langfuse/openai_agent langfuse/anthropic_generation langfuse/langchain
    pydantic_ai/openai_agent pydantic_ai/agents pydantic_ai/anthropic_cached pydantic_ai/openai_overload
    pydantic_ai/logfire_openai_cached pydantic_ai/logfire_openai_stream pydantic_ai/logfire_anthropic_cached_stream
    pydantic_ai/logfire_anthropic_streams
    openlit/openai_cached openlit/openai_agent openlit/anthropic_cached
    opentelemetry/openai_agent opentelemetry/openai_agents_nested opentelemetry/openai_overload
    opentelemetry_latest/openai_agents_nested opentelemetry_latest/openai_embeddings opentelemetry_latest/anthropic_agent
    vercel/openai_responses_stream vercel/openai_agent vercel/openai_tool_loop_agent vercel/openai_embeddings
    vercel/anthropic_agent vercel/two_calls
    claude_code/session claude_code/session_metrics_only claude_code/failing
""".split()
# Those that do not tell what was cached for how long, and are priced as if for five minutes.
WITHOUT_SPLIT = {"openlit/anthropic_cached", "claude_code/session", "claude_code/session_metrics_only"}


# What of an instrumentation's own attributes is of no use to a step, and told as not read.
UNREAD: dict[str, set[str]] = {}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that does not wait long before it decides what counts."""
    server = Server(tmp_path_factory.mktemp("dialects"), SETTINGS)
    try:
        yield server.start()
        server.stop()
    finally:
        server.close()


@dataclass
class Done:
    """What a program did: under which name, which calls were served to it, and what it emitted."""

    service: str
    calls: list[dict]
    emitted: dict[str, list]


@pytest.fixture(scope="module")
def programs(quick: Server, request: pytest.FixtureRequest) -> Iterator[dict[str, Future]]:
    """The programs of all tests that were chosen, some at a time: most of their time goes into loading packages."""
    items = [item for item in request.session.items if item.module is request.module]
    chosen = [item.callspec.params["scenario"] for item in items if hasattr(item, "callspec")]
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield {scenario: pool.submit(run_program, quick, scenario) for scenario in dict.fromkeys(chosen)}
    finally:
        pool.shutdown(cancel_futures=True)


def run_program(server: Server, scenario: str) -> Done:
    """Runs one scenario to its end."""
    instrumentation, name = scenario.split("/")
    command = [os.environ.get(PROGRAMS.get(instrumentation, "")), DIALECTS / "emit.py", instrumentation, name]
    if instrumentation == "vercel":
        command = ["node", DIALECTS / "node" / "emit.mjs", name]
    service = f"{instrumentation}-{name}-{uuid.uuid4().hex[:8]}".replace("_", "-")
    # Langfuse sends to its own paths, which are with the other APIs.
    behind = server.main if instrumentation == "langfuse" else server.http
    with provider_stub(uuid.uuid4().hex) as stub, receiver(f"http://{behind}") as (endpoint, emitted):
        environment = {
            **os.environ,
            **stub.environment(),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_SERVICE_NAME": service,
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=DIALECTS)
        assert done.returncode == 0, done.stderr
        return Done(service, stub.calls(), emitted)


def served_usage(calls: list[dict], split: bool) -> tuple[dict[str, int], float]:
    """Tokens by bucket of all calls, and what they cost."""
    usage: dict[str, int] = {}
    usd = 0.0
    for call in calls:
        told = dict(call["usage"])
        if not split and "cache_write_1h" in told:
            told["cache_write_5m"] += told.pop("cache_write_1h")
        usd += cost(call["request_model"], told)
        for bucket, tokens in told.items():
            usage[bucket] = usage.get(bucket, 0) + tokens
    return usage, usd


def by_label(server: Server, metric: str, label: str, service: str) -> dict[str, float]:
    query = f'sum by ({label}) ({metric}{{service="{service}"}})'
    answer = requests.get(f"http://{server.main}/prometheus/api/v1/query", params={"query": query}, timeout=30)
    assert answer.status_code == 200, answer.text
    return {one["metric"].get(label, ""): float(one["value"][1]) for one in answer.json()["data"]["result"]}


def traces_of_runs(api: Api, service: str) -> set[str]:
    """Steps of log records have traces that are made for them, which their runs tell."""
    look = lambda: {run["trace_id"] for run in api.get("/runs", service=service)["runs"]} or None
    return eventually(look, f"a run of {service}")


def steps_of(api: Api, service: str, traces: set[str]) -> list[dict]:
    """The steps of traces, once all of them are decided."""

    def look() -> list[dict] | None:
        answers = [api.ask(f"/traces/{trace}/steps") for trace in traces]
        if any(answer.status_code == 404 for answer in answers):
            return None
        steps = [step for answer in answers for step in answer.json()["steps"]]
        return None if any(step["counted"] == "undecided" for step in steps) else steps

    return eventually(look, f"every step of {service} is decided")


def assert_steps_add_up(steps: list[dict], usage: dict[str, int], usd: float) -> None:
    """What counts, step by step, is what was served."""
    counted = [step for step in steps if step["counted"] == "yes"]
    buckets: dict[str, int] = {}
    for step in counted:
        for bucket, tokens in step["tokens"]["buckets"].items():
            buckets[bucket] = buckets.get(bucket, 0) + tokens
    assert buckets == usage
    assert sum(step["cost"]["usd"] for step in counted) == pytest.approx(usd)


def assert_runs_add_up(api: Api, service: str, want: dict, usage: dict[str, int], usd: float) -> None:
    """Agents, sessions and calls as the pages show them."""

    def look() -> dict | None:
        agents = api.get("/agents", service=service)
        return agents if agents["overall"]["tokens"]["buckets"] == usage and agents["overall"]["runs"] else None

    told = eventually(look, f"the runs of {service} add up to {usage}")
    chats = [call for call in want["served"] if call["api"] != "embeddings"]
    assert told["overall"]["cost_usd"] == pytest.approx(usd)
    assert told["overall"]["llm_calls"] == len(chats)
    assert told["overall"]["llm_errors"] == sum(call["status"] != 200 for call in chats)
    steps = want["steps"] + want.get("records", [])
    assert {step["agent"] for step in steps if "agent" in step} <= {agent["agent"] for agent in told["agents"]}
    # A run has the session of its topmost agent; those below may have one of their own.
    sessions, told = {step["session"] for step in steps if "session" in step}, api.get("/sessions", service=service)["sessions"]
    assert {one["session"] for one in told} <= sessions and bool(told) == bool(sessions)
    assert {user for one in told for user in one["users"]} == {step["user"] for step in steps if {"session", "user"} <= step.keys()}


def assert_understood(api: Api, service: str, instrumentation: str, want: dict) -> None:
    """Everything is read, and what is not read of it is told."""
    steps = want["steps"] + want.get("records", [])
    [told] = api.get("/agents/dialects", service=service)["services"]
    assert told["spans_sampled"] == len(steps)
    assert told["spans_understood"] >= sum(None not in step["kinds"] for step in steps)
    # Some instrumentations keep to OpenTelemetry's names, or do so in part.
    dialects = {one["dialect"] for one in told["dialects"]}
    assert dialects and dialects <= {instrumentation, "opentelemetry"}
    assert {one["key"] for one in told["unread"]} == UNREAD.get(instrumentation, set())


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_program_is_told_of_as_it_was_and_every_token_counts_once(quick, programs, scenario):
    done = programs[scenario].result()
    usage, usd = served_usage(done.calls, split=scenario not in WITHOUT_SPLIT)
    want, api = expected(done.emitted, done.calls), Api(quick.main)

    def look() -> dict | None:
        counted = by_label(quick, "watchkeep_llm_tokens_total", "bucket", done.service)
        return counted if sum(counted.values()) >= sum(usage.values()) else None

    assert eventually(look, f"all tokens of {done.calls} are counted") == usage
    counted = by_label(quick, "watchkeep_llm_cost_usd_total", "service", done.service)
    assert counted.get(done.service, 0.0) == pytest.approx(usd)
    if scenario.endswith("metrics_only"):
        return
    traces = {span.raw["traceId"] for span in spans_of(done.emitted)} or traces_of_runs(api, done.service)
    steps = steps_of(api, done.service, traces)
    assert_steps_add_up(steps, usage, usd)
    assert (wrong_records(want, steps) if "records" in want else wrong_steps(done.emitted, want, steps)) == []
    assert_runs_add_up(api, done.service, want, usage, usd)
    assert_understood(api, done.service, scenario.split("/")[0], want)
