"""Log records of the OpenTelemetry SDK for Python come back as they were made."""

import logging
import time

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from support import expected
from support.senders import GRPC, HTTP, WAYS, Senders
from test_traces import EVERY_TYPE, TEXTS

NOW = time.time_ns()

BODIES = ["words", "", "две строки\nи 🕵🏽", 7, -(2**63), 1.0, float("nan"), True, b"\x00\xff", ["a", 1, None], {"nested": {"deep": [1, 2.5]}}, {}, None]

LEVELS = {
    SeverityNumber.UNSPECIFIED: "unknown", SeverityNumber.TRACE: "trace", SeverityNumber.TRACE4: "trace",
    SeverityNumber.DEBUG: "debug", SeverityNumber.INFO: "info", SeverityNumber.INFO2: "info",
    SeverityNumber.WARN: "warn", SeverityNumber.ERROR: "error", SeverityNumber.ERROR4: "error",
    SeverityNumber.FATAL: "fatal", SeverityNumber.FATAL4: "fatal",
}  # fmt: skip


class Logging:
    def __init__(self, service: str, exporter, resource: dict | None = None):
        self.provider = LoggerProvider(resource=Resource.create({"service.name": service, **(resource or {})}))
        self.kept = InMemoryLogRecordExporter()
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.kept))
        self.provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self.logger = self.provider.get_logger("checkout.logger", "0.9", attributes={"scope.flavour": "mint"})

    def sent(self) -> tuple[ReadableLogRecord, ...]:
        return self.kept.get_finished_logs()

    def __enter__(self) -> "Logging":
        return self

    def __exit__(self, *_) -> None:
        self.provider.shutdown()


def shown(record: ReadableLogRecord) -> dict:
    """A record as the API shows it, but for its opaque id."""
    log = record.log_record
    number = log.severity_number or SeverityNumber.UNSPECIFIED
    return {
        # A record without a time has that of its observation.
        "time_unix_nano": str(log.timestamp or log.observed_timestamp),
        "observed_time_unix_nano": str(log.observed_timestamp),
        "level": LEVELS[number],
        "severity_text": log.severity_text or "",
        "severity_number": number.value,
        "service": record.resource.attributes["service.name"],
        "body": expected.value(log.body),
        "event_name": log.event_name or "",
        "attributes": expected.attributes(log.attributes),
        "resource": expected.attributes(record.resource.attributes),
        "scope": expected.scope(record.instrumentation_scope),
        "trace_id": f"{log.trace_id:032x}" if log.trace_id else None,
        "span_id": f"{log.span_id:016x}" if log.span_id else None,
        "flags": int(log.trace_flags or 0),
        "dropped_attributes_count": record.dropped_attributes,
    }


def assert_found(found: list[dict], sent: tuple[ReadableLogRecord, ...]) -> None:
    assert len({record["id"] for record in found}) == len(found), "ids are unique"
    plain = [{key: value for key, value in record.items() if key != "id"} for record in found]
    expected.assert_same(plain, sorted(map(shown, sent), key=lambda record: int(record["time_unix_nano"])))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_field_of_every_record_comes_back(server, api, service, way):
    spans = TracerProvider().get_tracer("nobody sees these spans")
    with Logging(service, Senders(server, way).logs(), {"service.version": "1.2.3", "host.cpus": 8}) as made:
        for at, body in enumerate(BODIES):
            made.logger.emit(timestamp=NOW + at, body=body, severity_number=SeverityNumber.INFO, severity_text="Info")
        for at, number in enumerate(LEVELS):
            made.logger.emit(timestamp=NOW + 100 + at, body=number.name, severity_number=number)
        with spans.start_as_current_span("acting"):
            made.logger.emit(timestamp=NOW + 200, body="inside a span", attributes=EVERY_TYPE)
        made.logger.emit(timestamp=NOW + 300, event_name="gen_ai.choice", body={"finish_reason": "stop"})
        made.logger.emit(body="without a time")
    sent = made.sent()
    assert_found(api.logs(len(sent), service=service), sent)


def test_records_of_the_logging_module_come_back_and_lead_to_their_trace(server, api, service):
    spans = TracerProvider().get_tracer("nobody sees these spans")
    with Logging(service, Senders(server, HTTP).logs()) as made:
        logger = logging.Logger("checkout.payment")
        logger.addHandler(LoggingHandler(logger_provider=made.provider))
        logger.info("order %s placed", 4711)
        with spans.start_as_current_span("charge") as span:
            logger.warning("card %s declined", "4242", extra={"attempt": 2})
            try:
                raise TimeoutError("no answer")
            except TimeoutError:
                logger.exception("gave up")
        logger.debug("details")
        logger.critical("out of money")
    sent = made.sent()
    assert len(sent) == 5
    found = api.logs(5, service=service)
    assert_found(found, sent)
    assert [record["level"] for record in found] == ["info", "warn", "error", "debug", "fatal"]
    assert [record["body"] for record in found][:2] == ["order 4711 placed", "card 4242 declined"]
    assert found[2]["attributes"]["exception.type"] == "TimeoutError"
    context = span.get_span_context()
    within = api.logs(2, trace_id=f"{context.trace_id:032x}", span_id=f"{context.span_id:016x}")
    assert [record["body"] for record in within] == ["card 4242 declined", "gave up"]


def test_records_are_found_by_level_text_and_attribute(server, api, service):
    with Logging(service, Senders(server, GRPC).logs(), {"zone": "eu-1"}) as made:
        for at, (number, body) in enumerate([
            (SeverityNumber.INFO, "Payment Received"), (SeverityNumber.ERROR, "payment failed: Überweisung"), (SeverityNumber.WARN, "retry"),
        ]):
            made.logger.emit(timestamp=NOW + at, severity_number=number, body=body, attributes={"attempt": at})

    def bodies(count: int, **query) -> list:
        return [record["body"] for record in api.logs(count, service=service, **query)]

    assert bodies(3) == ["Payment Received", "payment failed: Überweisung", "retry"]
    assert bodies(3, direction="backward") == ["retry", "payment failed: Überweisung", "Payment Received"]
    assert bodies(2, level=["error", "warn"]) == ["payment failed: Überweisung", "retry"]
    assert bodies(2, query="PAYMENT") == ["Payment Received", "payment failed: Überweisung"]
    assert bodies(1, attribute="attempt=2") == ["retry"]
    assert bodies(3, attribute="zone=eu-1") == bodies(3)
    assert bodies(1, query="payment", level="info") == ["Payment Received"]
    histogram = api.get("/logs/histogram", service=service)
    counts = [bucket["counts"] for bucket in histogram["buckets"] if bucket["counts"]]
    total = {level: sum(one.get(level, 0) for one in counts) for level in ["info", "warn", "error"]}
    assert (len(histogram["buckets"]), total) == (60, {"info": 1, "warn": 1, "error": 1})


@pytest.mark.parametrize("given, asked", [("ÜBERWEISUNG", "überweisung"), ("оплата", "ОПЛАТА"), ("Ωμέγα", "ωΜΈΓΑ")])
def test_text_is_found_in_any_case_of_any_script(server, api, service, given, asked):
    with Logging(service, Senders(server, HTTP).logs()) as made:
        made.logger.emit(body=f"before {given} after")
    api.logs(1, service=service, query=given)
    [found] = api.logs(1, service=service, query=asked)
    assert found["body"] == f"before {given} after"


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_text_of_any_script_comes_back_and_is_found_by(server, api, service, text):
    with Logging(service, Senders(server, HTTP).logs()) as made:
        made.logger.emit(timestamp=NOW, body=f"before {text} after", attributes={text: text}, severity_text=text)
        made.logger.emit(timestamp=NOW, body={"structured": text}, event_name=text)
    sent = made.sent()
    found = api.logs(2, service=service)
    plain = {str(record["body"]): {k: v for k, v in record.items() if k != "id"} for record in found}
    expected.assert_same(plain, {str(record["body"]): record for record in map(shown, sent)})
    [one] = api.logs(1, service=service, query=f"before {text} after")
    assert one["severity_text"] == text
