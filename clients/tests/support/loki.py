"""Pushes to and asks Loki's API, as its clients do: protobuf in a snappy block, JSON, a WebSocket. Written
here by hand, so that nothing of the server's own code is on this side."""

import base64
import json
import os
import socket
import struct
from typing import Any

from support.api import session


def varint(number: int) -> bytes:
    out = bytearray()
    number &= (1 << 64) - 1
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def push_request(labels: str, entries: list[tuple[int, str, dict[str, str]]]) -> bytes:
    """`logproto.PushRequest` of one stream."""
    stream = field(1, labels.encode())
    for time_ns, line, metadata in entries:
        seconds, nanos = divmod(time_ns, 10**9)
        entry = field(1, b"\x08" + varint(seconds) + b"\x10" + varint(nanos)) + field(2, line.encode())
        for name, value in metadata.items():
            entry += field(3, field(1, name.encode()) + field(2, value.encode()))
        stream += field(2, entry)
    return field(1, stream)


def snappy(data: bytes) -> bytes:
    """A snappy block without compression: literals of up to 65,536 bytes."""
    out = bytearray(varint(len(data)))
    for start in range(0, len(data), 1 << 16):
        piece = data[start : start + (1 << 16)]
        out += bytes([61 << 2]) + struct.pack("<H", len(piece) - 1) + piece
    return bytes(out)


class Loki:
    """The Loki API of a server, as one tenant."""

    def __init__(self, address: str, prefix: str = "", tenant: str | None = None):
        self.address = address
        self.base = f"http://{address}{prefix}"
        self.headers = {"X-Scope-OrgID": tenant} if tenant else {}

    def push(self, labels: dict[str, str], entries: list[tuple], path: str = "/loki/api/v1/push"):
        values = [[str(entry[0]), *entry[1:]] for entry in entries]
        body = {"streams": [{"stream": labels, "values": values}]}
        return session.post(self.base + path, json=body, headers=self.headers, timeout=30)

    def push_proto(self, labels: str, entries: list[tuple[int, str, dict[str, str]]], path: str = "/loki/api/v1/push"):
        body = snappy(push_request(labels, entries))
        headers = {**self.headers, "Content-Type": "application/x-protobuf"}
        return session.post(self.base + path, data=body, headers=headers, timeout=30)

    def ask(self, path: str, headers: dict[str, str] | None = None, **query: Any):
        headers = {**self.headers, **(headers or {})}
        return session.get(f"{self.base}/loki/api/v1/{path}", params=query, headers=headers, timeout=30)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.ask(path, **query)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
        return answer.json()

    def lines(self, text: str, **query: Any) -> list[str]:
        """The lines that a query finds, oldest first."""
        data = self.get("query_range", query=text, direction="forward", **query)["data"]
        assert data["resultType"] == "streams"
        values = [value for stream in data["result"] for value in stream["values"]]
        return [value[1] for value in sorted(values, key=lambda value: int(value[0]))]

    def series(self, text: str, **query: Any) -> dict[str, list]:
        """The series of a metric query over a range, by their labels."""
        data = self.get("query_range", query=text, **query)["data"]
        assert data["resultType"] == "matrix"
        return {json.dumps(one["metric"], sort_keys=True): one["values"] for one in data["result"]}


class WebSocket:
    """The client's side of a WebSocket (RFC 6455), as much of it as a tail needs."""

    def __init__(self, address: str, path: str, headers: dict[str, str] | None = None):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {address}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, "the server hung up"
            head += byte
        assert head.startswith(b"HTTP/1.1 101"), head.decode()

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            assert piece, "the server hung up"
            data += piece
        return data

    def message(self) -> Any:
        """The next message of text, as JSON."""
        while True:
            first, length = self._read(2)
            if length == 126:
                (length,) = struct.unpack(">H", self._read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._read(8))
            payload = self._read(length)
            if first & 15 == 1:
                return json.loads(payload)
            assert first & 15 in (9, 10), f"opcode {first & 15}: {payload!r}"

    def close(self) -> None:
        mask = os.urandom(4)
        self.socket.sendall(bytes([0x88, 0x80]) + mask)
        self.socket.close()
