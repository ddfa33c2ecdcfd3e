"""How soon after it was accepted a span is found. Asserted: that each one is; printed: how soon."""

import time

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from support import expected
from support.senders import GRPC, HTTP, Senders
from support.tracing import Tracing, trace_id_of

EXPORTS = 300


@pytest.mark.parametrize("way", [GRPC, HTTP], ids=str)
def test_each_accepted_span_is_found(server, api, service, way, note_figure):
    exporter = Senders(server, way).spans()
    made = Tracing(service)
    sending, finding = [], []
    for number in range(EXPORTS):
        made.tracer.start_span(f"span {number}").end()
        span = made.sent()[-1]
        began = time.perf_counter()
        assert exporter.export([span]) is SpanExportResult.SUCCESS
        accepted = time.perf_counter()
        trace = api.trace(trace_id_of(span), 1)
        found = time.perf_counter()
        expected.assert_same_trace(trace, [span])
        sending.append(accepted - began)
        finding.append(found - accepted)
    exporter.shutdown()
    api.traces(EXPORTS, service=service, limit=1000)
    note_figure(f"{way}: {EXPORTS} exports of one span; export to accepted {spread(sending)}; accepted to found by id {spread(finding)}")


def spread(seconds: list[float]) -> str:
    ordered = sorted(second * 1000 for second in seconds)
    at = lambda share: ordered[min(len(ordered) - 1, int(len(ordered) * share))]
    return f"p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, most {ordered[-1]:.1f} ms"
