"""OpenInference (Arize): its instrumentations of OpenAI, Anthropic, LangChain and the OpenAI Agents SDK."""

from openinference.instrumentation import OITracer, TraceConfig, using_attributes
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider

import calls
import tracing


def provider(*instrumentors) -> TracerProvider:
    made = tracing.new_provider()
    for one in instrumentors or (OpenAIInstrumentor, AnthropicInstrumentor):
        one().instrument(tracer_provider=made)
    return made


def run_agent(ask) -> None:
    """An agent with its own spans, tools and all, for a user in a session."""
    made = provider()
    tracer = OITracer(made.get_tracer("shop"), config=TraceConfig())
    tools = {name: tracer.tool(name=name)(tool) for name, tool in calls.TOOLS.items()}
    run = tracer.agent(name="support")(lambda question: ask(question, tools))
    with tracing.request(made), using_attributes(session_id="session-3", user_id="user-7", tags=["shop"]):
        run(calls.QUESTIONS["tools"])


def with_langchain(*instrumentors) -> None:
    import langchain_app

    with tracing.request(provider(*instrumentors)):
        langchain_app.run()


def with_agents() -> None:
    import agents_app

    with tracing.request(provider(OpenAIAgentsInstrumentor)):
        agents_app.run()


SCENARIOS = {
    **{name: tracing.within_request(provider, run) for name, run in calls.SCENARIOS.items()},
    "openai_agent": lambda: run_agent(calls.chat_with_tools),
    "anthropic_agent": lambda: run_agent(calls.claude_with_tools),
    "langchain": lambda: with_langchain(LangChainInstrumentor),
    # Each call of the model is told of by LangChain and again by the client below.
    "langchain_twice": lambda: with_langchain(LangChainInstrumentor, OpenAIInstrumentor),
    "openai_agents": with_agents,
}
