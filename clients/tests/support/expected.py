"""What the API has to say about things made with the OpenTelemetry SDK.

Written from the SDK's own objects and the API's description, so that nothing of the way between
them (encoders, the server) decides what is right.
"""

import base64
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan


def value(given: Any) -> Any:
    """An attribute's value or a body in the API's JSON."""
    if isinstance(given, bytes):
        return {"$bytes": base64.b64encode(given).decode()}
    if isinstance(given, float) and not math.isfinite(given):
        return {"$double": "NaN" if math.isnan(given) else "Inf" if given > 0 else "-Inf"}
    if isinstance(given, Mapping):
        return {key: value(item) for key, item in given.items()}
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [value(item) for item in given]
    return given


def attributes(given: Mapping | None) -> dict:
    return value(given or {})


def span(given: ReadableSpan) -> dict:
    """A span as the API shows it, with its resource and scope in place of their indexes."""
    context = given.get_span_context()
    remote_parent = given.parent is not None and given.parent.is_remote
    return {
        "span_id": f"{context.span_id:016x}",
        "parent_span_id": f"{given.parent.span_id:016x}" if given.parent else None,
        "name": given.name,
        "kind": given.kind.name.lower(),
        "start_time_unix_nano": str(given.start_time),
        "duration_ns": given.end_time - given.start_time,
        "status": {"code": given.status.status_code.name.lower(), "message": given.status.description or ""},
        "resource": resource(given.resource),
        "scope": scope(given.instrumentation_scope),
        "attributes": attributes(given.attributes),
        "events": [
            {
                "time_unix_nano": str(event.timestamp),
                "name": event.name,
                "attributes": attributes(event.attributes),
                "dropped_attributes_count": event.dropped_attributes,
            }
            for event in given.events
        ],
        "links": [
            {
                "trace_id": f"{link.context.trace_id:032x}",
                "span_id": f"{link.context.span_id:016x}",
                # This SDK's exporters leave a link's trace state out.
                "trace_state": "",
                "attributes": attributes(link.attributes),
                "dropped_attributes_count": link.dropped_attributes,
            }
            for link in given.links
        ],
        "trace_state": context.trace_state.to_header(),
        # The SDK says whether the parent was in another process, and nothing else.
        "flags": 0x300 if remote_parent else 0x100,
        "dropped_attributes_count": given.dropped_attributes,
        "dropped_events_count": given.dropped_events,
        "dropped_links_count": given.dropped_links,
    }


def resource(given: Any) -> dict:
    return {
        "service": given.attributes["service.name"],
        "attributes": attributes(given.attributes),
        "schema_url": given.schema_url,
    }


def scope(given: Any) -> dict:
    return {"name": given.name, "version": given.version or "", "attributes": attributes(given.attributes)}


def found_spans(trace: dict) -> dict[str, dict]:
    """The spans of a trace that the API gave, by id, with resource and scope in place."""
    spans = [
        {**one, "resource": trace["resources"][one["resource"]], "scope": trace["scopes"][one["scope"]]}
        for one in trace["spans"]
    ]
    by_id = {one["span_id"]: one for one in spans}
    assert len(by_id) == len(spans), "a span is there twice"
    return by_id


def assert_same_trace(trace: dict, sent: Sequence[ReadableSpan]) -> None:
    """Every field of every span came back, and nothing else is there."""
    assert_same(found_spans(trace), {f"{one.get_span_context().span_id:016x}": span(one) for one in sent})
    starts = [int(one["start_time_unix_nano"]) for one in trace["spans"]]
    assert starts == sorted(starts), "spans are ordered by their start"


def assert_same(found: Any, expect: Any) -> None:
    """Equal in types too: 1, 1.0 and true are three things."""
    differences = list(itertools.islice(compare(found, expect, ""), 20))
    assert not differences, "\n".join(["not the same:", *differences])


def compare(found: Any, expect: Any, path: str) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(expect, dict):
        for key in found.keys() | expect.keys():
            place = f"{path}[{key!r}]"
            if key not in found:
                yield f"{place}: missing, expected {expect[key]!r}"
            elif key not in expect:
                yield f"{place}: found {found[key]!r}, expected nothing"
            else:
                yield from compare(found[key], expect[key], place)
    elif isinstance(found, list) and isinstance(expect, list) and len(found) == len(expect):
        for at, (one, other) in enumerate(zip(found, expect)):
            yield from compare(one, other, f"{path}[{at}]")
    # The texts tell -0.0 from 0.0.
    elif type(found) is not type(expect) or repr(found) != repr(expect):
        yield f"{path}: found {found!r}, expected {expect!r}"
