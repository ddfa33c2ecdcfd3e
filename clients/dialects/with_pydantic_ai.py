"""Pydantic AI with its own instrumentation in several versions, and Logfire's of the clients."""

import asyncio
import os

import logfire
import pydantic_ai
from opentelemetry import trace
from pydantic_ai import Agent, RunContext
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

import calls


def start() -> None:
    logfire.configure(send_to_logfire=False, service_name=os.environ["OTEL_SERVICE_NAME"], console=False, inspect_arguments=False)


def openai_model() -> OpenAIChatModel:
    client = calls.openai.AsyncOpenAI(max_retries=0)
    return OpenAIChatModel(calls.CHAT_MODEL, provider=OpenAIProvider(openai_client=client))


def claude_model() -> AnthropicModel:
    client = calls.anthropic.AsyncAnthropic(max_retries=0)
    return AnthropicModel(calls.CLAUDE, provider=AnthropicProvider(anthropic_client=client))


def agent(model, tools=(), name: str = "support") -> Agent:
    return Agent(model, name=name, system_prompt=calls.SYSTEM, tools=list(tools))


def look_up_order(order: int) -> str:
    """Tells where an order is."""
    return calls.look_up_order(order)


def weather(city: str) -> str:
    """Tells how the weather is."""
    raise pydantic_ai.ModelRetry(f"no data of {city}")


def ask(make_model, question: str, tools=(), version: int = 5, stream: bool = False, fails: bool = False) -> None:
    start()
    logfire.instrument_pydantic_ai(version=version)

    async def run() -> None:
        one = agent(make_model(), tools)
        if stream:
            async with one.run_stream(calls.QUESTIONS[question]) as result:
                await result.get_output()
        else:
            await one.run(calls.QUESTIONS[question])

    try:
        asyncio.run(run())
    except pydantic_ai.exceptions.ModelHTTPError:
        if not fails:
            raise
    logfire.shutdown()


def delegate() -> None:
    """An agent whose tool asks another agent; both runs have sums of what is below them."""
    start()
    logfire.instrument_pydantic_ai()
    clerk = agent(openai_model(), [look_up_order], name="clerk")
    desk = agent(openai_model(), name="desk")

    @desk.tool
    async def ask_clerk(context: RunContext, question: str) -> str:
        """Asks the clerk."""
        return (await clerk.run(question, usage=context.usage)).output

    with logfire.span("POST /questions"):
        asyncio.run(desk.run(calls.QUESTIONS["cached"]))
    logfire.shutdown()


def of_logfire(run):
    """Logfire's own instrumentation of the clients."""

    def scenario() -> None:
        start()
        logfire.instrument_openai()
        logfire.instrument_anthropic()
        run()
        logfire.shutdown()

    return scenario


def streams() -> None:
    """Two equal streams one after the other, and a call that is none, in one request."""
    with logfire.span("POST /questions"):
        calls.claude(calls.QUESTIONS["cached"], stream=True)
        calls.claude(calls.QUESTIONS["cached"], stream=True)
        calls.claude(calls.QUESTIONS["cached"])


TOOLS = [look_up_order, weather]
SCENARIOS = {
    "openai_chat": lambda: ask(openai_model, "chat"),
    "openai_stream": lambda: ask(openai_model, "stream", stream=True),
    "openai_cached": lambda: ask(openai_model, "cached"),
    "openai_reasoning": lambda: ask(openai_model, "reasoning"),
    "openai_overload": lambda: ask(openai_model, "overload", fails=True),
    "openai_agent": lambda: ask(openai_model, "tools", TOOLS),
    "openai_agent_v2": lambda: ask(openai_model, "tools", TOOLS, version=2),
    "openai_agent_v3": lambda: ask(openai_model, "tools", TOOLS, version=3),
    "openai_agent_v6": lambda: ask(openai_model, "tools", TOOLS, version=6),
    "anthropic_chat": lambda: ask(claude_model, "chat"),
    "anthropic_cached": lambda: ask(claude_model, "cached"),
    "anthropic_agent": lambda: ask(claude_model, "tools", TOOLS),
    "agents": delegate,
    "logfire_anthropic_streams": of_logfire(streams),
    **{f"logfire_{name}": of_logfire(run) for name, run in calls.SCENARIOS.items()},
}
