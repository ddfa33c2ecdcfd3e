"""A tracer provider that sends over OTLP, for the instrumentations that want one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def new_provider() -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


@contextmanager
def request(provider: TracerProvider) -> Iterator[None]:
    """A span of the application around what an agent does, in no dialect; everything is sent at its end."""
    try:
        with provider.get_tracer("shop").start_as_current_span("POST /questions"):
            yield
    finally:
        provider.shutdown()


def within_request(make: Callable[[], TracerProvider], run: Callable[[], object]) -> Callable[[], None]:
    """`run` inside a request, with the provider that `make` instruments."""

    def scenario() -> None:
        with request(make()):
            run()

    return scenario
