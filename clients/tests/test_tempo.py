"""Clients of Tempo work against the server: Grafana's streaming over gRPC, and whole traces in protobuf."""

import time

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.trace import SpanKind, Status, StatusCode

from support.api import eventually, session
from support.senders import HTTP, Senders
from support.server import Server
from support.tempo import Streaming
from support.tracing import trace_id_of, tracing

SECOND = 10**9


@pytest.fixture(params=[grpc.Compression.NoCompression, grpc.Compression.Gzip])
def streaming(server: Server, request: pytest.FixtureRequest):
    made = Streaming(server.main, request.param)
    yield made
    made.close()


def send_traces(server: Server, service: str, count: int):
    """Traces of a root and a child that failed; returns the spans by trace."""
    with tracing(service, Senders(server, HTTP).spans()) as made:
        for number in range(count):
            with made.tracer.start_as_current_span("root", kind=SpanKind.SERVER, attributes={"number": number}) as root:
                with made.tracer.start_as_current_span("child", kind=SpanKind.CLIENT) as child:
                    child.set_status(Status(StatusCode.ERROR, "no"))
        made.flush()
        traces: dict[str, list] = {}
        for span in made.sent():
            traces.setdefault(trace_id_of(span), []).append(span)
    return traces


def test_searches_stream_traces_newest_first(server: Server, service: str, streaming: Streaming) -> None:
    sent = send_traces(server, service, 120)
    query = f'{{ resource.service.name = "{service}" && status = error }}'

    def answers() -> list:
        return list(streaming.ask("Search", query=query, limit=100, spss=1))

    eventually(lambda: sum(len(answer.traces) for answer in answers()) == 100 or None, "100 traces")
    found = answers()
    assert len(found) > 1, "traces come as they are found"
    assert (found[-1].metrics.completed, found[-1].metrics.total) == (1, 1)
    traces = [trace for answer in found for trace in answer.traces]
    assert {trace.id for trace in traces} <= set(sent)
    starts = [trace.start for trace in traces]
    assert starts == sorted(starts, reverse=True)
    for trace in traces:
        assert (trace.root_service, trace.root_name) == (service, "root")
        child = next(span for span in sent[trace.id] if span.name == "child")
        (only,) = trace.sets
        assert (only.matched, [span.id for span in only.spans]) == (1, [f"{child.context.span_id:016x}"])


def test_lists_and_numbers_come_over_grpc(server: Server, service: str, streaming: Streaming) -> None:
    send_traces(server, service, 3)
    of_service = f'{{ resource.service.name = "{service}" }}'
    values = lambda: [v.value for a in streaming.ask("SearchTagValuesV2", name="name", query=of_service) for v in a.values]  # noqa: E731
    eventually(lambda: values() == ["child", "root"] or None, "the names of both spans")
    (tags,) = streaming.ask("SearchTagsV2", query=of_service, scope="span")
    assert [(scope.name, list(scope.tags)) for scope in tags.scopes] == [("span", ["number"])]
    now = time.time_ns()
    metric = {"query": f"{of_service} | count_over_time()", "start": now - 600 * SECOND, "end": now + 60 * SECOND}
    (counted,) = streaming.ask("MetricsQueryInstant", **metric)
    assert [series.value for series in counted.series] == [6]
    (steps,) = streaming.ask("MetricsQueryRange", step=60 * SECOND, **{**metric, "end": now})
    assert len(steps.series) == 1


def test_what_is_wrong_ends_the_call_with_its_code(server: Server, streaming: Streaming) -> None:
    for fields, code, words in [
        ({"query": "{"}, grpc.StatusCode.INVALID_ARGUMENT, "invalid TraceQL query: parse error at line 1"),
        ({"query": "{}", "start": 9, "end": 8}, grpc.StatusCode.INVALID_ARGUMENT, "start must be before end"),
        ({"query": "{}", "tenant": "a/b"}, grpc.StatusCode.INVALID_ARGUMENT, "tenant"),
    ]:
        with pytest.raises(grpc.RpcError) as raised:
            list(streaming.ask("Search", **fields))
        assert raised.value.code() == code
        assert words in raised.value.details()
    with pytest.raises(grpc.RpcError) as raised:
        list(streaming.channel.unary_stream("/tempopb.StreamingQuerier/Nothing")(b""))
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_trace_in_protobuf_is_what_the_sdk_sent(server: Server, service: str) -> None:
    ((trace_id, spans),) = send_traces(server, service, 1).items()
    path = f"http://{server.main}/tempo/api/traces/{trace_id}"
    protobuf = {"Accept": "application/protobuf"}
    ask = lambda: session.get(path, headers=protobuf, timeout=30)  # noqa: E731
    answer = eventually(lambda: found if (found := ask()).ok else None, f"trace {trace_id}")
    found = TracesData.FromString(answer.content)
    sent = encode_spans(spans)

    def flat(groups):
        return {
            span.span_id: (group.resource.SerializeToString(), scope.scope.SerializeToString(), span)
            for group in groups
            for scope in group.scope_spans
            for span in scope.spans
        }

    found, sent = flat(found.resource_spans), flat(sent.resource_spans)
    assert found.keys() == sent.keys()
    for span_id, (resource, scope, span) in sent.items():
        if not span.status.code:
            # A status that says nothing is none.
            span.ClearField("status")
        assert found[span_id] == (resource, scope, span)
