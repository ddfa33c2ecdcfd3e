"""Runs Debian's Prometheus, a promtool, and a target that both may scrape."""

import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import requests

from support.api import session

START_SECONDS_MAX = 60


def program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is missing; install it, e.g. apt-get install prometheus"
    return path


def promtool(*arguments: str, stdin: str = "", code: int = 0) -> str:
    """What promtool prints; it has to exit with `code`. `clients/promtool` has found it."""
    done = subprocess.run(
        [os.environ["PROMTOOL"], *arguments], input=stdin, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, f"promtool {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def query(address: str, path: str, **parameters: Any) -> Any:
    """The data of an answer of the HTTP API; `address` is host:port, perhaps with a prefix."""
    answer = session.get(f"http://{address}/api/v1/{path}", params=parameters, timeout=30)
    document = answer.json()
    assert answer.status_code == 200 and document["status"] == "success", f"{answer.url}: {answer.text}"
    return document["data"]


def vector(address: str, expression: str, **parameters: Any) -> dict[tuple, float]:
    """An instant vector as labels to value."""
    result = query(address, "query", query=expression, **parameters)["result"]
    return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in result}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """A Prometheus of its own. `address` is `host:port`."""

    def __init__(self, folder: Path, config: str, *flags: str):
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "prometheus.yml"
        file.write_text(config)
        self.address = f"127.0.0.1:{free_port()}"
        self.log = open(folder / "prometheus.log", "w+b")
        command = [
            program("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.address}", *flags,
        ]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self) -> "Prometheus":
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            assert self.process.poll() is None and time.monotonic() < deadline, self.output()
            try:
                if session.get(f"http://{self.address}/-/ready", timeout=5).status_code == 200:
                    return self
            except requests.ConnectionError:
                pass
            time.sleep(0.05)

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def output(self) -> str:
        return Path(self.log.name).read_text(errors="replace")[-10_000:]


class Target:
    """Serves `text` at /metrics and counts how often it was asked."""

    def __init__(self, text: str):
        self.text = text
        self.asked = 0
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                target.asked += 1
                body = target.text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Target":
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()
