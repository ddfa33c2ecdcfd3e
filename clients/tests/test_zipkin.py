"""Traces that Zipkin's clients and exporters send come back from the native API as they were made."""

import json

import pytest
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.trace import SpanKind, StatusCode
from py_zipkin import Encoding
from py_zipkin.transport import SimpleHTTPTransport
from py_zipkin.zipkin import create_http_headers_for_new_span, zipkin_client_span, zipkin_server_span

from support import expected
from support.trace_apis import assert_told_everywhere
from support.tracing import trace_id_of, tracing
from test_jaeger import micros, send



def text(value) -> str:
    """As the exporters write tags, all of which are texts."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("listener", ["zipkin", "main"])
def test_every_field_of_spans_of_the_json_exporter_comes_back(server, api, service, listener):
    endpoint = f"http://{server.address(listener)}/api/v2/spans"
    exporter = ZipkinExporter(endpoint=endpoint, local_node_ipv4="10.1.2.3", local_node_port=8080)
    with tracing(service, exporter, resource={"service.version": "1.2.3"}) as made:
        with made.tracer.start_as_current_span("GET /", kind=SpanKind.SERVER, attributes={"n": 1, "b": True}) as root:
            root.add_event("cache miss", {"key": "a"})
            with made.tracer.start_as_current_span("call", kind=SpanKind.CLIENT) as call:
                call.set_status(StatusCode.ERROR, "refused")
        made.flush()
    sent = made.sent()
    trace = api.trace(trace_id_of(sent[0]), 2)
    assert_told_everywhere(server, trace)
    found = expected.found_spans(trace)
    for one in sent:
        got = found[f"{one.get_span_context().span_id:016x}"]
        tags = {key: text(value) for key, value in {**one.attributes, **one.resource.attributes}.items()}
        start = micros(one.start_time)
        expect = {
            "parent_span_id": f"{one.parent.span_id:016x}" if one.parent else None,
            "name": one.name,
            "kind": one.kind.name.lower(),
            "start_time_unix_nano": str(start * 1000),
            "duration_ns": micros(one.end_time - one.start_time) * 1000,
            "status": {"code": one.status.status_code.name.lower(), "message": one.status.description or ""},
            "scope": {"name": "checkout.tracer", "version": "2.3.4", "attributes": {}},
            "events": [
                {
                    "time_unix_nano": str(micros(event.timestamp) * 1000),
                    # The exporter puts all of an event into the text of an annotation.
                    "name": json.dumps({event.name: dict(event.attributes)}),
                    "attributes": {},
                    "dropped_attributes_count": 0,
                }
                for event in one.events
            ],
        }
        expected.assert_same({key: got[key] for key in expect}, expect)
        own = {"net.host.ip": "10.1.2.3", "net.host.port": 8080, "zipkin.debug": True}
        expected.assert_same(got["attributes"], {**tags, **own})
        assert got["resource"]["attributes"] == {"service.name": service}


def test_spans_of_the_protobuf_exporter_come_back(server, api, service):
    sent = send("zipkin-proto", service, server.address("zipkin"))
    trace = api.trace(sent[0]["trace_id"], len(sent))
    assert_told_everywhere(server, trace)
    found = expected.found_spans(trace)
    for one in sent:
        got = found[one["span_id"]]
        expect = {
            "parent_span_id": one["parent_span_id"],
            "name": one["name"],
            # Zipkin has no kind for what happens inside a service.
            "kind": "unspecified" if one["kind"] == "internal" else one["kind"],
            "start_time_unix_nano": str(micros(one["start"]) * 1000),
            "duration_ns": micros(one["end"] - one["start"]) * 1000,
            "status": one["status"],
        }
        expected.assert_same({key: got[key] for key in expect}, expect)
        assert got["resource"]["service"] == service
        for key, value in one["attributes"].items():
            assert got["attributes"][key] == text(value)
        assert [int(event["time_unix_nano"]) for event in got["events"]] == [
            micros(event["time"]) * 1000 for event in one["events"]
        ]


@pytest.mark.parametrize("encoding", [Encoding.V1_JSON, Encoding.V2_JSON, Encoding.V2_PROTO3], ids=str)
def test_spans_of_py_zipkin_come_back_with_both_sides_of_a_shared_one(server, api, service, encoding):
    host, port = server.address("zipkin").split(":")

    front, back = f"{service}-front", f"{service}-back"
    options = {"transport_handler": SimpleHTTPTransport(host, int(port)), "sample_rate": 100.0, "encoding": encoding}
    with zipkin_client_span(
        service_name=front,
        span_name="call",
        binary_annotations={"http.path": "/api"},
        annotations={"thought": 1_700_000_000.5},
        **options,
    ) as client:
        seen = client.zipkin_attrs
        headers = create_http_headers_for_new_span()
        assert headers["X-B3-TraceId"] == seen.trace_id
    # Elsewhere, as far as the client of Zipkin knows.
    with zipkin_server_span(service_name=back, span_name="serve", zipkin_attrs=seen, **options):
        pass
    trace = api.trace(seen.trace_id.rjust(32, "0"), 2)
    assert_told_everywhere(server, trace)
    spans = {
        one["kind"]: {**one, "service": trace["resources"][one["resource"]]["service"]} for one in trace["spans"]
    }
    assert {kind: one["service"] for kind, one in spans.items()} == {"client": front, "server": back}
    assert {one["span_id"] for one in spans.values()} == {seen.span_id}
    client_side, server_side = spans["client"], spans["server"]
    assert client_side["attributes"]["http.path"] == "/api"
    assert [event["name"] for event in client_side["events"]] == ["thought"]
    assert client_side["events"][0]["time_unix_nano"] == "1700000000500000000"
    assert server_side["attributes"].get("zipkin.shared") is True
    assert "zipkin.shared" not in client_side["attributes"]
