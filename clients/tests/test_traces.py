"""Traces of the OpenTelemetry SDK for Python come back as they were made."""

import threading
import time

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from support import expected
from support.api import exactly, eventually
from support.senders import GRPC, HTTP, WAYS, Senders
from support.tracing import trace_id_of, tracing

EVERY_TYPE = {
    "text": "plain",
    "text.empty": "",
    "true": True,
    "false": False,
    "int": 42,
    "int.zero": 0,
    "int.least": -(2**63),
    "int.most": 2**63 - 1,
    "int.past.double": 2**53 + 1,
    "double": 0.1,
    "double.whole": 1.0,
    "double.tiny": 5e-324,
    "double.huge": 1.7976931348623157e308,
    "double.negative.zero": -0.0,
    "double.nan": float("nan"),
    "double.infinite": float("inf"),
    "double.negative.infinite": float("-inf"),
    "bytes": bytes(range(256)),
    "bytes.empty": b"",
    "texts": ["a", "", "c"],
    "ints": [1, -2, 3],
    "doubles": [1.0, 2.5],
    "bools": [True, False],
    "nothing.in.it": [],
    "map": {"deep": {"deeper": [1, 2.0, "three", False, {"four": b"\x00\xff"}]}},
}

REMOTE_PARENT = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7, True, TraceFlags(1))


def make_every_kind_of_span(tracer: trace.Tracer) -> None:
    state = TraceState([("vendor", "t61rcWkgMzE"), ("other", "00f067aa0ba902b7")])
    linked = SpanContext(0xABCDEF, 0x123, True, TraceFlags(1), TraceState([("linked", "yes")]))
    with tracer.start_as_current_span("GET /checkout", kind=SpanKind.SERVER, attributes=EVERY_TYPE) as root:
        root.add_event("cache miss", EVERY_TYPE, timestamp=1_700_000_000_123_456_789)
        root.add_event("no attributes")
        root.set_status(StatusCode.OK)
        for kind in [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]:
            with tracer.start_as_current_span(f"child {kind.name}", kind=kind, links=[Link(linked, EVERY_TYPE)]):
                pass
        try:
            with tracer.start_as_current_span("fails"):
                raise ValueError("the card was declined")
        except ValueError:
            pass
        with tracer.start_as_current_span("error without words") as span:
            span.set_status(Status(StatusCode.ERROR))
        instant = time.time_ns()
        tracer.start_span("ends as it starts", start_time=instant).end(instant)
        with tracer.start_as_current_span("with state", context=trace.set_span_in_context(NonRecordingSpan(
            SpanContext(root.get_span_context().trace_id, root.get_span_context().span_id, True, TraceFlags(1), state)
        ))):
            pass


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_field_of_every_span_comes_back(server, api, service, way):
    resource = {"service.version": "1.2.3", "host.cpus": 8, "labels": ["a", "b"], "ratio": 0.5}
    with tracing(service, Senders(server, way).spans(), resource=resource) as made:
        make_every_kind_of_span(made.tracer)
        made.flush()
    sent = made.sent()
    assert len({trace_id_of(span) for span in sent}) == 1
    expected.assert_same_trace(api.trace(trace_id_of(sent[0]), len(sent)), sent)


def test_a_trace_is_listed_with_its_root_and_figures(server, api, service):
    with tracing(service, Senders(server, HTTP).spans()) as made:
        with made.tracer.start_as_current_span("root") as root:
            with made.tracer.start_as_current_span("good"):
                pass
            with made.tracer.start_as_current_span("bad") as bad:
                bad.set_status(StatusCode.ERROR, "no")
    spans = {span.name: span for span in made.sent()}
    [listed] = eventually(
        lambda: (found := exactly(api.get("/traces", service=service)["traces"], 1))
        and (found if found[0]["span_count"] == 3 else None),
        "the trace with its three spans",
    )
    expected.assert_same(listed, {
        "trace_id": trace_id_of(root),
        "root_service": service,
        "root_name": "root",
        "start_time_unix_nano": str(spans["root"].start_time),
        "duration_ns": spans["root"].end_time - spans["root"].start_time,
        "span_count": 3,
        "error_count": 1,
        "services": [{"name": service, "span_count": 3, "error_count": 1}],
        "root_missing": False,
    })
    assert service in api.get("/services")["services"]


def test_a_trace_over_two_services_is_one_trace(server, api, service):
    front, back = f"{service}-front", f"{service}-back"
    with tracing(front, Senders(server, GRPC).spans()) as caller, tracing(back, Senders(server, HTTP).spans()) as callee:
        with caller.tracer.start_as_current_span("call", kind=SpanKind.CLIENT) as call:
            seen = call.get_span_context()
            remote = NonRecordingSpan(SpanContext(seen.trace_id, seen.span_id, True, seen.trace_flags))
            with callee.tracer.start_as_current_span("serve", trace.set_span_in_context(remote), SpanKind.SERVER):
                pass
    sent = caller.sent() + callee.sent()
    expected.assert_same_trace(api.trace(trace_id_of(call), 2), sent)
    [listed] = api.traces(1, service=back)
    counts = {one["name"]: one["span_count"] for one in listed["services"]}
    assert (listed["root_service"], counts) == (front, {front: 1, back: 1})


def test_a_span_whose_parent_is_elsewhere_says_so(server, api, service):
    context = trace.set_span_in_context(NonRecordingSpan(REMOTE_PARENT))
    with tracing(service, Senders(server, GRPC).spans()) as made:
        with made.tracer.start_as_current_span("handle", context, SpanKind.SERVER):
            pass
    [listed] = api.traces(1, service=service)
    assert (listed["trace_id"], listed["root_missing"]) == ("0af7651916cd43dd8448eb211c80319c", True)
    expected.assert_same_trace(api.trace(listed["trace_id"], 1), made.sent())


TEXTS = {
    "emoji": "🕵🏽‍♀️ agent ✓",
    "beyond the basic plane": "𝒻𝒶𝓃𝒸𝓎 𠜎",
    "combining": "e\u0301 and \u00e9 are not one",
    "right to left": "\u202eשלום مرحبا\u202c",
    "control characters": "a\x00b\x01\x1f\x7f\u0085\u2028",
    "json": '{"quoted": "\\"\\\\\\u0041"}\n\t\r',
    "markup": "<script>alert('&amp;')</script>",
    "last and bom": "\uffff\ufeff\ufffd",
    "percent and plus": "100%25 a+b&c=d#e",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
@pytest.mark.parametrize("way", [GRPC, HTTP], ids=str)
def test_text_of_any_script_comes_back_and_is_found_by(server, api, service, way, text):
    named = f"{service} {text}"
    with tracing(named, Senders(server, way).spans(), resource={f"resource {text}": text}) as made:
        with made.tracer.start_as_current_span(text, attributes={f"key {text}": text, "list": [text]}) as span:
            span.add_event(text, {text: text})
            span.set_status(StatusCode.ERROR, text)
    [listed] = api.traces(1, service=named, name=text)
    expected.assert_same_trace(api.trace(listed["trace_id"], 1), made.sent())
    assert named in api.get("/services")["services"]
    assert listed["root_name"] == text
    # The first "=" ends a filter's key.
    if "=" not in text:
        api.traces(1, service=named, attribute=[f"key {text}={text}", f"resource {text}={text}"])


def test_a_search_by_attribute_tells_values_apart(server, api, service):
    wanted = {"text": "x y", "int": 7, "double": 2.5, "bool": True}
    with tracing(service, Senders(server, HTTP).spans(), resource={"zone": "eu-1"}) as made:
        with made.tracer.start_as_current_span("wanted", attributes=wanted):
            pass
        with made.tracer.start_as_current_span("other", attributes={"text": "x", "int": 77, "double": 2.0, "bool": False}):
            pass
    api.traces(2, service=service)
    for filter in ["text=x y", "int=7", "double=2.5", "bool=true"]:
        [listed] = api.traces(1, service=service, attribute=filter)
        assert listed["root_name"] == "wanted", filter
    api.traces(1, service=service, attribute=[f"{key}={value}" for key, value in [("int", 7), ("text", "x y"), ("zone", "eu-1")]])
    api.traces(2, service=service, attribute="zone=eu-1")
    api.traces(0, service=service, attribute=["int=7", "text=x"])


def test_a_trace_of_2000_spans_comes_back_whole(server, api, service):
    with tracing(service, Senders(server, GRPC).spans()) as made:
        with made.tracer.start_as_current_span("root") as root:
            for group in range(20):
                with made.tracer.start_as_current_span(f"group {group}"):
                    for step in range(99):
                        with made.tracer.start_as_current_span("step", attributes={"group": group, "step": step}):
                            pass
                made.tracer.start_span(f"beside {group}").end()
        made.flush()
    sent = made.sent()
    assert len(sent) == 1 + 20 * 101
    expected.assert_same_trace(api.trace(trace_id_of(root), len(sent)), sent)
    [listed] = api.traces(1, service=service)
    assert listed["span_count"] == len(sent)


def test_many_exporters_at_one_time_lose_and_double_nothing(server, api, service):
    exporters, traces_each = 8, 40
    made = []
    failed = []

    def run(number: int) -> None:
        way = WAYS[number % len(WAYS)]
        exporter = Senders(server, way).spans()
        with tracing(service, exporter, resource={"worker": number}) as mine:
            made.append(mine)
            for count in range(traces_each):
                with mine.tracer.start_as_current_span(f"root {count}"):
                    with mine.tracer.start_as_current_span("child"):
                        pass
                # Every few traces are a request of their own.
                if count % 4 == 0 and not mine.provider.force_flush():
                    failed.append(way)

    threads = [threading.Thread(target=run, args=[number]) for number in range(exporters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    sent = {}
    for span in (span for mine in made for span in mine.sent()):
        sent.setdefault(trace_id_of(span), []).append(span)
    assert len(sent) == exporters * traces_each
    listed = api.traces(len(sent), service=service, limit=1000)
    assert {one["trace_id"] for one in listed} == set(sent)
    for trace_id, spans in sent.items():
        expected.assert_same_trace(api.trace(trace_id, 2), spans)


def test_the_list_turns_its_pages(server, api, service):
    with tracing(service, Senders(server, HTTP).spans()) as made:
        for number in range(25):
            made.tracer.start_span(f"trace {number}").end()
    api.traces(25, service=service)
    seen, cursor = [], None
    while True:
        query = {"cursor": cursor} if cursor else {}
        page = api.get("/traces", service=service, limit=10, **query)
        seen += [one["trace_id"] for one in page["traces"]]
        if (cursor := page["next_cursor"]) is None:
            break
    newest_first = sorted(made.sent(), key=lambda span: -span.start_time)
    assert seen == [trace_id_of(span) for span in newest_first]


def test_spans_that_are_sent_again_are_shown_once(server, api, service):
    """An exporter whose answer got lost sends the same request again."""
    exporter = Senders(server, HTTP).spans()
    with tracing(service) as made:
        with made.tracer.start_as_current_span("root") as root:
            made.tracer.start_span("child").end()
    for _ in range(2):
        assert exporter.export(made.sent()) is SpanExportResult.SUCCESS
    exporter.shutdown()
    shown = api.trace(trace_id_of(root), 2)["spans"]
    assert sorted(span["name"] for span in shown) == ["child", "root"]
