"""A stand-in for a server of OTLP over HTTP: keeps what it receives as OTLP/JSON, and may hand it on to a server."""

import base64
import gzip
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SIGNALS = {
    "/v1/traces": ("resourceSpans", ExportTraceServiceRequest),
    "/v1/logs": ("resourceLogs", ExportLogsServiceRequest),
    "/v1/metrics": ("resourceMetrics", ExportMetricsServiceRequest),
}
IDS = {"traceId", "spanId", "parentSpanId"}
OF_CONNECTION = {"host", "content-length", "transfer-encoding", "connection"}


def with_hex_ids(value):
    """JSON of protobuf has ids in base64, where OTLP/JSON has hexadecimal."""
    if isinstance(value, list):
        return [with_hex_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(one).hex() if key in IDS else with_hex_ids(one) for key, one in value.items()
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = body = self.body()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        path = next((path for path in SIGNALS if self.path.endswith(path)), None)
        if path is not None:
            key, message = SIGNALS[path]
            if "json" in self.headers["Content-Type"]:
                received = json.loads(body)
            else:
                received = with_hex_ids(MessageToDict(message.FromString(body), use_integers_for_enums=True))
            with self.server.lock:  # type: ignore[attr-defined]
                self.server.received.setdefault(key, []).extend(received.get(key, []))  # type: ignore[attr-defined]
        status, answer = (200, b"") if path else (404, b"")
        if self.server.behind:  # type: ignore[attr-defined]
            status, answer = self.handed_on(raw)
        self.send_response(status)
        self.send_header("Content-Type", self.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def handed_on(self, body: bytes) -> tuple[int, bytes]:
        headers = {key: value for key, value in self.headers.items() if key.lower() not in OF_CONNECTION}
        url = self.server.behind + self.path  # type: ignore[attr-defined]
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, *_) -> None: ...


@contextmanager
def receiver(behind: str = "") -> Iterator[tuple[str, dict[str, list]]]:
    """Its address, and what it received: `resourceSpans`, `resourceLogs`, `resourceMetrics`. All of it is handed
    on to the server `behind` (a URL), which then answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.lock, server.received, server.behind = threading.Lock(), {}, behind  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.received  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
