"""Langfuse's SDK: its wrapper of OpenAI's client, its handler for LangChain, and spans of its decorators."""

import os

os.environ.setdefault("LANGFUSE_BASE_URL", os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"))
os.environ["LANGFUSE_PUBLIC_KEY"] = os.environ.get("LANGFUSE_PUBLIC_KEY", "pk-lf-none")
os.environ["LANGFUSE_SECRET_KEY"] = os.environ.get("LANGFUSE_SECRET_KEY", "sk-lf-none")

import langfuse
import langfuse.openai

import calls

CREDENTIALS = {"user_id": "user-7", "session_id": "session-3", "tags": ["shop"]}


def finished(run):
    def scenario() -> None:
        client = langfuse.Langfuse(environment="test", release="2026.11")
        calls.openai.OpenAI = langfuse.openai.OpenAI
        run()
        client.flush()
        client.shutdown()

    return scenario


def for_a_user(run):
    def scenario() -> None:
        with langfuse.get_client().start_as_current_observation(name="POST /questions"):
            with langfuse.propagate_attributes(**CREDENTIALS):
                run()

    return finished(scenario)


def run_agent() -> None:
    tools = {name: langfuse.observe(name=name, as_type="tool")(tool) for name, tool in calls.TOOLS.items()}
    run = langfuse.observe(name="support", as_type="agent")(lambda question: calls.chat_with_tools(question, tools))
    run(calls.QUESTIONS["tools"])


def generation() -> None:
    """Usage in buckets of the application's own counting, with a cost, as a gateway tells it."""
    with langfuse.get_client().start_as_current_observation(
        name="answer", as_type="generation", model=calls.CLAUDE, input=calls.QUESTION, version="3"
    ) as one:
        reply = calls.anthropic_client().messages.create(
            model=calls.CLAUDE, max_tokens=500, messages=[{"role": "user", "content": calls.QUESTIONS["cached"]}]
        )
        used = reply.usage
        one.update(
            output=reply.content[0].text,
            usage_details={
                "input": used.input_tokens,
                "output": used.output_tokens,
                "cache_read_input_tokens": used.cache_read_input_tokens,
                "input_cache_creation_5m": used.cache_creation.ephemeral_5m_input_tokens,
                "input_cache_creation_1h": used.cache_creation.ephemeral_1h_input_tokens,
            },
            cost_details={"total": 0.125},
        )


def with_langchain() -> None:
    import langchain_app
    from langfuse.langchain import CallbackHandler

    langchain_app.run([CallbackHandler()])


SCENARIOS = {
    **{name: for_a_user(run) for name, run in calls.SCENARIOS.items() if name.startswith("openai")},
    "openai_agent": for_a_user(run_agent),
    "anthropic_generation": for_a_user(generation),
    "langchain": finished(with_langchain),
}
