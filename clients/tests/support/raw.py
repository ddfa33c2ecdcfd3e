"""OTLP requests put together by hand, from the messages that OpenTelemetry publishes."""

import os
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def span(name: str, **fields) -> Span:
    now = time.time_ns()
    given = {"trace_id": os.urandom(16), "span_id": os.urandom(8), "start_time_unix_nano": now, "end_time_unix_nano": now + 1000}
    return Span(name=name, **{**given, **fields})


def attribute(key: str, text: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=text))


def traces_request(service: str, spans: list[Span]) -> ExportTraceServiceRequest:
    resource = Resource(attributes=[attribute("service.name", service)])
    scope_spans = ScopeSpans(scope=InstrumentationScope(name="by hand"), spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope_spans])])
