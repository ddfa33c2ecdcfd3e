"""A stand-in for OpenAI's chat completions: asks for a tool first, then answers, streaming or not."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["Order ", "4711 ", "is ", "on ", "its ", "way 📦."]
ANSWER = "".join(WORDS)
RESPONSE_MODEL = "gpt-5-mini-2026-09-01"
# Of the call that asks for the tool, and of the one that answers.
TOOL_USAGE = {"prompt_tokens": 57, "completion_tokens": 17, "total_tokens": 74, "prompt_tokens_details": {"cached_tokens": 32}}
ANSWER_USAGE = {"prompt_tokens": 93, "completion_tokens": 11, "total_tokens": 104}
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up_order", "arguments": '{"order": 4711}'}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions" or "retired" in asked["model"]:
            error = {"message": f"The model `{asked['model']}` does not exist", "type": "invalid_request_error", "code": "model_not_found"}
            return self.reply(404, json.dumps({"error": error}).encode())
        if asked["messages"][-1]["role"] == "tool":
            message, reason, usage = {"role": "assistant", "content": ANSWER}, "stop", ANSWER_USAGE
        else:
            message, reason, usage = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}, "tool_calls", TOOL_USAGE
        if asked.get("stream"):
            return self.stream(reason, usage)
        choice = {"index": 0, "message": message, "finish_reason": reason}
        self.reply(200, json.dumps(completion("chat.completion", choices=[choice], usage=usage)).encode())

    def reply(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, reason: str, usage: dict) -> None:
        deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in WORDS)]
        choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
        choices.append([{"index": 0, "delta": {}, "finish_reason": reason}])
        chunks = [completion("chat.completion.chunk", choices=each, usage=None) for each in choices]
        chunks.append(completion("chat.completion.chunk", choices=[], usage=usage))
        events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        self.reply(200, "".join([*events, "data: [DONE]\n\n"]).encode(), "text/event-stream")

    def log_message(self, *_) -> None: ...


def completion(kind: str, **fields) -> dict:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_790_000_000, "model": RESPONSE_MODEL, **fields}


@contextmanager
def model_stub() -> Iterator[str]:
    """The base URL of a stub that runs as long as the context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
