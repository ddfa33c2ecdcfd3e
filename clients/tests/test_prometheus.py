"""Prometheus' own programs work against the server: promtool asks and pushes; a Prometheus writes to
it, federates from it and reads from it."""

import signal
import time
from pathlib import Path

import pytest
import requests

from support.api import eventually, session
from support.prometheus import Prometheus, Target, promtool, query, vector
from support.server import Server

EXPOSITION = """\
# HELP {name}_requests_total Requests served.
# TYPE {name}_requests_total counter
{name}_requests_total{{code="200"}} 120
{name}_requests_total{{code="500"}} 3
# TYPE {name}_latency_seconds histogram
{name}_latency_seconds_bucket{{le="0.1"}} 60
{name}_latency_seconds_bucket{{le="1"}} 110
{name}_latency_seconds_bucket{{le="+Inf"}} 123
{name}_latency_seconds_sum 41.5
{name}_latency_seconds_count 123
"""


@pytest.fixture
def name(service: str) -> str:
    """The start of metric names that only this test uses."""
    return service.replace("-", "_")


def pushed(server: Server, name: str) -> None:
    answer = session.post(f"http://{server.main}/api/v1/import/prometheus", data=EXPOSITION.format(name=name), timeout=30)
    assert answer.status_code == 204, answer.text


def test_promtool_checks_the_servers_own_metrics(server: Server) -> None:
    metrics = session.get(f"http://{server.main}/metrics", timeout=30).text
    promtool("check", "metrics", stdin=metrics)


def test_promtool_asks(server: Server, name: str) -> None:
    pushed(server, name)
    url = f"http://{server.main}"
    instant = promtool("query", "instant", url, f"sum({name}_requests_total)")
    assert "=> 123 @" in instant
    now = time.time()
    ranged = promtool(
        "query", "range", url, f"{name}_requests_total", f"--start={now - 60:.0f}", f"--end={now + 60:.0f}", "--step=30s"
    )
    assert f'{name}_requests_total{{code="200"}} =>' in ranged and "120 @" in ranged
    series = promtool("query", "series", url, f"--match={name}_latency_seconds_bucket")
    assert len(series.strip().splitlines()) == 3 and 'le="+Inf"' in series
    labels = promtool("query", "labels", url, "code", f"--match={name}_requests_total")
    assert labels.split() == ["200", "500"]


def test_promtool_asks_below_the_prefix_too(server: Server, name: str) -> None:
    pushed(server, name)
    assert "=> 123 @" in promtool("query", "instant", f"http://{server.main}/prometheus", f"sum({name}_requests_total)")


def test_promtool_shows_the_servers_errors(server: Server) -> None:
    failed = promtool("query", "instant", f"http://{server.main}", "sum(", code=1)
    assert "parse error" in failed


PUSHED = """\
# HELP {name}_jobs_total Jobs done.
# TYPE {name}_jobs_total counter
{name}_jobs_total{{code="200"}} 42
# HELP {name}_wait_seconds Waiting.
# TYPE {name}_wait_seconds histogram
{name}_wait_seconds_bucket{{le="1"}} 3
{name}_wait_seconds_bucket{{le="+Inf"}} 4
{name}_wait_seconds_sum 5.5
{name}_wait_seconds_count 4
"""


@pytest.mark.parametrize("prefix", ["", "/prometheus"])
def test_promtool_pushes_metrics(server: Server, name: str, prefix: str) -> None:
    url = f"http://{server.main}{prefix}/api/v1/write"
    told = promtool("push", "metrics", "--label=job=batch", url, stdin=PUSHED.format(name=name))
    assert "SUCCESS" in told
    found = vector(server.main, f'{{__name__=~"{name}_.*"}}')
    values = {(dict(labels)["__name__"], dict(labels).get("le")): value for labels, value in found.items()}
    assert values == {
        (f"{name}_jobs_total", None): 42.0,
        (f"{name}_wait_seconds_bucket", "1"): 3.0,
        (f"{name}_wait_seconds_bucket", "+Inf"): 4.0,
        (f"{name}_wait_seconds_sum", None): 5.5,
        (f"{name}_wait_seconds_count", None): 4.0,
    }
    assert {dict(labels)["job"] for labels in found} == {"batch"}


def test_promtool_finds_health_and_readiness(server: Server) -> None:
    for prefix in ["", "/prometheus"]:
        for check in ["healthy", "ready"]:
            promtool("check", check, f"--url=http://{server.main}{prefix}")


SENDER = """\
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
  external_labels: {{replica: a}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["{target}"], labels: {{zone: north}}}}]
remote_write:
  - url: http://{server}/api/v1/write
    send_exemplars: true
    metadata_config: {{send: true, send_interval: 1s}}
    queue_config: {{batch_send_deadline: 100ms}}
"""


def test_a_prometheus_writes_what_it_scrapes(server: Server, name: str, tmp_path: Path) -> None:
    with Target(EXPOSITION.format(name=name)) as target:
        config = SENDER.format(target=target.address, server=server.main)
        with Prometheus(tmp_path, config):
            want = {"__name__": f"{name}_requests_total", "code": "500", "instance": target.address,
                    "job": "shop", "replica": "a", "zone": "north"}
            look = lambda: vector(server.main, f'{name}_requests_total{{code="500"}}') or None
            assert eventually(look, "the scraped series") == {tuple(sorted(want.items())): 3.0}
            up = lambda: vector(server.main, f'up{{instance="{target.address}"}}') or None
            assert set(eventually(up, "up").values()) == {1.0}
            about = lambda: query(server.main, "metadata", metric=f"{name}_requests_total") or None
            metadata = eventually(about, "metadata")
            assert metadata[f"{name}_requests_total"] == [{"type": "counter", "help": "Requests served.", "unit": ""}]
            # A series that is gone from a scrape ends at once, with a stale marker.
            target.text = f"{name}_other 1\n"
            gone = lambda: True if not vector(server.main, f"{name}_requests_total") else None
            eventually(gone, "the stale marker")


def test_a_prometheus_federates_from_it(server: Server, name: str, tmp_path: Path) -> None:
    pushed(server, name)
    config = f"""\
scrape_configs:
  - job_name: federate
    scrape_interval: 200ms
    scrape_timeout: 200ms
    honor_labels: true
    metrics_path: /federate
    params: {{"match[]": ['{{__name__=~"{name}.*"}}']}}
    static_configs: [{{targets: ["{server.main}"]}}]
"""
    with Prometheus(tmp_path, config) as prometheus:
        look = lambda: vector(prometheus.address, f"sum({name}_requests_total)") or None
        assert eventually(look, "the federated series") == {(): 123.0}
        buckets = vector(prometheus.address, f"{name}_latency_seconds_bucket")
        assert sorted(buckets.values()) == [60.0, 110.0, 123.0]


@pytest.mark.parametrize("read_recent", ["true"])
def test_a_prometheus_reads_from_it(server: Server, name: str, tmp_path: Path, read_recent: str) -> None:
    pushed(server, name)
    config = f"""\
remote_read:
  - url: http://{server.main}/api/v1/read
    read_recent: {read_recent}
"""
    with Prometheus(tmp_path, config) as prometheus:
        assert vector(prometheus.address, f"sum({name}_requests_total)") == {(): 123.0}
        quantile = f"histogram_quantile(0.5, {name}_latency_seconds_bucket)"
        assert vector(prometheus.address, quantile) == vector(server.main, quantile) != {}
        now = time.time()
        ranged = {"query": f"{name}_requests_total", "start": now - 300, "end": now, "step": 15}
        by_labels = lambda data: {str(sorted(one["metric"].items())): one["values"] for one in data["result"]}
        theirs, ours = query(prometheus.address, "query_range", **ranged), query(server.main, "query_range", **ranged)
        assert by_labels(theirs) == by_labels(ours) != {}


def test_errors_have_the_shape_and_status_that_clients_expect(server: Server) -> None:
    cases = [
        ("query", {"query": "sum("}, 400, "bad_data"),
        ("query", {"query": "up", "time": "noon"}, 400, "bad_data"),
        ("query_range", {"query": "up", "start": 0, "end": 1e6, "step": 1}, 400, "bad_data"),
        ("query_range", {"query": "up", "start": 2, "end": 1, "step": 1}, 400, "bad_data"),
        ("series", {}, 400, "bad_data"),
        ("label/a/values", {"match[]": "{"}, 400, "bad_data"),
        ("query", {"query": 'label_replace(vector(1), "a", "b", "c", "(")'}, 422, "execution"),
    ]
    for path, parameters, status, kind in cases:
        answer = session.get(f"http://{server.main}/api/v1/{path}", params=parameters, timeout=30)
        assert (answer.status_code, answer.json()["errorType"]) == (status, kind), answer.text
        assert answer.json()["status"] == "error" and answer.json()["error"]


def test_queries_may_be_posted_as_forms(server: Server, name: str) -> None:
    pushed(server, name)
    form = {"query": f"count({name}_requests_total)"}
    answer: requests.Response = session.post(f"http://{server.main}/api/v1/query", data=form, timeout=30)
    assert answer.json()["data"]["result"][0]["value"][1] == "2"


SCRAPER = """\
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: {{region: here}}}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: {targets}, labels: {{zone: north}}}}]
    metric_relabel_configs:
      - {{source_labels: [code], regex: "5..", target_label: class, replacement: error}}
"""


def test_it_scrapes_what_a_prometheus_configuration_says(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    with Target(EXPOSITION.format(name="shop")) as target:
        file.write_text(SCRAPER.format(targets=[target.address, "127.0.0.1:1"]))
        server = Server(tmp_path / "data", {"WATCHKEEP__SCRAPE__CONFIG_FILE": str(file)})
        try:
            server.start()
            labels = {"instance": target.address, "job": "shop", "zone": "north"}
            look = lambda: vector(server.main, 'shop_requests_total{class="error"}') or None
            want = {"__name__": "shop_requests_total", "code": "500", "class": "error", **labels}
            assert eventually(look, "the scraped series") == {tuple(sorted(want.items())): 3.0}
            both = lambda: (found := vector(server.main, "up")) if len(vector(server.main, "up")) == 2 else None
            assert sorted(eventually(both, "up of both targets").values()) == [0.0, 1.0]

            def health() -> dict | None:
                active = query(server.main, "targets")["activeTargets"]
                known = {one["labels"]["instance"]: one for one in active if one["health"] != "unknown"}
                return known if len(known) == 2 else None

            targets = eventually(health, "targets that were scraped")
            assert targets[target.address]["health"] == "up" and targets[target.address]["lastError"] == ""
            assert targets["127.0.0.1:1"]["health"] == "down" and "refused" in targets["127.0.0.1:1"]["lastError"]

            # A bad file changes nothing; a good one ends what it does not name any more.
            file.write_text("scrape_confgs: []\n")
            server.process.send_signal(signal.SIGHUP)
            told = lambda: True if "scrape_configs" in server.stderr() else None
            eventually(told, "the error that names the nearest key")
            assert vector(server.main, "count(up)") == {(): 2.0}
            file.write_text(SCRAPER.format(targets=[target.address]))
            server.process.send_signal(signal.SIGHUP)
            gone = lambda: True if len(vector(server.main, "up")) == 1 else None
            eventually(gone, "the stale marker of the target that is gone")
            server.stop()
        finally:
            server.close()
