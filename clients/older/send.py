"""Sends a trace with an exporter of another time, and says what it made.

    send.py WAY SERVICE ADDRESS

WAY is one of `WAYS`. Prints JSON: the spans with what their exporter says about each, in the words of
the SDK and nobody else's.
"""

import json
import sys
import time

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

ATTRIBUTES = {"text": "plain", "empty": "", "true": True, "int": 2**53 + 1, "double": 0.1, "unicode": "é✓"}
LINKED = SpanContext(0xABCDEF0123, 0x123, True, TraceFlags(1))


def agent(address: str):
    from opentelemetry.exporter.jaeger.thrift import JaegerExporter

    host, port = address.split(":")
    return JaegerExporter(agent_host_name=host, agent_port=int(port))


def collector(address: str):
    from opentelemetry.exporter.jaeger.thrift import JaegerExporter

    return JaegerExporter(collector_endpoint=f"http://{address}/api/traces?format=jaeger.thrift")


def collector_grpc(address: str):
    from opentelemetry.exporter.jaeger.proto.grpc import JaegerExporter

    return JaegerExporter(collector_endpoint=address, insecure=True)


def zipkin_proto(address: str):
    from opentelemetry.exporter.zipkin.proto.http import ZipkinExporter

    return ZipkinExporter(endpoint=f"http://{address}/api/v2/spans")


WAYS = {"agent": agent, "collector": collector, "collector-grpc": collector_grpc, "zipkin-proto": zipkin_proto}


def main() -> None:
    way, service, address = sys.argv[1:]
    if way == "jaeger-client":
        told = with_jaeger_client(service, address)
    else:
        told = with_sdk(WAYS[way](address), service)
    json.dump(told, sys.stdout)


def with_sdk(exporter, service: str) -> list[dict]:
    provider = TracerProvider(resource=Resource.create({"service.name": service, "host.cpus": 8}))
    kept = InMemorySpanExporter()
    for one in [kept, exporter]:
        provider.add_span_processor(SimpleSpanProcessor(one))
    tracer = provider.get_tracer("checkout.tracer", "2.3.4")
    with tracer.start_as_current_span("GET /checkout", kind=SpanKind.SERVER, attributes=ATTRIBUTES) as root:
        root.add_event("cache miss", {"key": "a", "tries": 3, "hot": False})
        for kind in [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]:
            with tracer.start_as_current_span(f"child {kind.name}", kind=kind, links=[Link(LINKED)]) as child:
                child.set_status(Status(StatusCode.OK))
        with tracer.start_as_current_span("fails") as failing:
            failing.set_status(Status(StatusCode.ERROR, "the card was declined"))
    provider.shutdown()
    return [shown(span) for span in kept.get_finished_spans()]


def shown(span) -> dict:
    context = span.get_span_context()
    return {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent_span_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start": span.start_time,
        "end": span.end_time,
        "status": {"code": span.status.status_code.name.lower(), "message": span.status.description or ""},
        "resource": dict(span.resource.attributes),
        "scope": {"name": span.instrumentation_scope.name, "version": span.instrumentation_scope.version},
        "attributes": dict(span.attributes),
        "events": [
            {"time": event.timestamp, "name": event.name, "attributes": dict(event.attributes)} for event in span.events
        ],
        "links": [
            {"trace_id": f"{link.context.trace_id:032x}", "span_id": f"{link.context.span_id:016x}"}
            for link in span.links
        ],
    }


def with_jaeger_client(service: str, address: str) -> list[dict]:
    """Jaeger's own client asks the agent at `address` (UDP port, then HTTP port) how to sample."""
    from jaeger_client import Config

    host, packets, sampling = address.split(":")
    config = Config(
        config={
            "sampler": {"type": "const", "param": 1},
            "local_agent": {
                "reporting_host": host,
                "reporting_port": int(packets),
                "sampling_port": int(sampling),
            },
            "generate_128bit_trace_id": True,
            "logging": False,
        },
        service_name=service,
        validate=True,
    )
    tracer = config.initialize_tracer()
    tags = {"span.kind": "server", "text": "plain", "true": True, "int": 7, "double": 0.5}
    with tracer.start_span("work", tags=tags) as root:
        root.log_kv({"event": "cache miss", "key": "a"})
        with tracer.start_span("fails", child_of=root) as child:
            child.set_tag("error", True)
    # The reporter sends in a thread of its own; closing it waits for that.
    closed = tracer.close()
    deadline = time.monotonic() + 10
    while not closed.done():
        assert time.monotonic() < deadline, "the client did not send everything"
        time.sleep(0.01)
    return [
        {
            "trace_id": f"{span.trace_id:032x}",
            "span_id": f"{span.span_id:016x}",
            "parent_span_id": f"{span.parent_id:016x}" if span.parent_id else None,
            "name": span.operation_name,
            "start": round(span.start_time * 1_000_000),
            "end": round(span.end_time * 1_000_000),
        }
        for span in [root, child]
    ]


if __name__ == "__main__":
    main()
