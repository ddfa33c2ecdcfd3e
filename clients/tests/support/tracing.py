"""A tracer provider whose spans go to the server, and are kept to compare with what it says."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Tracing:
    """Without an exporter, it only makes spans."""

    def __init__(self, service: str, exporter: SpanExporter | None = None, resource: dict | None = None):
        attributes = {"service.name": service, **(resource or {})}
        self.provider = TracerProvider(resource=Resource.create(attributes, "https://opentelemetry.io/schemas/1.30.0"))
        self.kept = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self.kept))
        if exporter is not None:
            self.provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=8192))
        self.tracer = self.provider.get_tracer("checkout.tracer", "2.3.4", attributes={"scope.flavour": "vanilla"})

    def sent(self) -> tuple[ReadableSpan, ...]:
        return self.kept.get_finished_spans()

    def flush(self) -> None:
        assert self.provider.force_flush(), "the exporter could not send everything"


@contextmanager
def tracing(service: str, exporter: SpanExporter | None = None, **options) -> Iterator[Tracing]:
    made = Tracing(service, exporter, **options)
    try:
        yield made
    finally:
        made.provider.shutdown()


def trace_id_of(span) -> str:
    return f"{span.get_span_context().trace_id:032x}"
