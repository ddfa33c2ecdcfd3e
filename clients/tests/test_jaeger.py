"""Traces that Jaeger's clients and exporters send come back from the native API as they were made."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import requests
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from support import expected
from support.trace_apis import assert_told_everywhere
from support.tracing import trace_id_of, tracing

CLIENTS = Path(__file__).parent.parent


def send(way: str, service: str, address: str) -> list[dict]:
    """What a program with an exporter of another time says that it sent."""
    command = [os.environ["WATCHKEEP_OLDER_PYTHON"], CLIENTS / "older" / "send.py", way, service, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def micros(nanoseconds: int) -> int:
    """As the exporters round."""
    return (nanoseconds + 500) // 1000


def kept(nanoseconds: int, way: str) -> int:
    """What is left of a time: Thrift has microseconds, protobuf nanoseconds."""
    return nanoseconds if way == "collector-grpc" else micros(nanoseconds) * 1000


def settle_times(found: dict, expect: dict) -> None:
    """The exporter over gRPC reckons with doubles, which have room for half a microsecond today."""
    for name in ["start_time_unix_nano", "duration_ns", "time_unix_nano"]:
        if name in expect and abs(int(found[name]) - int(expect[name])) < 1000:
            found[name] = expect[name]


def event(given: dict, way: str) -> dict:
    # This exporter says the name of an event as the field `message`, where Jaeger has `event`.
    return {
        "time_unix_nano": str(kept(given["time"], way)),
        "name": "",
        "attributes": {**given["attributes"], "message": given["name"]},
        "dropped_attributes_count": 0,
    }


def link(given: dict) -> dict:
    return {
        **given,
        "trace_state": "",
        "attributes": {"opentracing.ref_type": "follows_from"},
        "dropped_attributes_count": 0,
    }


def span(given: dict, service: str, way: str) -> dict:
    return {
        "span_id": given["span_id"],
        "parent_span_id": given["parent_span_id"],
        "name": given["name"],
        "kind": given["kind"],
        "start_time_unix_nano": str(kept(given["start"], way)),
        "duration_ns": kept(given["end"] - given["start"], way),
        "status": given["status"],
        "resource": {"service": service},
        "scope": {**given["scope"], "attributes": {}},
        # This exporter sends the resource as tags of each span.
        "attributes": {**given["attributes"], **given["resource"]},
        "events": [event(one, way) for one in given["events"]],
        "links": [link(one) for one in given["links"]],
        "trace_state": "",
        "flags": 1,
        "dropped_attributes_count": 0,
        "dropped_events_count": 0,
        "dropped_links_count": 0,
    }


@pytest.mark.parametrize(
    ("way", "listener"),
    [
        ("agent", "jaeger-agent-compact"),
        ("collector", "jaeger-http"),
        ("collector", "main"),
        ("collector-grpc", "jaeger-grpc"),
        ("collector-grpc", "otlp-grpc"),
        ("collector-grpc", "main"),
    ],
)
def test_every_field_of_every_span_comes_back(server, api, service, way, listener):
    sent = send(way, service, server.address(listener))
    assert len({one["trace_id"] for one in sent}) == 1
    trace = api.trace(sent[0]["trace_id"], len(sent))
    assert_told_everywhere(server, trace)
    found = expected.found_spans(trace)
    for one in found.values():
        # Where the exporter ran is in the process, and no part of what was made.
        one["resource"] = {"service": one["resource"]["service"]}
    expect = {one["span_id"]: span(one, service, way) for one in sent}
    if way == "collector-grpc":
        for span_id in found.keys() & expect.keys():
            settle_times(found[span_id], expect[span_id])
            for pair in zip(found[span_id]["events"], expect[span_id]["events"]):
                settle_times(*pair)
    expected.assert_same(found, expect)


def test_spans_of_jaegers_own_client_come_back(server, api, service):
    packets, sampling = server.address("jaeger-agent-compact"), server.address("jaeger-agent-http")
    root, child = send("jaeger-client", service, f"{packets}:{sampling.split(':')[1]}")
    trace = api.trace(root["trace_id"], 2)
    assert_told_everywhere(server, trace)
    found = expected.found_spans(trace)
    for one in [root, child]:
        got = found[one["span_id"]]
        assert (got["name"], got["parent_span_id"]) == (one["name"], one["parent_span_id"])
        assert got["resource"]["service"] == service
        # The client keeps seconds as a double, which is good to a microsecond or so.
        assert abs(int(got["start_time_unix_nano"]) - one["start"] * 1000) <= 2000
        assert abs(got["duration_ns"] - (one["end"] - one["start"]) * 1000) <= 2000
    work, fails = found[root["span_id"]], found[child["span_id"]]
    assert work["kind"] == "server"
    tags = {key: work["attributes"][key] for key in ["text", "true", "int", "double"]}
    expected.assert_same(tags, {"text": "plain", "true": True, "int": 7, "double": 0.5})
    [event] = work["events"]
    assert (event["name"], event["attributes"]) == ("cache miss", {"key": "a"})
    assert fails["status"]["code"] == "error" and "error" not in fails["attributes"]
    assert "host.name" in work["resource"]["attributes"]


def test_otlp_is_taken_on_the_port_of_jaegers_collector(server, api, service):
    exporter = OTLPSpanExporter(f"http://{server.address('jaeger-grpc')}", insecure=True)
    with tracing(service, exporter) as made:
        with made.tracer.start_as_current_span("agent run"):
            pass
        made.flush()
    [sent] = made.sent()
    trace = api.trace(trace_id_of(sent), 1)
    expected.assert_same_trace(trace, [sent])
    assert_told_everywhere(server, trace)


def test_clients_learn_how_to_sample(server):
    address = server.address("jaeger-agent-http")
    answer = requests.get(f"http://{address}/sampling", params={"service": "any"}, timeout=5)
    expect = {"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": 1}}
    assert (answer.status_code, answer.json()) == (200, expect)
