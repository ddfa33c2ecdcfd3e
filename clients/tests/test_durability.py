"""What was acknowledged is there after a stop and a start."""

import threading
import time

from opentelemetry.sdk.trace.export import SpanExportResult

from support import expected
from support.api import Api, eventually
from support.senders import GRPC, HTTP, Senders
from support.tracing import Tracing, trace_id_of, tracing
from test_logs import Logging, assert_found
from test_metrics import DELTA, Metrics, value
from test_traces import make_every_kind_of_span


def test_sigterm_flushes_and_a_restart_finds_everything(own_server, service):
    began = time.time_ns()
    with tracing(service, Senders(own_server, GRPC).spans()) as traces:
        make_every_kind_of_span(traces.tracer)
    with Logging(service, Senders(own_server, HTTP).logs()) as logs:
        for number in range(20):
            logs.logger.emit(timestamp=began + number, body={"number": number})
    with Metrics(service, Senders(own_server, HTTP).metrics()) as metrics:
        metrics.meter.create_counter("jobs", description="Jobs done").add(3)
        metrics.meter.create_histogram("wait").record(0.5)
    own_server.stop()
    own_server.start()
    stores = own_server.status()["stores"]
    rows = {name: (store["rows_in_memory"], store["rows_on_disk"] > 0) for name, store in stores.items()}
    assert rows == {"spans": (0, True), "logs": (0, True), "metrics": (0, True)}, "SIGTERM wrote everything to parts"
    api = Api(own_server.main)
    sent = traces.sent()
    expected.assert_same_trace(api.trace(trace_id_of(sent[0]), len(sent)), sent)
    assert_found(api.logs(20, service=service, start=began, end=began + 20), logs.sent())
    value(api, "jobs_total", {"job": service}, 3.0)
    value(api, "wait_count", {"job": service}, 1.0)
    known = api.metric("jobs_total")
    assert [known[key] for key in ["kind", "unit", "help"]] == ["counter", "", "Jobs done"]
    assert service in api.get("/services")["services"]


def test_running_totals_of_increments_start_again_after_a_restart(own_server, service):
    for added in [5, 7]:
        with Metrics(service, Senders(own_server, HTTP).metrics(preferred_temporality=DELTA)) as metrics:
            metrics.meter.create_counter("jobs").add(added)
        # FIXME: 12 after the restart. As 7 is no less than 5, no query can see that the total started
        # again, and an increase of 2 is found where 7 were counted.
        value(Api(own_server.main), "jobs_total", {"job": service}, float(added))
        own_server.stop()
        own_server.start()


def test_spans_acknowledged_while_the_server_stops_are_kept(own_server, service):
    acknowledged, enough = [], threading.Event()

    def send() -> None:
        exporter = Senders(own_server, HTTP).spans(timeout=1)
        made = Tracing(service)
        while True:
            made.tracer.start_span("one").end()
            span = made.sent()[-1]
            if exporter.export([span]) is not SpanExportResult.SUCCESS:
                return
            acknowledged.append(span)
            if len(acknowledged) > 200:
                enough.set()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    own_server.signal_stop()
    for thread in threads:
        thread.join()
    own_server.wait_stopped()
    own_server.start()
    api = Api(own_server.main)
    kept = eventually(lambda: all_trace_ids(api, service), "a list of traces")
    assert {trace_id_of(span) for span in acknowledged} <= kept
    for span in acknowledged[:: len(acknowledged) // 20]:
        expected.assert_same_trace(api.trace(trace_id_of(span), 1), [span])


def all_trace_ids(api: Api, service: str) -> set[str]:
    ids, query = set(), {}
    while True:
        page = api.get("/traces", service=service, limit=1000, **query)
        ids |= {trace["trace_id"] for trace in page["traces"]}
        if page["next_cursor"] is None:
            return ids
        query = {"cursor": page["next_cursor"]}
