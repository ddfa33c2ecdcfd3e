"""Two tenants on one server never see each other's data."""

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from support import expected
from support.api import Api
from support.senders import GRPC, HTTP, Senders
from support.tracing import trace_id_of, tracing
from test_metrics import Metrics, value

TENANTS = ["acme", "umbrella"]


@pytest.mark.parametrize("way", [GRPC, HTTP], ids=str)
def test_tenants_are_apart_in_every_signal(server, api, service, way):
    """They even use one service name, and one trace id."""
    prefix = service.replace("-", "_")
    sent = {}
    for number, tenant in enumerate(TENANTS):
        senders = Senders(server, way, tenant)
        with tracing(service, senders.spans()) as made:
            if sent:
                made.provider.id_generator.generate_trace_id = lambda: sent[TENANTS[0]][0].get_span_context().trace_id
                made.tracer.id_generator.generate_trace_id = made.provider.id_generator.generate_trace_id
            made.tracer.start_span(f"work of {tenant}").end()
        sent[tenant] = made.sent()
        logs = LoggerProvider(resource=Resource.create({"service.name": service}))
        logs.add_log_record_processor(SimpleLogRecordProcessor(senders.logs()))
        logs.get_logger("l").emit(body=f"words of {tenant}")
        logs.shutdown()
        with Metrics(service, senders.metrics()) as metrics:
            metrics.meter.create_counter(f"{prefix}.{tenant}").add(number + 1)
            metrics.meter.create_counter(f"{prefix}.both").add(number + 1)

    assert trace_id_of(sent["acme"][0]) == trace_id_of(sent["umbrella"][0])
    for number, (tenant, other) in enumerate(zip(TENANTS, reversed(TENANTS))):
        mine = Api(server.main, tenant)
        expected.assert_same_trace(mine.trace(trace_id_of(sent[tenant][0]), 1), sent[tenant])
        [listed] = mine.traces(1, service=service)
        assert listed["root_name"] == f"work of {tenant}"
        [record] = mine.logs(1, service=service)
        assert record["body"] == f"words of {tenant}"
        value(mine, f"{prefix}_both_total", {"job": service}, number + 1.0)
        value(mine, f"{prefix}_{tenant}_total", {"job": service}, number + 1.0)
        names = {metric["name"] for metric in mine.get("/metrics", search=prefix)["metrics"]}
        assert names == {f"{prefix}_both_total", f"{prefix}_{tenant}_total"}, other
    # Nobody said "default", which is what the API takes when nothing is said.
    assert api.ask(f"/traces/{trace_id_of(sent['acme'][0])}").status_code == 404
    assert service not in api.get("/services")["services"]
    assert api.get("/logs", service=service)["logs"] == []
    assert api.get("/metrics", search=prefix)["metrics"] == []
