"""Asks every query API for a trace, and brings what each says of its spans into one form.

That form is of what all of them have: ids, names, times in microseconds, kinds, errors, services, and
attributes of span and resource as texts. Names are in lower case, as Zipkin has no others.
"""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timezone

import grpc
import requests
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

session = requests.Session()
session.trust_env = False

KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]


def text(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, dict)):
        return json.dumps(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def span(name, parent, start_us, duration_us, kind, is_error, service, attributes) -> dict:
    return {
        "name": name.lower(),
        "parent": parent or None,
        "start_us": int(start_us),
        "duration_us": int(duration_us),
        "kind": kind,
        "error": is_error,
        "service": service.lower(),
        "attributes": {key: text(value) for key, value in attributes.items()},
    }


def get(address: str, path: str, **options) -> requests.Response:
    answer = session.get(f"http://{address}{path}", timeout=30, **options)
    assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
    return answer


def from_native(trace: dict) -> dict[str, dict]:
    """By id and kind, since two sides of a call may share an id."""
    found = {}
    for one in trace["spans"]:
        resource = trace["resources"][one["resource"]]
        found[one["span_id"], one["kind"]] = span(
            one["name"],
            one["parent_span_id"],
            int(one["start_time_unix_nano"]) // 1000,
            one["duration_ns"] // 1000,
            one["kind"],
            one["status"]["code"] == "error",
            resource["service"],
            {**resource["attributes"], **one["attributes"]},
        )
    return found


def from_jaeger(trace: dict) -> dict:
    found = {}
    for one in trace["spans"]:
        tags = {tag["key"]: tag["value"] for tag in one["tags"]}
        process = trace["processes"][one["processID"]]
        parents = [ref["spanID"] for ref in one["references"] if ref["refType"] == "CHILD_OF"]
        kind = tags.get("span.kind", "unspecified")
        found[one["spanID"], kind] = span(
            one["operationName"],
            parents[0] if parents else None,
            one["startTime"],
            one["duration"],
            kind,
            tags.get("error") is True or tags.get("otel.status_code") == "ERROR",
            process["serviceName"],
            {**{tag["key"]: tag["value"] for tag in process["tags"]}, **tags},
        )
    return found


def any_value(value):
    which = value.WhichOneof("value")
    if which == "array_value":
        return [any_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return {one.key: any_value(one.value) for one in value.kvlist_value.values}
    return getattr(value, which) if which else ""


def from_otlp(data: TracesData) -> dict:
    found = {}
    for resource_spans in data.resource_spans:
        resource = {one.key: any_value(one.value) for one in resource_spans.resource.attributes}
        for one in (one for scope in resource_spans.scope_spans for one in scope.spans):
            kind = KINDS[one.kind]
            found[one.span_id.hex(), kind] = span(
                one.name,
                one.parent_span_id.hex(),
                one.start_time_unix_nano // 1000,
                (one.end_time_unix_nano - one.start_time_unix_nano) // 1000,
                kind,
                one.status.code == 2,
                resource.get("service.name", "unknown_service"),
                {**resource, **{entry.key: any_value(entry.value) for entry in one.attributes}},
            )
    return found


def from_otlp_json(resource_spans: list[dict]) -> dict:
    """The form of OTLP, which has ids in hexadecimal where JSON of protobuf has base64."""
    def with_base64(one: dict) -> dict:
        ids = {"traceId", "spanId", "parentSpanId"}
        fix = lambda key, value: base64.b64encode(bytes.fromhex(value)).decode() if key in ids else walk(value)
        return {key: fix(key, value) for key, value in one.items()}

    def walk(value):
        if isinstance(value, dict):
            return with_base64(value)
        return [walk(item) for item in value] if isinstance(value, list) else value

    return from_otlp(ParseDict({"resourceSpans": walk(resource_spans)}, TracesData()))


def from_zipkin(spans: list[dict]) -> dict:
    found = {}
    for one in spans:
        kind = one.get("kind", "unspecified").lower()
        tags = one.get("tags", {})
        found[one["id"], kind] = span(
            one.get("name", ""),
            one.get("parentId"),
            one.get("timestamp", 0),
            one.get("duration", 0),
            kind,
            "error" in tags and tags["error"] != "false",
            one.get("localEndpoint", {}).get("serviceName", "unknown_service"),
            tags,
        )
    return found


def field(number: int, kind: str, of: str = "", repeated: bool = False) -> tuple:
    return number, kind, of, repeated


# What is asked for of `model.proto` and `query.proto`.
MESSAGES = {
    "Time": {"seconds": field(1, "INT64"), "nanos": field(2, "INT32")},
    "KeyValue": {
        "key": field(1, "STRING"),
        "type": field(2, "INT32"),
        "string": field(3, "STRING"),
        "bool": field(4, "BOOL"),
        "int": field(5, "INT64"),
        "double": field(6, "DOUBLE"),
        "bytes": field(7, "BYTES"),
    },
    "Ref": {"trace": field(1, "BYTES"), "span": field(2, "BYTES"), "type": field(3, "INT32")},
    "Process": {"service": field(1, "STRING"), "tags": field(2, "MESSAGE", "KeyValue", True)},
    "Span": {
        "trace": field(1, "BYTES"),
        "id": field(2, "BYTES"),
        "name": field(3, "STRING"),
        "references": field(4, "MESSAGE", "Ref", True),
        "start": field(6, "MESSAGE", "Time"),
        "duration": field(7, "MESSAGE", "Time"),
        "tags": field(8, "MESSAGE", "KeyValue", True),
        "process": field(10, "MESSAGE", "Process"),
    },
    "Chunk": {"spans": field(1, "MESSAGE", "Span", True)},
    "GetTrace": {"trace": field(1, "BYTES"), "raw": field(4, "BOOL")},
    "GetTraceV3": {"trace": field(1, "STRING"), "raw": field(4, "BOOL")},
}


def messages() -> Callable:
    file = descriptor_pb2.FileDescriptorProto(name="jaeger_query.proto", package="wk", syntax="proto3")
    types = descriptor_pb2.FieldDescriptorProto
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for key, (number, kind, of, repeated) in fields.items():
            message.field.add(
                name=key,
                number=number,
                type=getattr(types, f"TYPE_{kind}"),
                type_name=f".wk.{of}" if of else None,
                label=types.LABEL_REPEATED if repeated else types.LABEL_OPTIONAL,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"wk.{name}"))


message_of = messages()


def from_jaeger_proto(chunks: list) -> dict:
    """By way of the form of JSON."""
    names = ["string", "bool", "int64", "float64", "binary"]
    values = ["string", "bool", "int", "double", "bytes"]
    tags_of = lambda tags: [
        {"key": tag.key, "type": names[tag.type], "value": getattr(tag, values[tag.type])} for tag in tags
    ]
    micros = lambda time: (time.seconds * 10**9 + time.nanos) // 1000
    spans, processes = [], {}
    for one in (one for chunk in chunks for one in chunk.spans):
        place = f"p{len(processes)}"
        processes[place] = {"serviceName": one.process.service, "tags": tags_of(one.process.tags)}
        spans.append(
            {
                "spanID": one.id.hex(),
                "operationName": one.name,
                "references": [
                    {"refType": "FOLLOWS_FROM" if ref.type else "CHILD_OF", "spanID": ref.span.hex()}
                    for ref in one.references
                ],
                "startTime": micros(one.start),
                "duration": micros(one.duration),
                "tags": tags_of(one.tags),
                "processID": place,
            }
        )
    return from_jaeger({"spans": spans, "processes": processes})


def call(address: str, method: str, request, decode: Callable) -> list:
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_stream(method, lambda message: message.SerializeToString(), decode)
        return list(ask(request, timeout=30))


def ask_all(server, trace_id: str) -> dict[str, dict]:
    """The spans of a trace by API."""
    main, query = server.main, server.address("jaeger-query")
    jaeger = get(main, f"/jaeger/api/traces/{trace_id}?raw=true").json()["data"]
    on_port = get(query, f"/api/traces/{trace_id}?raw=true").json()["data"]
    assert jaeger == on_port and len(jaeger) == 1
    newer = get(main, f"/api/v3/traces/{trace_id}?rawTraces=true").json()["result"]["resourceSpans"]
    protobuf = {"headers": {"Accept": "application/protobuf"}}
    tempo = TracesData.FromString(get(main, f"/tempo/api/traces/{trace_id}", **protobuf).content)
    tempo_v2 = get(main, f"/tempo/api/v2/traces/{trace_id}", **protobuf).content
    zipkin = get(main, f"/zipkin/api/v2/trace/{trace_id}").json()
    assert zipkin == get(server.address("zipkin"), f"/api/v2/trace/{trace_id}").json()
    v2 = message_of("GetTrace")(trace=bytes.fromhex(trace_id), raw=True)
    chunks = call(server.address("jaeger-query-grpc"), "/jaeger.api_v2.QueryService/GetTrace", v2, message_of("Chunk").FromString)
    v3 = message_of("GetTraceV3")(trace=trace_id, raw=True)
    [data] = call(main, "/jaeger.api_v3.QueryService/GetTrace", v3, TracesData.FromString)
    return {
        "jaeger": from_jaeger(jaeger[0]),
        "jaeger v3": from_otlp_json(newer),
        "jaeger gRPC v2": from_jaeger_proto(chunks),
        "jaeger gRPC v3": from_otlp(data),
        "tempo": from_otlp(tempo),
        # `TraceByIDResponse.trace` is the first field.
        "tempo v2": from_otlp(TracesData.FromString(first_field(tempo_v2))),
        "zipkin": from_zipkin(zipkin),
    }


def first_field(message: bytes) -> bytes:
    """The bytes of field 1, which comes first."""
    assert message[0] == 0x0A
    length, shift, at = 0, 0, 1
    while True:
        byte = message[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return message[at : at + length]


def assert_found_everywhere(server, trace: dict) -> None:
    """Every search by a service and a time finds the trace."""
    main, trace_id = server.main, trace["trace_id"]
    spans = from_native(trace).values()
    service = trace["resources"][trace["spans"][0]["resource"]]["service"]
    start_us = min(one["start_us"] for one in spans) - 1
    end_us = max(one["start_us"] for one in spans) + 1
    instant = lambda us: f"{datetime.fromtimestamp(us // 10**6, timezone.utc):%Y-%m-%dT%H:%M:%S}.{us % 10**6:06}Z"
    assert service in get(main, "/jaeger/api/services").json()["data"]
    assert service.lower() in get(main, "/zipkin/api/v2/services").json()
    times = {"start": start_us, "end": end_us, "limit": 1000}
    jaeger = get(main, "/jaeger/api/traces", params={"service": service, **times}).json()["data"]
    assert trace_id in [one["traceID"].rjust(32, "0") for one in jaeger]
    times = {"query.startTimeMin": instant(start_us), "query.startTimeMax": instant(end_us)}
    newer = get(main, "/api/v3/trace-summaries", params={"query.serviceName": service, **times}).json()
    assert trace_id in [one["traceId"] for one in newer["summaries"]]
    times = {"endTs": end_us // 1000 + 1, "lookback": (end_us - start_us) // 1000 + 2000, "limit": 1000}
    zipkin = get(main, "/zipkin/api/v2/traces", params={"serviceName": service, **times}).json()
    assert trace_id in [spans[0]["traceId"].rjust(32, "0") for spans in zipkin]
    times = {"start": start_us // 10**6, "end": end_us // 10**6 + 1, "limit": 1000}
    query = f'{{ resource.service.name = "{service}" }}'
    tempo = get(main, "/tempo/api/search", params={"q": query, **times}).json()["traces"]
    assert trace_id in [one["traceID"].rjust(32, "0") for one in tempo]


# What each has no place for, or holds in a field that is compared.
FIELDS = {"service.name", "zipkin.shared", "zipkin.debug", "error", "otel.zipkin.absentField.startTime"}
ENDPOINTS = {"net.host.ip", "net.host.port", "net.peer.ip", "net.peer.port", "peer.service"}


def assert_told_everywhere(server, trace: dict) -> None:
    """Every API tells the spans of a trace that the native API tells, with equal content."""
    assert_found_everywhere(server, trace)
    expect = from_native(trace)
    for api, found in ask_all(server, trace["trace_id"]).items():
        is_zipkin = api == "zipkin"
        wanted = {}
        for (span_id, kind), one in expect.items():
            kind = "unspecified" if is_zipkin and kind == "internal" else kind
            duration = one["duration_us"]
            # Zipkin knows no span of no time, where there was some.
            if is_zipkin and (span_id, kind) in found and found[span_id, kind]["duration_us"] == 1 and duration == 0:
                duration = 1
            wanted[span_id, kind] = {**one, "kind": kind, "duration_us": duration}
        assert found.keys() == wanted.keys(), api
        left_out = FIELDS | (ENDPOINTS if is_zipkin else set())
        for key, one in wanted.items():
            got = dict(found[key])
            of_span = {name: value for name, value in one.pop("attributes").items() if name not in left_out}
            told = got.pop("attributes")
            assert got == one, (api, key)
            for name, value in of_span.items():
                # Numbers and lists look different as texts, and are what they were all the same.
                same = told.get(name) == value or same_number_or_list(told.get(name), value)
                assert same, (api, key, name, told.get(name), value)


def same_number_or_list(one: str | None, other: str) -> bool:
    try:
        return json.loads(one or "") == json.loads(other)
    except json.JSONDecodeError:
        return False
