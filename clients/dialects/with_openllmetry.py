"""OpenLLMetry (Traceloop): its SDK with its instrumentations of OpenAI, Anthropic, LangChain and the agents SDK."""

import os

from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, task, tool, workflow
from traceloop.sdk.instruments import Instruments

import calls

CLIENTS = {Instruments.OPENAI, Instruments.ANTHROPIC}


def start(instruments: set[Instruments], legacy: bool = False) -> None:
    """The SDK sends in batches to the endpoint of OTLP, until the process ends."""
    Traceloop.init(
        app_name=os.environ["OTEL_SERVICE_NAME"],
        api_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"],
        telemetry_enabled=False,
        disable_batch=True,
        instruments=instruments,
    )


def under_workflow(instruments: set[Instruments], run) -> None:
    """As users have it: inside a workflow with a task, for a user in a session."""
    start(instruments)

    @workflow(name="questions")
    def questions() -> None:
        Traceloop.set_association_properties({"user_id": "user-7", "session_id": "session-3"})
        task(name="answer")(run)()

    questions()


def run_agent(ask) -> None:
    start(CLIENTS)
    tools = {name: tool(name=name)(function) for name, function in calls.TOOLS.items()}

    @workflow(name="questions")
    def questions() -> None:
        Traceloop.set_association_properties({"user_id": "user-7", "session_id": "session-3"})
        agent(name="support")(lambda question: ask(question, tools))(calls.QUESTIONS["tools"])

    questions()


def with_langchain(instruments: set[Instruments]) -> None:
    import langchain_app

    start(instruments)
    langchain_app.run()


def with_agents() -> None:
    import agents
    import agents_app

    # Without the one that sends to OpenAI.
    agents.set_trace_processors([])
    start({Instruments.OPENAI_AGENTS})
    agents_app.run()


def plain(run):
    def scenario() -> None:
        start(CLIENTS)
        run()

    return scenario


SCENARIOS = {
    **{name: plain(run) for name, run in calls.SCENARIOS.items()},
    "openai_workflow": lambda: under_workflow(CLIENTS, calls.SCENARIOS["openai_cached"]),
    "openai_agent": lambda: run_agent(calls.chat_with_tools),
    "anthropic_agent": lambda: run_agent(calls.claude_with_tools),
    "langchain": lambda: with_langchain({Instruments.LANGCHAIN}),
    "langchain_twice": lambda: with_langchain({Instruments.LANGCHAIN, Instruments.OPENAI}),
    "openai_agents": with_agents,
}
