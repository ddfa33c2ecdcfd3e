"""What the programs ask of the providers, on their real clients and in the same way under every instrumentation."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anthropic
import openai

CHAT_MODEL, CLAUDE, EMBEDDING_MODEL = "gpt-5-mini", "claude-sonnet-4-5", "text-embedding-3-small"
QUESTION = "Where is order 4711?"
SYSTEM = "You are a careful support agent."
QUESTIONS = {
    "chat": QUESTION,
    "stream": QUESTION,
    "tools": "Where is order 4711, and how is the weather there?",
    "cached": "The manual says that orders have numbers. Where is order 4711?",
    "reasoning": "A puzzle: where is order 4711?",
    "overload": "There is overload. Where is order 4711?",
    "breakdown": "There was a breakdown. Where is order 4711?",
}
PARAMETERS = {
    "look_up_order": {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]},
    "weather": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def look_up_order(order: int) -> str:
    """Tells where an order is."""
    return json.dumps({"order": order, "state": "shipped", "city": "Bonn"})


def weather(city: str) -> str:
    """Tells how the weather is."""
    raise ConnectionError(f"the weather service has no data of {city}")


# Of those who count at the moment, one inside the other.
_counters: list[list[int]] = []
TOOLS: dict[str, Callable[..., str]] = {"look_up_order": look_up_order, "weather": weather}


def openai_client() -> openai.OpenAI:
    return openai.OpenAI(max_retries=0)


def anthropic_client() -> anthropic.Anthropic:
    return anthropic.Anthropic(max_retries=0)


def refused(call: Callable[[], object]) -> None:
    """Makes a call that must not succeed."""
    try:
        call()
    except (openai.APIStatusError, anthropic.APIStatusError):
        return
    raise AssertionError("the call was not refused")


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many tokens the calls inside read and wrote, as the clients tell it (the cached ones included)."""
    counts = [0, 0]
    _counters.append(counts)
    try:
        yield counts
    finally:
        _counters.remove(counts)


def count(read: int, written: int) -> None:
    for counts in _counters:
        counts[0] += read
        counts[1] += written


def run_tool(tools: dict[str, Callable[..., str]], name: str, arguments: dict) -> str:
    """What a tool says; what went wrong is told to the model."""
    try:
        return tools[name](**arguments)
    except ConnectionError as error:
        return f"error: {error}"


# --- OpenAI


def chat(question: str, stream: bool = False) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    client = openai_client()
    if not stream:
        reply = client.chat.completions.create(model=CHAT_MODEL, messages=messages, user="user-7")
        return reply.choices[0].message.content
    chunks = client.chat.completions.create(
        model=CHAT_MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def chat_with_tools(question: str, tools: dict[str, Callable[..., str]]) -> str:
    offered = [
        {"type": "function", "function": {"name": name, "parameters": PARAMETERS[name]}} for name in tools
    ]
    messages: list = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    client = openai_client()
    while True:
        reply = client.chat.completions.create(model=CHAT_MODEL, messages=messages, tools=offered)
        count(reply.usage.prompt_tokens, reply.usage.completion_tokens)
        message = reply.choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            said = run_tool(tools, call.function.name, json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": said})


def respond(question: str) -> str:
    return openai_client().responses.create(model=CHAT_MODEL, instructions=SYSTEM, input=question).output_text


def embed() -> None:
    openai_client().embeddings.create(model=EMBEDDING_MODEL, input=["Orders have numbers.", "Boxes have labels."])


# --- Anthropic


def claude(question: str, stream: bool = False) -> str:
    client = anthropic_client()
    asked = {
        "model": CLAUDE,
        "max_tokens": 500,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": question}],
        "metadata": {"user_id": "user-7"},
    }
    if not stream:
        return client.messages.create(**asked).content[0].text
    events = client.messages.create(**asked, stream=True)
    return "".join(event.delta.text for event in events if event.type == "content_block_delta")


def claude_with_tools(question: str, tools: dict[str, Callable[..., str]]) -> str:
    offered = [{"name": name, "input_schema": PARAMETERS[name]} for name in tools]
    messages: list = [{"role": "user", "content": question}]
    client = anthropic_client()
    while True:
        reply = client.messages.create(model=CLAUDE, max_tokens=500, system=SYSTEM, messages=messages, tools=offered)
        count(reply.usage.input_tokens, reply.usage.output_tokens)
        if reply.stop_reason != "tool_use":
            return reply.content[0].text
        messages.append({"role": "assistant", "content": [part.model_dump() for part in reply.content]})
        results = [
            {"type": "tool_result", "tool_use_id": part.id, "content": run_tool(tools, part.name, part.input)}
            for part in reply.content
            if part.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})


# By name: what every instrumentation of the clients is shown.
SCENARIOS: dict[str, Callable[[], object]] = {
    "openai_chat": lambda: chat(QUESTIONS["chat"]),
    "openai_stream": lambda: chat(QUESTIONS["stream"], stream=True),
    "openai_cached": lambda: chat(QUESTIONS["cached"]),
    "openai_reasoning": lambda: chat(QUESTIONS["reasoning"]),
    "openai_overload": lambda: refused(lambda: chat(QUESTIONS["overload"])),
    "openai_breakdown": lambda: refused(lambda: chat(QUESTIONS["breakdown"])),
    "openai_responses": lambda: respond(QUESTIONS["cached"] + " A puzzle."),
    "openai_embeddings": embed,
    "anthropic_chat": lambda: claude(QUESTIONS["chat"]),
    "anthropic_stream": lambda: claude(QUESTIONS["stream"], stream=True),
    "anthropic_cached": lambda: claude(QUESTIONS["cached"]),
    "anthropic_cached_stream": lambda: claude(QUESTIONS["cached"], stream=True),
    "anthropic_overload": lambda: refused(lambda: claude(QUESTIONS["overload"])),
}
