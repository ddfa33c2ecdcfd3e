"""The exporters of the OpenTelemetry SDK, in every way that the server takes them."""

import itertools
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans

GRPC_COMPRESSIONS = {"plain": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
HTTP_COMPRESSIONS = {"plain": Compression.NoCompression, "gzip": Compression.Gzip, "deflate": Compression.Deflate}


@dataclass(frozen=True)
class Way:
    """A protocol, the listener that takes it (`own` or `main`), and a compression."""

    protocol: str
    listener: str
    compression: str

    def __str__(self) -> str:
        return f"{self.protocol}-{self.listener}-{self.compression}"


WAYS = [
    *itertools.starmap(Way, itertools.product(["grpc"], ["own", "main"], GRPC_COMPRESSIONS)),
    *itertools.starmap(Way, itertools.product(["http"], ["own", "main"], HTTP_COMPRESSIONS)),
]
GRPC, HTTP = Way("grpc", "own", "plain"), Way("http", "own", "plain")


class Senders:
    """Makes exporters that send to one server, as one tenant, in one way."""

    def __init__(self, server: Any, way: Way, tenant: str | None = None):
        self.way = way
        self.address = server.main if way.listener == "main" else getattr(server, way.protocol)
        self.tenant = tenant

    def spans(self, **options: Any):
        return self._make(GrpcSpans, HttpSpans, "traces", options)

    def logs(self, **options: Any):
        return self._make(GrpcLogs, HttpLogs, "logs", options)

    def metrics(self, **options: Any):
        return self._make(GrpcMetrics, HttpMetrics, "metrics", options)

    def _make(self, over_grpc: type, over_http: type, signal: str, options: dict) -> Any:
        if self.way.protocol == "grpc":
            # Metadata keys are lower case, or else the client refuses them.
            headers = {"x-scope-orgid": self.tenant} if self.tenant else None
            compression = GRPC_COMPRESSIONS[self.way.compression]
            return over_grpc(f"http://{self.address}", headers=headers, compression=compression, **options)
        headers = {"X-Scope-OrgID": self.tenant} if self.tenant else None
        compression = HTTP_COMPRESSIONS[self.way.compression]
        endpoint = f"http://{self.address}/v1/{signal}"
        return over_http(endpoint, headers=headers, compression=compression, **options)
