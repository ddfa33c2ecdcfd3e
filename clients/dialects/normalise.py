"""Makes two captures of the same program equal: ids, times and names of this machine become the same ones."""

import json
import re
from datetime import datetime

START_NS = 1_790_000_000_000_000_000
STEP_NS = 1_000_000
IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
TIMES = {"startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano"}
# Of the process and the machine, not of what it did.
LEFT_OUT = ("process.", "host.", "os.", "service.instance.id", "code.", "thread.")
UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
LOCAL = re.compile(r"\b127\.0\.0\.1:\d+")
ISO = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
# Keys of durations, which no two runs have in common, by what one is in them.
MEASURED = {
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.client.operation.time_to_first_chunk": 0.25,
    "gen_ai.server.time_to_first_token": 0.25,
    "gen_ai.server.ttft": 0.25,
    "gen_ai.server.time_per_output_token": 0.01,
    "gen_ai.server.tbt": 0.01,
    "gen_ai.client.operation.duration": 0.5,
    "ai.response.msToFirstChunk": 250,
    "ai.stream.msToFirstChunk": 250,
    "ai.response.msToFinish": 500,
    "ai.response.avgOutputTokensPerSecond": 66,
    "ai.response.avgCompletionTokensPerSecond": 66,
}


class Normaliser:
    def __init__(self, captured: dict[str, list]):
        self.names: dict[str, str] = {}
        text = json.dumps(captured)
        instants = {int(found) for found in re.findall(r'UnixNano": "(\d+)"', text)}
        instants |= {nanos(found.group()) for found in ISO.finditer(text)}
        self.instants = {at: START_NS + rank * STEP_NS for rank, at in enumerate(sorted(instants - {0}))}

    def known(self, kind: str, name: str, form) -> str:
        """The same stand-in for the same name, counted by kind."""
        if name not in self.names:
            self.names[name] = form(sum(key.startswith(kind) for key in self.names.values()) + 1)
        return self.names[name]

    def text(self, text: str) -> str:
        text = UUID.sub(lambda found: self.uuid(found.group()), text)
        text = LOCAL.sub("127.0.0.1:8080", text)
        return ISO.sub(lambda found: iso(self.instants[nanos(found.group())]), text)

    def uuid(self, name: str) -> str:
        return self.known("00000000-", name, lambda n: f"00000000-0000-4000-8000-{n:012d}")

    def id(self, name: str, width: int) -> str:
        if not name:
            return name
        kind = "7" if width == 32 else "5"
        return self.known(kind * (width // 2), name, lambda n: kind * (width // 2) + f"{n:0{width // 2}x}")

    def attribute(self, one: dict) -> dict:
        key, value = one["key"], one["value"]
        if key in MEASURED:
            value = {"doubleValue": MEASURED[key]}
        if key == "exception.stacktrace":
            # The lines with paths are of this machine: Python's come before what happened, those of Node.js behind.
            lines = value["stringValue"].strip().splitlines()
            value = {"stringValue": lines[-1] if lines[0].startswith("Traceback") else lines[0]}
        if key in ("server.port", "gen_ai.server.port", "network.peer.port", "net.peer.port"):
            value = {"intValue": "8080"}
        return {"key": key, "value": self.of(value)}

    def of(self, value):
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            kept = [one for one in value if not (is_attribute(one) and one["key"].startswith(LEFT_OUT))]
            return [self.of(one) for one in kept]
        if not isinstance(value, dict):
            return value
        if is_attribute(value):
            return self.attribute(value)
        made = {}
        for key, one in value.items():
            if key in IDS:
                one = self.id(one, IDS[key])
            elif key in TIMES:
                one = str(self.instants.get(int(one), 0))
            else:
                one = self.of(one)
            made[key] = one
        return made


def is_attribute(value) -> bool:
    return isinstance(value, dict) and set(value) == {"key", "value"}


def nanos(text: str) -> int:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6) * 1000


def iso(at: int) -> str:
    return datetime.utcfromtimestamp(at / 1e9).isoformat(timespec="milliseconds") + "Z"


def normalised(captured: dict[str, list]) -> dict[str, list]:
    """Spans in the order of their start, so that ids are handed out in it."""
    for resource in captured.get("resourceSpans", []):
        for scope in resource["scopeSpans"]:
            scope["spans"].sort(key=lambda span: (int(span["startTimeUnixNano"]), -int(span["endTimeUnixNano"])))
    return Normaliser(captured).of(captured)
