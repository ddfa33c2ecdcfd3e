"""Messages of Python's SysLogHandler, and files that a configuration of Promtail names, can be asked for in LogQL."""

import json
import logging
import logging.handlers
import socket
import time
from pathlib import Path

import pytest
from conftest import run_server

from support.api import Api, eventually, exactly, session


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def entries(api: Api, query: str) -> list[tuple[dict, str]]:
    now = time.time_ns()
    start, end = now - 3600 * 10**9, now + 3600 * 10**9
    asked = {"query": query, "start": start, "end": end, "limit": 1000}
    address = api.base.removesuffix("/api/watchkeep/v1")
    answer = session.get(f"{address}/loki/api/v1/query_range", params=asked, timeout=10)
    assert answer.status_code == 200, answer.text
    answer = answer.json()
    return [(s["stream"], line) for s in answer["data"]["result"] for _, line, *_ in s["values"]]


@pytest.mark.parametrize("protocol,kind", [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_the_handler_of_python_is_understood(tmp_path: Path, protocol: str, kind: int):
    port = free_port(kind)
    source = {"listen": f"127.0.0.1:{port}", "protocol": protocol, "labels": {"job": "syslog"}}
    for server in run_server(tmp_path, {"WATCHKEEP__SOURCES__SYSLOG": json.dumps([source])}):
        api = Api(server.main)
        handler = logging.handlers.SysLogHandler(
            ("127.0.0.1", port), facility=logging.handlers.SysLogHandler.LOG_LOCAL4, socktype=kind
        )
        # On a stream its messages end with a zero byte.
        handler.setFormatter(logging.Formatter("agent[812]: %(message)s"))
        log = logging.Logger("agent")
        log.addHandler(handler)
        log.info("started")
        log.error("broken: ü")
        handler.close()
        found = eventually(lambda: exactly(entries(api, '{job="syslog"}'), 2), "two messages")
        by_line = {line: labels for labels, line in found}
        assert by_line.keys() == {"started", "broken: ü"}
        assert by_line["started"]["severity"] == "informational"
        assert by_line["broken: ü"]["severity"] == "error"
        assert {labels["app"] for labels in by_line.values()} == {"agent"}
        assert {labels["facility"] for labels in by_line.values()} == {"local4"}


PROMTAIL = """
server: {http_listen_port: 9080}
positions: {filename: /tmp/positions.yaml}
clients: [{url: "http://loki:3100/loki/api/v1/push"}]
scrape_configs:
  - job_name: agents
    static_configs:
      - targets: [localhost]
        labels: {job: agents, service: gateway, __path__: "%s/*.log"}
    pipeline_stages:
      - json: {expressions: {level: level, t: timestamp}}
      - timestamp: {source: t, format: RFC3339}
      - labels: {level: }
      - tenant: {value: other}
"""


def test_a_configuration_of_promtail_is_taken_over(tmp_path: Path):
    logs = tmp_path / "logs"
    logs.mkdir()
    config = tmp_path / "promtail.yml"
    config.write_text(PROMTAIL % logs)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    lines = [
        json.dumps({"timestamp": at, "level": level, "service": "gateway", "agent": agent, "duration_ms": ms})
        for level, agent, ms in [("INFO", "daily_brief", 2341), ("ERROR", "daily_brief", 7000), ("INFO", "other", 1)]
    ]
    (logs / "a.log").write_text("".join(line + "\n" for line in lines))
    for server in run_server(tmp_path / "data", {"WATCHKEEP__SOURCES__PROMTAIL_CONFIG": str(config)}):
        api = Api(server.main)
        eventually(lambda: exactly(entries(api, '{service="gateway"}'), 3), "three lines")

        def found(query: str) -> set[str]:
            return {line for _, line in entries(api, query)}

        assert found('{service="gateway"} |= "ERROR"') == {lines[1]}
        assert found('{service="gateway"} | json | agent="daily_brief"') == set(lines[:2])
        assert found('{service="gateway"} | json | duration_ms > 5000') == {lines[1]}
        assert found('{job="agents", level="ERROR"}') == {lines[1]}
        warnings = server.stderr()
        for named in ["clients", "positions", "tenant"]:
            assert named in warnings
