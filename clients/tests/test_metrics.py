"""Metrics of the OpenTelemetry SDK for Python come back as series, point by point."""

import math
import time

import grpc
import pytest
from opentelemetry.metrics import Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics, Summary, SummaryDataPoint
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as RawResource
from opentelemetry.sdk.metrics import (
    Counter, Histogram, Meter, MeterProvider, ObservableCounter, ObservableGauge, ObservableUpDownCounter, UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from support.api import Api, eventually
from support.raw import attribute
from support.senders import GRPC, HTTP, WAYS, Senders
from support.server import Server

DELTA = {
    kind: AggregationTemporality.DELTA for kind in [Counter, Histogram, ObservableCounter, ObservableUpDownCounter, UpDownCounter]
}
BOUNDS = [0.1, 0.5, 1.0, 10.0]


class Metrics:
    """A meter whose metrics are sent when `collect` is called, and at the end."""

    def __init__(self, service: str, exporter, **options):
        self.service = service
        self.reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
        resource = Resource.create({"service.name": service, "service.instance.id": "i-1", "host.cpus": 8})
        self.provider = MeterProvider([self.reader], resource=resource, **options)
        self.meter: Meter = self.provider.get_meter("checkout.meter", "3.1")

    def collect(self) -> None:
        assert self.provider.force_flush(), "the exporter could not send everything"

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_) -> None:
        self.collect()
        self.provider.shutdown()


def value(api: Api, name: str, labels: dict[str, str], expect: float) -> None:
    """Waits until the newest point of the one series of these labels is `expect`."""

    def look() -> list | None:
        [series] = api.series(name, 1, labels)
        points = series["points"]
        return points if points and points[-1][1] == expect else None

    eventually(look, f"{name} {labels} at {expect}")


def labels_of(api: Api, name: str, labels: dict[str, str]) -> dict[str, str]:
    [series] = api.series(name, 1, labels)
    return series["labels"]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_kind_of_metric_comes_back(server: Server, api: Api, service: str, way):
    views = [
        View(instrument_name="*latency", aggregation=ExplicitBucketHistogramAggregation(BOUNDS)),
        View(instrument_name="*.size", aggregation=ExponentialBucketHistogramAggregation(max_size=160, max_scale=20)),
    ]
    # A metric's name belongs to this run, so that its kind and unit are told by this run.
    prefix = service.replace("-", "_")
    spans = TracerProvider().get_tracer("nobody sees these spans")
    with Metrics(service, Senders(server, way).metrics(), views=views) as made:
        requests = made.meter.create_counter(f"{prefix}.requests", "{request}", "Requests served")
        active = made.meter.create_up_down_counter(f"{prefix}.active", description="Requests being served")
        load = made.meter.create_gauge(f"{prefix}.load", "1", "How busy")
        latency = made.meter.create_histogram(f"{prefix}.latency", "s", "How long")
        size = made.meter.create_histogram(f"{prefix}.size", "By", "How big")
        made.meter.create_observable_counter(f"{prefix}.seen", [lambda _: [Observation(41, {"kind": "cat"}), Observation(1.5, {"kind": "dog"})]])
        made.meter.create_observable_gauge(f"{prefix}.heat", [lambda _: [Observation(-3.5)]], "Cel")
        with spans.start_as_current_span("serve") as span:
            requests.add(5, {"http.route": "/a", "ok": True, "status": 200})
            latency.record(0.25, {"route": "/a"})
            size.record(1000.0)
        requests.add(2, {"http.route": "/b", "ok": False, "status": 500})
        active.add(7)
        active.add(-9)
        load.set(0.75)
        for seconds in [0.05, 0.5, 0.7, 99.0]:
            latency.record(seconds, {"route": "/a"})
        for count in [0.0, 1.0, 1.0, 64.0]:
            size.record(count)
        made.collect()
        context = span.get_span_context()
        trace = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

        target = {"job": service, "instance": "i-1"}
        value(api, f"{prefix}_requests_total", {**target, "http_route": "/a"}, 5.0)
        value(api, f"{prefix}_requests_total", {**target, "http_route": "/b"}, 2.0)
        assert labels_of(api, f"{prefix}_requests_total", {"http_route": "/a"}) == {
            "__name__": f"{prefix}_requests_total", **target, "http_route": "/a", "ok": "true", "status": "200",
        }  # fmt: skip
        value(api, f"{prefix}_active", target, -2.0)
        value(api, f"{prefix}_load_ratio", target, 0.75)
        value(api, f"{prefix}_seen_total", {**target, "kind": "cat"}, 41.0)
        value(api, f"{prefix}_seen_total", {**target, "kind": "dog"}, 1.5)
        value(api, f"{prefix}_heat_celsius", target, -3.5)

        buckets = {"0.1": 1.0, "0.5": 3.0, "1": 4.0, "10": 4.0, "+Inf": 5.0}
        for bound, count in buckets.items():
            value(api, f"{prefix}_latency_seconds_bucket", {**target, "route": "/a", "le": bound}, count)
        api.series(f"{prefix}_latency_seconds_bucket", len(buckets), target)
        value(api, f"{prefix}_latency_seconds_count", target, 5.0)
        value(api, f"{prefix}_latency_seconds_sum", target, 0.25 + 0.05 + 0.5 + 0.7 + 99.0)

        expect_exponential(api, f"{prefix}_size_bytes", target)
        assert exemplars(api, f"{prefix}_requests_total", {"http_route": "/a"}) == [{"value": 5.0, **trace, "labels": {}}]
        assert {"value": 0.25, **trace, "labels": {}} in exemplars(api, f"{prefix}_latency_seconds_bucket", {"le": "0.5"})
        assert {"value": 1000.0, **trace, "labels": {}} in exemplars(api, f"{prefix}_size_bytes", target)

        families = [
            ("requests_total", "requests_total", "counter", "{request}", "Requests served"),
            ("active", "active", "gauge", "", "Requests being served"),
            ("load_ratio", "load_ratio", "gauge", "1", "How busy"),
            ("latency_seconds_bucket", "latency_seconds", "histogram", "s", "How long"),
            ("size_bytes", "size_bytes", "exponential_histogram", "By", "How big"),
            ("heat_celsius", "heat_celsius", "gauge", "Cel", ""),
        ]
        for name, family, kind, unit, help in families:
            metric = api.metric(f"{prefix}_{name}")
            found = [metric[key] for key in ["family", "kind", "unit", "help"]]
            assert found == [f"{prefix}_{family}", kind, unit, help]
        value(api, "target_info", target, 1.0)
        assert labels_of(api, "target_info", target)["host_cpus"] == "8"


def expect_exponential(api: Api, name: str, labels: dict[str, str]) -> None:
    [series] = api.series(name, 1, labels)
    _, histogram = series["histograms"][-1]
    values = [1000.0, 0.0, 1.0, 1.0, 64.0]
    assert (histogram["count"], histogram["sum"]) == (len(values), sum(values))
    buckets = [(float(lower), float(upper), count) for lower, upper, count in histogram["buckets"] if count]
    assert sum(count for *_, count in buckets) == len(values)
    for each in set(values):
        # The bucket of zero holds both its bounds, any other only the upper one.
        inside = [count for lower, upper, count in buckets if lower < each <= upper or lower <= each == 0 <= upper]
        assert sum(inside) == values.count(each), f"{each} in {buckets}"


def exemplars(api: Api, name: str, labels: dict[str, str]) -> list[dict]:
    [series] = api.series(name, 1, labels)
    return [{key: item for key, item in one.items() if key != "time_ms"} for one in series["exemplars"]]


@pytest.mark.parametrize("way", [GRPC, HTTP], ids=str)
def test_increments_become_running_totals(server: Server, api: Api, service: str, way):
    prefix = service.replace("-", "_")
    views = [
        View(instrument_name="*.wait", aggregation=ExplicitBucketHistogramAggregation([1.0])),
        View(instrument_name="*.size", aggregation=ExponentialBucketHistogramAggregation()),
    ]
    with Metrics(service, Senders(server, way).metrics(preferred_temporality=DELTA), views=views) as made:
        jobs = made.meter.create_counter(f"{prefix}.jobs")
        wait = made.meter.create_histogram(f"{prefix}.wait", "s")
        size = made.meter.create_histogram(f"{prefix}.size", "By")
        jobs_total = waits = 0
        for added in [5, 7, 100]:
            jobs.add(added, {"queue": "q"})
            wait.record(0.5)
            wait.record(added)
            size.record(added)
            made.collect()
            jobs_total, waits = jobs_total + added, waits + 1
            value(api, f"{prefix}_jobs_total", {"queue": "q"}, float(jobs_total))
            value(api, f"{prefix}_wait_seconds_bucket", {"le": "1"}, float(waits))
            value(api, f"{prefix}_wait_seconds_count", {}, 2.0 * waits)
            value(api, f"{prefix}_wait_seconds_sum", {}, 0.5 * waits + jobs_total)
    [series] = api.series(f"{prefix}_size_bytes", 1, {})
    _, histogram = series["histograms"][-1]
    assert (histogram["count"], histogram["sum"]) == (3, 112.0)


def test_cumulative_points_keep_their_times_and_order(server: Server, api: Api, service: str):
    prefix = service.replace("-", "_")
    with Metrics(service, Senders(server, HTTP).metrics()) as made:
        counter = made.meter.create_counter(f"{prefix}.ticks")
        for expect in [1.0, 2.0, 3.0]:
            counter.add(1)
            made.collect()
            value(api, f"{prefix}_ticks_total", {"job": service}, expect)
    now = time.time_ns()
    # Steps of a millisecond show every point.
    start, end = now - 8 * 10**9, now + 10**9
    [series] = api.series(f"{prefix}_ticks_total", 1, {"job": service}, start=start, end=end, step="1ms")
    times = [at for at, _ in series["points"]]
    values = [point for _, point in series["points"]]
    assert times == sorted(times)
    assert values[:3] == [1.0, 2.0, 3.0]
    assert all(start // 10**6 <= at <= end // 10**6 for at in times)


def test_a_summary_which_no_sdk_makes_comes_back(server: Server, api: Api, service: str):
    prefix = service.replace("-", "_")
    quantiles = [SummaryDataPoint.ValueAtQuantile(quantile=at, value=seconds) for at, seconds in [(0.5, 0.2), (0.99, 1.5), (1.0, 3.0)]]
    point = SummaryDataPoint(time_unix_nano=time.time_ns(), count=7, sum=4.5, quantile_values=quantiles, attributes=[attribute("route", "/a")])
    metric = Metric(name=f"{prefix}.took", unit="s", summary=Summary(data_points=[point]))
    resource = RawResource(attributes=[attribute("service.name", service)])
    scope_metrics = ScopeMetrics(metrics=[metric])
    request = ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=[scope_metrics])])
    with grpc.insecure_channel(server.grpc) as channel:
        response = MetricsServiceStub(channel).Export(request, timeout=10)
    assert not response.HasField("partial_success")
    labels = {"job": service, "route": "/a"}
    for at, seconds in [("0.5", 0.2), ("0.99", 1.5), ("1", 3.0)]:
        value(api, f"{prefix}_took_seconds", {**labels, "quantile": at}, seconds)
    value(api, f"{prefix}_took_seconds_count", labels, 7.0)
    value(api, f"{prefix}_took_seconds_sum", labels, 4.5)
    assert api.metric(f"{prefix}_took_seconds")["kind"] == "summary"


def test_labels_of_any_script_come_back_and_are_found_by(server: Server, api: Api, service: str):
    prefix = service.replace("-", "_")
    texts = ["🕵🏽‍♀️ agent", "a=b", '"quoted" \\ {}', "שלום", "two\nlines"]
    with Metrics(service, Senders(server, GRPC).metrics()) as made:
        counter = made.meter.create_counter(f"{prefix}.seen")
        for number, text in enumerate(texts):
            counter.add(number + 1, {"what.it.is": text})
        made.collect()
        for number, text in enumerate(texts):
            value(api, f"{prefix}_seen_total", {"what_it_is": text}, number + 1.0)
    listed = {one["name"]: one["values"] for one in api.get("/metrics/labels", name=f"{prefix}_seen_total")["labels"]}
    assert sorted(listed["what_it_is"]) == sorted(texts)
    assert listed["job"] == [service]
