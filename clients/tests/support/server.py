"""Starts and stops the real server. Knows nothing of what is sent to it."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 30

LEGACY_PORTS = [
    "prometheus",
    "loki",
    "tempo",
    "jaeger_query",
    "jaeger_query_grpc",
    "zipkin",
    "jaeger_grpc",
    "jaeger_http",
    "jaeger_agent_http",
    "jaeger_agent_compact",
    "jaeger_agent_binary",
    "jaeger_agent_zipkin",
]

ROW = re.compile(r"^\s+(Web UI|OTLP/gRPC|OTLP/HTTP)\s+http://(\S+)\s*$")


class Server:
    """A server of its own, on free ports. `main`, `grpc` and `http` are `host:port`."""

    def __init__(self, data_dir: Path, settings: dict[str, str] | None = None):
        self.data_dir = data_dir
        self.settings = settings or {}
        self.process: subprocess.Popen | None = None
        self.log = tempfile.NamedTemporaryFile("w+b", prefix="watchkeep-stderr-", suffix=".log")
        self.main = self.grpc = self.http = ""

    def start(self) -> "Server":
        free = "127.0.0.1:0"
        command = [os.environ["WATCHKEEP_BIN"], "serve", "--data-dir", str(self.data_dir), "--listen", free]
        command += ["--otlp-grpc-listen", free, "--otlp-http-listen", free, "--legacy-ports"]
        legacy = {f"WATCHKEEP__LEGACY_PORTS__{name.upper()}": ":0" for name in LEGACY_PORTS}
        # What the server measures of its host would stand among what tests send.
        quiet = {"WATCHKEEP__HEALTH__HOST__ENABLED": "false"}
        environment = {**os.environ, **legacy, **quiet, **self.settings}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log
        )
        # Should the server hang, this ends it, and with it the reading of its output.
        watchdog = threading.Timer(START_SECONDS_MAX, self.process.kill)
        watchdog.start()
        try:
            self._read_addresses()
            self._wait_until_ready()
        finally:
            watchdog.cancel()
        return self

    def _read_addresses(self) -> None:
        found = {}
        while len(found) < 3:
            line = self.process.stdout.readline().decode()
            assert line, f"the server ended before it had printed its addresses\n{self.stderr()}"
            if match := ROW.match(line):
                found[match[1]] = match[2]
        self.main, self.grpc, self.http = found["Web UI"], found["OTLP/gRPC"], found["OTLP/HTTP"]
        # What is printed later must not fill the pipe.
        threading.Thread(target=drain, args=[self.process.stdout], daemon=True).start()

    def _wait_until_ready(self) -> None:
        while True:
            assert self.process.poll() is None, f"the server ended before it was ready\n{self.stderr()}"
            try:
                urllib.request.urlopen(f"http://{self.main}/ready", timeout=5).close()
                return
            except urllib.error.HTTPError as answer:
                assert answer.code == 503, f"/ready answered {answer.code}\n{self.stderr()}"
            time.sleep(0.01)

    def status(self) -> dict:
        with urllib.request.urlopen(f"http://{self.main}/status", timeout=5) as answer:
            return json.load(answer)

    def address(self, listener: str) -> str:
        """Where a listener is, as `host:port`, by its name in the server's status."""
        [found] = [one["address"] for one in self.status()["listeners"] if one["name"] == listener]
        return found

    def signal_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait_stopped(self) -> None:
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within {STOP_SECONDS_MAX} s of SIGTERM\n{self.stderr()}")
        self.process = None
        assert code == 0, f"the server exited with {code} after SIGTERM\n{self.stderr()}"

    def stop(self) -> None:
        """SIGTERM; anything but exit code 0 is an error."""
        self.signal_stop()
        self.wait_stopped()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        self.kill()
        self.log.close()

    def stderr(self) -> str:
        return Path(self.log.name).read_text(errors="replace")[-20_000:]


def drain(output: IO[bytes]) -> None:
    with output:
        output.read()
