"""A stand-in for the providers of models: OpenAI's chat completions, responses and embeddings, and
Anthropic's messages, streamed or not. It keeps a record of every token that it served.

What it answers is told by the question: a tool that is offered is called once (all of them, one after
another), then comes an answer in words. Words in the conversation change the rest: `manual` makes a part
of it come from the cache, `puzzle` makes the model think first, `overload` is refused with 429 and
`breakdown` with 500.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["Order ", "4711 ", "is ", "on ", "its ", "way."]
ANSWER = "".join(WORDS)
THOUGHT = "Orders have numbers."
ARGUMENTS = {
    "look_up_order": {"order": 4711},
    "weather": {"city": "Bonn"},
    "ask_clerk": {"question": "Where is order 4711?"},
    "transfer_to_clerk": {},
}
# By the name that is asked for: the name that answers.
MODELS = {
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "text-embedding-3-small": "text-embedding-3-small",
}
PATHS = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "responses",
    "/v1/embeddings": "embeddings",
    "/v1/messages": "messages",
}
FINISH = {"chat": ("stop", "tool_calls"), "responses": ("completed", "completed"), "messages": ("end_turn", "tool_use")}


@dataclass
class Served:
    """One call as it was answered. Tokens are by bucket, and disjoint."""

    number: int
    api: str
    provider: str
    request_model: str
    model: str = ""
    id: str = ""
    status: int = 200
    stream: bool = False
    tool: str = ""
    finish: str = ""
    usage: dict[str, int] = field(default_factory=dict)


class Asked:
    """A request of any of the APIs, as far as the answer depends on it."""

    def __init__(self, api: str, body: dict):
        self.api, self.model, self.stream = api, body["model"], bool(body.get("stream"))
        self.text = json.dumps(body)
        self.messages = body.get("messages") or body.get("input") or []
        if isinstance(self.messages, str):
            self.messages = [self.messages]
        self.offered = [name_of(tool) for tool in body.get("tools") or []]
        self.called = {name for message in self.messages for name in called_in(message)}

    @property
    def tool(self) -> str:
        """The tool to call next, or none."""
        return next((name for name in self.offered if name not in self.called), "")

    @property
    def served(self) -> dict[str, int]:
        if self.api == "embeddings":
            return {"input": 9 * len(self.messages)}
        usage = {"input": 101 + 17 * len(self.messages), "output": 28 if self.tool else 33}
        if "manual" in self.text:
            usage["input_cached"] = 1024
            if self.api == "messages":
                usage |= {"cache_write_5m": 256, "cache_write_1h": 128}
        if "puzzle" in self.text and self.api != "messages":
            usage["reasoning"] = 64
        return usage


def name_of(tool: dict) -> str:
    return tool.get("name") or tool["function"]["name"]


def called_in(message: dict | str) -> list[str]:
    """The tools that a message of an assistant calls."""
    if isinstance(message, str):
        return []
    calls = [call["function"]["name"] for call in message.get("tool_calls") or []]
    if message.get("type") == "function_call":
        calls.append(message["name"])
    if isinstance(message.get("content"), list):
        calls += [part["name"] for part in message["content"] if part.get("type") == "tool_use"]
    return calls


def arguments_of(tool: str) -> str:
    return json.dumps(ARGUMENTS.get(tool, {}))


# --- OpenAI's chat completions


def openai_usage(usage: dict[str, int], names: tuple[str, str]) -> dict:
    read = usage["input"] + usage.get("input_cached", 0)
    written = usage.get("output", 0) + usage.get("reasoning", 0)
    return {
        f"{names[0]}_tokens": read,
        f"{names[1]}_tokens": written,
        "total_tokens": read + written,
        f"{names[0]}_tokens_details": {"cached_tokens": usage.get("input_cached", 0)},
        f"{names[1]}_tokens_details": {"reasoning_tokens": usage.get("reasoning", 0)},
    }


def chat(asked: Asked, served: Served) -> dict | list[tuple[str, dict]]:
    usage = openai_usage(served.usage, ("prompt", "completion"))
    call = {
        "id": f"call_{served.number}",
        "type": "function",
        "function": {"name": served.tool, "arguments": arguments_of(served.tool)},
    }
    base = {"id": served.id, "created": 1_790_000_000, "model": served.model, "service_tier": "default"}
    if not served.stream:
        said = {"content": None, "tool_calls": [call]} if served.tool else {"content": ANSWER}
        choice = {"index": 0, "message": {"role": "assistant", "refusal": None, **said}, "finish_reason": served.finish}
        return {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"tool_calls": [{"index": 0, **call}]}] if served.tool else [{"content": word} for word in WORDS]
    base["object"] = "chat.completion.chunk"
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": served.finish}]})
    chunks.append({**base, "choices": [], "usage": usage})
    return [("", chunk) for chunk in chunks]


# --- OpenAI's responses


def responses(asked: Asked, served: Served) -> dict | list[tuple[str, dict]]:
    number = served.number
    text = {"type": "output_text", "text": ANSWER, "annotations": [], "logprobs": []}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    call = {
        "id": f"fc_{number}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{number}",
        "name": served.tool,
        "arguments": arguments_of(served.tool),
    }
    item = call if served.tool else message
    base = {
        "id": served.id,
        "object": "response",
        "created_at": 1_790_000_000,
        "model": served.model,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
    }
    usage = openai_usage(served.usage, ("input", "output"))
    done = {**base, "status": "completed", "output": [item], "usage": usage}
    if not served.stream:
        return done
    started = {**base, "status": "in_progress", "output": [], "usage": None}
    place = {"output_index": 0, "item_id": item["id"]}
    events: list[dict] = [{"type": "response.created", "response": started}]
    if served.tool:
        begun = {**call, "status": "in_progress", "arguments": ""}
        events.append({"type": "response.output_item.added", "output_index": 0, "item": begun})
        events.append({"type": "response.function_call_arguments.delta", **place, "delta": call["arguments"]})
        events.append({"type": "response.function_call_arguments.done", **place, "name": served.tool, "arguments": call["arguments"]})
    else:
        begun = {**message, "status": "in_progress", "content": []}
        events.append({"type": "response.output_item.added", "output_index": 0, "item": begun})
        part = {**place, "content_index": 0}
        events.append({"type": "response.content_part.added", **part, "part": {**text, "text": ""}})
        events += [{"type": "response.output_text.delta", **part, "delta": word, "logprobs": []} for word in WORDS]
        events.append({"type": "response.output_text.done", **part, "text": ANSWER, "logprobs": []})
        events.append({"type": "response.content_part.done", **part, "part": text})
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": done})
    return [(event["type"], {**event, "sequence_number": at}) for at, event in enumerate(events)]


# --- OpenAI's embeddings


def embeddings(asked: Asked, served: Served) -> dict:
    vectors = [{"object": "embedding", "index": at, "embedding": [0.25, -0.5, 0.125]} for at in range(len(asked.messages))]
    read = served.usage["input"]
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": vectors, "model": served.model, "usage": usage}


# --- Anthropic's messages


def messages(asked: Asked, served: Served) -> dict | list[tuple[str, dict]]:
    usage = {
        "input_tokens": served.usage["input"],
        "output_tokens": served.usage["output"],
        "cache_read_input_tokens": served.usage.get("input_cached", 0),
        "cache_creation_input_tokens": served.usage.get("cache_write_5m", 0) + served.usage.get("cache_write_1h", 0),
        "cache_creation": {
            "ephemeral_5m_input_tokens": served.usage.get("cache_write_5m", 0),
            "ephemeral_1h_input_tokens": served.usage.get("cache_write_1h", 0),
        },
        "service_tier": "standard",
    }
    base = {"id": served.id, "type": "message", "role": "assistant", "model": served.model}
    arguments = ARGUMENTS.get(served.tool, {})
    call = {"type": "tool_use", "id": f"toolu_{served.number}", "name": served.tool, "input": arguments}
    block = call if served.tool else {"type": "text", "text": ANSWER}
    if not served.stream:
        return {**base, "content": [block], "stop_reason": served.finish, "stop_sequence": None, "usage": usage}
    started = {**base, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    if served.tool:
        begun, deltas = {**call, "input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(arguments)}]
    else:
        begun, deltas = {"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in WORDS]
    ended = {"stop_reason": served.finish, "stop_sequence": None}
    events: list[dict] = [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": begun},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": usage["output_tokens"]}},
        {"type": "message_stop"},
    ]
    return [(event["type"], event) for event in events]


WRITERS = {"chat": chat, "responses": responses, "embeddings": embeddings, "messages": messages}
ID_PREFIX = {"chat": "chatcmpl-", "responses": "resp_", "messages": "msg_"}
REFUSED = {
    "overload": (429, "rate_limit_error", "Rate limit reached for this model"),
    "breakdown": (500, "api_error", "The server had an error while processing your request"),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        api = PATHS.get(self.path.split("?")[0])
        if api is None or body.get("model") not in MODELS:
            return self.reply(404, {"error": {"type": "not_found_error", "message": "There is no such model here"}})
        asked, log = Asked(api, body), self.server.served  # type: ignore[attr-defined]
        provider = "anthropic" if api == "messages" else "openai"
        served = Served(len(log) + 1, api, provider, asked.model, stream=asked.stream)
        log.append(served)
        refused = next((REFUSED[word] for word in REFUSED if word in asked.text), None)
        if refused:
            served.status, kind, message = refused
            error = {"type": kind, "message": message, "code": kind}
            whole = {"type": "error", "error": error} if api == "messages" else {"error": error}
            return self.reply(served.status, whole)
        served.model, served.tool, served.usage = MODELS[asked.model], asked.tool, asked.served
        if api in ID_PREFIX:
            served.id = f"{ID_PREFIX[api]}{self.server.run}{served.number}"  # type: ignore[attr-defined]
            served.finish = FINISH[api][1 if served.tool else 0]
        written = WRITERS[api](asked, served)
        if isinstance(written, dict):
            return self.reply(200, written)
        self.stream(written, done=api == "chat")

    def reply(self, status: int, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, events: list[tuple[str, dict]], done: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for name, event in events:
            self.chunk((f"event: {name}\n" if name else "") + f"data: {json.dumps(event)}\n\n")
        if done:
            self.chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_) -> None: ...


@dataclass
class ProviderStub:
    """Where it listens, and what it served so far."""

    url: str
    served: list[Served]

    def environment(self) -> dict[str, str]:
        """The variables by which clients find it."""
        return {
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "none is asked for",
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "none is asked for",
        }

    def calls(self) -> list[dict]:
        return [asdict(one) for one in self.served]


@contextmanager
def provider_stub(run: str = "") -> Iterator[ProviderStub]:
    """A stub that runs as long as the context. `run` is part of the ids of its responses, which are unique in
    the world where providers are real."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.served, server.run = [], run  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield ProviderStub(f"http://127.0.0.1:{server.server_port}", server.served)  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
