"""Asks the native API, and waits until it says what a test expects."""

import time
from collections.abc import Callable
from typing import Any

import requests

SECONDS_MAX = 10

# One connection is kept open, so that asking often costs little.
session = requests.Session()
session.trust_env = False


class Api:
    """The native API of a server, as one tenant."""

    def __init__(self, address: str, tenant: str | None = None):
        self.base = f"http://{address}/api/watchkeep/v1"
        self.headers = {"X-Scope-OrgID": tenant} if tenant else {}

    def ask(self, path: str, **query: Any) -> requests.Response:
        return session.get(self.base + path, params=query, headers=self.headers, timeout=30)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.ask(path, **query)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
        return answer.json()

    def trace(self, trace_id: str, span_count: int) -> dict:
        """The trace, once so many spans of it are there."""

        def look() -> dict | None:
            answer = self.ask(f"/traces/{trace_id}")
            if answer.status_code == 404:
                return None
            assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
            trace = answer.json()
            assert trace["span_count"] == len(trace["spans"]), answer.url
            assert len(trace["spans"]) <= span_count, f"{answer.url}: more spans than were sent"
            return trace if len(trace["spans"]) == span_count else None

        return eventually(look, f"{span_count} spans of trace {trace_id}")

    def traces(self, count: int, **query: Any) -> list[dict]:
        """The traces that a search finds, once there are so many."""
        look = lambda: exactly(self.get("/traces", **query)["traces"], count)
        return eventually(look, f"{count} traces for {query}")

    def logs(self, count: int, **query: Any) -> list[dict]:
        """The log records that a search finds, oldest first, once there are so many."""
        query = {"limit": 1000, "direction": "forward", **query}
        look = lambda: exactly(self.get("/logs", **query)["logs"], count)
        return eventually(look, f"{count} log records for {query}")

    def series(self, name: str, count: int, labels: dict[str, str], **query: Any) -> list[dict]:
        """The series of a metric, once there are so many."""
        label = [f"{key}={value}" for key, value in labels.items()]
        look = lambda: exactly(self.get("/metrics/series", name=name, label=label, **query)["series"], count)
        return eventually(look, f"{count} series of {name} with {labels}")

    def metric(self, name: str) -> dict:
        """What is known of a metric by its exact name."""

        def look() -> dict | None:
            found = self.get("/metrics", search=name)["metrics"]
            return next((metric for metric in found if metric["name"] == name), None)

        return eventually(look, f"metric {name}")


def exactly(found: list, count: int) -> list | None:
    return found if len(found) == count else None


def eventually(look: Callable[[], Any], what: str) -> Any:
    """The first answer of `look` that is not None."""
    deadline = time.monotonic() + SECONDS_MAX
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"not found within {SECONDS_MAX} s: {what}"
        time.sleep(0.002)
    return found
