"""What OTLP asks of a server beside storing: partial success, errors that clients can read, limits."""

import gzip
import json

import grpc
import pytest
import requests
from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from support.api import Api
from support.raw import JSON, PROTOBUF, attribute, span, traces_request

INVALID = {
    "no trace id": {"trace_id": b""},
    "short trace id": {"trace_id": b"\x01" * 8},
    "zero trace id": {"trace_id": b"\0" * 16},
    "no span id": {"span_id": b""},
    "zero span id": {"span_id": b"\0" * 8},
}


def post(address: str, body: bytes, content_type: str = PROTOBUF, path: str = "/v1/traces", **headers: str) -> requests.Response:
    headers = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.post(f"http://{address}{path}", body, headers=headers, timeout=30)


@pytest.mark.parametrize("fields", INVALID.values(), ids=list(INVALID))
@pytest.mark.parametrize("protocol", ["grpc", "protobuf", "json"])
def test_one_invalid_span_is_told_and_the_good_ones_are_kept(server, api, service, protocol, fields):
    request = traces_request(service, [span("good 1"), span("invalid", **fields), span("good 2")])
    if protocol == "grpc":
        with grpc.insecure_channel(server.grpc) as channel:
            response = TraceServiceStub(channel).Export(request, timeout=10)
    elif protocol == "protobuf":
        answer = post(server.http, request.SerializeToString())
        assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF)
        response = ExportTraceServiceResponse.FromString(answer.content)
    else:
        answer = post(server.http, otlp_json(request).encode(), JSON)
        assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
        response = json_format.Parse(answer.content, ExportTraceServiceResponse())
    assert response.partial_success.rejected_spans == 1
    assert "id" in response.partial_success.error_message
    found = api.traces(2, service=service)
    assert sorted(trace["root_name"] for trace in found) == ["good 1", "good 2"]


def otlp_json(request) -> str:
    """OTLP's JSON: as protobuf's, but ids are hexadecimal and enumerations numbers."""
    message = json_format.MessageToDict(request, use_integers_for_enums=True)
    for spans in message["resourceSpans"][0]["scopeSpans"]:
        for given, made in zip(request.resource_spans[0].scope_spans[0].spans, spans["spans"]):
            made["traceId"], made["spanId"] = given.trace_id.hex(), given.span_id.hex()
    return json.dumps(message)


def test_all_accepted_leaves_partial_success_unset(server, service):
    answer = post(server.http, traces_request(service, [span("good")]).SerializeToString())
    response = ExportTraceServiceResponse.FromString(answer.content)
    assert (answer.status_code, response.HasField("partial_success")) == (200, False)


def test_fields_that_this_sdk_never_sends_come_back(server, api, service):
    link = Span.Link(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state="a=1,b=2", attributes=[attribute("k", "v")], dropped_attributes_count=3)
    sent = span(
        "by hand", kind=Span.SPAN_KIND_UNSPECIFIED, trace_state="x=y", flags=0x301, links=[link],
        dropped_attributes_count=1, dropped_events_count=2, dropped_links_count=4, parent_span_id=b"\x07" * 8,
    )  # fmt: skip
    answer = post(server.main, traces_request(service, [sent]).SerializeToString())
    assert answer.status_code == 200
    [found] = api.trace(sent.trace_id.hex(), 1)["spans"]
    assert {key: found[key] for key in found if key not in ("resource", "scope")} == {
        "span_id": sent.span_id.hex(), "parent_span_id": "07" * 8, "name": "by hand", "kind": "unspecified",
        "start_time_unix_nano": str(sent.start_time_unix_nano), "duration_ns": 1000, "status": {"code": "unset", "message": ""},
        "attributes": {}, "events": [], "trace_state": "x=y", "flags": 0x301,
        "links": [{"trace_id": "01" * 16, "span_id": "02" * 8, "trace_state": "a=1,b=2", "attributes": {"k": "v"}, "dropped_attributes_count": 3}],
        "dropped_attributes_count": 1, "dropped_events_count": 2, "dropped_links_count": 4,
    }  # fmt: skip


GOOD = traces_request("never stored", [span("good")]).SerializeToString()
BAD_REQUESTS = {
    "malformed protobuf": (400, code_pb2.INVALID_ARGUMENT, dict(body=b"\xff" * 64)),
    "cut off protobuf": (400, code_pb2.INVALID_ARGUMENT, dict(body=GOOD[:-1])),
    "malformed json": (400, code_pb2.INVALID_ARGUMENT, dict(body=b'{"resourceSpans":[', content_type=JSON)),
    "wrong json": (400, code_pb2.INVALID_ARGUMENT, dict(body=b'{"resourceSpans":7,"resourceLogs":7,"resourceMetrics":7}', content_type=JSON)),
    "not gzip": (400, code_pb2.INVALID_ARGUMENT, dict(body=GOOD, Content_Encoding="gzip")),
    "cut off gzip": (400, code_pb2.INVALID_ARGUMENT, dict(body=gzip.compress(GOOD)[:-9], Content_Encoding="gzip")),
    "unknown compression": (415, code_pb2.UNIMPLEMENTED, dict(body=GOOD, Content_Encoding="br")),
    "unknown media type": (415, code_pb2.UNIMPLEMENTED, dict(body=GOOD, content_type="text/plain")),
    "bad tenant": (400, code_pb2.INVALID_ARGUMENT, dict(body=GOOD, X_Scope_OrgID="a/b")),
}


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("listener", ["http", "main"])
@pytest.mark.parametrize("status, code, request_", BAD_REQUESTS.values(), ids=list(BAD_REQUESTS))
def test_a_refused_request_is_answered_with_a_status_that_clients_can_read(server, signal, listener, status, code, request_):
    answer = post(getattr(server, listener), path=f"/v1/{signal}", **request_)
    assert answer.status_code == status, answer.content
    expect_status(answer, code)


def expect_status(answer: requests.Response, code: int) -> status_pb2.Status:
    if answer.headers["content-type"] == PROTOBUF:
        found = status_pb2.Status.FromString(answer.content)
    else:
        assert answer.headers["content-type"] == JSON
        found = json_format.Parse(answer.content, status_pb2.Status())
    assert code_pb2.Code.Name(found.code) == code_pb2.Code.Name(code)
    assert found.message
    return found


SMALL = {"WATCHKEEP__LIMITS__BODY_BYTES_MAX": "1MiB", "WATCHKEEP__LIMITS__DECOMPRESSED_BYTES_MAX": "4MiB"}


@pytest.mark.parametrize("own_server", [SMALL], indirect=True, ids=["small"])
def test_a_grpc_message_that_is_too_big_is_refused_and_the_channel_lives_on(own_server, service):
    api = Api(own_server.main)
    too_big = traces_request(service, [span("too big", attributes=[attribute(f"k{at}", "v" * 1000) for at in range(5000)])])
    bomb = traces_request(service, [span("bomb", attributes=[attribute(f"k{at}", "v" * 1000) for at in range(5000)])])
    assert too_big.ByteSize() > 4 << 20
    states = []
    with grpc.insecure_channel(own_server.grpc) as channel:
        stub = TraceServiceStub(channel)
        stub.Export(traces_request(service, [span("before")]), timeout=10)
        channel.subscribe(states.append)
        for request, compression in [(too_big, grpc.Compression.NoCompression), (bomb, grpc.Compression.Gzip)]:
            with pytest.raises(grpc.RpcError) as error:
                stub.Export(request, timeout=20, compression=compression)
            assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, error.value.details()
            assert "limits." in error.value.details()
            stub.Export(traces_request(service, [span("after")]), timeout=10)
        # Nothing but the state at the time of subscribing: the connection was never given up.
        assert set(states) <= {grpc.ChannelConnectivity.READY}
    found = api.traces(3, service=service)
    assert sorted(trace["root_name"] for trace in found) == ["after", "after", "before"]


@pytest.mark.parametrize("own_server", [SMALL], indirect=True, ids=["small"])
def test_an_http_body_that_is_too_big_is_refused_with_an_answer(own_server):
    for body, encoding, key in [
        (b"\0" * (1 << 20) + b"\0", "identity", "limits.body_bytes_max"),
        (b"\0" * (20 << 20), "identity", "limits.body_bytes_max"),
        (gzip.compress(b"\0" * (5 << 20)), "gzip", "limits.decompressed_bytes_max"),
    ]:
        answer = post(own_server.http, body, Content_Encoding=encoding)
        assert answer.status_code == 413
        assert key in expect_status(answer, code_pb2.RESOURCE_EXHAUSTED).message


def test_methods_that_are_not_there_are_unimplemented(server):
    with grpc.insecure_channel(server.grpc) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export")
        with pytest.raises(grpc.RpcError) as error:
            call(b"", timeout=10)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
