"""Spans of the OpenTelemetry SDK for Node.js, sent as OTLP/JSON, come back as they were made."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support import expected

SCRIPT = Path(__file__).parent.parent / "node" / "send_traces.mjs"


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("listener", ["http", "main"])
def test_spans_sent_from_node_come_back_as_it_printed_them(server, api, service, listener, compression):
    environment = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{getattr(server, listener)}",
        "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
        "OTEL_SERVICE_NAME": service,
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
    }
    done = subprocess.run(["node", SCRIPT], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    traces: dict[str, dict[str, dict]] = {}
    for span in json.loads(done.stdout):
        traces.setdefault(span.pop("trace_id"), {})[span["span_id"]] = span
    assert sorted(len(spans) for spans in traces.values()) == [1, 6], done.stderr
    for trace_id, spans in traces.items():
        expected.assert_same(expected.found_spans(api.trace(trace_id, len(spans))), spans)
    listed = {trace["trace_id"]: trace["root_missing"] for trace in api.traces(2, service=service)}
    assert listed == {trace_id: len(spans) == 1 for trace_id, spans in traces.items()}
