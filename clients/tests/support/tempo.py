"""Tempo's messages as far as tests read them, and the gRPC service that Grafana streams from."""

from collections.abc import Iterator

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
TEXT, UINT32, UINT64, DOUBLE, INT64 = FIELD.TYPE_STRING, FIELD.TYPE_UINT32, FIELD.TYPE_UINT64, FIELD.TYPE_DOUBLE, FIELD.TYPE_INT64

# Name, number and type of fields; a type that is a text is a message, and a list of one is repeated.
MESSAGES = {
    "SearchRequest": [("limit", 4, UINT32), ("start", 5, UINT32), ("end", 6, UINT32), ("query", 8, TEXT), ("spss", 9, UINT32)],
    "SearchResponse": [("traces", 1, ["Trace"]), ("metrics", 2, "Metrics")],
    "Trace": [
        ("id", 1, TEXT),
        ("root_service", 2, TEXT),
        ("root_name", 3, TEXT),
        ("start", 4, UINT64),
        ("duration_ms", 5, UINT32),
        ("sets", 7, ["SpanSet"]),
    ],
    "SpanSet": [("spans", 1, ["Span"]), ("matched", 2, UINT32)],
    "Span": [("id", 1, TEXT), ("name", 2, TEXT), ("start", 3, UINT64), ("duration", 4, UINT64)],
    "Metrics": [("completed", 4, UINT32), ("total", 5, UINT32)],
    "TagsRequest": [("scope", 1, TEXT), ("query", 2, TEXT)],
    "TagsResponse": [("scopes", 1, ["Scope"])],
    "Scope": [("name", 1, TEXT), ("tags", 2, [TEXT])],
    "ValuesRequest": [("name", 1, TEXT), ("query", 2, TEXT)],
    "ValuesResponse": [("values", 1, ["Value"])],
    "Value": [("type", 1, TEXT), ("value", 2, TEXT)],
    "RangeRequest": [("query", 1, TEXT), ("start", 2, UINT64), ("end", 3, UINT64), ("step", 4, UINT64)],
    "RangeResponse": [("series", 1, ["Series"])],
    "Series": [("samples", 2, ["Sample"])],
    "Sample": [("value", 1, DOUBLE), ("ms", 2, INT64)],
    "InstantRequest": [("query", 1, TEXT), ("start", 2, UINT64), ("end", 3, UINT64)],
    "InstantResponse": [("series", 1, ["InstantSeries"])],
    "InstantSeries": [("value", 2, DOUBLE)],
}

METHODS = {
    "Search": ("SearchRequest", "SearchResponse"),
    "SearchTagsV2": ("TagsRequest", "TagsResponse"),
    "SearchTagValuesV2": ("ValuesRequest", "ValuesResponse"),
    "MetricsQueryRange": ("RangeRequest", "RangeResponse"),
    "MetricsQueryInstant": ("InstantRequest", "InstantResponse"),
}


def _classes() -> dict:
    file = descriptor_pb2.FileDescriptorProto(name="tempo_for_tests.proto", package="tempo_for_tests", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            repeated = isinstance(kind, list)
            kind = kind[0] if repeated else kind
            label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = FIELD.TYPE_MESSAGE, f".tempo_for_tests.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"tempo_for_tests.{name}") for name in MESSAGES}
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}


CLASSES = _classes()


class Streaming:
    """`tempopb.StreamingQuerier`."""

    def __init__(self, address: str, compression: grpc.Compression = grpc.Compression.NoCompression):
        self.channel = grpc.insecure_channel(address, compression=compression)

    def ask(self, method: str, tenant: str | None = None, timeout: float = 30, **fields) -> Iterator:
        request, response = (CLASSES[name] for name in METHODS[method])
        call = self.channel.unary_stream(
            f"/tempopb.StreamingQuerier/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        metadata = [("x-scope-orgid", tenant)] if tenant else []
        return call(request(**fields), metadata=metadata, timeout=timeout)

    def close(self) -> None:
        self.channel.close()
