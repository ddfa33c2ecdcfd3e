"""Clients of Loki work against the server: pushing in every form, asking, tailing, deleting."""

import gzip
import json
import time
from datetime import datetime, timezone

import pytest
from opentelemetry._logs import SeverityNumber

from support.api import session
from support.loki import Loki, WebSocket
from support.server import Server

SECOND = 10**9


@pytest.fixture
def loki(server: Server) -> Loki:
    return Loki(server.main)


@pytest.fixture
def now() -> int:
    return time.time_ns()


def around(now: int) -> dict[str, int]:
    """A range that holds what a test made."""
    return {"start": now - 3600 * SECOND, "end": now + 60 * SECOND}


def test_every_form_of_a_push_arrives(server: Server, loki: Loki, service: str, now: int) -> None:
    labels = {"app": service}
    text = f'{{app="{service}"}}'
    assert loki.push(labels, [(now, "json"), (now + 1, "meta", {"trace_id": "00" * 15 + "07"})]).status_code == 204
    assert loki.push_proto(text, [(now + 2, "proto", {"user": "a"})]).status_code == 204
    push = f"http://{server.main}/loki/api/v1/push"
    packed = gzip.compress(json.dumps({"streams": [{"stream": labels, "values": [[str(now + 3), "gzip"]]}]}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert session.post(push, data=packed, headers=headers, timeout=30).status_code == 204
    below = Loki(server.main, "/loki")
    assert below.push(labels, [(now + 4, "prefix")]).status_code == 204
    at = datetime.fromtimestamp(now // SECOND, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    older = {"streams": [{"labels": text, "entries": [{"ts": f"{at}.{(now + 5) % SECOND:09d}Z", "line": "older"}]}]}
    assert session.post(f"http://{server.main}/api/prom/push", json=older, timeout=30).status_code == 204
    assert loki.push_proto(text, [(now + 6, "older proto", {})], path="/api/prom/push").status_code == 204
    found = loki.lines(text, **around(now))
    assert found == ["json", "meta", "proto", "gzip", "prefix", "older", "older proto"]
    assert below.lines(text, **around(now)) == found
    streams = loki.get("query_range", query=f'{text} | user="a"', **around(now))["data"]["result"]
    expected = {"app": service, "service_name": service, "user": "a", "detected_level": "unknown"}
    assert [stream["stream"] for stream in streams] == [expected]


def test_what_is_no_push_is_refused(server: Server, loki: Loki, service: str, now: int) -> None:
    push = f"http://{server.main}/loki/api/v1/push"
    number = {"streams": [{"stream": {"app": service}, "values": [[now, "x"]]}]}
    answer = session.post(push, json=number, timeout=30)
    assert answer.status_code == 400 and "Value is string" in answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    for body in [{"streams": []}, {}]:
        answer = session.post(push, json=body, timeout=30)
        assert answer.status_code == 422 and "at least one valid stream" in answer.text
    assert loki.push_proto("{app=", [(now, "x", {})]).status_code == 400
    assert session.post(push, data=b"\xff\xff", timeout=30).status_code == 400
    headers = {"Content-Encoding": "br"}
    answer = session.post(push, data=b"x", headers=headers, timeout=30)
    assert answer.status_code == 400 and "not supported" in answer.text
    long = loki.push({"app": service}, [(now, "kept"), (now + 1, "x" * (1 << 20) + "y")])
    assert long.status_code == 400 and "max entry size" in long.text
    assert loki.lines(f'{{app="{service}"}}', **around(now)) == ["kept"]


@pytest.mark.parametrize(
    "own_server",
    [{"WATCHKEEP__LOKI__DISCOVER_SERVICE_NAME": "false", "WATCHKEEP__LOKI__DISCOVER_LOG_LEVELS": "false"}],
    indirect=True,
)
def test_nothing_is_discovered_where_that_is_off(own_server: Server, now: int) -> None:
    loki = Loki(own_server.main)
    assert loki.push({"app": "a"}, [(now, "level=error")]).status_code == 204
    streams = loki.get("query_range", query='{app="a"}', **around(now))["data"]["result"]
    assert [stream["stream"] for stream in streams] == [{"app": "a"}]
    assert loki.push({}, [(now, "x")]).status_code == 400


def gateway(service: str, now: int) -> list[str]:
    """Lines of a gateway in its JSON format."""
    lines = []
    for number in range(60):
        level = "ERROR" if number % 10 == 3 else "INFO"
        at = datetime.fromtimestamp((now - (60 - number) * 30 * SECOND) / SECOND, timezone.utc)
        line = {
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "level": level, "service": service,
            "request_id": f"req_{number:06x}", "user_id": f"user{number % 7}",
            "agent": "daily_brief" if number % 4 == 0 else "inbox", "duration_ms": 100 * number,
            "status": "success" if level == "INFO" else "failed", "message": "Agent execution completed",
        }  # fmt: skip
        lines.append(json.dumps(line))
    return lines


def test_a_gateway_s_questions_are_answered(server: Server, loki: Loki, service: str, now: int) -> None:
    lines = gateway(service, now)
    entries = [(now - (60 - number) * 30 * SECOND, line) for number, line in enumerate(lines)]
    assert loki.push({"service": service}, entries).status_code == 204
    for flushed in [False, True]:
        if flushed:
            assert session.post(f"http://{server.main}/flush", timeout=60).status_code == 200
        stream = f'{{service="{service}"}}'
        limit = {"limit": 1000, **around(now)}
        assert loki.lines(f'{stream} |= "ERROR"', **limit) == [line for line in lines if "ERROR" in line]
        brief = [line for line in lines if "daily_brief" in line]
        assert loki.lines(f'{stream} | json | agent="daily_brief"', **limit) == brief
        slow = [line for line in lines if json.loads(line)["duration_ms"] > 5000]
        assert loki.lines(f"{stream} | json | duration_ms > 5000", **limit) == slow
        assert loki.lines(f'{stream} | json | request_id="req_00002a"', **limit) == [lines[42]]
        rates = loki.series(f'sum(rate({stream} |= "ERROR" [5m]))', step=60, **around(now))
        # Ten lines in five minutes, of which one is an error.
        assert {float(value) for _, value in rates["{}"][8:30]} == {1 / 300}
        counts = loki.series(f"sum by (status) (count_over_time({stream} | json [1h]))", step=3600, start=now, end=now)
        assert {key: float(values[0][1]) for key, values in counts.items()} == {
            '{"status": "failed"}': 6, '{"status": "success"}': 54,
        }  # fmt: skip
        levels = loki.series(f"sum by (detected_level) (count_over_time({stream} [1h]))", step=3600, start=now, end=now)
        assert {key: float(values[0][1]) for key, values in levels.items()} == {
            '{"detected_level": "error"}': 6, '{"detected_level": "info"}': 54,
        }  # fmt: skip


def test_what_there_is_can_be_asked_for(server: Server, loki: Loki, service: str, now: int) -> None:
    for env, count in [("dev", 3), ("prod", 9)]:
        entries = [(now - number * SECOND, f'level=info status=200 took={number}ms msg="served {number}"') for number in range(count)]
        assert loki.push({"app": service, "env": env}, entries).status_code == 204
    stream = f'{{app="{service}"}}'
    limits = around(now)
    assert loki.get("labels", query=stream, **limits)["data"] == ["app", "env", "service_name"]
    assert loki.get("label/env/values", query=stream, **limits)["data"] == ["dev", "prod"]
    assert "data" not in loki.get("label/nosuch/values", query=stream, **limits)
    sets = loki.get("series", **{"match[]": stream}, **limits)["data"]
    assert sorted(labels["env"] for labels in sets) == ["dev", "prod"]
    stats = loki.get("index/stats", query=stream, **limits)
    assert (stats["streams"], stats["entries"]) == (2, 12) and stats["bytes"] > 12 * 20
    volume = loki.get("index/volume", query=stream, targetLabels="env", **limits)["data"]
    assert volume["resultType"] == "vector"
    assert [one["metric"] for one in volume["result"]] == [{"env": "prod"}, {"env": "dev"}]
    assert sum(int(one["value"][1]) for one in volume["result"]) == stats["bytes"]
    ranged = loki.get("index/volume_range", query=stream, step=600, **limits)["data"]
    assert ranged["resultType"] == "matrix" and ranged["result"][0]["metric"] == {"app": service}
    fields = {one["label"]: one for one in loki.get("detected_fields", query=stream, **limits)["fields"]}
    assert (fields["status"]["type"], fields["status"]["parsers"]) == ("int", ["logfmt"])
    assert fields["took"]["type"] == "duration" and fields["detected_level"]["parsers"] is None
    assert loki.get("detected_field/status/values", query=stream, **limits)["values"] == ["200"]
    labels = {one["label"]: one["cardinality"] for one in loki.get("detected_labels", query=stream, **limits)["detectedLabels"]}
    assert labels == {"app": 1, "env": 2, "service_name": 1}
    patterns = loki.get("patterns", query=stream, **limits)["data"]
    assert any("<_>" in one["pattern"] and sum(count for _, count in one["samples"]) == 12 for one in patterns), patterns
    assert loki.get("drilldown-limits")["pattern_ingester_enabled"] is True
    assert loki.get("status/buildinfo")["version"].startswith("3.")
    shards = loki.get("index/shards", query=stream, **limits)["shards"]
    assert shards[0]["stats"]["entries"] == 12


def test_grafana_s_health_question_and_errors(server: Server, loki: Loki) -> None:
    answer = loki.get("query", query="vector(1)+vector(1)", time=1)["data"]
    assert answer["resultType"] == "vector" and answer["result"] == [{"metric": {}, "value": [1, "2"]}]
    assert "summary" in answer["stats"]
    for query, status in [("{", 400), ('{app="x"}', 400), ("", 400)]:
        assert loki.ask("query", query=query).status_code == status, query
    wrong = loki.ask("query_range", query='{app="x"}', start=2, end=1)
    assert wrong.status_code == 400 and "end timestamp must not be before" in wrong.text
    many = loki.ask("query_range", query='{app="x"}', limit=5001)
    assert many.status_code == 400 and "max_entries_limit_per_query" in many.text
    assert loki.ask("nosuch").status_code == 404
    two = loki.ask("labels", headers={"X-Scope-OrgID": "a|b"})
    assert two.status_code == 400 and "one tenant" in two.text
    posted = session.post(f"{loki.base}/loki/api/v1/query", data={"query": "1+1"}, timeout=30)
    assert posted.json()["data"]["result"][1] == "2"
    for path in ["/services", "/ring", "/config", "/loki/ready", "/loki/metrics", "/loki/services"]:
        assert session.get(f"{loki.base}{path}", timeout=30).status_code == 200, path


def test_labels_come_with_where_they_are_from(loki: Loki, service: str, now: int) -> None:
    assert loki.push({"app": service}, [(now, "a=1 b=2", {"user": "u"})]).status_code == 204
    flags = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
    answer = loki.ask("query_range", headers=flags, query=f'{{app="{service}"}} | logfmt', **around(now)).json()["data"]
    assert answer["encodingFlags"] == ["categorize-labels"]
    (_, line, categories), = answer["result"][0]["values"]
    assert line == "a=1 b=2" and categories["parsed"] == {"a": "1", "b": "2"}
    assert categories["structuredMetadata"] == {"detected_level": "unknown", "user": "u"}


def test_lines_are_followed(loki: Loki, service: str, now: int) -> None:
    stream = f"%7Bapp%3D%22{service}%22%7D"
    assert loki.push({"app": service}, [(now, "before"), (now + 1, "skipped")]).status_code == 204
    tail = WebSocket(loki.address, f"/loki/api/v1/tail?query={stream}%20!%3D%20%22skip%22&limit=10")
    first = tail.message()
    assert [value[1] for one in first["streams"] for value in one["values"]] == ["before"]
    # An instant long past is new all the same.
    for at, line in [(now + 2, "one"), (now - 600 * SECOND, "two"), (now + 3, "skip this")]:
        assert loki.push({"app": service}, [(at, line)]).status_code == 204
    found: list[str] = []
    while len(found) < 2:
        message = tail.message()
        assert all(one["stream"]["app"] == service for one in message["streams"])
        found += [value[1] for one in message["streams"] for value in one["values"]]
    assert found == ["one", "two"]
    tail.close()
    wrong = loki.ask("tail", query="{", headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert wrong.status_code == 400 and "parse error" in wrong.text


def test_what_is_deleted_is_gone(server: Server, loki: Loki, service: str, now: int) -> None:
    past = now - 600 * SECOND
    entries = [(past + number, f"line {number} {'secret' if number % 2 else 'plain'}") for number in range(6)]
    assert loki.push({"app": service}, entries).status_code == 204
    delete = f"{loki.base}/loki/api/v1/delete"
    stream = f'{{app="{service}"}}'
    query = {"query": f'{stream} |= "secret"', "start": str(past // SECOND - 1)}
    answer = session.post(delete, params=query, timeout=30)
    assert answer.status_code == 204, answer.text
    assert loki.lines(stream, **around(now)) == ["line 0 plain", "line 2 plain", "line 4 plain"]
    listed = session.get(delete, timeout=30).json()
    request = next(one for one in listed if one["query"] == query["query"])
    assert request["status"] == "processed"
    assert request["request_id"] == answer.headers["X-Delete-Request-ID"]
    assert session.delete(delete, params={"request_id": request["request_id"]}, timeout=30).status_code == 400
    assert session.delete(delete, params={"request_id": "nosuch"}, timeout=30).status_code == 404
    refused = session.post(delete, params={"query": f"{stream} | json", "start": "1"}, timeout=30)
    assert refused.status_code == 400 and "filters of lines" in refused.text
    assert session.post(delete, params={"query": stream}, timeout=30).status_code == 400
    assert session.put(delete, params={"query": stream, "start": "1"}, timeout=30).status_code == 204
    assert loki.lines(stream, **around(now)) == []


def test_records_of_otlp_are_seen_through_logql(server: Server, loki: Loki, service: str, now: int) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    record = {
        "timeUnixNano": str(now), "severityNumber": SeverityNumber.ERROR.value, "severityText": "ERROR",
        "body": {"stringValue": "it broke"}, "traceId": trace_id, "spanId": "b7ad6b7169203331",
        "attributes": [{"key": "http.route", "value": {"stringValue": "/pay"}}],
    }  # fmt: skip
    resource = [
        {"key": "service.name", "value": {"stringValue": service}},
        {"key": "host.name", "value": {"stringValue": "web01"}},
    ]
    body = {"resourceLogs": [{"resource": {"attributes": resource}, "scopeLogs": [{"logRecords": [record]}]}]}
    for path in ["/otlp/v1/logs", "/loki/otlp/v1/logs"]:
        record["timeUnixNano"] = str(int(record["timeUnixNano"]) + 1)
        assert session.post(loki.base + path, json=body, timeout=30).status_code == 200
    query = f'{{service_name="{service}"}} | host_name="web01" | http_route="/pay" | trace_id="{trace_id}"'
    for flushed in [False, True]:
        if flushed:
            assert session.post(f"http://{server.main}/flush", timeout=60).status_code == 200
        found = loki.get("query_range", query=query, **around(now))["data"]["result"]
        assert len(found) == 1 and len(found[0]["values"]) == 2
        labels = found[0]["stream"]
        assert labels["detected_level"] == "error" and labels["span_id"] == "b7ad6b7169203331"
        assert labels["severity_number"] == "17"


def test_plain_lines_are_taken(server: Server, loki: Loki, service: str, now: int) -> None:
    push = f"http://{server.main}/api/watchkeep/v1/logs/push"
    lines = ["plain text", json.dumps({"ts": now // SECOND - 5, "level": "warn", "message": "as JSON"})]
    answer = session.post(push, params={"labels": f'{{app="{service}"}}', "label": "env=dev"}, data="\n".join(lines), timeout=30)
    assert answer.status_code == 204, answer.text
    found = loki.lines(f'{{app="{service}", env="dev"}}', start=now - 60 * SECOND)
    assert found == [lines[1], lines[0]]
    assert loki.lines(f'{{app="{service}"}} | detected_level="warn"', start=now - 60 * SECOND) == [lines[1]]
    for query in [{"label": "nothing"}, {"labels": "{a"}, {"other": "1"}]:
        answer = session.post(push, params=query, data="x", timeout=30)
        assert answer.status_code == 400 and answer.json()["error"]["field"], query
